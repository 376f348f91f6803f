//! A worker's copy of the table, and when to take another. Before: the daemon, which renames a new file into place.
//! After: a look-up.
//!
//! The file is read, not mapped: a file that somebody cuts off under a mapping kills the worker that looks at it
//! (SIGBUS), and the table from before would be gone with it. What cannot be used changes nothing and is told once;
//! what is no table is not tried again until the file is another one. Deliberately absent: threads and timers; a worker
//! looks when it has a request, at most once a second, and a worker without requests does not look.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::clock::Boot;
use crate::table::Table;
use crate::table::form::{self, FormError, MAX_BYTES};

/// Between two looks at the file.
const LOOK_EVERY_MS: u64 = 1_000;

/// A table, and the file it comes from.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    table: Table,
    /// What was read last, whether it is a table or not.
    tried: Option<Identity>,
    next_look_ms: u64,
    /// What was told last, so that it is told once.
    told: Option<String>,
    /// A table has been read.
    has_table: bool,
    /// The last look found the table in use, or took another.
    is_usable: bool,
}

/// What became of a look, if there is something to tell.
#[derive(Debug)]
pub enum News {
    /// A new table is in use, after one that could not be used or as the first.
    Good {
        /// Its rows.
        rows: usize,
    },
    /// The file cannot be used. The table from before stays.
    Bad {
        /// Why, in words.
        reason: String,
    },
}

/// What tells one file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Not there, not readable, not a file, too large.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// Not a table.
    #[error(transparent)]
    Form(#[from] FormError),
}

// === impl Identity ===

impl Identity {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Nothing is read yet.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            table: Table::default(),
            tried: None,
            next_look_ms: 0,
            told: None,
            has_table: false,
            is_usable: false,
        }
    }

    /// Whether any table was read: else everybody is let in because nobody is known.
    pub const fn has_table(&self) -> bool {
        self.has_table
    }

    /// Whether the file was as it should be at the last look.
    pub const fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// The table in use.
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file again if it is time; `now_ms` is of any clock that moves forward. Returns what should be
    /// logged.
    #[inline]
    pub fn refresh(&mut self, now_ms: u64) -> Option<News> {
        if now_ms < self.next_look_ms {
            return None;
        }
        self.refresh_now(now_ms)
    }

    #[cold]
    fn refresh_now(&mut self, now_ms: u64) -> Option<News> {
        self.next_look_ms = now_ms.saturating_add(LOOK_EVERY_MS);
        match self.look() {
            Ok(None) => None,
            Ok(Some(table)) => {
                self.table = table;
                (self.has_table, self.is_usable) = (true, true);
                let again = self
                    .told
                    .replace(String::new())
                    .is_some_and(|told| told.is_empty());
                let rows = self.table.len();
                (!again).then_some(News::Good { rows })
            }
            Err(error) => {
                self.is_usable = false;
                let reason = error.to_string();
                let again = self
                    .told
                    .replace(reason.clone())
                    .is_some_and(|told| told == reason);
                (!again).then_some(News::Bad { reason })
            }
        }
    }

    /// A new table, if there is another file than last time.
    fn look(&mut self) -> Result<Option<Table>, WatchError> {
        let file = std::fs::metadata(&self.path).inspect_err(|_| self.tried = None)?;
        let identity = Identity::of(&file);
        if self.tried == Some(identity) {
            return Ok(None);
        }
        let table = read(&self.path);
        // What could not be read may be readable in a moment; what is no table stays none.
        let failed = matches!(table, Err(WatchError::Read(_)));
        self.tried = (!failed).then_some(identity);
        Ok(Some(table?))
    }
}

/// Reads the table that stands in a file now.
pub fn read(path: &Path) -> Result<Table, WatchError> {
    let file = std::fs::metadata(path)?;
    let wrong = |what: &str| WatchError::Read(std::io::Error::other(what.to_owned()));
    // Opening a pipe would wait for somebody to write.
    if !file.is_file() {
        return Err(wrong("it is not a file"));
    }
    if file.len() > MAX_BYTES as u64 {
        return Err(wrong("it is larger than any table"));
    }
    let boot = Boot::current()?;
    Ok(form::decode(&std::fs::read(path)?, boot)?)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::table::{Entry, Remediation};

    const ADDRESS: &str = "192.0.2.7";

    fn put(path: &Path, entries: &[Entry]) {
        let new = path.with_extension("new");
        std::fs::write(&new, form::encode(entries, Boot::current().unwrap()).unwrap()).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    fn ban() -> Entry {
        Entry {
            address: ADDRESS.parse().unwrap(),
            prefix: 32,
            remediation: Remediation::Ban,
            until: u32::MAX,
            origin: vigie_bouncer_origin::Origin::Mesh,
        }
    }

    fn is_banned(watch: &Watch) -> bool {
        let address: IpAddr = ADDRESS.parse().unwrap();
        watch.table().look_up(address, || 0).strongest() == Some(Remediation::Ban)
    }

    #[test]
    fn a_renamed_file_is_taken_within_a_second() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(dir.path().join("table"));
        put(watch.path(), &[]);
        assert!(matches!(watch.refresh(5_000), Some(News::Good { rows: 0 })));
        put(watch.path(), &[ban()]);
        assert!(watch.refresh(5_999).is_none() && !is_banned(&watch));
        // Business as usual is not told.
        assert!(watch.refresh(6_000).is_none() && is_banned(&watch));
        put(watch.path(), &[]);
        assert!(watch.refresh(7_000).is_none() && !is_banned(&watch));
    }

    #[test]
    fn what_cannot_be_used_changes_nothing_and_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table");
        let mut watch = Watch::new(path.clone());
        let mut now = 0;
        let mut bad = |watch: &mut Watch| {
            now += 1_000;
            match watch.refresh(now) {
                Some(News::Bad { reason }) => reason,
                other => format!("{other:?}"),
            }
        };
        assert!(bad(&mut watch).contains("No such file"));
        assert_eq!(bad(&mut watch), "None");
        put(&path, &[ban()]);
        assert_eq!(bad(&mut watch), "Some(Good { rows: 1 })");
        // Over the old file, not beside it: cut off in place.
        std::fs::write(&path, "VIGIE").unwrap();
        assert_eq!(bad(&mut watch), "it has 5 bytes, a header alone has 48");
        assert_eq!(bad(&mut watch), "None");
        std::fs::remove_file(&path).unwrap();
        assert!(bad(&mut watch).contains("No such file"));
        std::fs::create_dir(&path).unwrap();
        assert_eq!(bad(&mut watch), "it is not a file");
        std::fs::remove_dir(&path).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(MAX_BYTES as u64 + 1).unwrap();
        assert_eq!(bad(&mut watch), "it is larger than any table");
        assert!(is_banned(&watch));
        put(&path, &[]);
        assert_eq!(bad(&mut watch), "Some(Good { rows: 0 })");
        assert!(!is_banned(&watch));
    }
}
