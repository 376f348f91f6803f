//! The score against the threshold: quorum, local primacy, the ladder, and the reasons in words.
//!
//! Before this stop: `weigh`. After it: `verdict`. Deliberately absent: memory of earlier verdicts. Who holds a block
//! says so by calling `review`, and gets the hysteresis.

use vigie_wire::{Indicator, Timestamp};

use super::Scorer;
use super::object::{self, Objecting};
use super::weigh::{Sums, Weighed};
use crate::class::Class;
use crate::constants::{
    ADDRESS_FRESH, CHALLENGE_BELOW, DISPUTE_CAP, H_DEFAULT, H_LOW_HARM, KAPPA, LONG_BAN_ABOVE, MINUTE,
    OWN_FLOOR, OWN_LIVE_OF_USERS, OWN_RELIEF, PROVEN_DISPUTE_MILLI, THROTTLE_BELOW, VISITOR_RAISE,
    is_low_harm,
};
use crate::fixed::MILLI;
use crate::memory::Tier;
use crate::own::Caught;
use crate::partition::{Group, Partition};
use crate::verdict::{Contribution, OwnWord, PartitionScore, Reason, Rung, Threshold, Verdict};

/// The statements and what they come to.
pub(super) struct Said<'a, 'b> {
    pub(super) weighed: &'a [Weighed<'b>],
    pub(super) score: i64,
}

/// Everything that decides, before it is put into words.
struct Case<'a> {
    weighed: Vec<Weighed<'a>>,
    sums: Sums,
    own: Option<Caught>,
    tier: Option<Tier>,
    class: Class,
    threshold: Threshold,
    objecting: Vec<Objecting<'a>>,
    shown: i64,
    groups: usize,
    quorum: usize,
    /// The score from which on a hard block stands.
    bar: i64,
    fresh: bool,
    aggregate: bool,
    /// Until when the block waits, if nothing else keeps it back.
    hearing: Option<Timestamp>,
}

// === impl Scorer ===

impl Scorer {
    /// The verdict on a subject.
    pub fn verdict(&self, subject: &Indicator, now: Timestamp) -> Verdict {
        self.answer(&canonical(subject), now, false)
    }

    /// The verdict on a subject that is blocked now: released only when the score falls 1.5 nats below the threshold.
    pub fn review(&self, subject: &Indicator, now: Timestamp) -> Verdict {
        self.answer(&canonical(subject), now, true)
    }

    /// The rung alone, without the explanation.
    pub fn rung(&self, subject: &Indicator, now: Timestamp) -> Rung {
        self.case(&canonical(subject), now, false).rung()
    }

    /// The rung alone of a subject that is blocked now.
    pub fn review_rung(&self, subject: &Indicator, now: Timestamp) -> Rung {
        self.case(&canonical(subject), now, true).rung()
    }

    /// When to ask again although nothing new is heard: a hearing ends then.
    pub fn hearing_ends(&self, subject: &Indicator, now: Timestamp) -> Option<Timestamp> {
        self.case(&canonical(subject), now, false).hearing
    }

    fn answer(&self, subject: &Indicator, now: Timestamp, held: bool) -> Verdict {
        let case = self.case(subject, now, held);
        let partition = case.sums.least;
        let shares = self.shares(&case.weighed, partition, now);
        let contributions = case.weighed.iter().zip(&shares);
        let rung = case.rung();
        Verdict {
            subject: subject.clone(),
            at: now,
            score: case.sums.score,
            threshold: case.threshold,
            bar: case.bar,
            held,
            groups: case.groups,
            quorum: case.quorum,
            hearing: case.hearing,
            rung,
            hard_block: rung.is_hard(),
            class: case.class,
            known: case.tier,
            own: case.own.map(|caught| OwnWord {
                behaviour: caught.behaviour,
                at: caught.last,
            }),
            disputes: object::listed(&case.objecting, case.threshold.dispute),
            partition,
            contributions: contributions
                .map(|(one, (value, cap))| {
                    contribution(one, self.group_of(partition, one, now), *value, *cap)
                })
                .collect(),
            partitions: Partition::ALL
                .into_iter()
                .map(|partition| {
                    let sum = case.sums.of(partition);
                    PartitionScore {
                        partition,
                        score: sum.score,
                        groups: sum.groups,
                    }
                })
                .collect(),
            reasons: self.reasons(&case, rung, now),
        }
    }

