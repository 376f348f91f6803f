//! One event into one scenario's bucket: the heart of detection.
//!
//! Order as in `CrowdSec`: filter, partition, expiry of the old bucket, distinct, cancellation, the bucket's own
//! arithmetic, condition. Before: `detect`, for each scenario. After: `overflow`, if the bucket overflowed.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vigie_wire::Timestamp;

use super::Detector;
use super::bayes;
use super::bucket::{Bucket, Kept};
use super::meta::Packed;
use super::overflow::Finished;
use super::plan::{Plan, short};
use super::progress::Anchor;
use super::who;
use crate::address;
use crate::expr::{Env, Quick};
use crate::parse::event::Event;
use crate::rules::BucketKind;

/// A bucket that lives longer is begun anew once everything has leaked out of it, so that a slow drip does not hold
/// the position of a line of last week.
const MAX_AGE: Duration = Duration::from_hours(24);
/// A bucket may take this part of the bytes that all may.
const MAX_SHARE: usize = 16;
/// A log that goes back further than this was set back; what it said before has no place in a bucket with what it says
/// now.
pub(crate) const STEP_BACK: Duration = Duration::from_mins(10);

/// An event on its way into the buckets, with what several of them need.
pub(crate) struct Pour<'e> {
    pub(crate) event: &'e Event,
    pub(crate) source: usize,
    pub(crate) at: Timestamp,
    meta: OnceCell<Packed>,
}

/// What a scenario's `distinct` says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Distinct {
    /// The scenario has none.
    Unasked,
    /// The bucket must remember it.
    New(u64),
    /// The event is not poured.
    Seen,
}

// === impl Pour ===

impl<'e> Pour<'e> {
    pub(crate) fn new(event: &'e Event, source: usize, at: Timestamp) -> Self {
        Self {
            event,
            source,
            at,
            meta: OnceCell::new(),
        }
    }
}

impl Detector {
    /// Pours an event into a scenario; buckets that ended by it are appended. Where the filter sets a field nothing is poured
    /// yet, and whether it holds is told: the event must be changed first.
    pub(crate) fn pour_into(
        &mut self,
        number: usize,
        plan: &Plan,
        pour: &Pour<'_>,
        ended: &mut Vec<Finished>,
    ) -> Option<bool> {
        let held = plan.rule.filter.holds(Env::of(pour.event));
        if plan.may_set && pour.event.has_pending() {
            return Some(held);
        }
        if held {
            self.pour_wanted(number, plan, pour, ended);
        }
        None
    }

    /// Pours an event that a scenario's filter wants.
    pub(super) fn pour_wanted(
        &mut self,
        number: usize,
        plan: &Plan,
        pour: &Pour<'_>,
        ended: &mut Vec<Finished>,
    ) {
        if let Some(poured) = self.poured.get_mut(number) {
            *poured += 1;
        }
        let env = Env::of(pour.event);
        let Some(key) = self.key(plan, env) else { return };
        if !self
            .progress
            .sources
            .get(pour.source)
            .is_some_and(|source| source.admits(short(key)))
        {
            return;
        }
        if plan.rule.kind == BucketKind::Trigger {
            ended.push(self.trigger(number, plan, pour, key));
            return;
        }
        // In log time, what tells no time has no place in a bucket.
        if self.is_exact() && pour.event.overflow().is_none() && pour.event.marshaled_time().is_empty() {
            return;
        }
        ended.extend(self.expire_one(key, plan, pour.at));
        let distinct = self.distinct(plan, key, env);
        if distinct == Distinct::Seen {
            return;
        }
        if self.is_cancelled(plan, key, pour.event) {
            self.discard(key);
            self.counts.cancelled += 1;
            return;
        }
        self.open(number, plan, pour, key);
        let kept = self.kept(plan, pour);
        let exact = self.is_exact();
        let Some(bucket) = self.arena.get_mut(key) else {
            return;
        };
        let before = bucket.bytes();
        if let Distinct::New(value) = distinct {
            bucket.remember(value);
        }
        bucket.total = bucket.total.saturating_add(1);
        bucket.last_at = if exact {
            pour.at
        } else {
            bucket.last_at.max(pour.at)
        };
        let whole = plan.needs_whole.then(|| pour.event.keep());
        let shed = bucket.keep(kept, whole, plan.queue, self.limits.bytes / MAX_SHARE);
        let (overflows, failed) = overflows(plan, bucket, pour);
        let after = bucket.bytes();
        self.arena.charge(before, after);
        self.counts.shed += shed as u64;
        self.counts.rule_errors += failed;
        if overflows {
            let last = pour.event.position().clone();
            ended.extend(self.finish(key, pour.at, last, pour.source, who::address(pour.event)));
        }
        while self.arena.bytes() > self.limits.bytes
            && let Some(victim) = self.arena.heaviest()
        {
            self.discard(victim);
            self.counts.outweighed += 1;
        }
    }

