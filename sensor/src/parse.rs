//! Lines to events: the stages of parsers, one after the other.
//!
//! Before: `source`, which reads lines. After: `detect`, which pours events into buckets. A line that no
//! parser of a stage understood ends there. One event and its buffers serve all lines of a parser.
//! Absent on purpose: what rules look like in files, which is `rules`.

pub mod date;
pub mod event;
mod fields;
pub(crate) mod finder;
mod gate;
pub mod json;
pub(crate) mod literal;
pub mod names;
pub(crate) mod node;
pub mod overflow;
pub(crate) mod post;
pub(crate) mod straight;

use std::sync::Arc;

use vigie_wire::Timestamp;

pub use self::event::Event;
use self::finder::Finder;
use self::gate::Gate;
use self::names::{FieldId, Space};
use crate::line::Line;
use crate::rules::{Ruleset, Stage};
use crate::trace::Trace;

/// Parses lines under a set of rules.
#[derive(Debug)]
pub struct Parser {
    stages: Arc<[Stage]>,
    event: Event,
    scratch: Scratch,
    /// By kind of line.
    gates: Vec<(Arc<str>, Gate)>,
}

/// Kinds of lines that have gates; lines of further kinds are parsed without.
const MAX_KINDS: usize = 256;

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
    pub(crate) finders: Vec<Option<Finder>>,
    /// Nothing is foreseen, and `regex` does all matching.
    pub(crate) plain: bool,
    pub(crate) text: String,
    pub(crate) marshaled_time: Option<FieldId>,
    pub(crate) date: LastDate,
    pub(crate) now: Timestamp,
}

/// The date that was parsed last, and as what.
#[derive(Debug, Default)]
pub(crate) struct LastDate {
    pub(crate) text: String,
    pub(crate) format: String,
    pub(crate) now: Timestamp,
    pub(crate) told: Option<date::Date>,
    pub(crate) rendered: String,
}

// === impl Parser ===

impl Parser {
    /// A parser under these rules. Parsers are cheap: one for each thread.
    pub fn new(rules: &Ruleset) -> Self {
        Self::of(rules, false)
    }

    fn of(rules: &Ruleset, plain: bool) -> Self {
        let names = Arc::clone(rules.names());
        Self {
            stages: Arc::clone(&rules.stages),
            event: Event::blank(names),
            scratch: Scratch::new(rules, plain),
            gates: Vec::new(),
        }
    }

    /// Labels of all lines from now on, beside the type that each has: `evt.Line.Labels`.
    pub fn set_labels(&mut self, labels: &[(String, String)]) {
        self.event.labels = labels.into();
    }

    /// The stage at which a line is certain to end.
    fn stopped(&mut self, text: &str, kind: &Arc<str>) -> Option<usize> {
        if self.scratch.plain {
            return None;
        }
        let known = self
            .gates
            .iter()
            .position(|(known, _)| Arc::ptr_eq(known, kind) || known == kind);
        let at = match known {
            Some(at) => at,
            None if self.gates.len() < MAX_KINDS => {
                let gate = Gate::new(&self.stages, self.event.names(), kind);
                self.gates.push((Arc::clone(kind), gate));
                self.gates.len() - 1
            }
            None => return None,
        };
        self.gates.get(at)?.1.stops(text)
    }

    /// Parses one line. `now` dates lines without a date and gives those without a year theirs.
    pub fn parse(&mut self, line: &Line, now: Timestamp) -> Parsed<'_> {
        self.parse_text(&line.text, line, now)
    }

    /// Parses a text as a line from where another is, of whatever kind that is.
    pub fn parse_text(&mut self, text: &str, like: &Line, now: Timestamp) -> Parsed<'_> {
        self.parse_unless_stopped(text, like, now, &mut ())
    }

    fn parse_unless_stopped(
        &mut self,
        text: &str,
        like: &Line,
        now: Timestamp,
        trace: &mut impl Trace,
    ) -> Parsed<'_> {
        if let Some(stage) = self.stopped(text, &like.kind) {
            let stage = self.stages.get(stage).map_or("", |stage| &*stage.name);
            return Parsed::Unparsed { stage };
        }
        self.run(text, like, now, trace)
    }

    /// Like [`Parser::parse`], and tells each step of those lines that are not certain to end somewhere.
    pub(crate) fn parse_told(&mut self, line: &Line, now: Timestamp, trace: &mut impl Trace) -> Parsed<'_> {
        self.parse_unless_stopped(&line.text, line, now, trace)
    }

    /// Like [`Parser::parse`], and tells each step.
    pub fn parse_traced(&mut self, line: &Line, now: Timestamp, trace: &mut impl Trace) -> Parsed<'_> {
        self.run(&line.text, line, now, trace)
    }

    fn run(&mut self, text: &str, like: &Line, now: Timestamp, trace: &mut impl Trace) -> Parsed<'_> {
        self.event.begin_text(text, like);
        self.scratch.now = now;
        if let Some(stage) = walk(&self.stages, &mut self.event, &mut self.scratch, trace) {
            return Parsed::Unparsed { stage };
        }
        if self.event.whitelisted {
            Parsed::Whitelisted(&self.event)
        } else {
            Parsed::Event(&self.event)
        }
    }

    /// The plain engine: every node of every stage is visited for every line, one after the other, and nothing is
    /// foreseen. The measure of what [`Parser::new`] does faster.
    pub fn plain(rules: &Ruleset) -> Self {
        Self::of(rules, true)
    }

    /// Takes the event of the last line out and its buffers in, of an event of the same rules.
    pub(crate) fn swap(&mut self, event: &mut Event) {
        std::mem::swap(&mut self.event, event);
        self.event.labels.clone_from(&event.labels);
    }

    /// Expressions about the last line, by its scenarios too, that were ended because they looked at too much or made too
    /// much. Asked again, none.
    pub fn take_ended(&mut self) -> u32 {
        std::mem::take(self.event.ended.get_mut())
    }

    /// The event of the last line.
    pub fn event(&self) -> &Event {
        &self.event
    }
}

// === impl Scratch ===

impl Scratch {
    fn new(rules: &Ruleset, plain: bool) -> Self {
        Self {
            finders: (0..rules.groks).map(|_| None).collect(),
            plain,
            text: String::new(),
            marshaled_time: rules.names().find(Space::Enriched, "MarshaledTime"),
            date: LastDate::default(),
            now: Timestamp::ZERO,
        }
    }
}

/// Takes an event through stages; the name of the one where it stays, if it does not come through all of them.
fn walk<'s>(
    stages: &'s [Stage],
    event: &mut Event,
    scratch: &mut Scratch,
    trace: &mut impl Trace,
) -> Option<&'s str> {
    let mut reached = 0;
    for (at, stage) in stages.iter().enumerate() {
        trace.stage(&stage.name);
        if reached > at {
            continue;
        }
        // A stage that nothing left by `onsuccess: next_stage` is where the line stays.
        if reached < at {
            return Some(stages.get(reached).map_or("", |stage| &*stage.name));
        }
        let mut understood = false;
        for node in &stage.nodes {
            let done = node.process(event, scratch);
            trace.node(&stage.name, &node.name, event, done.success);
            understood |= done.success;
            if done.next_stage || (done.success && node.next_stage) {
                reached = at + 1;
                break;
            }
        }
        if !understood {
            return Some(&stage.name);
        }
    }
    None
}
