//! Which files a path with `*` and `?` names. A pattern may stand in any part of the path.
//!
//! Deliberately absent: `**` and character classes, which log locations do not need.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::siblings::is_rotation;

/// How many files one pattern may name; the first in order of name.
pub(crate) const MAX_FILES: usize = 1_024;

/// Whether a path is a pattern and not one file.
pub(crate) fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains(['*', '?']))
}

/// The existing files that a pattern names, without the rotated siblings of others among them.
pub(crate) fn expand(pattern: &Path) -> Vec<PathBuf> {
    expand_some(pattern).0
}

/// The same, and whether there are more than it may name.
pub(crate) fn expand_some(pattern: &Path) -> (Vec<PathBuf>, bool) {
    let mut more = false;
    let mut found = BTreeSet::from([PathBuf::new()]);
    for component in pattern.components() {
        found = match component {
            Component::Normal(name) if is_pattern(Path::new(name)) => {
                let name = name.to_str().unwrap_or_default();
                found
                    .iter()
                    .flat_map(|directory| children(directory, name))
                    .take(MAX_FILES + 1)
                    .collect()
            }
            _ => found
                .into_iter()
                .map(|directory| directory.join(component))
                .collect(),
        };
        if found.len() > MAX_FILES {
            more = true;
            found.pop_last();
        }
    }
    let files: Vec<PathBuf> = found.into_iter().filter(|path| path.is_file()).collect();
    let logs = files
        .iter()
        .filter(|path| !files.iter().any(|other| rotated(other, path)))
        .cloned()
        .collect();
    (logs, more)
}

/// Whether a pattern names `path`, which need not exist.
pub(crate) fn matches(pattern: &Path, path: &Path) -> bool {
    let (mut left, mut right) = (pattern.components(), path.components());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(pattern), Some(name)) => {
                let texts = pattern.as_os_str().to_str().zip(name.as_os_str().to_str());
                if !texts.is_some_and(|(pattern, name)| matches_name(pattern.as_bytes(), name.as_bytes())) {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

fn rotated(log: &Path, other: &Path) -> bool {
    let names = log
        .file_name()
        .and_then(|name| name.to_str())
        .zip(other.file_name().and_then(|name| name.to_str()));
    log.parent() == other.parent() && names.is_some_and(|(log, other)| is_rotation(log, other))
}

fn children(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let listed = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let Ok(entries) = fs::read_dir(listed) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && matches_name(pattern.as_bytes(), name.as_bytes()))
        .collect();
    names.sort_unstable();
    names.truncate(MAX_FILES + 1);
    names.into_iter().map(|name| directory.join(name)).collect()
}

/// Greedy matching with one point of return: linear in practice, never exponential.
fn matches_name(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut in_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(in_name) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                in_name += 1;
            }
            _ => match star {
                Some((star_at, from)) => {
                    star = Some((star_at, from + 1));
                    (at, in_name) = (star_at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("*.log", "access.log", true),
            ("*.log", "access.log.1", false),
            ("*access*log*", "site-access.log", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(
                matches_name(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
        assert!(matches(Path::new("/var/*/a.log"), Path::new("/var/log/a.log")));
        assert!(!matches(Path::new("/var/*/a.log"), Path::new("/var/log/x/a.log")));
    }

    #[test]
    fn rotated_siblings_are_no_logs_of_their_own() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.log", "a.log.1", "a.log.2.gz", "b.log.1", ".hidden"] {
            fs::write(directory.path().join(name), "x").unwrap();
        }
        let names: Vec<_> = expand(&directory.path().join("*"))
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a.log", "b.log.1"]);
    }
}
