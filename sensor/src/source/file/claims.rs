//! Which files are followed, by whichever source: two that name the same file must not read it twice.
//!
//! A source that names a file in full comes before all patterns; of others the first that finds it has it, until it
//! leaves it. What was left is remembered with its position, in case it comes back.
//! Deliberately absent: two names of one file (links), which are two logs.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::pattern::{MAX_FILES, is_pattern};
use crate::line::Position;

/// What all sources of files share.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// Named in full.
    exact: HashSet<PathBuf>,
    taken: Mutex<HashSet<PathBuf>>,
    /// The latest files that were left.
    left: Mutex<VecDeque<(PathBuf, Position)>>,
}

/// A file that one source follows; free again when dropped.
#[derive(Debug)]
pub(crate) struct Claim(Arc<Claims>, PathBuf);

// === impl Claims ===

impl Claims {
    /// For sources with these paths and patterns.
    pub(crate) fn new<'p>(paths: impl Iterator<Item = &'p Path>) -> Self {
        Self {
            exact: paths
                .filter(|path| !is_pattern(path))
                .map(Path::to_owned)
                .collect(),
            ..Self::default()
        }
    }

    /// The file at `path` for the source that was told `told`, unless it is another's.
    pub(crate) fn take(self: &Arc<Self>, path: &Path, told: &Path) -> Option<Claim> {
        if path != told && self.exact.contains(path) {
            return None;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken
            .insert(path.to_owned())
            .then(|| Claim(Arc::clone(self), path.to_owned()))
    }

    /// Remembers how far a file was read that is followed no longer.
    pub(crate) fn leave(&self, path: &Path, position: Position) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.retain(|(known, _)| known != path);
        left.push_back((path.to_owned(), position));
        if left.len() > MAX_FILES {
            left.pop_front();
        }
    }

    /// How far a file was read when it was left.
    pub(crate) fn left(&self, path: &Path) -> Option<Position> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.iter()
            .find(|(known, _)| known == path)
            .map(|(_, position)| position.clone())
    }
}

// === impl Claim ===

impl Drop for Claim {
    fn drop(&mut self) {
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_source_s_until_it_leaves_it() {
        let (exact, pattern, other) = (
            Path::new("/l/a.log"),
            Path::new("/l/*.log"),
            Path::new("/l/?.log"),
        );
        let claims = Arc::new(Claims::new([pattern, exact, other].into_iter()));
        assert!(claims.take(exact, pattern).is_none());
        let own = claims.take(exact, exact).unwrap();
        assert!(claims.take(exact, exact).is_none());
        let b = Path::new("/l/b.log");
        let found = claims.take(b, pattern).unwrap();
        assert!(claims.take(b, other).is_none());
        drop((own, found));
        assert!(claims.take(b, other).is_some());
        claims.leave(b, Position::File { file: 1, offset: 2 });
        assert_eq!(claims.left(b), Some(Position::File { file: 1, offset: 2 }));
        assert_eq!(claims.left(exact), None);
    }
}
