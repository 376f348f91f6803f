//! One reporter's record: what gold confirmed and refuted, how long he has been active, whether he is struck.
//!
//! Deliberately absent: everything that others think of him.

use std::sync::atomic::{AtomicU64, Ordering};

use vigie_wire::{OrgId, Timestamp};

use crate::constants::{
    DAY, DISPUTE_STRUCK_FOR, ESTABLISHED_DAYS, FAILURE_HALF_LIFE_DAYS, FORGIVING_DISPUTES, GOLD_VOICE,
    LIABLE_FOR_ONE_IN, LONG_STANDING, MAX_LEARNED, PRIOR_ANCHOR, PRIOR_FAILURE, PRIOR_MEMBER, PROBATION_DAYS,
    PROVEN_DISPUTES, RECORD_HALF_LIFE_DAYS, REFUTED_ALONE, REFUTED_CONTESTED, REFUTED_JOINTLY, REFUTED_ONCE,
    REFUTED_WITHDRAWN, STRUCK_FOR, VOID_FOR,
};
use crate::evidence;
use crate::fixed::{MILLI, PPM, decay_ppm};
use crate::graph::Place;
use crate::score::LearnedReporter;

/// A record. Learned numbers decay towards the prior; the prior, with what genesis granted, does not.
#[derive(Debug, Default)]
pub(crate) struct Record {
    member: bool,
    anchor: bool,
    history: i64,
    confirmed: i64,
    refuted: i64,
    day: i64,
    active_days: i64,
    last_active: i64,
    joint: Vec<Timestamp>,
    struck_until: Option<Timestamp>,
    disputes_right: u8,
    dispute_forgiven: Option<Timestamp>,
    dispute_refuted: Option<Timestamp>,
    /// He said two things at one place: until then his word is nothing.
    void_until: Option<Timestamp>,
    forgotten: bool,
    cache: AtomicU64,
}

/// How a claim was refuted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refutation {
    /// It could not have blocked.
    Alone,
    /// Together with others it could have, had not those disputed it in time who know the subject.
    Contested,
    /// Together with others it could have, until he took it back.
    Withdrawn,
    /// Together with others it could have.
    Jointly,
    /// The same, with one group to spare.
    Grossly,
}

// === impl Record ===

impl Record {
    /// Takes the standing that the trust graph gives.
    pub(super) fn stand(&mut self, place: Option<&Place>) {
        self.member = place.is_some();
        self.anchor = place.is_some_and(|place| place.anchor);
        self.history = place.map_or(0, |place| i64::from(place.history).saturating_mul(MILLI));
        self.changed();
    }

    /// Whether the trust graph names him.
    pub(crate) fn is_member(&self) -> bool {
        self.member
    }

    /// The weight in milli-nats on the day of `now`.
    pub(crate) fn weight(&self, now: Timestamp) -> i64 {
        let day = day_of(now).max(0);
        // One word holds the day and its weight, which takes 12 bits; zero is never stored. The cache only saves work.
        let key = (day.cast_unsigned().wrapping_add(1)) << 16;
        let cached = self.cache.load(Ordering::Relaxed);
        if cached & !0xffff == key {
            return i64::from(u16::try_from(cached & 0xffff).unwrap_or(0));
        }
        let weight = self.compute(day);
        self.cache.store(
            key | u64::from(u16::try_from(weight).unwrap_or(0)),
            Ordering::Relaxed,
        );
        weight
    }

    fn compute(&self, day: i64) -> i64 {
        if !self.member || self.forgotten {
            return 0;
        }
        let midnight = Timestamp::from_millis(day.saturating_mul(DAY));
        if self.void_until.is_some_and(|until| midnight < until) {
            return 0;
        }
        let (confirmed, refuted) = self.decayed(day);
        let prior = if self.anchor { PRIOR_ANCHOR } else { PRIOR_MEMBER };
        let full = evidence::weight(prior + self.history + confirmed, PRIOR_FAILURE + refuted);
        // Anchors are chosen, and a granted history is activity that the founders saw.
        if self.anchor || self.history > 0 {
            return full;
        }
        full * self.active_days.clamp(0, PROBATION_DAYS) / PROBATION_DAYS
    }

