//! Which rules a log reaches, and which see nothing of it: installed in vain, or a log that is not read.
//!
//! Whole files are run through parsers and scenarios in log time; a parser is reached by an event that it understood, a
//! scenario by one that its filter wanted. Deliberately absent: what the scenarios found, which is `replay`'s.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use vigie_wire::Timestamp;

use crate::detect::Detector;
use crate::line::{Line, Position};
use crate::parse::{Event, Parsed, Parser};
use crate::rules::Ruleset;
use crate::source::file::reader::Reader;
use crate::stats::Stats;
use crate::trace::Trace;

/// Bytes read at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// A rule and how many events reached it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Its stage; `scenario` for scenarios.
    pub stage: String,
    /// Its name.
    pub name: String,
    /// Events.
    pub events: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Coverage {
    parser: Parser,
    detector: Detector,
    tally: Tally,
    lines: u64,
    parsed: u64,
}

/// Documents of parsers, by stage and name.
#[derive(Debug, Default)]
struct Tally(BTreeMap<String, BTreeMap<String, u64>>);

// === impl Coverage ===

impl Coverage {
    /// Of a set of rules that no line has reached.
    pub fn new(rules: &Ruleset) -> Self {
        let mut tally = Tally::default();
        for (stage, names) in rules.parsers() {
            let documents = tally.0.entry(stage.to_owned()).or_default();
            documents.extend(names.into_iter().map(|name| (name.to_owned(), 0)));
        }
        Self {
            parser: Parser::new(rules),
            detector: Detector::new(rules),
            tally,
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
        if let Parsed::Event(event) = self.parser.parse_traced(line, now, &mut self.tally) {
            self.parsed += 1;
            self.detector
                .pour_traced(event, now, &mut Vec::new(), &mut self.tally);
        }
        self.detector.line_done(&line.source);
    }

    /// Lines read, and those that every stage of parsers understood.
    pub fn lines(&self) -> (u64, u64) {
        (self.lines, self.parsed)
    }

    /// All rules, those that nothing reached first.
    pub fn reached(&self) -> Vec<Reached> {
        let reached = |stage: &str, name: &str, events| Reached {
            stage: stage.to_owned(),
            name: name.to_owned(),
            events,
        };
        let parsers = self.tally.0.iter().flat_map(|(stage, documents)| {
            let documents = documents.iter();
            documents.map(move |(name, events)| reached(stage, name, *events))
        });
        let scenarios = self.detector.poured();
        let scenarios = scenarios.map(|(scenario, events)| reached("scenario", &scenario.name, events));
        let mut all: Vec<Reached> = parsers.chain(scenarios).collect();
        all.sort_by_key(|one| one.events);
        all
    }
}

impl Trace for Tally {
    fn node(&mut self, stage: &str, name: &str, _: &Event, success: bool) {
        let document = self.0.get_mut(stage).and_then(|stage| stage.get_mut(name));
        if let Some(events) = document
            && success
        {
            *events += 1;
        }
    }
}
