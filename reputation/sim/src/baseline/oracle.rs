//! The oracle: blocks a true attacker at the first report that arrives, and never anybody else.
//!
//! It is what every other scorer is divided by. Deliberately absent: a way to build it without the truth.

use hashbrown::HashMap;
use vigie_reputation::Rung;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use crate::claim::{Statement, Word};
use crate::span::days;
use crate::subject::Name;

/// So long after the last report it goes on: far longer than any attacker comes back in the model.
const LIVE_DAYS: u32 = 7;

/// One observer's oracle.
#[derive(Clone, Debug)]
pub(super) struct Oracle {
    attacks: fn(Name) -> bool,
    named: HashMap<Name, Timestamp>,
}

// === impl Oracle ===

impl Oracle {
    pub(super) fn new(attacks: fn(Name) -> bool) -> Self {
        Self {
            attacks,
            named: HashMap::new(),
        }
    }

    fn name(&mut self, name: Name, now: Timestamp) {
        if (self.attacks)(name) {
            self.named.insert(name, now);
        }
    }
}

impl Baseline for Oracle {
    fn hear(&mut self, statement: &Statement) -> bool {
        if matches!(statement.word, Word::Report(_)) {
            self.name(statement.name, statement.arrived);
        }
        true
    }

    fn own_detection(&mut self, name: Name, _behaviour: Behaviour, now: Timestamp) {
        self.name(name, now);
    }

    fn rung(&self, name: Name, now: Timestamp, _held: bool) -> Rung {
        let named = self.named.get(&name);
        if named.is_some_and(|at| now.since(*at) < days(LIVE_DAYS)) {
            Rung::Ban24h
        } else {
            Rung::Observe
        }
    }
}
