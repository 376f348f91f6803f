//! The oracle: blocks a true attacker at the first report that arrives, for ever, and never anybody else.
//!
//! It is what every other scorer is divided by. Deliberately absent: a way to build it without the truth.

use std::collections::HashSet;

use vigie_reputation::wire::{Behaviour, Indicator, OrgId, Timestamp};
use vigie_reputation::{Report, Rung};

use super::Baseline;

/// One observer's oracle.
#[derive(Clone, Debug)]
pub(super) struct Oracle {
    attacks: fn(&Indicator) -> bool,
    named: HashSet<Indicator>,
}

// === impl Oracle ===

impl Oracle {
    pub(super) fn new(attacks: fn(&Indicator) -> bool) -> Self {
        Self {
            attacks,
            named: HashSet::new(),
        }
    }

    fn name(&mut self, subject: &Indicator) {
        if (self.attacks)(subject) {
            self.named.insert(subject.clone());
        }
    }
}

impl Baseline for Oracle {
    fn observe(&mut self, report: &Report, _now: Timestamp) {
        self.name(&report.subject);
    }

    fn dispute(&mut self, _by: OrgId, _subject: &Indicator, _now: Timestamp) {}

    fn own_detection(&mut self, subject: &Indicator, _behaviour: Behaviour, _now: Timestamp) {
        self.name(subject);
    }

    fn rung(&self, subject: &Indicator, _now: Timestamp, _held: bool) -> Rung {
        if self.named.contains(subject) {
            Rung::Ban24h
        } else {
            Rung::Observe
        }
    }
}
