//! The items that a hub offers, from CrowdSec's index file or, where a directory has none, from its files.
//!
//! Deliberately absent: fetching the items themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, bail};
use minisign_verify::{PublicKey, Signature};
use serde::Deserialize;
use vigie_sensor::rules::manifest::Manifest;

use super::item::{ItemRef, Kind, Wanted, is_below};
use super::origin::{INDEX, Origin, SIGNATURE};
use super::sha256;

/// How long an index may be; that of the whole hub has 11 MB.
const MAX_INDEX: usize = 64 * 1024 * 1024;
/// How many items it may name.
const MAX_ITEMS: usize = 50_000;
/// How long the file of an item may be.
pub(crate) const MAX_ITEM: usize = 16 * 1024 * 1024;
/// How many items one request may lead to.
const MAX_EXPANDED: usize = 5_000;

/// One item on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) item: ItemRef,
    /// Below the hub.
    pub(crate) path: String,
    pub(crate) version: String,
    pub(crate) description: String,
    /// SHA-256 of its file, in hex.
    pub(crate) digest: String,
    pub(crate) needs: Vec<ItemRef>,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    entries: BTreeMap<ItemRef, Entry>,
    /// Whether a signature was there and checked.
    pub(crate) signed: Signed,
}

/// What is known of who wrote an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Signed {
    /// There is no signature.
    #[default]
    No,
    /// There is one, and no key to check it with.
    Unchecked,
    /// It is that of the key.
    Yes,
}

/// An item in CrowdSec's index.
#[derive(Deserialize)]
struct Indexed {
    path: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    versions: BTreeMap<String, Version>,
    #[serde(default)]
    description: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct Version {
    digest: String,
}

// === impl Catalog ===

impl Catalog {
    /// Reads what a hub offers. With a key, an index must be signed by it.
    pub(crate) async fn read(origin: &Origin, key: Option<&str>) -> anyhow::Result<Self> {
        let Some(index) = origin.read(INDEX, MAX_INDEX).await? else {
            return match origin {
                Origin::Dir(_) if key.is_some() => bail!("{origin} has no index, so nothing is signed there"),
                Origin::Dir(dir) => Self::scan(dir),
                Origin::Web { .. } => bail!("there is no {INDEX} at {origin}"),
            };
        };
        let signature = origin.read(&format!("{INDEX}{SIGNATURE}"), 64 * 1024).await?;
        let signed = match (key, signature) {
            (Some(_), None) => bail!("the index of {origin} is not signed"),
            (Some(key), Some(signature)) => {
                verify(&index, &signature, key).with_context(|| format!("the index of {origin}"))?;
                Signed::Yes
            }
            (None, Some(_)) => Signed::Unchecked,
            (None, None) => Signed::No,
        };
        let catalog = Self::from_index(&index).with_context(|| format!("the index of {origin}"))?;
        Ok(Self { signed, ..catalog })
    }

    fn from_index(bytes: &[u8]) -> anyhow::Result<Self> {
        let index: BTreeMap<String, serde_json::Value> = serde_json::from_slice(bytes)?;
        let mut catalog = Self::default();
        for (folder, items) in index {
            // Kinds of other versions, such as appsec rules, are none of ours.
            let Some(kind) = Kind::from_folder(&folder) else {
                continue;
            };
            let items: BTreeMap<String, Indexed> =
                serde_json::from_value(items).with_context(|| format!("its {folder}"))?;
            for (name, item) in items {
                let entry = entry(kind, name, item)?;
                catalog.add(entry)?;
            }
        }
        Ok(catalog)
    }

    fn scan(dir: &Path) -> anyhow::Result<Self> {
        let mut catalog = Self::default();
        for kind in Kind::ALL {
            let mut files = Vec::new();
            walk(&dir.join(kind.folder()), &mut files, 0)?;
            files.sort();
            for file in files {
                let bytes =
                    std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let path = file.strip_prefix(dir).unwrap_or(&file);
                let Some(name) = name_of(kind, path) else {
                    continue;
                };
                let path = path.display().to_string();
                // What is wrong with a file is told when somebody wants it; it hides nothing else of the hub.
                let read = Manifest::read(&path, &String::from_utf8_lossy(&bytes));
                let manifest = read.unwrap_or_else(|error| Manifest {
                    description: error.to_string(),
                    ..Manifest::default()
                });
                catalog.add(Entry {
                    item: ItemRef { kind, name },
                    path,
                    version: manifest.version,
                    description: manifest.description,
                    digest: sha256(&bytes),
                    needs: needs(manifest.needs),
                })?;
            }
        }
        Ok(catalog)
    }

    fn add(&mut self, entry: Entry) -> anyhow::Result<()> {
        if self.entries.len() == MAX_ITEMS {
            bail!("it names more than {MAX_ITEMS} items");
        }
        // The first of a name counts, as in CrowdSec.
        self.entries.entry(entry.item.clone()).or_insert(entry);
        Ok(())
    }

