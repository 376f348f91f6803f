//! What the observers felt, as it happens. The definitions stand with the fields of [`Outcome`](crate::Outcome).
//!
//! Deliberately absent: medians over seeds, which whoever runs several seeds takes.

mod harm;
mod struck;

use std::collections::{BTreeMap, BTreeSet};

use vigie_reputation::wire::Timestamp;

use crate::node::{Change, Level, Node};
use crate::population::{Attacker, Population};
use crate::span::{DAY, in_hours};
use crate::subject::{INNOCENTS_PER_RANGE, Subject, index, number};
use harm::Harm;
pub(crate) use struck::Struck;

/// Attackers that visit at least so many organisations count for the time to protect.
const BROAD: u32 = 5;

/// Everything counted.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    from: Timestamp,
    until: Timestamp,
    observers: u32,
    /// Innocents, by the observers that ever hard-blocked them.
    blocked: BTreeMap<u32, BTreeSet<usize>>,
    known: BTreeSet<(usize, u32)>,
    hard: Harm,
    soft: Harm,
    trials: Vec<Trials>,
    first_report: BTreeMap<u32, Timestamp>,
    /// Attackers, by when each observer first blocked them.
    protected: BTreeMap<u32, BTreeMap<usize, Timestamp>>,
    pub(crate) struck: Struck,
}

/// Hits that the oracle would have prevented, at one observer.
#[derive(Clone, Copy, Debug, Default)]
struct Trials {
    all: u32,
    hard: u32,
    soft: u32,
}

// === impl Measure ===

impl Measure {
    /// Harm, prevention and delay are measured in this span, the rest always.
    pub(crate) fn new(
        (start, from, until): (Timestamp, Timestamp, Timestamp),
        population: &Population,
    ) -> Self {
        let observers = population.observers();
        let hard = Harm::new(start, until, population);
        Self {
            from,
            until,
            observers: number(observers.len()),
            blocked: BTreeMap::new(),
            known: BTreeSet::new(),
            soft: hard.clone(),
            hard,
            trials: vec![Trials::default(); observers.len()],
            first_report: BTreeMap::new(),
            protected: BTreeMap::new(),
            struck: Struck::new(population, observers.len()),
        }
    }

    /// A report is made, by whomever.
    pub(crate) fn reported(&mut self, subject: Subject, now: Timestamp) {
        if let Subject::Attacker(attacker) = subject {
            self.first_report.entry(attacker).or_insert(now);
        }
    }

    /// An attacker reaches an honest organisation: would this observer's decision have kept him out?
    pub(crate) fn hit(&mut self, place: usize, node: &Node, attacker: Subject, now: Timestamp) {
        if now < self.from || !node.is_forewarned(attacker) {
            return;
        }
        if let Some(trials) = self.trials.get_mut(place) {
            let level = node.level(attacker);
            trials.all += 1;
            trials.hard += u32::from(level == Level::Hard);
            trials.soft += u32::from(level == Level::Soft);
        }
    }