    /// The key of the partition that an event belongs to.
    fn key(&mut self, plan: &Plan, env: Env<'_>) -> Option<u128> {
        let mut joined = std::mem::take(&mut self.partition);
        joined.clear();
        let group_by = plan.rule.group_by.as_ref();
        let partition = match group_by.map(|group_by| group_by.quick(env.event, &mut joined)) {
            Some(Quick::Made) => Cow::Borrowed(joined.as_str()),
            _ => self.text(group_by, env)?,
        };
        let key = plan.key(self.keys.of(&unmapped(partition)));
        self.partition = joined;
        Some(key)
    }

    /// The text of an optional expression, `""` without one; `None` if it fails.
    fn text<'a>(
        &mut self,
        expression: Option<&'a crate::expr::Expression>,
        env: Env<'a>,
    ) -> Option<Cow<'a, str>> {
        match expression.map(|expression| expression.text(env)) {
            None => Some("".into()),
            Some(Ok(text)) => Some(text),
            Some(Err(_)) => {
                self.counts.rule_errors += 1;
                None
            }
        }
    }

    fn distinct(&mut self, plan: &Plan, key: u128, env: Env<'_>) -> Distinct {
        if plan.rule.distinct.is_none() {
            return Distinct::Unasked;
        }
        let Some(value) = self.text(plan.rule.distinct.as_ref(), env) else {
            return Distinct::Seen;
        };
        let value = short(self.keys.of(&value));
        let new = self.arena.get(key).is_none_or(|bucket| bucket.is_new(value));
        if new { Distinct::New(value) } else { Distinct::Seen }
    }

    fn is_cancelled(&self, plan: &Plan, key: u128, event: &Event) -> bool {
        let Some(cancel_on) = &plan.rule.cancel_on else {
            return false;
        };
        let bucket = self.arena.get(key);
        cancel_on.holds(Env {
            queue: bucket.map_or(&[] as &[Event], |bucket| &bucket.whole),
            leaky: Some(&plan.leaky(bucket)),
            ..Env::of(event)
        })
    }

    fn trigger(&mut self, number: usize, plan: &Plan, pour: &Pour<'_>, key: u128) -> Finished {
        let position = pour.event.position();
        Finished {
            key,
            plan: number,
            first: position.clone(),
            last: position.clone(),
            source: pour.source,
            first_at: pour.at,
            at: pour.at,
            total: 1,
            kept: vec![self.kept(plan, pour)],
            whole: if plan.needs_whole {
                vec![pour.event.keep()]
            } else {
                Vec::new()
            },
            address: who::address(pour.event),
        }
    }

    fn kept(&mut self, plan: &Plan, pour: &Pour<'_>) -> Kept {
        let meta = Arc::clone(pour.meta.get_or_init(|| self.packer.pack(pour.event)));
        Kept {
            at: pour.at,
            meta,
            whos: who::of(pour.event, &plan.rule.scope),
        }
    }

    /// Removes a bucket that had ended before this time; a counter overflows by that.
    fn expire_one(&mut self, key: u128, plan: &Plan, at: Timestamp) -> Option<Finished> {
        let bucket = self.arena.get(key)?;
        let due = deadline(plan, bucket);
        if at > due {
            return self.end_of_life(key, plan, due);
        }
        if self.is_exact() {
            return None;
        }
        let drained = plan.rule.kind == BucketKind::Leaky
            && at > bucket.first_at + MAX_AGE
            && bucket.is_empty_at(plan.rule.capacity, plan.leak, at);
        if drained || at + STEP_BACK < bucket.last_at {
            self.discard(key);
        }
        None
    }

    /// A bucket's time is over.
    pub(crate) fn end_of_life(&mut self, key: u128, plan: &Plan, due: Timestamp) -> Option<Finished> {
        if !plan.is_timed {
            self.discard(key);
            self.counts.expired += 1;
            return None;
        }
        let bucket = self.arena.get_mut(key)?;
        let last = bucket.extra.as_mut()?.last.take()?;
        let source = bucket.anchors.last()?.source;
        self.finish(key, due, last, source, None)
    }

    fn discard(&mut self, key: u128) {
        if let Some(bucket) = self.arena.remove(key) {
            self.progress.unpin(&bucket.anchors);
        }
    }

    /// Makes sure that there is a bucket, and that it holds on to its first line of this source.
    fn open(&mut self, number: usize, plan: &Plan, pour: &Pour<'_>, key: u128) {
        if self.arena.get(key).is_none() {
            if self.arena.len() >= self.limits.buckets
                && let Some(victim) = self.arena.quietest()
            {
                self.discard(victim);
                self.counts.evicted += 1;
            }
            self.arena
                .insert(Bucket::new(key, number, plan.rule.capacity, pour.at));
            self.counts.opened += 1;
        }
        let ordinal = self
            .progress
            .sources
            .get(pour.source)
            .map_or(0, |source| source.ordinal);
        let anchor = Anchor {
            source: pour.source,
            ordinal,
        };
        let Some(bucket) = self.arena.get_mut(key) else {
            return;
        };
        if plan.is_timed {
            bucket.extra.get_or_insert_default().last = Some(pour.event.position().clone());
        }
        if bucket.anchors.iter().all(|known| known.source != pour.source) {
            let before = bucket.bytes();
            bucket.anchor(anchor);
            let after = bucket.bytes();
            self.arena.charge(before, after);
            self.progress.pin(anchor, pour.event.position());
        }
    }

    fn finish(
        &mut self,
        key: u128,
        at: Timestamp,
        last: crate::line::Position,
        source: usize,
        address: Option<IpAddr>,
    ) -> Option<Finished> {
        let bucket = self.arena.remove(key)?;
        let first = self
            .progress
            .unpin(&bucket.anchors)
            .unwrap_or_else(|| last.clone());
        self.counts.overflowed += 1;
        Some(Finished {
            key,
            plan: bucket.plan,
            first,
            last,
            source,
            first_at: bucket.first_at,
            at,
            total: bucket.total,
            kept: bucket.kept,
            whole: bucket.whole,
            address,
        })
    }
}