    /// He said something on that day.
    pub(crate) fn active(&mut self, at: Timestamp) {
        let day = day_of(at);
        if day > self.last_active {
            self.last_active = day;
            self.active_days = self.active_days.saturating_add(1);
            self.changed();
        }
    }

    /// Gold confirmed him, with so much surprise in thousandths.
    pub(crate) fn confirm(&mut self, surprise: i64, at: Timestamp) {
        self.settle(at);
        self.confirmed = (self.confirmed + surprise).min(MAX_LEARNED);
    }

    /// Gold refuted him. A long-standing reporter is struck at the second joint refutation within 45 days, an established
    /// one too unless the first is gross already, anybody else at the first that he did not take back himself.
    pub(crate) fn refute(&mut self, how: Refutation, at: Timestamp) {
        self.settle(at);
        if how == Refutation::Alone {
            self.fail(REFUTED_ALONE);
            return;
        }
        if how == Refutation::Contested {
            self.fail(REFUTED_CONTESTED);
            return;
        }
        self.joint
            .retain(|earlier| at.as_millis().saturating_sub(earlier.as_millis()) < STRUCK_FOR);
        self.joint.push(at);
        let lenient = match how {
            Refutation::Grossly => self.history + self.confirmed >= LONG_STANDING,
            Refutation::Withdrawn => true,
            Refutation::Alone | Refutation::Contested | Refutation::Jointly => self.is_established(),
        };
        let struck = !lenient || self.joint.len() >= 2;
        if struck {
            self.fail(REFUTED_JOINTLY);
            self.joint.clear();
            let until = Timestamp::from_millis(at.as_millis().saturating_add(STRUCK_FOR));
            self.struck_until = self.struck_until.max(Some(until));
        } else if how == Refutation::Withdrawn {
            self.fail(REFUTED_WITHDRAWN);
        } else {
            self.fail(REFUTED_ONCE);
        }
    }

    /// One whom he vouched for equivocated: he answers for a quarter of a strike.
    pub(crate) fn answer_for(&mut self, at: Timestamp) {
        self.settle(at);
        self.fail(REFUTED_JOINTLY / LIABLE_FOR_ONE_IN);
    }

    /// He signed two things for one place, which no accident explains. False if that is known.
    pub(crate) fn equivocated(&mut self, at: Timestamp) -> bool {
        let until = Timestamp::from_millis(at.as_millis().saturating_add(VOID_FOR));
        let known = self.void_until.is_some_and(|void| at < void);
        if self.void_until < Some(until) {
            self.void_until = Some(until);
            self.changed();
        }
        // One more of the same half-year is no news, and nobody answers for it twice.
        !known
    }

    fn fail(&mut self, cost: i64) {
        self.refuted = (self.refuted + cost).min(MAX_LEARNED);
    }

    /// Whether he has been here for long, by this observer's own count, or was at genesis, or gold stands for him.
    pub(crate) fn is_established(&self) -> bool {
        self.anchor
            || self.history > 0
            || self.active_days >= ESTABLISHED_DAYS
            || self.confirmed >= LONG_STANDING
    }

    pub(crate) fn is_struck(&self, now: Timestamp) -> bool {
        self.struck_until.is_some_and(|until| now < until)
    }

    /// Gold says that the subject which he disputes is innocent, or that it is not. This never touches his weight: a dispute
    /// of what is plainly innocent is cheap.
    pub(crate) fn disputed(&mut self, rightly: bool, at: Timestamp) {
        if rightly {
            self.disputes_right = self.disputes_right.saturating_add(1);
        } else {
            // A sensor errs too: the first wrong one in a long while is forgiven to whom many right ones stand for.
            let forgiven = self.disputes_right >= FORGIVING_DISPUTES
                && !self.dispute_refuted_lately(at)
                && !self.dispute_forgiven.is_some_and(|before| is_lately(before, at));
            if forgiven {
                self.disputes_right /= 2;
                self.dispute_forgiven = Some(at);
            } else {
                self.disputes_right = 0;
                self.dispute_refuted = self.dispute_refuted.max(Some(at));
            }
        }
    }

