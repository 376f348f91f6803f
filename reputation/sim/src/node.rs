//! One observer: its scorer, what it blocks, whom it caught itself, who came.
//!
//! It blocks while its scorer says so: asked again after every claim, and every hour while a block stands. Visits are
//! drawn only where they matter: the last one before an accusation and the next one after it, both exponential, as a
//! Poisson process has them. Deliberately absent: blocks on the own sensor's word, which are no scorer's merit.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use vigie_reputation::constants::{MEMORY_LIVE, OWN_LIVE};
use vigie_reputation::wire::{Behaviour, Count, PublisherId, RuleHash, SightingId, Timestamp};
use vigie_reputation::{Report, Tier};

use crate::attack::{Claim, Word};
use crate::baseline::Baseline;
use crate::dice::Dice;
use crate::population::Population;
use crate::span::{DAY, HOUR, hours};
use crate::subject::{Org, Subject};

/// Events behind one report: a leaky bucket of five runs over.
const EVENTS: u64 = 6;

/// One observer.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) org: Org,
    scorer: Box<dyn Baseline>,
    blocked: HashMap<Subject, Block>,
    heard: HashSet<Subject>,
    caught: HashMap<Subject, Timestamp>,
    last_visit: HashMap<u32, Timestamp>,
    expected: HashSet<u32>,
    visits: u64,
    statements: u64,
}

/// A hard block that stands.
#[derive(Clone, Copy, Debug)]
struct Block {
    since: Timestamp,
    review: Timestamp,
}

/// What a decision changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Blocked,
    Released { since: Timestamp },
}

// === impl Node ===

impl Node {
    /// `visits` is the key of the stream of its visits.
    pub(crate) fn new(org: Org, scorer: Box<dyn Baseline>, visits: u64) -> Self {
        Self {
            org,
            scorer,
            blocked: HashMap::new(),
            heard: HashSet::new(),
            caught: HashMap::new(),
            last_visit: HashMap::new(),
            expected: HashSet::new(),
            visits,
            statements: 0,
        }
    }

    /// A claim of the mesh arrives. Returns when the accused next visits, if that matters and is not awaited already.
    pub(crate) fn hear(
        &mut self,
        claim: &Claim,
        population: &Population,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let subject = claim.subject.indicator();
        let behaviour = match claim.word {
            Word::Report(behaviour) => behaviour,
            Word::Dispute => {
                self.scorer.dispute(claim.by.id(), &subject, now);
                return None;
            }
        };
        self.heard.insert(claim.subject);
        let next = self.expect(claim.subject, population, now);
        self.statements += 1;
        let org = claim.by.id();
        let report = Report {
            sighting: SightingId {
                publisher: PublisherId(org.0),
                epoch: 1,
                seq: self.statements,
                row: 0,
            },
            reporter: org,
            subject,
            behaviour,
            rule: RuleHash(u64::from(behaviour.0).to_be_bytes()),
            count: Count::of(EVENTS),
            confidence: 100,
            observed: claim.at.to_minute(),
            arrived: now,
        };
        self.scorer.observe(&report, now);
        next
    }

    /// Its own sensor saw it.
    pub(crate) fn catch(&mut self, subject: Subject, behaviour: Behaviour, now: Timestamp) {
        self.heard.insert(subject);
        self.caught.insert(subject, now);
        self.scorer.own_detection(&subject.indicator(), behaviour, now);
    }

    /// An innocent comes, unless it is kept out.
    pub(crate) fn visit(&mut self, innocent: u32, population: &Population, now: Timestamp) {
        self.expected.remove(&innocent);
        let subject = Subject::Innocent(innocent);
        let tier = population.acquaintance(self.org, innocent).tier();
        if let Some(tier) = tier.filter(|_| !self.blocked.contains_key(&subject)) {
            self.last_visit.insert(innocent, now);
            self.scorer.remember(subject.ip(), tier, now);
        }
    }

    /// Asks the scorer. Says also when to ask again if nothing is heard until then.
    pub(crate) fn decide(&mut self, subject: Subject, now: Timestamp) -> (Change, Option<Timestamp>) {
        let held = self.blocked.get(&subject).copied();
        let rung = self.scorer.rung(&subject.indicator(), now, held.is_some());
        let due = held.filter(|block| block.review > now);
        let review = due.map_or(now + HOUR, |block| block.review);
        match held {
            _ if rung.is_hard() => {
                let since = held.map_or(now, |block| block.since);
                self.blocked.insert(subject, Block { since, review });
                let change = if held.is_none() {
                    Change::Blocked
                } else {
                    Change::None
                };
                (change, due.is_none().then_some(review))
            }
            Some(Block { since, .. }) => {
                self.blocked.remove(&subject);
                (Change::Released { since }, None)
            }
            None => (Change::None, None),
        }
    }

    /// Whether a block stands that is to be looked at again now.
    pub(crate) fn is_due(&self, subject: Subject, now: Timestamp) -> bool {
        self.blocked
            .get(&subject)
            .is_some_and(|block| block.review == now)
    }

    pub(crate) fn blocks(&self, subject: Subject) -> bool {
        self.blocked.contains_key(&subject)
    }

    /// Every block that stands, in order.
    pub(crate) fn blocked(&self) -> Vec<(Subject, Timestamp)> {
        let blocks = self.blocked.iter();
        let mut blocked: Vec<_> = blocks.map(|(subject, block)| (*subject, block.since)).collect();
        blocked.sort_unstable();
        blocked
    }

    /// Whether any report of it arrived here, or was made here.
    pub(crate) fn has_heard(&self, subject: Subject) -> bool {
        self.heard.contains(&subject)
    }

    /// Whether its own sensor ever saw it.
    pub(crate) fn has_caught(&self, subject: Subject) -> bool {
        self.caught.contains_key(&subject)
    }

    /// Whether its own sensor's word still counts.
    pub(crate) fn catches(&self, subject: Subject, now: Timestamp) -> bool {
        let live = Duration::from_millis(OWN_LIVE.unsigned_abs());
        self.caught.get(&subject).is_some_and(|at| now.since(*at) < live)
    }

    /// Whether somebody logged in from there in the last thirty days.
    pub(crate) fn knows_user(&self, innocent: u32, population: &Population, now: Timestamp) -> bool {
        let live = Duration::from_millis(MEMORY_LIVE.unsigned_abs());
        let tier = population.acquaintance(self.org, innocent).tier();
        let came = self.last_visit.get(&innocent);
        tier == Some(Tier::Authenticated) && came.is_some_and(|at| now.since(*at) < live)
    }

    fn expect(&mut self, subject: Subject, population: &Population, now: Timestamp) -> Option<Timestamp> {
        let Subject::Innocent(innocent) = subject else {
            return None;
        };
        let tier = population.acquaintance(self.org, innocent).tier()?;
        if !self.expected.insert(innocent) {
            return None;
        }
        let popularity = population.innocent(innocent)?.popularity;
        let mean = 24.0 * population.acquaintances.days_between_visits(popularity);
        let mut dice = Dice::keyed(self.visits, now.as_millis().unsigned_abs(), self.org.0, innocent);
        let known = self.last_visit.get(&innocent).copied();
        // The age of the last visit; nobody's memory is older than a year.
        let last = now - hours(dice.exponential(mean)).min(365 * DAY);
        if known.is_none_or(|known| known < last) {
            self.last_visit.insert(innocent, last);
            self.scorer.remember(subject.ip(), tier, last);
        }
        Some(now + hours(dice.exponential(mean)))
    }
}
