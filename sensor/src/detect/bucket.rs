//! One bucket: how full it is, what it keeps, until when it lives.
//!
//! The arithmetic is that of `golang.org/x/time/rate`, on the times of the lines, so that the same lines overflow the
//! same buckets as in `CrowdSec`. Deliberately absent: who decides what is poured (`detect`) and what an overflow
//! becomes (`overflow`).

use std::time::Duration;

use hashbrown::HashSet;
use vigie_wire::Timestamp;

use super::meta::Packed;
use super::progress::Anchor;
use super::who::Whos;
use crate::line::Position;
use crate::parse::event::Event;

/// Events that a bucket without a bound of its own keeps, the newest of them.
pub(crate) const MAX_QUEUE: usize = 1_000;
/// What a value of `distinct` takes in a hash table, which is never quite full.
const DISTINCT_BYTES: usize = 20;
/// What the first line in a source takes, here and among the lines that hold checkpoints back.
const ANCHOR_BYTES: usize = 96;
/// No bucket takes more, whatever is allowed: its account must hold it with one more event.
const MAX_BYTES: usize = 1 << 30;
/// What a bucket takes that holds nothing: itself, its place in the index, what the allocator adds.
const EMPTY_BYTES: usize = size_of::<Bucket>() + 64;
/// Different values that a `distinct` bucket remembers. Beyond them a value may be counted again.
const MAX_DISTINCT: usize = 10_000;

/// What is kept of one event.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) at: Timestamp,
    pub(crate) meta: Packed,
    /// Whom it speaks of; `None` if the scenario's scope is not to be had of it.
    pub(crate) whos: Option<Whos>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub(crate) key: u128,
    pub(crate) plan: usize,
    /// Its first line in each source that fed it; the first of them is its very first.
    pub(crate) anchors: Vec<Anchor>,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    limited_at: Timestamp,
    tokens: f64,
    pub(crate) total: u32,
    pub(crate) kept: Vec<Kept>,
    /// Whole events, for scenarios whose expressions look at the queue.
    pub(crate) whole: Vec<Event>,
    seen: Seen,
    /// Absent until something is put there.
    pub(crate) extra: Option<Box<Extra>>,
    /// Kept up to date by whatever changes the bucket, so that nobody has to walk it.
    bytes: u32,
}

/// What buckets of only a few scenarios need.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// Conditions of a bayesian bucket that stay true: one bit each.
    pub(crate) latched: u64,
    /// The last line, for buckets that overflow without one.
    pub(crate) last: Option<Position>,
}

/// Values of `distinct`.
#[derive(Debug, Default)]
enum Seen {
    #[default]
    Nothing,
    /// Most buckets never see another.
    One(u64),
    Many(Box<HashSet<u64>>),
}

// === impl Kept ===

impl Kept {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.meta.len() + self.whos.as_ref().map_or(0, Whos::bytes)
    }
}

// === impl Bucket ===

impl Bucket {
    pub(crate) fn new(key: u128, plan: usize, capacity: i32, at: Timestamp) -> Self {
        Self {
            key,
            plan,
            anchors: Vec::new(),
            first_at: at,
            last_at: at,
            limited_at: at,
            tokens: f64::from(capacity),
            total: 0,
            kept: Vec::new(),
            whole: Vec::new(),
            seen: Seen::default(),
            extra: None,
            bytes: narrow(EMPTY_BYTES),
        }
    }

    /// About how many bytes it takes. What several buckets share counts in each of them, so the sum is never too small.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Holds on to its first line in a source.
    pub(crate) fn anchor(&mut self, anchor: Anchor) {
        self.anchors.reserve_exact(1);
        self.anchors.push(anchor);
        self.add(ANCHOR_BYTES);
    }

    /// Whether a value of `distinct` is new to this bucket.
    pub(crate) fn is_new(&self, value: u64) -> bool {
        match &self.seen {
            Seen::Nothing => true,
            Seen::One(known) => *known != value,
            Seen::Many(known) => !known.contains(&value),
        }
    }

    /// Remembers a value that is new.
    pub(crate) fn remember(&mut self, value: u64) {
        match &mut self.seen {
            Seen::Nothing => self.seen = Seen::One(value),
            Seen::One(known) => self.seen = Seen::Many(Box::new(HashSet::from([*known, value]))),
            Seen::Many(known) => {
                if known.len() >= MAX_DISTINCT || !known.insert(value) {
                    return;
                }
            }
        }
        self.add(DISTINCT_BYTES);
    }

    /// Takes one token at a time, `false` if there is none: the bucket overflows.
    pub(crate) fn take(&mut self, capacity: i32, leak: Duration, at: Timestamp) -> bool {
        let left = self.tokens_at(capacity, leak, at) - 1.0;
        // rate.Limiter counts in whole nanoseconds: less than one of them missing is nothing missing.
        if left < 0.0 && -left * leak.as_secs_f64() >= 1e-9 {
            return false;
        }
        self.tokens = left;
        self.limited_at = at;
        true
    }

    /// Whether everything poured has leaked out again.
    pub(crate) fn is_empty_at(&self, capacity: i32, leak: Duration, at: Timestamp) -> bool {
        self.tokens_at(capacity, leak, at) >= f64::from(capacity)
    }

    fn tokens_at(&self, capacity: i32, leak: Duration, at: Timestamp) -> f64 {
        let elapsed = at.since(self.limited_at).as_secs_f64();
        let leak = leak.as_secs_f64();
        let leaked = if leak > 0.0 { elapsed / leak } else { f64::INFINITY };
        let tokens = if elapsed > 0.0 {
            self.tokens + leaked
        } else {
            self.tokens
        };
        tokens.min(f64::from(capacity))
    }

    /// Keeps an event; the oldest goes while more than `limit` are kept, so that `limit + 1` are. Of those the oldest go
    /// too while all take more than `most` bytes; how many is returned.
    pub(crate) fn keep(&mut self, kept: Kept, whole: Option<Event>, limit: usize, most: usize) -> usize {
        let limit = limit.min(MAX_QUEUE);
        if self.kept.len() > limit {
            self.drop_oldest(self.kept.len() - limit);
        }
        if self.kept.len() == self.kept.capacity() {
            // Most buckets never see a second event: grow by what they need.
            self.kept.reserve_exact(1.max(self.kept.len()));
        }
        self.add(kept.bytes());
        self.kept.push(kept);
        if let Some(event) = whole {
            self.add(event.bytes());
            self.whole.push(event);
        }
        let mut shed = 0;
        let most = narrow(most.min(MAX_BYTES));
        while self.bytes > most && self.kept.len() > 1 {
            self.drop_oldest(1);
            shed += 1;
        }
        shed
    }

    fn drop_oldest(&mut self, count: usize) {
        let kept: usize = self.kept.drain(..count).map(|kept| kept.bytes()).sum();
        let whole = self.whole.drain(..count.min(self.whole.len()));
        let whole: usize = whole.map(|event| event.bytes()).sum();
        self.bytes = self.bytes.saturating_sub(narrow(kept + whole));
    }

    fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(narrow(bytes));
    }
}

fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred thousand of them are the goal's memory; the account of bytes lies in what was padding.
    #[test]
    fn a_bucket_is_no_larger_for_its_account() {
        assert!(size_of::<Bucket>() <= 160, "{}", size_of::<Bucket>());
    }
}