    /// An observer decided anew.
    pub(crate) fn decided(
        &mut self,
        (place, node): (usize, &Node),
        subject: Subject,
        change: Change,
        population: &Population,
        now: Timestamp,
    ) {
        match subject {
            Subject::Attacker(attacker) if change.after == Level::Hard => {
                let protected = self.protected.entry(attacker).or_default();
                protected.entry(place).or_insert(now);
            }
            Subject::Innocent(_) | Subject::Range(_) => {
                for innocent in innocents(subject) {
                    self.lose(
                        (place, node),
                        innocent,
                        (change.before, change.since),
                        population,
                        now,
                    );
                    if change.after == Level::Hard {
                        self.blocked.entry(innocent).or_default().insert(place);
                        if node.knows_user(innocent, population, now) && !node.catches(subject, now) {
                            self.known.insert((place, innocent));
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The run ends with this decision standing.
    pub(crate) fn end(
        &mut self,
        at: (usize, &Node),
        subject: Subject,
        what: (Level, Timestamp),
        population: &Population,
    ) {
        let until = self.until;
        for innocent in innocents(subject) {
            self.lose(at, innocent, what, population, until);
        }
    }

    fn lose(
        &mut self,
        (place, node): (usize, &Node),
        innocent: u32,
        (level, since): (Level, Timestamp),
        population: &Population,
        now: Timestamp,
    ) {
        let side = match level {
            Level::Open => return,
            Level::Soft => &mut self.soft,
            Level::Hard => &mut self.hard,
        };
        if population.acquaintance(node.org, innocent).is_client() {
            let popularity = population
                .innocent(innocent)
                .map_or(0.0, |innocent| innocent.popularity);
            side.lose(place, popularity, since, now);
        }
    }

    pub(crate) fn innocents_blocked(&self) -> u32 {
        let enough = self.observers.div_ceil(100).max(1);
        let many = self
            .blocked
            .values()
            .filter(|places| number(places.len()) >= enough);
        number(many.count())
    }

    pub(crate) fn known_innocents_blocked(&self) -> u32 {
        number(self.known.len())
    }

    pub(crate) fn framed(&self, targets: &BTreeSet<u32>) -> u32 {
        let framed = targets.iter().filter(|target| {
            let places = self.blocked.get(target).map_or(0, BTreeSet::len);
            places > 0 && number(places) * 2 >= self.observers
        });
        number(framed.count())
    }

    pub(crate) fn harm(&self) -> f64 {
        self.hard.since(self.from)
    }

    pub(crate) fn soft_harm(&self) -> f64 {
        self.soft.since(self.from)
    }

    pub(crate) fn recovery_hours(&self) -> Option<f64> {
        self.hard.recovery_hours(self.from)
    }

    /// Harm by day, the whole run.
    pub(crate) fn harm_by_day(&self) -> Vec<f64> {
        self.hard.by_day()
    }

    pub(crate) fn prevented(&self) -> Option<f64> {
        self.share(|trials| trials.hard)
    }

    pub(crate) fn soft_prevented(&self) -> Option<f64> {
        self.share(|trials| trials.soft)
    }

    fn share(&self, of: impl Fn(&Trials) -> u32) -> Option<f64> {
        let tried: Vec<&Trials> = self.trials.iter().filter(|trials| trials.all > 0).collect();
        let sum: f64 = tried
            .iter()
            .map(|trials| f64::from(of(trials)) / f64::from(trials.all))
            .sum();
        (!tried.is_empty()).then(|| sum / f64::from(number(tried.len())))
    }

    pub(crate) fn ttp50_hours(&self, attackers: &[Attacker]) -> Option<f64> {
        let last = self.until - DAY;
        let broad = |attacker: &u32| {
            attackers
                .get(index(*attacker))
                .is_some_and(|one| one.breadth >= BROAD)
        };
        let mut delays: Vec<f64> = self
            .first_report
            .iter()
            .filter(|(attacker, first)| broad(attacker) && (self.from..last).contains(*first))
            .map(|(attacker, first)| {
                let half = self.half_protected(*attacker);
                half.map_or(f64::INFINITY, |at| in_hours(at.since(*first)))
            })
            .collect();
        delays.sort_unstable_by(f64::total_cmp);
        delays
            .get(delays.len() / 2)
            .copied()
            .filter(|delay| delay.is_finite())
    }

    /// When half of the observers had blocked him.
    fn half_protected(&self, attacker: u32) -> Option<Timestamp> {
        let mut times: Vec<Timestamp> = self.protected.get(&attacker)?.values().copied().collect();
        times.sort_unstable();
        times.get(index(self.observers.div_ceil(2)) - 1).copied()
    }
}

/// The innocents that a decision on a subject touches.
fn innocents(subject: Subject) -> std::ops::Range<u32> {
    match subject {
        Subject::Innocent(innocent) => innocent..innocent + 1,
        Subject::Range(range) => range * INNOCENTS_PER_RANGE..(range + 1) * INNOCENTS_PER_RANGE,
        _ => 0..0,
    }
}