/// An IPv4 address that a dual-stack socket wrote as IPv6 is still the same host.
fn unmapped(partition: Cow<'_, str>) -> Cow<'_, str> {
    if !partition.starts_with("::ffff:") {
        return partition;
    }
    match address::read(&partition) {
        Some(ip) => ip.to_string().into(),
        None => partition,
    }
}

/// When a bucket ends if nothing more is poured.
pub(crate) fn deadline(plan: &Plan, bucket: &Bucket) -> Timestamp {
    let since = if plan.is_timed {
        bucket.first_at
    } else {
        bucket.last_at
    };
    since + plan.lifetime
}

/// Whether the event just poured was one too many, and how many expressions failed to say.
fn overflows(plan: &Plan, bucket: &mut Bucket, pour: &Pour<'_>) -> (bool, u64) {
    let rule = &plan.rule;
    let full = rule.kind == BucketKind::Leaky && !bucket.take(rule.capacity, plan.leak, pour.at);
    let leaky = plan.leaky(Some(bucket));
    let env = Env {
        queue: &bucket.whole,
        leaky: Some(&leaky),
        ..Env::of(pour.event)
    };
    let mut failed = 0;
    let mut overflows = full;
    if let Some(condition) = &rule.condition {
        let held = condition.eval(env);
        failed += u64::from(held.is_err());
        overflows |= held.is_ok_and(|value| value.as_bool() == Some(true));
    }
    if let Some(bayes) = &rule.bayes {
        let latched = bucket.extra.as_ref().map_or(0, |extra| extra.latched);
        let weighed = bayes::weigh(bayes, latched, env);
        bucket.extra.get_or_insert_default().latched = weighed.latched;
        failed += weighed.failed;
        overflows |= weighed.posterior > bayes.threshold;
    }
    (overflows, failed)
}