    fn case<'a>(&'a self, indicator: &Indicator, now: Timestamp, held: bool) -> Case<'a> {
        let subject = self.subjects.get(indicator);
        let weighed = subject.map_or_else(Vec::new, |subject| self.weigh(subject, now));
        let sums = self.sums(&weighed, now, |_| true);
        let own = self.own_word(indicator, now);
        let tier = indicator.as_ip().and_then(|ip| self.memory.tier(ip, now));
        let class = (self.config.class)(indicator);
        let shown = Self::unanchored(&weighed);
        let objecting = subject.map_or_else(Vec::new, |subject| self.objecting(subject, now));
        let mut threshold = Threshold {
            base: base(class, &weighed, own),
            ..Threshold::default()
        };
        if tier == Some(Tier::Visitor) {
            threshold.visitor = VISITOR_RAISE;
        }
        let sensed = own.is_some() && !self.is_contradicted(indicator, own, now);
        if sensed {
            threshold.own = -OWN_RELIEF.min(threshold.base - OWN_FLOOR);
        }
        let said = Said {
            weighed: &weighed,
            score: sums.score,
        };
        threshold.dispute = self.raise(&said, &objecting, sensed, now);
        let lowered = threshold.base + threshold.visitor + threshold.dispute + threshold.own;
        if sensed && self.graph.groups() < quorum_of(threshold.base) {
            threshold.unanchored = -shown.min(lowered.max(0));
        }
        threshold.total = lowered + threshold.unanchored;
        let bar = threshold.total - if held { THROTTLE_BELOW } else { 0 };
        let waits = !held && !sensed && sums.score >= bar;
        Case {
            hearing: waits
                .then(|| {
                    self.hearing(
                        (&weighed, &objecting),
                        bar - threshold.dispute,
                        now,
                        self.lag(now),
                    )
                })
                .flatten(),
            groups: sums.groups(),
            quorum: quorum_of(threshold.total),
            bar,
            fresh: is_fresh(indicator, &weighed, own, now),
            aggregate: matches!(indicator, Indicator::Range(_) | Indicator::Asn(_)),
            weighed,
            sums,
            own,
            tier,
            class,
            threshold,
            objecting,
            shown,
        }
    }

    /// What our own sensor saw of a subject, if it still counts: for three days, and for one against somebody who was a user of
    /// ours before, whom it would have caught again. To log in after one was caught shortens nothing.
    pub(super) fn own_word(&self, subject: &Indicator, now: Timestamp) -> Option<Caught> {
        let caught = self.own.live(subject, now)?;
        let is_old = now.as_millis().saturating_sub(caught.last.as_millis()) >= OWN_LIVE_OF_USERS;
        let was_user = |ip| self.memory.was_user(ip, caught.first, now);
        let lapsed = is_old && subject.as_ip().is_some_and(was_user);
        (!lapsed).then_some(caught)
    }

    /// Our own sensor against our own user: one of the two is mistaken. It lifts his immunity, and the mesh has to make its case
    /// in full, lest whoever echoes our mistakes prolongs them. A user is who was a regular one before he was caught: to
    /// log in afterwards helps nobody.
    pub(super) fn is_contradicted(&self, subject: &Indicator, own: Option<Caught>, now: Timestamp) -> bool {
        let Some((ip, caught)) = subject.as_ip().zip(own) else {
            return false;
        };
        self.memory.tier(ip, now) == Some(Tier::Authenticated) && self.memory.is_regular(ip, caught.first)
    }

    /// What disputes raise the threshold by.
    pub(super) fn raise(
        &self,
        said: &Said<'_, '_>,
        objecting: &[Objecting<'_>],
        own: bool,
        now: Timestamp,
    ) -> i64 {
        if objecting.is_empty() {
            return 0;
        }
        // The word of our anchors is immune to all but the proven: else disputes take back what others added to it, at most.
        let anchors = self.sums(said.weighed, now, |one| one.reporter.anchor).score;
        let gold = self
            .sums(said.weighed, now, |one| one.reporter.record.has_gold(now))
            .score;
        let (without, with) = ((said.score - gold).max(0), gold.max(0));
        // Who disputed rightly before takes back all that others say who never were right here, and weighs twice for
        // that; what is left of him counts once against those who were.
        let proven = object::together(objecting, now, |one| one.proven);
        let left = (proven - without * MILLI / PROVEN_DISPUTE_MILLI).clamp(0, with);
        if own {
            // What our sensor does on its own is policy's; others add nothing to it while the proven outweigh them.
            return (proven * PROVEN_DISPUTE_MILLI / MILLI).min(without) + left;
        }
        let any = object::together(objecting, now, |_| true)
            .min(DISPUTE_CAP)
            .min(said.score - anchors);
        let well = object::doubt(objecting, now).min(without) + left;
        any.max(well).max(0)
    }

    fn reasons(&self, case: &Case<'_>, rung: Rung, now: Timestamp) -> Vec<Reason> {
        let score = case.sums.score;
        let mut reasons = Vec::new();
        let mut because = |holds: bool, reason: Reason| {
            if holds {
                reasons.push(reason);
            }
        };
        let hard = rung.is_hard();
        because(hard && score >= case.threshold.total, Reason::Reached);
        because(hard && score < case.threshold.total, Reason::Held);
        if !hard {
            let (groups, needed) = (case.groups, case.quorum);
            let exist = self.graph.groups();
            because(case.weighed.is_empty(), Reason::Unnamed);
            let silenced = case.class.hardest() == Rung::Observe;
            if let Some(reason) = case.class.reason().filter(|_| silenced) {
                because(true, reason);
            }
            because(case.is_authenticated(), Reason::AuthenticatedUser);
            because(case.aggregate, Reason::Aggregate);
            because(exist == 0, Reason::NoAnchors);
            because(exist > 0 && exist < needed, Reason::FewGroups { exist, needed });
            if !case.weighed.is_empty() {
                because(exist > 0 && groups < needed, Reason::Quorum { groups, needed });
                because(!case.fresh, Reason::Stale);
                let counts = |one: &&Weighed<'_>| one.uncapped > 0 && one.reporter.is_anchored();
                let mut counting = case.weighed.iter().filter(counts);
                let exposed = counting.any(|one| one.entry.is_exposed());
                because(case.hearing.is_some() && !exposed, Reason::Hearing);
                because(case.hearing.is_some() && exposed, Reason::Exposed);
                let minutes = self.lag(now) / MINUTE;
                because(case.hearing.is_some() && minutes > 0, Reason::Deaf { minutes });
                because(
                    score < case.bar,
                    Reason::Below {
                        missing: case.threshold.total - score,
                    },
                );
            }
        }
        because(case.own.is_some(), Reason::OwnDetection);
        let silenced = case.class.hardest() == Rung::Observe;
        if let Some(reason) = case.class.reason().filter(|_| !silenced) {
            because(true, reason);
        }
        because(case.threshold.visitor > 0, Reason::Visitor);
        because(
            case.threshold.dispute > 0,
            Reason::Disputed {
                raise: case.threshold.dispute,
            },
        );
        because(case.shown > 0, Reason::Unanchored { shown: case.shown });
        reasons
    }
}

