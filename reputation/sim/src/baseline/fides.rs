//! Fides (2022), a trust model for sharing threat intelligence between Slips peers, as shipped and at its best.
//!
//! Service trust `sh/100 (mean - dev/2) + (1 - sh/100) r` over satisfactions; the opinion on a subject is a mean weighted
//! by trust, its confidence the mean of confidence times trust; at its best that mean is weighted by trust too, or
//! strangers who speak would drown the trusted. Deliberately absent: recommendations, which only newcomers need, and its
//! polls: here peers speak unasked, and silence is no answer.

use std::collections::VecDeque;

use hashbrown::HashSet;
use vigie_reputation::Rung;
use vigie_reputation::constants::DAY;
use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Baseline;
use super::count::{block_if, own_word};
use super::ledger::Ledger;
use crate::claim::{Statement, Word};
use crate::subject::{Name, Org, number};

/// Interactions that count.
const WINDOW: f64 = 100.0;
/// Confidence of each claim.
const CONFIDENCE: f64 = 0.9;
/// Trust of those trusted beforehand.
const TRUSTED: f64 = 0.95;
/// Below this confidence of the aggregate, as shipped, everybody is satisfying.
const EVEN: f64 = 0.7;
/// Blocked below this score, -1 to 1, with at least this confidence and so many reporters.
const BLOCK: (f64, f64, u32) = (-0.3, 0.6, 2);

/// One observer's model.
#[derive(Clone, Debug)]
pub(super) struct Fides {
    own: Org,
    ledger: Ledger,
    peers: Vec<Peer>,
    /// Trust of whom nothing is known.
    initial: f64,
    even: bool,
    due: VecDeque<(i64, Name)>,
    awaited: HashSet<Name>,
}

/// What one peer's service was like.
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    count: f64,
    sum: f64,
    squares: f64,
    trusted: bool,
}

// === impl Fides ===

impl Fides {
    /// As shipped: newcomers at one half, the threshold strategy.
    pub(super) fn shipped(organisations: usize, anchors: &[Org], own: Org) -> Self {
        Self::new(organisations, anchors, own, (0.5, true))
    }

    /// The best of its own evaluation: a quarter trusted beforehand, newcomers at zero, the distance strategy.
    pub(super) fn best(organisations: usize, trusted: &[Org], own: Org) -> Self {
        Self::new(organisations, trusted, own, (0.0, false))
    }

    fn new(organisations: usize, trusted: &[Org], own: Org, (initial, even): (f64, bool)) -> Self {
        let mut peers = vec![Peer::default(); organisations];
        for org in trusted.iter().chain([&own]) {
            if let Some(peer) = peers.get_mut(org.index()) {
                peer.trusted = true;
            }
        }
        Self {
            own,
            ledger: Ledger::default(),
            peers,
            initial,
            even,
            due: VecDeque::new(),
            awaited: HashSet::new(),
        }
    }

    fn trust(&self, org: Org) -> f64 {
        self.peers
            .get(org.index())
            .map_or(self.initial, |peer| peer.trust(self.initial))
    }

    /// Score, confidence, reporters.
    fn aggregate(&self, name: Name, now: Timestamp) -> (f64, f64, u32) {
        let (mut score, mut trusts, mut confidence, mut count, mut reporters) = (0.0, 0.0, 0.0, 0.0, 0);
        for voice in self.ledger.voices(name) {
            let side = voice.side(now);
            if side == 0.0 {
                continue;
            }
            let trust = self.trust(voice.by);
            score -= side * trust;
            trusts += trust;
            let share = if self.even { 1.0 } else { trust };
            confidence += share * CONFIDENCE * trust;
            count += share;
            reporters += u32::from(side > 0.0);
        }
        let over = |sum: f64, by: f64| if by > 0.0 { sum / by } else { 0.0 };
        (over(score, trusts), over(confidence, count), reporters)
    }

    /// Everybody who spoke of a subject is judged by what came of it all.
    fn judge(&mut self, name: Name, now: Timestamp) {
        let (score, confidence, _) = self.aggregate(name, now);
        let sides: Vec<(Org, f64)> = self
            .ledger
            .voices(name)
            .iter()
            .map(|voice| (voice.by, -voice.side(now)))
            .filter(|(_, side)| *side != 0.0)
            .collect();
        for (org, side) in sides {
            let satisfaction = if self.even && confidence < EVEN {
                1.0
            } else {
                (1.0 - (score - side).abs() / 2.0 * CONFIDENCE) * confidence
            };
            if let Some(peer) = self.peers.get_mut(org.index()) {
                peer.served(satisfaction);
            }
        }
    }
}

impl Baseline for Fides {
    fn hear(&mut self, statement: &Statement) -> bool {
        let new = self.ledger.note(statement);
        if matches!(statement.word, Word::Report(_)) && self.awaited.insert(statement.name) {
            self.due
                .push_back((statement.arrived.as_millis() + DAY, statement.name));
        }
        new
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        self.ledger.note(&own_word(self.own, name, behaviour, now));
    }

    fn tick(&mut self, now: Timestamp) {
        while let Some((_, name)) = self.due.pop_front_if(|(at, _)| *at <= now.as_millis()) {
            self.awaited.remove(&name);
            self.judge(name, now);
        }
        self.ledger.sweep(now);
    }

    fn void(&mut self, org: Org) {
        self.ledger.void(org);
    }

    fn rung(&self, name: Name, now: Timestamp, _held: bool) -> Rung {
        if number(self.ledger.voices(name).len()) < BLOCK.2 {
            return Rung::Observe;
        }
        let (score, confidence, reporters) = self.aggregate(name, now);
        block_if(score < BLOCK.0 && confidence >= BLOCK.1 && reporters >= BLOCK.2)
    }

    fn weight(&self, org: Org, _now: Timestamp) -> Option<f64> {
        Some(self.trust(org))
    }
}

// === impl Peer ===

impl Peer {
    fn served(&mut self, satisfaction: f64) {
        if self.count >= WINDOW {
            // As if the oldest left, by the mean.
            let keep = (WINDOW - 1.0) / WINDOW;
            self.count *= keep;
            self.sum *= keep;
            self.squares *= keep;
        }
        self.count += 1.0;
        self.sum += satisfaction;
        self.squares += satisfaction * satisfaction;
    }

    fn trust(&self, initial: f64) -> f64 {
        if self.trusted {
            return TRUSTED;
        }
        if self.count <= 0.0 {
            return initial;
        }
        let mean = self.sum / self.count;
        let deviation = libm::sqrt((self.squares / self.count - mean * mean).max(0.0));
        let share = (self.count / WINDOW).min(1.0);
        (share * (mean - 0.5 * deviation) + (1.0 - share) * initial).clamp(0.0, 1.0)
    }
}
