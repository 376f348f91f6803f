//! `EigenTrust` (Kamvar 2003) with the anchors pre-trusted: trust flows to whom the trusted agree with.
//!
//! Local trust is agreement: +1 for each subject that both report, -1 for each that one reports and the other disputes.
//! Deliberately absent: forgetting, which the paper has none of either; and a weight to be struck by, since this trust is
//! relative: one rises when another falls.

use vigie_reputation::Rung;
use vigie_reputation::constants::DAY;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use super::count::{block_if, own_word};
use super::ledger::Ledger;
use crate::claim::{Statement, Word};
use crate::subject::{Name, Org, number};

/// The share of trust that always starts from the anchors.
const TELEPORT: f64 = 0.15;
/// Rounds of the power iteration.
const ROUNDS: usize = 20;
/// Trust counts in multiples of the mean, and no more than so many of it.
const CAP: f64 = 3.0;
/// Trust for less trust against, from which on a subject is blocked.
const NEEDED: f64 = 3.0;

/// The global trust.
#[derive(Clone, Debug)]
pub(super) struct EigenTrust {
    own: Org,
    ledger: Ledger,
    size: usize,
    /// Row by row: how much one agrees with another.
    agreement: Vec<f32>,
    start: Vec<f64>,
    trust: Vec<f64>,
    computed: i64,
}

// === impl EigenTrust ===

impl EigenTrust {
    pub(super) fn new(size: usize, anchors: &[Org], own: Org) -> Self {
        let mut start = vec![0.0; size];
        for anchor in anchors {
            if let Some(slot) = start.get_mut(anchor.index()) {
                *slot = 1.0 / f64::from(number(anchors.len()).max(1));
            }
        }
        let mut one = Self {
            own,
            ledger: Ledger::default(),
            size,
            agreement: vec![0.0; size * size],
            trust: Vec::new(),
            start,
            computed: 0,
        };
        one.compute();
        one
    }

    fn agree(&mut self, left: Org, right: Org, by: f32) {
        for (row, column) in [(left, right), (right, left)] {
            if let Some(slot) = self.agreement.get_mut(row.index() * self.size + column.index()) {
                *slot += by;
            }
        }
    }

    fn compute(&mut self) {
        let sums: Vec<f64> = self
            .agreement
            .chunks(self.size.max(1))
            .map(|row| f64::from(row.iter().map(|agreement| agreement.max(0.0)).sum::<f32>()))
            .collect();
        let mut trust = self.start.clone();
        for _ in 0..ROUNDS {
            let mut next = vec![0.0_f32; self.size];
            let mut lost = 0.0;
            for ((row, sum), have) in self.agreement.chunks(self.size.max(1)).zip(&sums).zip(&trust) {
                if *sum <= 0.0 {
                    lost += have;
                    continue;
                }
                #[expect(clippy::cast_possible_truncation, reason = "a share; seven digits are plenty")]
                let scale = (have / sum) as f32;
                for (slot, agreement) in next.iter_mut().zip(row) {
                    *slot += scale * agreement.max(0.0);
                }
            }
            trust = next
                .iter()
                .zip(&self.start)
                .map(|(flowed, start)| {
                    (1.0 - TELEPORT) * (f64::from(*flowed) + lost * start) + TELEPORT * start
                })
                .collect();
        }
        let mean = f64::from(number(self.size));
        self.trust = trust.into_iter().map(|trust| (trust * mean).min(CAP)).collect();
    }
}

impl Baseline for EigenTrust {
    fn hear(&mut self, statement: &Statement) -> bool {
        let new = self.ledger.note(statement);
        if !new {
            return false;
        }
        let now = statement.arrived;
        let blames = matches!(statement.word, Word::Report(_));
        let others: Vec<(Org, f32)> = self
            .ledger
            .voices(statement.name)
            .iter()
            .filter(|voice| voice.by != statement.by)
            .filter_map(|voice| match (blames, voice.reports(now), voice.disputes(now)) {
                (true, true, false) => Some((voice.by, 1.0)),
                (true, false, true) | (false, true, _) => Some((voice.by, -1.0)),
                _ => None,
            })
            .collect();
        for (other, by) in others {
            self.agree(statement.by, other, by);
        }
        true
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        self.hear(&own_word(self.own, name, behaviour, now));
    }

    fn tick(&mut self, now: Timestamp) {
        self.ledger.sweep(now);
        if now.as_millis() - self.computed >= DAY {
            self.computed = now.as_millis();
            self.compute();
        }
    }

    fn void(&mut self, org: Org) {
        self.ledger.void(org);
    }

    fn rung(&self, name: Name, now: Timestamp, _held: bool) -> Rung {
        let voices = self.ledger.voices(name).iter();
        let trust = |org: Org| self.trust.get(org.index()).copied().unwrap_or(0.0);
        let score: f64 = voices.map(|voice| voice.side(now) * trust(voice.by)).sum();
        block_if(score >= NEEDED)
    }
}
