//! Warning lists from a directory, beside those that every node has: read at the start, and again when they change.
//!
//! A list that cannot be read is refused with its place; the others count, and of a list that was well before, what it
//! said before counts on. Before this stop: `config/policy.rs`. After it: the scorer, which asks for classes, and
//! `control/explain.rs`, which names lists. Deliberately absent: their format, see `vigie_reputation::WarningList`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use vigie_reputation::{Class, ClassLookup, MAX_ENTRIES, MAX_LISTS, WarningList, WarningLists};

/// Bytes of one file.
const MAX_FILE: u64 = 32 << 20;
/// Levels of directories below the one that is named: MISP's collection has `lists/NAME/list.json`.
const MAX_LEVELS: usize = 4;
/// Entries of directories that are looked at.
const MAX_SEEN: usize = 65_536;
/// Names that files of a collection have beside their directory's.
const USUAL_FILE: &str = "list";

/// What a list's addresses are, by the list's own name or that of its file or directory, as the operator says.
pub(crate) type Classes = BTreeMap<String, Class>;

/// The lists in force, and where they come from.
#[derive(Debug)]
pub(crate) struct Warnings {
    directory: Option<PathBuf>,
    classes: Classes,
    /// One reading at a time; what it saw.
    reading: Mutex<Reading>,
    compiled: Arc<ArcSwap<WarningLists>>,
    refused: ArcSwap<Vec<String>>,
}

/// What was read last, so that only what changed is read again.
#[derive(Debug, Default)]
struct Reading {
    files: BTreeMap<PathBuf, File>,
}

/// One file as it was seen.
#[derive(Clone, Debug)]
struct File {
    stamp: Stamp,
    /// What it said when it was well last.
    list: Option<Arc<WarningList>>,
    /// What is wrong with it now.
    wrong: Option<String>,
}

/// Changes whenever a file does: its number, size, and the times of its content and of its record.
type Stamp = (u64, u64, i64, i64, i64, i64);

// === impl Warnings ===

impl Warnings {
    /// The built-in lists, and those of the directory as they are now.
    ///
    /// # Errors
    /// The directory cannot be read, or holds too many files.
    pub(crate) fn load(directory: Option<PathBuf>, classes: Classes) -> anyhow::Result<Self> {
        let warnings = Self {
            directory,
            classes,
            reading: Mutex::default(),
            compiled: Arc::new(ArcSwap::from_pointee(WarningLists::compile(
                &WarningList::builtin(),
            ))),
            refused: ArcSwap::default(),
        };
        warnings.reload()?;
        Ok(warnings)
    }

