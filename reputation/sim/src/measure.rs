//! What the observers felt, as it happens. The definitions stand with the fields of [`Outcome`](crate::Outcome).
//!
//! Deliberately absent: medians over seeds, which whoever runs several seeds takes.

use std::collections::{BTreeMap, BTreeSet};

use vigie_reputation::wire::Timestamp;

use crate::node::{Change, Node};
use crate::population::{Attacker, Population};
use crate::span::{DAY, in_hours};
use crate::subject::{Subject, index, number};

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
    /// Popularity times hours kept out, by observer.
    lost: Vec<f64>,
    prevented: Vec<u32>,
    preventable: Vec<u32>,
    first_report: BTreeMap<u32, Timestamp>,
    /// Broad attackers, by when each observer first blocked them.
    protected: BTreeMap<u32, BTreeMap<usize, Timestamp>>,
}

// === impl Measure ===

impl Measure {
    /// Harm, prevention and delay are measured in this span, the rest always.
    pub(crate) fn new(from: Timestamp, until: Timestamp, observers: usize) -> Self {
        Self {
            from,
            until,
            observers: number(observers),
            blocked: BTreeMap::new(),
            known: BTreeSet::new(),
            lost: vec![0.0; observers],
            prevented: vec![0; observers],
            preventable: vec![0; observers],
            first_report: BTreeMap::new(),
            protected: BTreeMap::new(),
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
        if now < self.from || !node.has_heard(attacker) || node.has_caught(attacker) {
            return;
        }
        if let (Some(all), Some(kept_out)) = (self.preventable.get_mut(place), self.prevented.get_mut(place))
        {
            *all += 1;
            *kept_out += u32::from(node.blocks(attacker));
        }
    }

    /// An observer decided.
    pub(crate) fn decided(
        &mut self,
        (place, node): (usize, &Node),
        subject: Subject,
        change: Change,
        population: &Population,
        now: Timestamp,
    ) {
        match (subject, change) {
            (Subject::Attacker(attacker), Change::Blocked) => {
                let protected = self.protected.entry(attacker).or_default();
                protected.entry(place).or_insert(now);
            }
            (Subject::Innocent(innocent), Change::Blocked) => {
                self.blocked.entry(innocent).or_default().insert(place);
                if node.knows_user(innocent, population, now) && !node.catches(subject, now) {
                    self.known.insert((place, innocent));
                }
            }
            (Subject::Innocent(innocent), Change::Released { since }) => {
                self.lose((place, node), innocent, since, population, now);
            }
            _ => {}
        }
    }

    /// A block of an innocent ended, or the run did.
    pub(crate) fn lose(
        &mut self,
        (place, node): (usize, &Node),
        innocent: u32,
        since: Timestamp,
        population: &Population,
        now: Timestamp,
    ) {
        let hours = in_hours(now.min(self.until).since(since.max(self.from)));
        let popularity = population
            .innocent(innocent)
            .map_or(0.0, |innocent| innocent.popularity);
        if let Some(lost) = self
            .lost
            .get_mut(place)
            .filter(|_| population.acquaintance(node.org, innocent).is_client())
        {
            *lost += hours * popularity;
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
            number(places) * 2 >= self.observers
        });
        number(framed.count())
    }

    pub(crate) fn harm(&self, population: &Population, nodes: &[Node]) -> f64 {
        let span = in_hours(self.until.since(self.from));
        let share = |(node, lost): (&Node, &f64)| {
            let traffic = (0_u32..).zip(&population.innocents);
            let own: f64 = traffic
                .filter(|(number, _)| population.acquaintance(node.org, *number).is_client())
                .map(|(_, innocent)| innocent.popularity)
                .sum();
            if own > 0.0 { lost / (own * span) } else { 0.0 }
        };
        nodes.iter().zip(&self.lost).map(share).sum::<f64>() / f64::from(self.observers)
    }

    pub(crate) fn prevented(&self) -> Option<f64> {
        let shares: Vec<f64> = self
            .prevented
            .iter()
            .zip(&self.preventable)
            .filter(|(_, all)| **all > 0)
            .map(|(kept_out, all)| f64::from(*kept_out) / f64::from(*all))
            .collect();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / f64::from(number(shares.len())))
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
