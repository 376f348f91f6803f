//! Which detections were put into the outbox lately, also before the last restart.
//!
//! Their ids stand in a file, sixteen bytes each, noted once the alert itself is safe. Where a restart reads far back,
//! because very many buckets were alive, this is what keeps old detections from being told again. Losing the file
//! costs alerts told twice, never one that is not told: so it is not synced, and what is wrong with it is no error.

use std::collections::{HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use vigie_sensor::detect::DetectionId;

/// How many are known.
const KNOWN: usize = 65_536;
/// Bytes of an id.
const ID: usize = 16;
/// A longer file is written anew, with what is known.
const LONGEST: u64 = (2 * KNOWN * ID) as u64;

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    order: VecDeque<DetectionId>,
    set: HashSet<DetectionId>,
    /// Those of them whose alerts are not safe yet: no file may name them.
    unsafe_yet: HashSet<DetectionId>,
    path: PathBuf,
    /// The file and its length; absent while it cannot be written.
    file: Option<(File, u64)>,
}

// === impl Known ===

impl Known {
    pub(super) fn open(path: PathBuf) -> Self {
        let mut known = Self {
            order: VecDeque::new(),
            set: HashSet::new(),
            unsafe_yet: HashSet::new(),
            path,
            file: None,
        };
        let bytes = std::fs::read(&known.path).unwrap_or_default();
        let (ids, _torn) = bytes.as_chunks::<ID>();
        for id in ids {
            known.is_new(DetectionId(*id));
        }
        known.unsafe_yet.clear();
        known.rewrite();
        known
    }

    /// Whether it was not known; it is from now on, in memory.
    pub(super) fn is_new(&mut self, id: DetectionId) -> bool {
        if !self.set.insert(id) {
            return false;
        }
        self.unsafe_yet.insert(id);
        self.order.push_back(id);
        if self.order.len() > KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
            self.unsafe_yet.remove(&oldest);
        }
        true
    }

    /// Their alerts are safe: the next process shall know them too.
    pub(super) fn note(&mut self, ids: impl Iterator<Item = DetectionId>) {
        let mut bytes = Vec::new();
        for id in ids {
            self.unsafe_yet.remove(&id);
            bytes.extend(id.0);
        }
        let Some((file, length)) = &mut self.file else {
            // What could not be written before is known in memory.
            return self.rewrite();
        };
        match file.write_all(&bytes) {
            Ok(()) => *length += bytes.len() as u64,
            // A part of it may be there.
            Err(_) => self.file = None,
        }
        if self.file.as_ref().is_some_and(|(_, length)| *length > LONGEST) {
            self.rewrite();
        }
    }

    fn rewrite(&mut self) {
        let safe = self.order.iter().filter(|id| !self.unsafe_yet.contains(*id));
        let bytes: Vec<u8> = safe.flat_map(|id| id.0).collect();
        self.file = match rewritten(&self.path, &bytes) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::debug!(%error, "which alerts were told cannot be noted");
                None
            }
        };
    }
}

fn rewritten(path: &Path, bytes: &[u8]) -> io::Result<(File, u64)> {
    let aside = path.with_extension("new");
    std::fs::write(&aside, bytes)?;
    std::fs::rename(&aside, path)?;
    let file = OpenOptions::new().append(true).open(path)?;
    Ok((file, bytes.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> DetectionId {
        let mut id = [0; ID];
        id[..8].copy_from_slice(&number.to_le_bytes());
        DetectionId(id)
    }

    #[test]
    fn what_was_noted_is_known_after_a_restart_however_the_file_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known");
        let mut known = Known::open(path.clone());
        assert!(known.is_new(id(1)) && known.is_new(id(2)) && !known.is_new(id(1)));
        known.note([id(1), id(2)].into_iter());
        // Never noted: its alert was not safe.
        assert!(known.is_new(id(3)));
        drop(known);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend([7; 5]);
        std::fs::write(&path, bytes).unwrap();
        let mut known = Known::open(path.clone());
        assert!(!known.is_new(id(1)) && !known.is_new(id(2)) && known.is_new(id(3)));
        // Written anew after a failure, the file names what is safe and nothing else.
        known.file = None;
        assert!(known.is_new(id(4)));
        known.note([id(4)].into_iter());
        drop(known);
        let mut known = Known::open(path);
        assert!(!known.is_new(id(1)) && !known.is_new(id(4)) && known.is_new(id(3)));
        // Without a place for it, all goes on.
        let mut known = Known::open(dir.path().join("nowhere/known"));
        assert!(known.is_new(id(1)));
        known.note([id(1)].into_iter());
    }

    #[test]
    fn memory_and_file_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known");
        let mut known = Known::open(path.clone());
        for number in 0..3 * KNOWN {
            assert!(known.is_new(id(number)));
            known.note([id(number)].into_iter());
        }
        assert!(std::fs::metadata(&path).unwrap().len() <= LONGEST);
        assert_eq!((known.order.len(), known.set.len()), (KNOWN, KNOWN));
        assert!(known.is_new(id(0)) && !known.is_new(id(3 * KNOWN - 1)));
    }
}