// === impl Case ===

impl Case<'_> {
    /// An authenticated user of ours whom our own sensor has not caught.
    fn is_authenticated(&self) -> bool {
        self.tier == Some(Tier::Authenticated) && self.own.is_none()
    }

    fn is_hard(&self) -> bool {
        self.sums.score >= self.bar
            && self.groups >= self.quorum
            && self.fresh
            && self.hearing.is_none()
            && !self.is_authenticated()
    }

    /// What the word of others leads to: never harder than the subject's class allows, whatever our own sensor saw.
    fn rung(&self) -> Rung {
        self.earned().min(self.class.hardest())
    }

    fn earned(&self) -> Rung {
        let (score, total) = (self.sums.score, self.threshold.total);
        let silent = score == 0 && self.threshold.unanchored == 0;
        // No decision on an address outlives 72 h without anything new, a soft one neither.
        if silent || self.aggregate || !self.fresh {
            return Rung::Observe;
        }
        if self.is_hard() {
            return if score >= total + LONG_BAN_ABOVE {
                Rung::Ban24h
            } else {
                Rung::Ban1h
            };
        }
        let soft = match score {
            _ if score >= total - THROTTLE_BELOW => Rung::Throttle,
            _ if score >= total - CHALLENGE_BELOW => Rung::Challenge,
            _ => Rung::Observe,
        };
        if self.is_authenticated() {
            soft.min(Rung::Challenge)
        } else {
            soft
        }
    }
}

/// One name for one host.
pub(crate) fn canonical(subject: &Indicator) -> Indicator {
    match subject {
        Indicator::Ip(address) => Indicator::ip(*address),
        other => other.clone(),
    }
}

/// By the harm of a wrong block. Of several behaviours the least harmful that somebody with weight names decides, so
/// that more evidence never raises it.
pub(super) fn base(class: Class, weighed: &[Weighed<'_>], own: Option<Caught>) -> i64 {
    if let Some(base) = class.base() {
        return base;
    }
    let named = weighed
        .iter()
        .filter(|one| one.uncapped > 0 && one.reporter.is_anchored())
        .map(|one| one.entry.behaviour);
    let low = named.chain(own.map(|caught| caught.behaviour)).any(is_low_harm);
    if low { H_LOW_HARM } else { H_DEFAULT }
}

/// `ceil(H / kappa)`.
fn quorum_of(threshold: i64) -> usize {
    usize::try_from((threshold.max(0) + KAPPA - 1) / KAPPA).unwrap_or(usize::MAX)
}

/// Whether anybody who counts saw it lately. Addresses change hands; other indicators do not.
fn is_fresh(subject: &Indicator, weighed: &[Weighed<'_>], own: Option<Caught>, now: Timestamp) -> bool {
    let recent = |one: &Weighed<'_>| {
        let age = now.as_millis().saturating_sub(one.observed.as_millis());
        one.uncapped > 0 && one.reporter.is_anchored() && age < ADDRESS_FRESH
    };
    subject.as_ip().is_none() || own.is_some() || weighed.iter().any(recent)
}

fn contribution(one: &Weighed<'_>, group: Group, value: i64, cap: Option<i64>) -> Contribution {
    Contribution {
        reporter: one.reporter.org,
        sighting: one.sighting,
        behaviour: one.entry.behaviour,
        rule: one.entry.rule,
        observed: one.observed,
        group,
        weight: one.weight,
        confidence: one.entry.confidence,
        repetition: one.repetition,
        half_life: one.half_life,
        decay: one.decay,
        uncapped: one.uncapped,
        value,
        cap,
        exposed: one.entry.is_exposed(),
    }
}