    /// Reads again what changed; whether anything did. What cannot be read leaves everything as it was.
    pub(crate) fn reload(&self) -> anyhow::Result<bool> {
        let Some(directory) = &self.directory else {
            return Ok(false);
        };
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut found, mut left) = (BTreeMap::new(), MAX_SEEN);
        walk(directory, MAX_LEVELS, &mut left, &mut found)
            .with_context(|| format!("cannot read the warning lists in {}", directory.display()))?;
        if found.len() > MAX_LISTS - WarningList::builtin().len() {
            bail!(
                "{} holds {} lists; at most {MAX_LISTS} are read",
                directory.display(),
                found.len()
            );
        }
        let same = |(path, stamp): (&PathBuf, &Stamp)| {
            reading.files.get(path).is_some_and(|known| known.stamp == *stamp)
        };
        if found.len() == reading.files.len() && found.iter().all(same) {
            return Ok(false);
        }
        let before = std::mem::take(&mut reading.files);
        reading.files = found
            .into_iter()
            .map(|(path, stamp)| {
                let file = self.again(&path, stamp, before.get(&path));
                (path, file)
            })
            .collect();
        self.put(&reading);
        Ok(true)
    }

    /// What the scorer asks.
    pub(crate) fn lookup(&self) -> ClassLookup {
        let compiled = Arc::clone(&self.compiled);
        Arc::new(move |subject| compiled.load().class(subject))
    }

    /// The lists in force.
    pub(crate) fn lists(&self) -> Arc<WarningLists> {
        self.compiled.load_full()
    }

    /// What is wrong with the files that are refused: file, place, reason.
    pub(crate) fn refused(&self) -> Arc<Vec<String>> {
        self.refused.load_full()
    }

    /// Tells the log what is in force.
    pub(crate) fn tell(&self) {
        let lists = self.lists();
        tracing::info!(
            lists = lists.len(),
            entries = lists.entries(),
            "warning lists are read"
        );
        for error in self.refused().iter() {
            tracing::error!(error, "a warning list is refused; the others count");
        }
    }

    fn again(&self, path: &Path, stamp: Stamp, before: Option<&File>) -> File {
        if let Some(known) = before.filter(|known| known.stamp == stamp) {
            return known.clone();
        }
        match self.read(path) {
            Ok(list) => File {
                stamp,
                list: Some(Arc::new(list)),
                wrong: None,
            },
            Err(error) => File {
                stamp,
                list: before.and_then(|known| known.list.clone()),
                wrong: Some(format!("{error:#}")),
            },
        }
    }

    fn read(&self, path: &Path) -> anyhow::Result<WarningList> {
        let mut text = Vec::new();
        let cannot = || format!("cannot read {}", path.display());
        let file = fs::File::open(path).with_context(cannot)?;
        file.take(MAX_FILE + 1)
            .read_to_end(&mut text)
            .with_context(cannot)?;
        if text.len() as u64 > MAX_FILE {
            bail!(
                "{}: a warning list has {} MiB at most",
                path.display(),
                MAX_FILE >> 20
            );
        }
        // The class is asked for by the list's name, which only the list tells.
        let read = |class| {
            WarningList::read(&text, class).map_err(|bad| anyhow::anyhow!("{}:{bad}", path.display()))
        };
        let (usual, directory) = (stem(path), path.parent().map(stem).unwrap_or_default());
        let called = if usual == USUAL_FILE { directory } else { usual };
        let first = read(WarningList::usual_class(&called))?;
        match self
            .classes
            .get(first.name())
            .or_else(|| self.classes.get(&called))
        {
            Some(class) => read(*class),
            None => Ok(first),
        }
    }

    /// Compiles what was read. Beyond the most entries, the lists that come last by path are left out and told.
    fn put(&self, reading: &Reading) {
        let mut lists = WarningList::builtin();
        let mut refused: Vec<String> = Vec::new();
        let mut entries = 0;
        for (path, file) in &reading.files {
            refused.extend(file.wrong.clone());
            let Some(list) = &file.list else { continue };
            entries += list.entries();
            if entries > MAX_ENTRIES {
                entries -= list.entries();
                refused.push(format!(
                    "{}: all lists together have {MAX_ENTRIES} entries at most",
                    path.display()
                ));
                continue;
            }
            lists.push(Arc::clone(list));
        }
        self.compiled.store(Arc::new(WarningLists::compile(&lists)));
        self.refused.store(Arc::new(refused));
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// All files that end in `.json`, with what changes when they do. Links to directories are not followed.
fn walk(
    directory: &Path,
    levels: usize,
    left: &mut usize,
    found: &mut BTreeMap<PathBuf, Stamp>,
) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        *left = left
            .checked_sub(1)
            .with_context(|| format!("there are more than {MAX_SEEN} files"))?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if levels > 1 {
                walk(&path, levels - 1, left, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "json") {
            // A file that went between two looks is no mistake.
            let Ok(seen) = fs::metadata(&path) else { continue };
            if seen.is_file() {
                let times = (seen.mtime(), seen.mtime_nsec(), seen.ctime(), seen.ctime_nsec());
                found.insert(path, (seen.ino(), seen.len(), times.0, times.1, times.2, times.3));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_wire::Indicator;

    fn class(warnings: &Warnings, ip: &str) -> Class {
        warnings.lookup()(&Indicator::ip(ip.parse().unwrap()))
    }

    fn list(name: &str, entry: &str) -> String {
        format!("{{\"name\": \"{name}\", \"type\": \"cidr\", \"list\": [\n\"{entry}\"]}}")
    }

    #[test]
    fn a_directory_is_read_and_a_bad_file_keeps_what_it_said_before() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("lists/cloudflare")).unwrap();
        fs::write(
            at("lists/cloudflare/list.json"),
            list("Cloudflare", "20.0.0.0/24"),
        )
        .unwrap();
        fs::write(at("ours.json"), list("Our carrier", "20.0.1.0/24")).unwrap();
        fs::write(at("broken.json"), list("Broken", "20.0.2.0/240")).unwrap();
        fs::write(at("README.md"), "no list").unwrap();
        let classes = Classes::from([("Our carrier".to_owned(), Class::CarrierNat)]);
        let warnings = Warnings::load(Some(root.path().to_owned()), classes).unwrap();
        assert_eq!(class(&warnings, "20.0.0.1"), Class::Cdn, "known by its directory");
        assert_eq!(
            class(&warnings, "20.0.1.1"),
            Class::CarrierNat,
            "said by the operator"
        );
        assert_eq!(class(&warnings, "20.0.2.1"), Class::Ordinary);
        assert_eq!(class(&warnings, "8.8.8.8"), Class::Resolver, "built in");
        let refused = warnings.refused();
        assert_eq!(refused.len(), 1);
        let place = format!(
            "{}:2:14: \"20.0.2.0/240\" is neither",
            at("broken.json").display()
        );
        assert!(refused[0].starts_with(&place), "{refused:?}");
        assert!(!warnings.reload().unwrap(), "nothing changed");

        fs::write(at("ours.json"), "{").unwrap();
        fs::write(at("broken.json"), list("Mended", "20.0.2.0/24")).unwrap();
        fs::remove_file(at("lists/cloudflare/list.json")).unwrap();
        assert!(warnings.reload().unwrap());
        assert_eq!(class(&warnings, "20.0.0.1"), Class::Ordinary, "its file is gone");
        assert_eq!(
            class(&warnings, "20.0.1.1"),
            Class::CarrierNat,
            "as it was before"
        );
        assert_eq!(class(&warnings, "20.0.2.1"), Class::Protected);
        assert!(warnings.refused()[0].starts_with(&at("ours.json").display().to_string()));

        fs::remove_dir_all(root.path()).unwrap();
        assert!(warnings.reload().is_err());
        assert_eq!(class(&warnings, "20.0.2.1"), Class::Protected, "all as it was");
    }
}
