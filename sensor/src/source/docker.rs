//! Docker's `json-file` logs: each line an object with a piece of what a container wrote.
//!
//! A line of more than 16 KiB comes in pieces, of which only the last has a newline. They are put together, and what the
//! other stream wrote between two pieces waits for them: so positions go only forward, and a restart begins with the
//! first piece of an unfinished line. Before: `file`. After: `run`. Deliberately absent: the API of Docker.

use std::collections::VecDeque;

use serde::Deserialize;
use vigie_wire::Timestamp;

use super::Arrived;
use super::file::MAX_LINE_BYTES;
use super::file::splitter::clean;
use crate::line::Position;
use crate::stats::SourceStats;

/// Lines that may wait for one that is not finished.
const MAX_HELD: usize = 1_024;

/// Puts the pieces of one file together.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    held: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    position: Position,
    stream: String,
    text: String,
    at: Option<Timestamp>,
    whole: bool,
}

#[derive(Deserialize)]
struct Piece {
    log: String,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    time: Option<String>,
}

// === impl Joiner ===

impl Joiner {
    /// Takes a line of the file and appends what is now complete. What is no such object is left out and counted.
    pub(crate) fn feed(
        &mut self,
        position: Position,
        json: &str,
        stats: &SourceStats,
        out: &mut Vec<Arrived>,
    ) {
        let Ok(piece) = serde_json::from_str::<Piece>(json) else {
            stats.malformed.add(1);
            return;
        };
        let whole = piece.log.ends_with('\n');
        let begun = self
            .held
            .iter_mut()
            .find(|held| !held.whole && held.stream == piece.stream);
        if let Some(begun) = begun {
            begun.add(&piece.log, stats);
            begun.whole = whole;
        } else {
            let at = piece
                .time
                .and_then(|time| time.parse::<jiff::Timestamp>().ok())
                .map(|time| Timestamp::from_millis(time.as_millisecond()));
            self.held.push_back(Held {
                position,
                stream: piece.stream,
                text: piece.log,
                at,
                whole,
            });
        }
        if self.held.len() > MAX_HELD
            && let Some(first) = self.held.front_mut()
        {
            // Its writer died within a line.
            first.whole = true;
            stats.cut.add(1);
        }
        while self.held.front().is_some_and(|held| held.whole)
            && let Some(held) = self.held.pop_front()
        {
            out.extend(held.arrived(stats));
        }
    }

    /// Appends what waits, also what is not finished: nothing comes any more.
    pub(crate) fn finish(&mut self, stats: &SourceStats, out: &mut Vec<Arrived>) {
        out.extend(self.held.drain(..).filter_map(|held| held.arrived(stats)));
    }

    /// Where to begin again, if a line is not finished.
    pub(crate) fn begin(&self) -> Option<Position> {
        self.held.front().map(|held| held.position.clone())
    }
}

// === impl Held ===

impl Held {
    fn add(&mut self, text: &str, stats: &SourceStats) {
        let mut room = MAX_LINE_BYTES.saturating_sub(self.text.len()).min(text.len());
        if room < text.len() {
            stats.cut.add(u64::from(room > 0));
            while !text.is_char_boundary(room) {
                room -= 1;
            }
        }
        self.text.push_str(text.get(..room).unwrap_or_default());
    }

    fn arrived(self, stats: &SourceStats) -> Option<Arrived> {
        // A program may write a carriage return, or several lines at once; Docker made one line of it.
        let text = self.text.trim_end_matches(['\n', '\r']).replace('\n', " ");
        Some(Arrived {
            position: self.position,
            text: clean(text.as_bytes(), stats)?,
            at: self.at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Position {
        Position::File { file: 1, offset }
    }

    fn piece(log: &str, stream: &str) -> String {
        serde_json::json!({"log": log, "stream": stream, "time": "2026-06-01T00:00:01.5Z"}).to_string()
    }

    fn join(lines: &[String]) -> (Vec<(u64, String)>, Joiner, SourceStats) {
        let (mut joiner, stats, mut out) = (Joiner::default(), SourceStats::default(), Vec::new());
        for (number, line) in (0..).zip(lines) {
            joiner.feed(at(number), line, &stats, &mut out);
        }
        assert!(
            out.iter()
                .all(|one| one.at == Some(Timestamp::from_millis(1_780_272_001_500)))
        );
        let out = out.into_iter().map(|one| match one.position {
            Position::File { offset, .. } => (offset, one.text),
            Position::Cursor(_) => panic!("a file has no cursor"),
        });
        (out.collect(), joiner, stats)
    }

    #[test]
    fn pieces_are_one_line_and_lines_between_them_wait() {
        let (lines, joiner, _) = join(&[
            piece("whole\r\n", "stdout"),
            piece("one ", "stdout"),
            piece("error\n", "stderr"),
            piece("two ", "stdout"),
            piece("three\n", "stdout"),
        ]);
        assert_eq!(
            lines,
            [
                (0, "whole".to_owned()),
                (1, "one two three".to_owned()),
                (2, "error".to_owned())
            ]
        );
        assert_eq!(joiner.begin(), None);
        let (lines, joiner, _) = join(&[piece("begun", "stdout"), piece("error\n", "stderr")]);
        assert_eq!((lines.len(), joiner.begin()), (0, Some(at(0))));
    }

    #[test]
    fn a_line_that_never_ends_holds_nothing_up_for_ever() {
        let mut pieces = vec![piece("begun", "stdout")];
        pieces.extend((0..2_000).map(|number| piece(&format!("{number}\n"), "stderr")));
        let (lines, _, stats) = join(&pieces);
        assert_eq!((lines.len(), stats.cut.get()), (2_001, 1));
        let long: Vec<_> = (0..100).map(|_| piece(&"é".repeat(8_192), "stdout")).collect();
        let (lines, joiner, stats) = join(&long);
        assert_eq!((lines.len(), stats.cut.get()), (0, 0));
        assert!(joiner.held[0].text.len() <= MAX_LINE_BYTES);
    }

    #[test]
    fn what_is_no_object_is_counted() {
        let (lines, _, stats) = join(&["nonsense".to_owned(), "{\"log\":1}".to_owned(), String::new()]);
        assert_eq!((lines.len(), stats.malformed.get()), (0, 3));
    }
}
