//! The installed rules: a directory in a hub's own layout, and beside the files the list that pins each to its hash.
//!
//! The directory is replaced as a whole ([`Staged::commit`]), so a kill at any moment leaves the old rules or the new
//! ones. The sensor loads what the list names and nothing else. Deliberately absent: where items come from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{CWD, FlockOperation, RenameFlags};
use serde::{Deserialize, Serialize};
use vigie_sensor::rules::Loader;

use super::item::{ItemRef, is_below};
use super::sha256;

/// The list's file, within the directory.
const LIST: &str = "installed.json";
/// Below the directory: files that rules read.
const DATA: &str = "data";

/// What is installed, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct List {
    /// The hub that `upgrade` asks.
    pub(crate) origin: String,
    /// The key that its index must be signed by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    pub(crate) items: Vec<Pinned>,
}

/// One installed item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pinned {
    #[serde(flatten)]
    pub(crate) item: ItemRef,
    /// Below the directory.
    pub(crate) path: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    /// A person asked for it; else others need it.
    pub(crate) asked: bool,
    #[serde(default)]
    pub(crate) needs: Vec<ItemRef>,
    /// The files that it reads, below `data`, with their hashes.
    #[serde(default)]
    pub(crate) data: BTreeMap<String, String>,
}

/// The directory as it stands.
#[derive(Debug)]
pub(crate) struct Installed {
    dir: PathBuf,
    pub(crate) list: List,
}

/// The directory as it shall be.
#[derive(Debug)]
pub(crate) struct Staged {
    dir: PathBuf,
    aside: PathBuf,
    _lock: fs::File,
}

// === impl Installed ===

impl Installed {
    /// What is installed below this directory; nothing if it is not there.
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(LIST);
        let list = match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => List::default(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let installed = Self {
            dir: dir.to_owned(),
            list,
        };
        if let Some(outside) = installed.list.items.iter().find(|pinned| !is_below(&pinned.path)) {
            bail!("{} is damaged: {} lies outside", path.display(), outside.item);
        }
        Ok(installed)
    }

    pub(crate) fn find(&self, item: &ItemRef) -> Option<&Pinned> {
        self.list.items.iter().find(|pinned| pinned.item == *item)
    }

    /// Where an item's file lies.
    pub(crate) fn path(&self, pinned: &Pinned) -> PathBuf {
        self.dir.join(&pinned.path)
    }

    /// Whether somebody changed an item's file, or removed it.
    pub(crate) fn is_changed(&self, pinned: &Pinned) -> bool {
        !fs::read(self.path(pinned)).is_ok_and(|bytes| sha256(&bytes) == pinned.sha256)
    }

    /// Hands every installed rule to a loader, in a fixed order.
    pub(crate) fn load(&self, loader: &mut Loader) {
        loader.data_dir(&self.dir.join(DATA));
        let mut rules: Vec<&str> = self.rules().map(|pinned| pinned.path.as_str()).collect();
        rules.sort_unstable();
        for path in rules {
            loader.item(&self.dir, path);
        }
    }

    /// All of them.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Pinned> {
        self.list.items.iter()
    }

    /// Those that the sensor loads.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Pinned> {
        self.list.items.iter().filter(|pinned| pinned.item.kind.is_rule())
    }

    /// A copy of everything, to be changed and then put in the place of this.
    pub(crate) fn stage(&self) -> anyhow::Result<Staged> {
        let beside = |suffix: &str| {
            let mut name = self.dir.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let lock = fs::File::create(beside(".lock"))
            .with_context(|| format!("cannot write beside {}", self.dir.display()))?;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("another command is changing {} just now", self.dir.display());
        }
        let aside = beside(".new");
        let copied = || -> std::io::Result<()> {
            if aside.exists() {
                fs::remove_dir_all(&aside)?;
            }
            fs::create_dir_all(&aside)?;
            for pinned in &self.list.items {
                let data = pinned.data.keys().map(|name| format!("{DATA}/{name}"));
                for path in std::iter::once(pinned.path.clone()).chain(data) {
                    let (from, to) = (self.dir.join(&path), aside.join(&path));
                    // What somebody removed by hand is missing, and said by `check`.
                    if from.is_file() && !to.exists() {
                        fs::create_dir_all(to.parent().unwrap_or(&aside))?;
                        fs::copy(from, to)?;
                    }
                }
            }
            Ok(())
        };
        copied().with_context(|| format!("cannot copy {}", self.dir.display()))?;
        Ok(Staged {
            dir: self.dir.clone(),
            aside,
            _lock: lock,
        })
    }
}

// === impl Staged ===

impl Staged {
    /// Writes the file of an item.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        if !is_below(path) {
            bail!("{path:?} lies outside of the installed rules");
        }
        let to = self.aside.join(path);
        fs::create_dir_all(to.parent().unwrap_or(&self.aside))
            .and_then(|()| fs::write(&to, bytes))
            .with_context(|| format!("cannot write {}", to.display()))
    }

    /// Writes a file that rules read.
    pub(crate) fn put_data(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        self.put(&format!("{DATA}/{name}"), bytes)
    }

    /// Removes the file of an item.
    pub(crate) fn remove(&self, path: &str) -> anyhow::Result<()> {
        crate::paths::remove_if_there(&self.aside.join(path)).with_context(|| format!("cannot remove {path}"))
    }

    /// How it would look if it were committed with this list.
    pub(crate) fn preview(&self, list: &List) -> Installed {
        Installed {
            dir: self.aside.clone(),
            list: list.clone(),
        }
    }

    /// Puts it in the place of the old, in one step.
    pub(crate) fn commit(self, list: &List) -> anyhow::Result<()> {
        let commit = || -> anyhow::Result<()> {
            fs::write(self.aside.join(LIST), serde_json::to_vec_pretty(list)?)?;
            // Files before the names that lead to them; a power cut between leaves the old directory.
            rustix::fs::syncfs(fs::File::open(&self.aside)?)?;
            if self.dir.exists() {
                rustix::fs::renameat_with(CWD, &self.aside, CWD, &self.dir, RenameFlags::EXCHANGE)?;
            } else {
                fs::rename(&self.aside, &self.dir)?;
            }
            if let Some(parent) = self.dir.parent() {
                fs::File::open(parent)?.sync_all()?;
            }
            if self.aside.exists() {
                fs::remove_dir_all(&self.aside)?;
            }
            Ok(())
        };
        commit().with_context(|| format!("cannot replace {}", self.dir.display()))
    }
}
