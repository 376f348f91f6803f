//! A scenario as the detector runs it: what follows from its text is computed once.
//!
//! Deliberately absent: compiling it, which `rules` does.

use std::sync::Arc;
use std::time::Duration;

use vigie_wire::Timestamp;

use super::bucket::Bucket;
use crate::expr::Leaky;
use crate::rules::{BucketKind, Scenario};

/// See the module.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rule: Arc<Scenario>,
    /// Tells its partitions from those of other scenarios.
    seed: u128,
    /// How long a bucket lives after its last event; one with a duration, after its first.
    pub(crate) lifetime: Duration,
    /// Whether it overflows when that is over, and lives no longer for further events.
    pub(crate) is_timed: bool,
    pub(crate) leak: Duration,
    /// Events kept, less one.
    pub(crate) queue: usize,
    /// Whether an expression looks at the events kept, so that they must be kept whole.
    pub(crate) needs_whole: bool,
    /// Whether the filter may set fields.
    pub(crate) may_set: bool,
}

// === impl Plan ===

impl Plan {
    pub(crate) fn new(rule: Arc<Scenario>) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("vigie/partition/v2");
        // The name alone would not do: several documents may bear it.
        let group_by = rule.group_by.as_ref().map_or("", |text| text.source());
        for text in [&*rule.name, rule.filter.source(), group_by, &*rule.leakspeed_text] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        let mut seed = [0; 16];
        hasher.finalize_xof().fill(&mut seed);
        let seed = u128::from_le_bytes(seed);
        let leak = rule.leakspeed;
        let cache = rule
            .cache_size
            .filter(|size| *size > 0)
            .and_then(|size| usize::try_from(size).ok());
        let capacity = usize::try_from(rule.capacity).ok();
        let queue = match (capacity, cache) {
            (Some(capacity), Some(cache)) if cache <= capacity => cache,
            (Some(capacity), _) => capacity,
            (None, cache) => cache.unwrap_or(usize::MAX),
        };
        let timed = rule.duration.filter(|duration| !duration.is_zero());
        let lifetime = match (rule.kind, timed) {
            (BucketKind::Conditional | BucketKind::Bayesian, _) => leak,
            (_, Some(duration)) => duration,
            _ => leak.saturating_mul(u32::try_from(rule.capacity).unwrap_or(0).saturating_add(1)),
        };
        let looks = |expression: &Option<crate::expr::Expression>| {
            expression
                .as_ref()
                .is_some_and(|expression| looks_at_queue(expression.source()))
        };
        let weighs = rule.bayes.iter().flat_map(|bayes| &bayes.conditions);
        let needs_whole = looks(&rule.condition)
            || looks(&rule.overflow_filter)
            || looks(&rule.cancel_on)
            || weighs
                .into_iter()
                .any(|condition| looks_at_queue(condition.test.source()));
        let may_set = rule.filter.may_set();
        Self {
            rule,
            seed,
            lifetime,
            is_timed: timed.is_some(),
            leak,
            queue,
            needs_whole,
            may_set,
        }
    }

    /// What expressions see of a bucket; of one that is not there yet, zeros.
    pub(crate) fn leaky(&self, bucket: Option<&Bucket>) -> Leaky<'_> {
        Leaky {
            rule: &self.rule,
            total: bucket.map_or(0, |bucket| bucket.total),
            first_at: bucket.map_or(Timestamp::ZERO, |bucket| bucket.first_at),
            last_at: bucket.map_or(Timestamp::ZERO, |bucket| bucket.last_at),
            overflow_at: Timestamp::ZERO,
            lifetime: self.lifetime,
            limit: self.queue,
        }
    }

    /// The partition's key, of the hash of the value it groups by.
    pub(crate) fn key(&self, partition: u128) -> u128 {
        partition ^ self.seed
    }
}

/// `queue.Queue`, `leaky.Queue`.
fn looks_at_queue(source: &str) -> bool {
    source.contains("queue") || source.contains("Queue")
}

/// The part of a key that checkpoints and blackholes use.
#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
pub(crate) fn short(key: u128) -> u64 {
    key as u64
}
