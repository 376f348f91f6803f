//! Bytes of a file to lines, each with the offset at which it starts.
//!
//! A line without its newline is held back until the newline comes, because half a line parses as something else.
//! A line over [`MAX_LINE_BYTES`] is cut there. Deliberately absent: files; this only ever sees slices.

use std::borrow::Cow;

use crate::stats::SourceStats;

/// The longest line that is kept whole. What a longer line has beyond it is skipped and counted.
pub const MAX_LINE_BYTES: usize = 1024 * 1024;

/// One line and where it starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) offset: u64,
    pub(crate) text: String,
}

/// Cuts a stream of bytes at newlines.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// Offset of the first byte of the line in progress.
    start: u64,
    /// Bytes read of the line in progress, more than `held` holds if the line is over-long.
    length: u64,
    held: Vec<u8>,
}

// === impl Splitter ===

impl Splitter {
    pub(crate) fn at(offset: u64) -> Self {
        Self {
            start: offset,
            ..Self::default()
        }
    }

    /// Where the line in progress starts: the next unread position.
    pub(crate) fn line_start(&self) -> u64 {
        self.start
    }

    /// Where the next byte to feed stands.
    pub(crate) fn offset(&self) -> u64 {
        self.start + self.length
    }

    /// Takes the next bytes and appends the lines that are now complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], stats: &SourceStats, lines: &mut Vec<Split>) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, tail) = rest.split_at(end);
            self.hold(line);
            self.length += 1;
            self.close(stats, lines);
            rest = tail.get(1..).unwrap_or_default();
        }
        self.hold(rest);
    }

    /// The file will not grow any more: what is held is the last line.
    pub(crate) fn finish(&mut self, stats: &SourceStats, lines: &mut Vec<Split>) {
        if self.length > 0 {
            self.close(stats, lines);
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = MAX_LINE_BYTES.saturating_sub(self.held.len());
        self.held
            .extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        self.length += bytes.len() as u64;
    }

    fn close(&mut self, stats: &SourceStats, lines: &mut Vec<Split>) {
        // The newline is counted in `length` unless the file ended without one.
        if self.length > self.held.len() as u64 + 1 {
            stats.cut.add(1);
        }
        let offset = self.start;
        self.start += self.length;
        self.length = 0;
        if let Some(text) = clean(&self.held, stats) {
            lines.push(Split { offset, text });
        }
        // A line of a mebibyte is no reason to keep a mebibyte for ever.
        if self.held.capacity() > 64 * 1024 {
            self.held = Vec::new();
        } else {
            self.held.clear();
        }
    }
}

/// Text of a line: no carriage return, no NUL (PostgreSQL refuses it), valid UTF-8. `None` if nothing is left.
///
/// A run of NULs at the start is what a writer without `O_APPEND` leaves behind after a truncation.
pub(crate) fn clean(bytes: &[u8], stats: &SourceStats) -> Option<String> {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let bytes = bytes.get(first..).unwrap_or_default();
    let lossy = String::from_utf8_lossy(bytes);
    if matches!(lossy, Cow::Owned(_)) {
        stats.lossy.add(1);
    }
    let mut text = lossy.into_owned();
    if first > 0 || memchr::memchr(0, bytes).is_some() {
        stats.nul.add(1);
        if text.contains('\0') {
            text = text.replace('\0', "\u{fffd}");
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> (Vec<(u64, String)>, SourceStats) {
        let stats = SourceStats::default();
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        for chunk in chunks {
            splitter.feed(chunk, &stats, &mut lines);
        }
        (
            lines.into_iter().map(|line| (line.offset, line.text)).collect(),
            stats,
        )
    }

    #[test]
    fn a_partial_line_is_held_until_its_newline_comes() {
        let (lines, _) = split(&[b"one\ntw", b"", b"o\r\n\nthr"]);
        assert_eq!(lines, [(0, "one".to_owned()), (4, "two".to_owned())]);
    }

    #[test]
    fn a_line_too_long_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; MAX_LINE_BYTES + 10];
        let (lines, stats) = split(&[&long, b"yyy\nnext\n"]);
        let (last_offset, last) = lines.last().unwrap();
        assert_eq!((lines.len(), lines[0].1.len()), (2, MAX_LINE_BYTES));
        assert_eq!(
            (*last_offset, last.as_str()),
            (MAX_LINE_BYTES as u64 + 14, "next")
        );
        assert_eq!(stats.cut.get(), 1);
        let exact = vec![b'x'; MAX_LINE_BYTES];
        let (lines, stats) = split(&[&exact, b"\n"]);
        assert_eq!((lines[0].1.len(), stats.cut.get()), (MAX_LINE_BYTES, 0));
    }

    #[test]
    fn nul_and_broken_utf8_are_replaced_and_counted() {
        let (lines, stats) = split(&[b"\0\0\0a\0b\nc\xffd\n\0\0\n"]);
        let texts: Vec<_> = lines.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["a\u{fffd}b", "c\u{fffd}d"]);
        assert_eq!((stats.nul.get(), stats.lossy.get()), (1, 1));
    }

    proptest::proptest! {
        #[test]
        fn the_cut_into_chunks_does_not_matter(bytes: Vec<u8>, at in 0_usize..64) {
            let (first, second) = bytes.split_at(at.min(bytes.len()));
            proptest::prop_assert_eq!(split(&[&bytes]).0, split(&[first, second]).0);
        }
    }
}
