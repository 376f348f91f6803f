//! The items of a hub directory by their name, which is author and file: `crowdsecurity/sshd-logs`.
//!
//! Layout: `parsers/STAGE/AUTHOR/FILE`, `postoverflows/STAGE/AUTHOR/FILE`, `scenarios/AUTHOR/FILE`. Deliberately absent: what
//! the files say, which `rules` reads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

/// How many files a hub may hold.
const MAX_FILES: usize = 50_000;
/// How deep its folders may nest.
const MAX_DEPTH: usize = 8;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    /// Makes lines events.
    Parser,
    /// Makes events overflows.
    Scenario,
    /// Judges overflows.
    Postoverflow,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Author and file.
    pub name: String,
    /// Its stage; empty for scenarios.
    pub stage: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// All items of a hub.
#[derive(Debug)]
pub struct Items {
    root: PathBuf,
    all: Vec<Item>,
    by_name: HashMap<(ItemKind, String), usize>,
}

// === impl ItemKind ===

impl ItemKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Parser, Self::Postoverflow, Self::Scenario];

    /// The folder of a hub that holds them.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Parser => "parsers",
            Self::Scenario => "scenarios",
            Self::Postoverflow => "postoverflows",
        }
    }

    fn has_stages(self) -> bool {
        self != Self::Scenario
    }
}

// === impl Items ===

impl Items {
    /// Looks through a hub. What is no YAML file is passed over.
    pub fn read(hub: &Path) -> io::Result<Self> {
        let root = fs::canonicalize(hub)?;
        let mut items = Vec::new();
        for kind in ItemKind::ALL {
            let mut files = Vec::new();
            walk(&root.join(kind.folder()), &mut files, 0);
            files.sort();
            items.extend(files.into_iter().filter_map(|path| Item::at(kind, &path)));
        }
        let by_name = items
            .iter()
            .enumerate()
            .map(|(at, item)| ((item.kind, item.name.clone()), at));
        Ok(Self {
            root,
            by_name: by_name.collect(),
            all: items,
        })
    }

    /// The hub's directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All items, by kind and path.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.all.iter()
    }

    /// The item of that name.
    pub fn find(&self, kind: ItemKind, name: &str) -> Option<&Item> {
        let at = *self.by_name.get(&(kind, name.to_owned()))?;
        self.all.get(at)
    }

    /// The item of that name, or the file at that path below the hub or one of further directories.
    pub fn resolve(&self, kind: ItemKind, name: &str, also: &Path) -> Option<Item> {
        if let Some(item) = self.find(kind, name) {
            return Some(item.clone());
        }
        [self.root.as_path(), also]
            .into_iter()
            .map(|below| below.join(name))
            .find(|path| path.is_file())
            .and_then(|path| Item::at(kind, &path))
    }
}

// === impl Item ===

impl Item {
    /// Name and stage follow from the folders above a file.
    fn at(kind: ItemKind, path: &Path) -> Option<Self> {
        let mut above = path
            .ancestors()
            .skip(1)
            .map(|folder| folder.file_name().map(|name| name.to_string_lossy().into_owned()));
        let author = above.next()??;
        let stage = if kind.has_stages() {
            above.next()??
        } else {
            String::new()
        };
        let stem = path.file_stem()?.to_string_lossy();
        Some(Self {
            kind,
            name: format!("{author}/{stem}"),
            stage,
            path: path.to_owned(),
        })
    }
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>, depth: usize) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if out.len() >= MAX_FILES || depth > MAX_DEPTH {
            return;
        }
        let path = entry.path();
        if path.is_dir() {
            walk(&path, out, depth + 1);
        } else if path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml") {
            out.push(path);
        }
    }
}
