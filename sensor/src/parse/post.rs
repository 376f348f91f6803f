//! Postoverflows: the stages that an overflow goes through before it becomes a detection.
//!
//! They enrich it (`s00-enrich`) and may say that it is none of our business (`s01-whitelist`), in the form and with the
//! engine of parsers. Before: `detect`, which made the overflow. After: `detect` again. An overflow that no
//! document of a stage wants stays there, and is told all the same. Deliberately absent: the sources' own buckets.

use std::sync::Arc;

use vigie_wire::Timestamp;

use super::{Event, Scratch, walk};
use crate::rules::{Ruleset, Stage};
use crate::trace::Trace;

/// See the module.
#[derive(Debug)]
pub(crate) struct PostParser {
    stages: Arc<[Stage]>,
    scratch: Scratch,
}

// === impl PostParser ===

impl PostParser {
    pub(crate) fn new(rules: &Ruleset) -> Self {
        Self {
            stages: Arc::clone(&rules.postoverflows),
            scratch: Scratch::new(rules, false),
        }
    }

    /// Takes the event of an overflow through all stages; it may be whitelisted then.
    pub(crate) fn process(&mut self, event: &mut Event, now: Timestamp, trace: &mut impl Trace) {
        if self.stages.is_empty() {
            return;
        }
        self.scratch.now = now;
        walk(&self.stages, event, &mut self.scratch, trace);
    }
}
