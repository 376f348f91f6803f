//! Which rules a log reaches, and which see nothing of it: installed in vain, or a log that is not read.
//!
//! Whole files are run through parsers and scenarios in log time; a parser is reached by an event that it understood, a
//! scenario by one that its filter wanted. Deliberately absent: what the scenarios found, which is `replay`'s, and what a
//! running sensor has seen, which is `run`'s to count.

use std::io;
use std::path::Path;
use std::sync::Arc;

use vigie_wire::Timestamp;

use crate::detect::Detector;
use crate::line::{Line, Position};
use crate::parse::{Parsed, Parser};
use crate::rules::Ruleset;
use crate::seen::{Reached, Seen};
use crate::source::file::reader::Reader;
use crate::stats::Stats;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// See the module.
#[derive(Debug)]
pub struct Coverage {
    parser: Parser,
    detector: Detector,
    seen: Seen,
    lines: u64,
    parsed: u64,
}

// === impl Coverage ===

impl Coverage {
    /// Of a set of rules that no line has reached.
    pub fn new(rules: &Ruleset) -> Self {
        Self {
            parser: Parser::new(rules),
            detector: Detector::new(rules),
            seen: Seen::new(rules),
            lines: 0,
            parsed: 0,
        }
    }

    /// Reads a whole log of the type `kind`; `now` dates lines without a year.
    pub fn read(&mut self, path: &Path, kind: &str, now: Timestamp) -> io::Result<()> {
        let source: Arc<str> = path.to_string_lossy().into();
        let kind: Arc<str> = kind.into();
        let stats = Stats::default().source(&source);
        let mut reader = Reader::open(path)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = reader.fill(&mut buffer)?;
            let mut split = Vec::new();
            match buffer.get(..count) {
                Some(bytes) if count > 0 => reader.splitter.feed(bytes, &stats, &mut split),
                _ => reader.splitter.finish(&stats, &mut split),
            }
            for line in split {
                self.line(
                    &Line {
                        source: Arc::clone(&source),
                        position: Position::File {
                            file: 0,
                            offset: line.offset,
                        },
                        kind: Arc::clone(&kind),
                        text: line.text,
                        read_at: now,
                    },
                    now,
                );
            }
            if count == 0 {
                return Ok(());
            }
        }
    }

    fn line(&mut self, line: &Line, now: Timestamp) {
        self.lines += 1;
        let mut steps = self.seen.steps();
        if let Parsed::Event(event) = self.parser.parse_traced(line, now, &mut steps) {
            self.parsed += 1;
            self.detector.pour(event, now, &mut Vec::new());
        }
        self.detector.line_done(&line.source);
    }

    /// Lines read, and those that every stage of parsers understood.
    pub fn lines(&self) -> (u64, u64) {
        (self.lines, self.parsed)
    }

    /// All rules, those that nothing reached first.
    pub fn reached(&self) -> Vec<Reached> {
        self.seen.poured(&self.detector);
        self.seen.reached()
    }
}
