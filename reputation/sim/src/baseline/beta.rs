//! Beta reputation: a reporter is worth his share of claims that the others agreed with a day later.
//!
//! After Jøsang and Ismail (2002), prior Beta(1, 1), without forgetting. Deliberately absent: gold. The consensus
//! judges itself.

use std::collections::VecDeque;

use hashbrown::HashMap;
use vigie_reputation::Rung;
use vigie_reputation::constants::DAY;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use super::count::{block_if, own_word};
use super::ledger::Ledger;
use crate::claim::{Statement, Word};
use crate::subject::{Name, Org};

/// Reputation for less reputation against, from which on a subject is blocked.
const NEEDED: f64 = 2.0;
/// Less than this on both sides is no consensus to judge by.
const CONSENSUS: f64 = 0.8;

/// One observer's reputations.
#[derive(Clone, Debug)]
pub(super) struct Beta {
    own: Org,
    ledger: Ledger,
    /// Agreed, disagreed.
    records: Vec<(f64, f64)>,
    due: VecDeque<(i64, Org, Name)>,
}

// === impl Beta ===

impl Beta {
    pub(super) fn new(organisations: usize, own: Org) -> Self {
        Self {
            own,
            ledger: Ledger::default(),
            records: vec![(1.0, 1.0); organisations],
            due: VecDeque::new(),
        }
    }

    fn reputation(&self, org: Org) -> f64 {
        let (agreed, disagreed) = self.records.get(org.index()).copied().unwrap_or((1.0, 1.0));
        agreed / (agreed + disagreed)
    }

    /// Reputation of those who report and of those who dispute.
    fn sides(&self, name: Name, now: Timestamp) -> (f64, f64) {
        let mut sides = (0.0, 0.0);
        for voice in self.ledger.voices(name) {
            let reputation = self.reputation(voice.by);
            sides.0 += if voice.reports(now) { reputation } else { 0.0 };
            sides.1 += if voice.disputes(now) { reputation } else { 0.0 };
        }
        sides
    }

    fn judge(&mut self, now: Timestamp) {
        let mut known: HashMap<Name, (f64, f64)> = HashMap::new();
        let mut verdicts = Vec::new();
        while let Some((_, org, name)) = self.due.pop_front_if(|(at, ..)| *at <= now.as_millis()) {
            let sides = *known.entry(name).or_insert_with(|| self.sides(name, now));
            let (others, against) = (sides.0 - self.reputation(org), sides.1);
            if others.max(against) >= CONSENSUS {
                verdicts.push((org, others > against));
            }
        }
        for (org, agreed) in verdicts {
            if let Some(record) = self.records.get_mut(org.index()) {
                if agreed {
                    record.0 += 1.0;
                } else {
                    record.1 += 1.0;
                }
            }
        }
    }
}

impl Baseline for Beta {
    fn hear(&mut self, statement: &Statement) -> bool {
        let new = self.ledger.note(statement);
        if new && matches!(statement.word, Word::Report(_)) {
            let at = statement.arrived.as_millis() + DAY;
            self.due.push_back((at, statement.by, statement.name));
        }
        new
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        self.ledger.note(&own_word(self.own, name, behaviour, now));
    }

    fn tick(&mut self, now: Timestamp) {
        self.judge(now);
        self.ledger.sweep(now);
    }

    fn void(&mut self, org: Org) {
        self.ledger.void(org);
    }

    fn rung(&self, name: Name, now: Timestamp, _held: bool) -> Rung {
        let (reporting, disputing) = self.sides(name, now);
        block_if(reporting - disputing >= NEEDED)
    }

    fn weight(&self, org: Org, _now: Timestamp) -> Option<f64> {
        Some(self.reputation(org))
    }
}