    /// Whether his disputes have proven right.
    pub(crate) fn disputes_well(&self, now: Timestamp) -> bool {
        let clean = !self.dispute_refuted_lately(now) && !self.is_struck(now);
        clean && self.disputes_right >= PROVEN_DISPUTES
    }

    /// Whether gold refuted his disputes lately, and he has not proven himself since.
    pub(crate) fn disputes_badly(&self, now: Timestamp) -> bool {
        self.dispute_refuted_lately(now) && self.disputes_right < PROVEN_DISPUTES
    }

    fn dispute_refuted_lately(&self, now: Timestamp) -> bool {
        self.dispute_refuted.is_some_and(|at| is_lately(at, now))
    }

    /// Whether he stands on gold of this observer, or is an anchor.
    pub(crate) fn has_gold(&self, now: Timestamp) -> bool {
        self.anchor || self.decayed(day_of(now)).0 >= GOLD_VOICE
    }

    pub(crate) fn forget(&mut self) {
        self.forgotten = true;
        self.changed();
    }

    /// Confirmed successes, granted and learned, in thousandths.
    pub(crate) fn confirmed(&self, now: Timestamp) -> i64 {
        self.history + self.decayed(day_of(now)).0
    }

    pub(crate) fn export(&self, org: OrgId) -> LearnedReporter {
        LearnedReporter {
            org,
            confirmed: self.confirmed,
            refuted: self.refuted,
            day: self.day,
            active_days: self.active_days,
            last_active: self.last_active,
            joint: self.joint.clone(),
            struck_until: self.struck_until,
            disputes_right: self.disputes_right,
            dispute_forgiven: self.dispute_forgiven,
            dispute_refuted: self.dispute_refuted,
            void_until: self.void_until,
            forgotten: self.forgotten,
        }
    }

    /// Takes up an exported record. Bounds are enforced, since a file may say anything.
    pub(crate) fn import(&mut self, learned: &LearnedReporter) {
        self.confirmed = learned.confirmed.clamp(0, MAX_LEARNED);
        self.refuted = learned.refuted.clamp(0, MAX_LEARNED);
        self.day = learned.day;
        self.active_days = learned.active_days.max(0);
        self.last_active = learned.last_active;
        self.joint = learned.joint.iter().copied().take(2).collect();
        self.struck_until = learned.struck_until;
        self.disputes_right = learned.disputes_right;
        self.dispute_forgiven = learned.dispute_forgiven;
        self.dispute_refuted = learned.dispute_refuted;
        self.void_until = learned.void_until;
        self.forgotten = learned.forgotten;
        self.changed();
    }

    fn decayed(&self, day: i64) -> (i64, i64) {
        let days = day.saturating_sub(self.day);
        (
            self.confirmed * decay_ppm(days, RECORD_HALF_LIFE_DAYS) / PPM,
            self.refuted * decay_ppm(days, FAILURE_HALF_LIFE_DAYS) / PPM,
        )
    }

    fn settle(&mut self, at: Timestamp) {
        let day = day_of(at).max(self.day);
        (self.confirmed, self.refuted) = self.decayed(day);
        self.day = day;
        self.changed();
    }

    fn changed(&mut self) {
        *self.cache.get_mut() = 0;
    }
}

impl Clone for Record {
    fn clone(&self) -> Self {
        Self {
            member: self.member,
            anchor: self.anchor,
            history: self.history,
            confirmed: self.confirmed,
            refuted: self.refuted,
            day: self.day,
            active_days: self.active_days,
            last_active: self.last_active,
            joint: self.joint.clone(),
            struck_until: self.struck_until,
            disputes_right: self.disputes_right,
            dispute_forgiven: self.dispute_forgiven,
            dispute_refuted: self.dispute_refuted,
            void_until: self.void_until,
            forgotten: self.forgotten,
            cache: AtomicU64::new(0),
        }
    }
}

fn is_lately(at: Timestamp, now: Timestamp) -> bool {
    now.as_millis().saturating_sub(at.as_millis()) < DISPUTE_STRUCK_FOR
}

fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY)
}
