//! Dawid and Skene (1979): every organisation has a confusion matrix, learned with the truth by expectation maximisation.
//!
//! A report is a vote for "attacks", a dispute one for "innocent"; silence is no vote. Deliberately absent: gold, and so
//! any defence against a majority that agrees.

use vigie_reputation::Rung;
use vigie_reputation::constants::HOUR;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use super::count::{block_if, own_word};
use super::ledger::{Ledger, Voice};
use crate::claim::Statement;
use crate::subject::{Name, Org, number};

/// Hours between two estimations.
const EVERY_HOURS: i64 = 6;
/// Rounds of each; the last result is where the next begins.
const ROUNDS: usize = 3;
/// From this probability on a subject is blocked, with two reporters at least.
const BLOCK: f64 = 0.95;

/// The global estimate.
#[derive(Clone, Debug)]
pub(super) struct DawidSkene {
    own: Org,
    ledger: Ledger,
    sources: Vec<Source>,
    estimated: i64,
}

/// One organisation: how often it reports attackers, and innocents.
#[derive(Clone, Copy, Debug)]
struct Source {
    hits: f64,
    false_alarms: f64,
    /// Log-odds that a report, and a dispute, add.
    report: f64,
    dispute: f64,
}

// === impl DawidSkene ===

impl DawidSkene {
    pub(super) fn new(organisations: usize, own: Org) -> Self {
        Self {
            own,
            ledger: Ledger::default(),
            sources: vec![Source::new(0.7, 0.3); organisations],
            estimated: 0,
        }
    }

    fn attacks(&self, name: Name, now: Timestamp) -> f64 {
        let log_odds: f64 = self
            .ledger
            .voices(name)
            .iter()
            .filter_map(|voice| {
                let source = self.sources.get(voice.by.index())?;
                Some(match voice.side(now) {
                    side if side > 0.0 => source.report,
                    side if side < 0.0 => source.dispute,
                    _ => 0.0,
                })
            })
            .sum();
        1.0 / (1.0 + libm::exp(-log_odds))
    }

    fn estimate(&mut self, now: Timestamp) {
        let names: Vec<Name> = self
            .ledger
            .names()
            .into_iter()
            .filter(|name| self.ledger.voices(*name).len() > 1)
            .collect();
        for _ in 0..ROUNDS {
            // Reports on and votes about attackers, then the same about innocents; one of each as prior.
            let mut counts = vec![(0.7, 1.0, 0.3, 1.0); self.sources.len()];
            for name in &names {
                let truth = self.attacks(*name, now);
                for voice in self.ledger.voices(*name) {
                    let reports = f64::from(u8::from(voice.side(now) > 0.0));
                    let votes = voice.side(now).abs();
                    if let Some(count) = counts.get_mut(voice.by.index()) {
                        count.0 += truth * reports;
                        count.1 += truth * votes;
                        count.2 += (1.0 - truth) * reports;
                        count.3 += (1.0 - truth) * votes;
                    }
                }
            }
            self.sources = counts
                .iter()
                .map(|(hits, attackers, alarms, innocents)| Source::new(hits / attackers, alarms / innocents))
                .collect();
        }
    }
}

impl Baseline for DawidSkene {
    fn hear(&mut self, statement: &Statement) -> bool {
        self.ledger.note(statement)
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        self.ledger.note(&own_word(self.own, name, behaviour, now));
    }

    fn tick(&mut self, now: Timestamp) {
        self.ledger.sweep(now);
        if now.as_millis() - self.estimated >= EVERY_HOURS * HOUR {
            self.estimated = now.as_millis();
            self.estimate(now);
        }
    }

    fn void(&mut self, org: Org) {
        self.ledger.void(org);
    }

    fn rung(&self, name: Name, now: Timestamp, _held: bool) -> Rung {
        let reports = |voice: &&Voice| voice.reports(now);
        let reporters = number(self.ledger.voices(name).iter().filter(reports).count());
        block_if(reporters >= 2 && self.attacks(name, now) >= BLOCK)
    }

    fn weight(&self, org: Org, _now: Timestamp) -> Option<f64> {
        let source = self.sources.get(org.index())?;
        Some((source.hits - source.false_alarms).max(0.0))
    }
}

// === impl Source ===

impl Source {
    fn new(hits: f64, false_alarms: f64) -> Self {
        let (hits, false_alarms) = (hits.clamp(0.01, 0.99), false_alarms.clamp(0.01, 0.99));
        Self {
            hits,
            false_alarms,
            report: libm::log(hits / false_alarms),
            dispute: libm::log((1.0 - hits) / (1.0 - false_alarms)),
        }
    }
}
