//! Lines to events: the stages of parsers, one after the other.
//!
//! Before: `source`, which reads lines. After: `detect`, which pours events into buckets. A line that no
//! parser of a stage understood ends there. One event and its buffers serve all lines of a parser.
//! Absent on purpose: what rules look like in files, which is `rules`.

pub mod date;
pub mod event;
pub mod json;
pub mod names;
pub(crate) mod node;
pub mod overflow;

use std::sync::Arc;

use regex::CaptureLocations;
use vigie_wire::Timestamp;

pub use self::event::Event;
use self::names::{FieldId, Space};
use crate::line::Line;
use crate::rules::{Ruleset, Stage};

/// Parses lines under a set of rules.
#[derive(Debug)]
pub struct Parser {
    stages: Arc<[Stage]>,
    event: Event,
    scratch: Scratch,
}

/// What became of a line.
#[derive(Debug)]
pub enum Parsed<'p> {
    /// Every stage understood it.
    Event(&'p Event),
    /// This stage did not.
    Unparsed {
        /// The stage's name.
        stage: &'p str,
    },
    /// A whitelist names it.
    Whitelisted(&'p Event),
}

/// Buffers and slots that nodes use while they run.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Of each grok, so that matching allocates nothing.
    pub(crate) locations: Vec<Option<CaptureLocations>>,
    pub(crate) text: String,
    pub(crate) marshaled_time: Option<FieldId>,
    pub(crate) now: Timestamp,
}

// === impl Parser ===

impl Parser {
    /// A parser under these rules. Parsers are cheap: one for each thread.
    pub fn new(rules: &Ruleset) -> Self {
        let names = Arc::clone(rules.names());
        let scratch = Scratch {
            locations: (0..rules.groks).map(|_| None).collect(),
            text: String::new(),
            marshaled_time: names.find(Space::Enriched, "MarshaledTime"),
            now: Timestamp::ZERO,
        };
        Self {
            stages: Arc::clone(&rules.stages),
            event: Event::blank(names),
            scratch,
        }
    }

    /// Parses one line. `now` dates lines without a date and gives those without a year theirs.
    pub fn parse(&mut self, line: &Line, now: Timestamp) -> Parsed<'_> {
        self.event.begin(line);
        self.scratch.now = now;
        let mut reached = 0;
        for (at, stage) in self.stages.iter().enumerate() {
            if reached > at {
                continue;
            }
            // A stage that nothing left by `onsuccess: next_stage` is where the line stays.
            if reached < at {
                let stuck = self.stages.get(reached).map_or("", |stage| &*stage.name);
                return Parsed::Unparsed { stage: stuck };
            }
            let mut understood = false;
            for node in &stage.nodes {
                let done = node.process(&mut self.event, &mut self.scratch);
                understood |= done.success;
                if done.next_stage || (done.success && node.next_stage) {
                    reached = at + 1;
                    break;
                }
            }
            if !understood {
                return Parsed::Unparsed { stage: &stage.name };
            }
        }
        if self.event.whitelisted {
            Parsed::Whitelisted(&self.event)
        } else {
            Parsed::Event(&self.event)
        }
    }

    /// The event of the last line.
    pub fn event(&self) -> &Event {
        &self.event
    }
}
