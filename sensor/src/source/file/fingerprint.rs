//! Which file is this? Answered by content, because rotation renames, copies and compresses.
//!
//! The fingerprint is a hash of the bytes up to the end of the first line that is not a `#` comment (W3C logs open with
//! a constant header), or of the first [`HEAD_BYTES`] if that line ends later. It is defined only once that line is
//! complete, and a file is not read before: so it never changes while the file grows from empty. A log's first line has
//! a time in it, so two files of one log differ. Device and inode are not part of it: `auth.log.1`, its copy by
//! copytruncate and `auth.log.2.gz` are the same lines, and detections over them keep their ids.

use std::io::{self, Read};

/// How much of a file is looked at.
pub(crate) const HEAD_BYTES: usize = 4096;

/// A file's identity and the bytes it was computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) hash: u64,
    /// Kept to notice a truncated file that has grown again.
    pub(crate) head: Box<[u8]>,
}

// === impl Fingerprint ===

impl Fingerprint {
    /// Of the content that `reader` starts with; `None` while it is too short to tell.
    /// A file that is `ended` (rotated away) is identified by whatever it has.
    pub(crate) fn read(reader: &mut impl Read, ended: bool) -> io::Result<Option<Self>> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        Ok(Self::of(&head, ended))
    }

    fn of(head: &[u8], ended: bool) -> Option<Self> {
        let end = match end_of_first_line(head) {
            Some(end) => end,
            None if head.len() == HEAD_BYTES || (ended && !head.is_empty()) => head.len(),
            None => return None,
        };
        let head = head.get(..end)?;
        let mut hasher = blake3::Hasher::new_derive_key("vigie/file-fingerprint/v1");
        hasher.update(head);
        let mut hash = [0; 8];
        hasher.finalize_xof().fill(&mut hash);
        // Zero is the position of a file that has no line yet.
        let hash = u64::from_le_bytes(hash).max(1);
        Some(Self {
            hash,
            head: head.into(),
        })
    }
}

fn end_of_first_line(head: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let line = head.get(start..)?;
        let end = start + memchr::memchr(b'\n', line)? + 1;
        if line.first() != Some(&b'#') {
            return Some(end);
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(content: &[u8]) -> Option<u64> {
        Fingerprint::read(&mut &*content, false)
            .unwrap()
            .map(|fingerprint| fingerprint.hash)
    }

    #[test]
    fn it_is_stable_while_a_file_grows_from_empty() {
        let log = b"#Software: x\n#Fields: y\n2026-01-01 first\n2026-01-01 second\n";
        let seen: Vec<_> = (0..=log.len()).filter_map(|len| hash(&log[..len])).collect();
        assert!(seen.len() > 10 && seen.iter().all(|one| *one == seen[0]));
        assert_eq!(hash(&log[..30]), None);
        let long = vec![b'z'; HEAD_BYTES * 2];
        assert_eq!(hash(&long[..HEAD_BYTES]), hash(&long));
        assert_eq!(hash(&long[..HEAD_BYTES - 1]), None);
    }

    #[test]
    fn the_header_alone_does_not_make_two_files_one() {
        assert_ne!(hash(b"#Fields: y\nfirst\n"), hash(b"#Fields: y\nother\n"));
    }
}