    /// All items, by kind and name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(crate) fn get(&self, item: &ItemRef) -> Option<&Entry> {
        self.entries.get(item)
    }

    /// The one item that a person means.
    pub(crate) fn find(&self, wanted: &Wanted) -> anyhow::Result<&Entry> {
        let found: Vec<&Entry> = Kind::ALL
            .into_iter()
            .filter(|kind| wanted.kind.is_none_or(|wanted| wanted == *kind))
            .filter_map(|kind| {
                self.get(&ItemRef {
                    kind,
                    name: wanted.name.clone(),
                })
            })
            .collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] => bail!(
                "this hub has no item {:?}{}",
                wanted.name,
                self.like(&wanted.name)
            ),
            several => bail!(
                "{:?} is the name of several items: say which, such as {}:{}",
                wanted.name,
                several.first().map_or("", |entry| entry.item.kind.folder()),
                wanted.name
            ),
        }
    }

    /// A hint for who mistyped, or left out the author.
    fn like(&self, name: &str) -> String {
        let bare = name.rsplit('/').next().unwrap_or(name);
        let near = self
            .entries
            .keys()
            .find(|item| item.name.rsplit('/').next() == Some(bare));
        near.map_or_else(String::new, |item| format!("; did you mean {}?", item.name))
    }

    /// An item with all that it needs, itself first.
    pub(crate) fn expand<'c>(&'c self, entry: &'c Entry) -> anyhow::Result<Vec<&'c Entry>> {
        let mut seen = BTreeSet::from([&entry.item]);
        let mut out = vec![entry];
        let mut next = 0;
        while let Some(entry) = out.get(next).copied() {
            next += 1;
            for needed in &entry.needs {
                if !seen.insert(needed) {
                    continue;
                }
                if out.len() == MAX_EXPANDED {
                    bail!("{} leads to more than {MAX_EXPANDED} items", entry.item);
                }
                let Some(found) = self.get(needed) else {
                    // Contexts only decorate alerts, and we do not read them.
                    if needed.kind == Kind::Context {
                        continue;
                    }
                    bail!("{} needs {needed}, which this hub does not have", entry.item);
                };
                out.push(found);
            }
        }
        Ok(out)
    }
}

/// Author and file: what a hub's index and its collections call an item, whatever the file says.
fn name_of(kind: Kind, path: &Path) -> Option<String> {
    let depth = if matches!(kind, Kind::Parser | Kind::Postoverflow) {
        4
    } else {
        3
    };
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    let author = parts.get(depth - 2)?;
    let stem = path.file_stem()?.to_string_lossy();
    (parts.len() == depth).then(|| format!("{author}/{stem}"))
}

fn entry(kind: Kind, name: String, item: Indexed) -> anyhow::Result<Entry> {
    if !is_below(&item.path) || !item.path.starts_with(kind.folder()) {
        bail!("{kind} {name:?} has the path {:?}", item.path);
    }
    let Some(version) = item.versions.get(&item.version) else {
        bail!("{kind} {name:?} has no version {:?}", item.version);
    };
    let listed = item.rest.into_iter().filter_map(|(folder, names)| {
        let names: Vec<String> = serde_json::from_value(names).ok()?;
        Some(names.into_iter().map(move |name| (folder.clone(), name)))
    });
    let needs = needs(listed.flatten().collect());
    Ok(Entry {
        digest: version.digest.to_lowercase(),
        item: ItemRef { kind, name },
        path: item.path,
        version: item.version,
        description: item.description.unwrap_or_default(),
        needs,
    })
}

fn needs(listed: Vec<(String, String)>) -> Vec<ItemRef> {
    let known = listed.into_iter().filter_map(|(folder, name)| {
        let kind = Kind::from_folder(&folder)?;
        Some(ItemRef { kind, name })
    });
    known.filter(|item| !item.name.is_empty()).collect()
}

fn verify(index: &[u8], signature: &[u8], key: &str) -> anyhow::Result<()> {
    let key = PublicKey::from_base64(key).map_err(|error| anyhow::anyhow!("--key: {error}"))?;
    let text = std::str::from_utf8(signature).context("its signature is no text")?;
    let signature = Signature::decode(text).map_err(|error| anyhow::anyhow!("its signature: {error}"))?;
    key.verify(index, &signature, false)
        .map_err(|_| anyhow::anyhow!("its signature is not that of the key"))
}

fn walk(folder: &Path, out: &mut Vec<std::path::PathBuf>, depth: usize) -> anyhow::Result<()> {
    if depth > 8 || out.len() > MAX_ITEMS {
        bail!("{} holds too many files", folder.display());
    }
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, out, depth + 1)?;
        } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml") {
            out.push(path);
        }
    }
    Ok(())
}
