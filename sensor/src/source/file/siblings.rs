//! The rotated siblings of a log file, oldest first: `auth.log.2.gz`, `auth.log.1`, `auth.log-20260101`, and
//! `access-20260101.log` beside `access.log`.
//!
//! Deliberately absent: opening and reading them (`reader`), and remembering how far one was read (`tail`).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many rotated files of one log are considered, the newest of them.
const MAX_SIBLINGS: usize = 64;

/// A rotated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sibling {
    pub(crate) path: PathBuf,
    modified: SystemTime,
}

// === impl Sibling ===

impl Sibling {
    pub(crate) fn is_archive(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "gz")
    }
}

/// Rotated files of `path`, oldest first. What cannot be listed counts as absent: the next poll asks again.
pub(crate) fn siblings(path: &Path) -> Vec<Sibling> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found: Vec<Sibling> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|other| is_rotation(name, other))
        })
        .filter_map(|entry| {
            let meta = fs::metadata(entry.path()).ok()?;
            let modified = meta.modified().ok()?;
            meta.is_file().then(|| Sibling {
                path: entry.path(),
                modified,
            })
        })
        .collect();
    found.sort_by(|a, b| (a.modified, generation(&b.path)).cmp(&(b.modified, generation(&a.path))));
    found.drain(..found.len().saturating_sub(MAX_SIBLINGS));
    found
}

/// Whether `other` is a rotated file of the log `name`.
pub(crate) fn is_rotation(name: &str, other: &str) -> bool {
    let plain = other.strip_suffix(".gz").unwrap_or(other);
    if let Some(suffix) = plain.strip_prefix(name) {
        return is_mark(suffix) || matches!(suffix, ".old" | "-old") || (suffix.is_empty() && plain != other);
    }
    let Some((stem, extension)) = name.rsplit_once('.') else {
        return false;
    };
    plain
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_suffix(extension)?.strip_suffix('.'))
        .is_some_and(is_mark)
}

/// `.1`, `-20260101`, `.2026-01-01_12`, `-20260101T120000`.
fn is_mark(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['.', '-', '_']) else {
        return false;
    };
    rest.bytes().any(|byte| byte.is_ascii_digit())
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".-_T".contains(&byte))
}

/// The number in `auth.log.3.gz`: of two files of the same second the higher is the older.
fn generation(path: &Path) -> u32 {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let plain = name.strip_suffix(".gz").unwrap_or(name);
    plain
        .rsplit_once('.')
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_files() {
        for other in [
            "auth.log.1",
            "auth.log.2.gz",
            "auth.log-20260101",
            "auth.log-20260101.gz",
            "auth.log.old",
            "auth-2026-01-01.log",
            "auth.1.log.gz",
        ] {
            assert!(is_rotation("auth.log", other), "{other}");
        }
        for other in [
            "auth.log",
            "auth.log.swp",
            "auth-site.log",
            "author.log.1",
            "auth.log.1.xz",
            "xauth.log.1",
        ] {
            assert!(!is_rotation("auth.log", other), "{other}");
        }
    }

    #[test]
    fn the_oldest_comes_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.log");
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        for name in ["a.log", "a.log.1", "a.log.3.gz", "a.log.2", "b.log.1"] {
            let file = fs::File::create(directory.path().join(name)).unwrap();
            file.set_modified(at).unwrap();
        }
        let names: Vec<_> = siblings(&path)
            .into_iter()
            .map(|sibling| sibling.path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a.log.3.gz", "a.log.2", "a.log.1"]);
    }
}
