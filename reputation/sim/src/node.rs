//! One observer: its scorer, what it blocks, whom it caught itself, who came.
//!
//! It asks its scorer after claims that may change something, once in five seconds at most about one subject, and while a
//! decision stands every hour, later after an eighth of its age. Visits are
//! drawn only where they matter: the last one before an accusation and the next one after it, both exponential, as a
//! Poisson process has them. Deliberately absent: blocks on the own sensor's word, which are no scorer's merit.

use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use vigie_reputation::constants::{MEMORY_LIVE, OWN_LIVE};
use vigie_reputation::wire::{Behaviour, Timestamp};
use vigie_reputation::{Rung, Tier};

use crate::baseline::Baseline;
use crate::claim::{Claim, Statement, Word};
use crate::dice::Dice;
use crate::horizon::Horizon;
use crate::population::Population;
use crate::span::{DAY, HOUR, hours};
use crate::subject::{Org, Subject};

/// Between two questions about one subject that follow claims.
const PAUSE: Duration = Duration::from_secs(5);

/// Visits before an accusation that are drawn: more than any scorer asks for.
const VISITS: usize = 64;

/// One observer.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) org: Org,
    pub(crate) scorer: Box<dyn Baseline>,
    known: HashMap<Subject, Known>,
    last_visit: HashMap<u32, Timestamp>,
    expected: HashSet<u32>,
    exposed: HashSet<Org>,
    /// What it has not heard yet, as chains and heartbeats tell it.
    pub(crate) horizon: Horizon,
    visits: u64,
}

/// What the observer does with the traffic of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Lets it through.
    #[default]
    Open,
    /// Challenges or throttles it.
    Soft,
    /// Keeps it out.
    Hard,
}

/// What an observer holds of a subject.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Any report of it arrived here, or was made here.
    heard: bool,
    caught: Option<Timestamp>,
    level: Level,
    since: Timestamp,
    review: Timestamp,
    /// When the scorer was asked last, and whether it will be asked again at the end of the pause.
    asked: Option<Timestamp>,
    awaited: bool,
}

/// When to ask the scorer about a claim that may change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// At once.
    Now,
    /// Then: it was asked about this subject a moment ago.
    At(Timestamp),
    /// Not for this claim: it will be asked soon anyway.
    Awaited,
}

/// What a decision changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) before: Level,
    /// Since when it had been so.
    pub(crate) since: Timestamp,
    pub(crate) after: Level,
}

// === impl Node ===

impl Node {
    /// `visits` is the key of the stream of its visits.
    pub(crate) fn new(org: Org, scorer: Box<dyn Baseline>, visits: u64) -> Self {
        Self {
            org,
            scorer,
            known: HashMap::new(),
            last_visit: HashMap::new(),
            expected: HashSet::new(),
            exposed: HashSet::new(),
            horizon: Horizon::default(),
            visits,
        }
    }

    /// A claim of the mesh arrives. Returns when the accused next visits, if that matters and is not awaited already, and whether the
    /// claim was any news to the scorer.
    pub(crate) fn hear(
        &mut self,
        claim: &Claim,
        population: &Population,
        now: Timestamp,
    ) -> (Option<Timestamp>, bool) {
        if self.exposed.contains(&claim.by) {
            return (None, false);
        }
        let next = match claim.word {
            Word::Dispute => None,
            Word::Report(_) => {
                self.known.entry(claim.subject).or_default().heard = true;
                self.expect(claim.subject, population, now)
            }
        };
        let news = self.scorer.hear(&Statement {
            by: claim.by,
            name: claim.subject.name(),
            word: claim.word,
            observed: claim.observed.to_minute(),
            arrived: now,
        });
        (next, news)
    }

    /// Its own sensor saw it.
    pub(crate) fn catch(&mut self, subject: Subject, behaviour: Behaviour, now: Timestamp) {
        let known = self.known.entry(subject).or_default();
        known.heard = true;
        known.caught = Some(now);
        self.scorer.own_detection(subject.name(), behaviour, now);
    }

    /// Now and then: how far it is behind those whom its scorer trusts. `all` are the organisations, `silent` says whose heartbeats do not come, `cut_off`
    /// since when it reaches no anchor.
    pub(crate) fn look(
        &mut self,
        all: impl Iterator<Item = Org> + Clone,
        silent: impl Fn(Org) -> Option<Timestamp>,
        cut_off: Option<Timestamp>,
        now: Timestamp,
    ) {
        if !self.horizon.is_due(now) {
            return;
        }
        let scorer = &self.scorer;
        let own = self.org;
        let others = all.filter(|org| *org != own);
        let voice = |org| scorer.voice(org, now);
        let until = self.horizon.look(others, voice, silent, cut_off, now);
        self.scorer.set_watermark(until);
    }

    /// An organisation equivocated: the network drops what it says, and the scorer what it said.
    pub(crate) fn expose(&mut self, org: Org) {
        if self.exposed.insert(org) {
            self.scorer.void(org);
        }
    }

    /// An innocent comes, unless it is kept out.
    pub(crate) fn visit(&mut self, innocent: u32, population: &Population, now: Timestamp) {
        self.expected.remove(&innocent);
        let subject = Subject::Innocent(innocent);
        let tier = population.acquaintance(self.org, innocent).tier();
        if let Some(tier) = tier.filter(|_| self.level(subject) != Level::Hard) {
            self.last_visit.insert(innocent, now);
            self.scorer.remember(subject.name(), tier, now);
        }
    }

