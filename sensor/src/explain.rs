//! What becomes of one line, stage by stage: which document took it, what it set, which buckets it filled.
//!
//! For people who write rules or wonder why something was, or was not, detected. It runs the same parser and
//! detector as the ordinary path and only listens ([`Trace`]). Deliberately absent: how it is printed.

use std::collections::BTreeMap;

use serde::Serialize;
use vigie_wire::Timestamp;

use crate::detect::{Detection, Detector};
use crate::expr::Env;
use crate::line::Line;
use crate::parse::names::Space;
use crate::parse::{Event, Parsed, Parser};
use crate::rules::{Ruleset, Scenario};
use crate::trace::Trace;

/// What became of a line.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The stages that it came to, in order; those of postoverflows follow those of parsers.
    pub stages: Vec<StageTold>,
    /// How its parsing ended.
    pub outcome: Outcome,
    /// When it happened, as scenarios see it.
    pub time: Option<Timestamp>,
    /// Buckets that hold it now.
    pub buckets: Vec<BucketTold>,
    /// What it alone already completes.
    pub detections: Vec<Detection>,
}

/// One stage.
#[derive(Debug, Clone, Serialize)]
pub struct StageTold {
    /// Its name, such as `s01-parse`.
    pub name: String,
    /// The documents that were tried, in order.
    pub nodes: Vec<NodeTold>,
}

/// One document of a parser file.
#[derive(Debug, Clone, Serialize)]
pub struct NodeTold {
    /// Its name.
    pub name: String,
    /// Whether it took the line.
    pub success: bool,
    /// Fields that it set or changed, as `Meta.source_ip`, with their values.
    pub set: Vec<(String, String)>,
}

/// How parsing ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Scenarios see it.
    Parsed,
    /// No document of this stage took it.
    Unparsed {
        /// The stage's name.
        stage: String,
    },
    /// A whitelist names it, so that scenarios do not see it.
    Whitelisted {
        /// Why, in the words of the whitelist.
        reason: String,
    },
}

/// A bucket that the line went into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BucketTold {
    /// Whose bucket.
    pub scenario: String,
    /// The value that it groups by, such as the address; empty if the scenario has one bucket for all.
    pub group: String,
    /// Events that it holds without overflowing; negative if only a condition overflows it.
    pub capacity: i32,
    /// How fast it leaks, as the rule says it.
    pub leakspeed: String,
}

/// Keeps what is told of each step.
#[derive(Debug, Default)]
struct Notes {
    stages: Vec<StageTold>,
    fields: BTreeMap<(Space, String), String>,
}

/// Explains one line on empty buckets. `now` gives dates without a year theirs.
pub fn explain(rules: &Ruleset, line: &Line, now: Timestamp) -> Explanation {
    let mut notes = Notes::default();
    let mut parser = Parser::new(rules);
    let (outcome, event) = match parser.parse_traced(line, now, &mut notes) {
        Parsed::Unparsed { stage } => (
            Outcome::Unparsed {
                stage: stage.to_owned(),
            },
            None,
        ),
        Parsed::Whitelisted(event) => {
            let reason = event.whitelist_reason().unwrap_or_default().to_owned();
            (Outcome::Whitelisted { reason }, None)
        }
        Parsed::Event(event) => (Outcome::Parsed, Some(event)),
    };
    let mut detector = Detector::new(rules);
    let mut detections = Vec::new();
    let mut buckets = Vec::new();
    let time = event.map(|event| {
        detector.pour_traced(event, now, &mut detections, &mut notes);
        buckets.extend(detector.filled().map(|scenario| BucketTold {
            scenario: scenario.name.to_string(),
            group: group_of(scenario, event),
            capacity: scenario.capacity,
            leakspeed: scenario.leakspeed_text.to_string(),
        }));
        event.time()
    });
    Explanation {
        stages: notes.stages,
        outcome,
        time,
        buckets,
        detections,
    }
}

fn group_of(scenario: &Scenario, event: &Event) -> String {
    let group = scenario.group_by.as_ref();
    let text = group.and_then(|group| group.text(Env::of(event)).ok());
    text.map(std::borrow::Cow::into_owned).unwrap_or_default()
}

// === impl Notes ===

impl Notes {
    /// The fields that differ from those after the step before.
    fn changes(&mut self, event: &Event) -> Vec<(String, String)> {
        let mut set = Vec::new();
        for (space, name, value) in event.iter() {
            let key = (space, name.to_owned());
            if self.fields.get(&key).is_none_or(|before| before != value) {
                set.push((format!("{space:?}.{name}"), value.to_owned()));
                self.fields.insert(key, value.to_owned());
            }
        }
        set
    }
}

impl Trace for Notes {
    fn stage(&mut self, stage: &str) {
        self.stages.push(StageTold {
            name: stage.to_owned(),
            nodes: Vec::new(),
        });
    }

    fn node(&mut self, _: &str, name: &str, event: &Event, success: bool) {
        let set = self.changes(event);
        if let Some(stage) = self.stages.last_mut() {
            stage.nodes.push(NodeTold {
                name: name.to_owned(),
                success,
                set,
            });
        }
    }
}