    /// An attacker behaves like a visitor or a user, unless it is kept out.
    pub(crate) fn court(&mut self, subject: Subject, tier: Tier, now: Timestamp) {
        if self.level(subject) != Level::Hard {
            self.scorer.remember(subject.name(), tier, now);
        }
    }

    /// Whether a claim may change what is done: praise only where something is done, blame only below a block.
    pub(crate) fn may_change(&self, claim: &Claim) -> bool {
        match claim.word {
            Word::Dispute => self.level(claim.subject) != Level::Open,
            Word::Report(_) => self.level(claim.subject) != Level::Hard,
        }
    }

    /// A node takes claims in by batches: about one subject it asks once in a few seconds.
    pub(crate) fn ask(&mut self, subject: Subject, now: Timestamp) -> Ask {
        let known = self.known.entry(subject).or_default();
        match known.asked {
            Some(_) if known.awaited => Ask::Awaited,
            Some(asked) if now.since(asked) < PAUSE => {
                known.awaited = true;
                Ask::At(asked + PAUSE)
            }
            _ => {
                known.asked = Some(now);
                Ask::Now
            }
        }
    }

    /// The pause is over.
    pub(crate) fn ask_again(&mut self, subject: Subject, now: Timestamp) {
        let known = self.known.entry(subject).or_default();
        known.asked = Some(now);
        known.awaited = false;
    }

    /// Asks the scorer. Says also when to ask again if nothing is heard until then.
    pub(crate) fn decide(&mut self, subject: Subject, now: Timestamp) -> (Option<Change>, Option<Timestamp>) {
        let before = self.known.get(&subject).copied().unwrap_or_default();
        let held = before.level == Level::Hard;
        let after = Level::of(self.scorer.rung(subject.name(), now, held));
        if after == Level::Open && before.level == Level::Open {
            return (None, None);
        }
        let wakes = (after == Level::Soft)
            .then(|| self.scorer.wakes(subject.name(), now))
            .flatten()
            .filter(|at| *at > now);
        let awaited =
            before.level != Level::Open && before.review > now && wakes.is_none_or(|at| before.review <= at);
        let known = self.known.entry(subject).or_default();
        let change = (after != before.level).then(|| {
            known.since = now;
            Change {
                before: before.level,
                since: before.since,
                after,
            }
        });
        known.level = after;
        if awaited || after == Level::Open {
            return (change, None);
        }
        let usual = now + HOUR.max(now.since(known.since) / 8);
        known.review = wakes.map_or(usual, |at| usual.min(at));
        (change, Some(known.review))
    }

    /// Whether a decision stands that is to be looked at again now.
    pub(crate) fn is_due(&self, subject: Subject, now: Timestamp) -> bool {
        let known = self.known.get(&subject);
        known.is_some_and(|known| known.level != Level::Open && known.review == now)
    }

    pub(crate) fn level(&self, subject: Subject) -> Level {
        self.known.get(&subject).map_or(Level::Open, |known| known.level)
    }

    /// Every decision that stands, in order of the subjects.
    pub(crate) fn standing(&self) -> Vec<(Subject, Level, Timestamp)> {
        let known = self.known.iter().filter(|(_, known)| known.level != Level::Open);
        let mut standing: Vec<_> = known
            .map(|(subject, known)| (*subject, known.level, known.since))
            .collect();
        standing.sort_unstable_by_key(|(subject, ..)| *subject);
        standing
    }

    /// Whether a report of it arrived here while its own sensor never saw it: then, and only then, the mesh could help.
    pub(crate) fn is_forewarned(&self, subject: Subject) -> bool {
        self.known
            .get(&subject)
            .is_some_and(|known| known.heard && known.caught.is_none())
    }

    /// Whether its own sensor's word still counts.
    pub(crate) fn catches(&self, subject: Subject, now: Timestamp) -> bool {
        let live = Duration::from_millis(OWN_LIVE.unsigned_abs());
        let caught = self.known.get(&subject).and_then(|known| known.caught);
        caught.is_some_and(|at| now.since(at) < live)
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
        if self.expected.contains(&innocent) {
            return None;
        }
        let tier = population.acquaintance(self.org, innocent).tier()?;
        self.expected.insert(innocent);
        let popularity = population.innocent(innocent)?.popularity;
        let mean = 24.0 * population.acquaintances.days_between_visits(popularity);
        let mut dice = Dice::keyed(self.visits, now.as_millis().unsigned_abs(), self.org.0, innocent);
        let known = self.last_visit.get(&innocent).copied();
        // The age of the last visit; nobody's memory is older than a year.
        let last = now - hours(dice.exponential(mean)).min(365 * DAY);
        if known.is_none_or(|known| known < last) {
            self.last_visit.insert(innocent, last);
            // A regular has come before, at the same rate: as far back as anybody remembers, the oldest visit first.
            let mut visits = vec![last];
            while let Some(earlier) = visits.last().map(|at| *at - hours(dice.exponential(mean))) {
                if known.is_some() || visits.len() >= VISITS || now.since(earlier) >= 30 * DAY {
                    break;
                }
                visits.push(earlier);
            }
            for at in visits.into_iter().rev() {
                self.scorer.remember(subject.name(), tier, at);
            }
        }
        Some(now + hours(dice.exponential(mean)))
    }
}

// === impl Level ===

impl Level {
    fn of(rung: Rung) -> Self {
        match rung {
            Rung::Observe => Self::Open,
            Rung::Challenge | Rung::Throttle => Self::Soft,
            Rung::Ban1h | Rung::Ban24h => Self::Hard,
        }
    }
}
