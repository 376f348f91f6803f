//! Stashes: what one line left for later ones, by key, for a while.
//!
//! Time is that of the lines' reading, so that a stash never asks a clock. The oldest, or the least asked
//! for, makes room for the new; `ARC`, which the original also knows, is taken for `LRU`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use vigie_wire::Timestamp;

/// The most values that one stash may hold.
pub(crate) const MAX_SIZE: usize = 1_000_000;
/// The most bytes of a key and its value; what is longer is not kept.
const MAX_ENTRY_BYTES: usize = 64 * 1024;

/// All stashes of a set of rules, by name.
#[derive(Debug, Default)]
pub(crate) struct Stashes {
    by_name: Mutex<HashMap<Box<str>, Arc<Stash>>>,
}

/// One stash. It holds nothing until a rule has said how much it may hold.
#[derive(Debug, Default)]
pub(crate) struct Stash {
    bounds: OnceLock<Bounds>,
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Bounds {
    size: usize,
    ttl: Duration,
    /// Whether what is asked for least goes first, and not what was for longest not asked for.
    by_use: bool,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<Arc<str>, Entry>,
    /// Uses and turn of the last use, lowest first: who goes next.
    order: BTreeMap<(u64, u64), Arc<str>>,
    turn: u64,
}

#[derive(Debug)]
struct Entry {
    value: Box<str>,
    expires: Timestamp,
    rank: (u64, u64),
}

// === impl Stashes ===

impl Stashes {
    /// The stash of that name, made now if there was none.
    pub(crate) fn named(&self, name: &str) -> Arc<Stash> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(by_name.entry(name.into()).or_default())
    }

    /// The stash of that name, if rules know it.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Stash>> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.get(name).cloned()
    }
}

// === impl Stash ===

impl Stash {
    /// Says how much it holds, how long, and what goes first; the first word counts.
    pub(crate) fn define(&self, size: usize, ttl: Duration, by_use: bool) {
        self.bounds.get_or_init(|| Bounds {
            size: size.clamp(1, MAX_SIZE),
            ttl,
            by_use,
        });
    }

    /// Keeps a value until its time is over, or until others need its place.
    pub(crate) fn set(&self, key: &str, value: &str, ttl: Option<Duration>, now: Timestamp) {
        let Some(bounds) = self.bounds.get() else { return };
        if key.len() + value.len() > MAX_ENTRY_BYTES {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = &mut *entries;
        entries.remove(key);
        while entries.by_key.len() >= bounds.size {
            let Some((_, oldest)) = entries.order.pop_first() else {
                break;
            };
            entries.by_key.remove(&oldest);
        }
        let key: Arc<str> = key.into();
        let rank = entries.rank(0);
        entries.order.insert(rank, Arc::clone(&key));
        let entry = Entry {
            value: value.into(),
            expires: now + ttl.unwrap_or(bounds.ttl),
            rank,
        };
        entries.by_key.insert(key, entry);
    }

    /// The value of a key, `None` if there is none any more.
    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<String> {
        let bounds = self.bounds.get()?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = &mut *entries;
        let entry = entries.by_key.get(key)?;
        if entry.expires < now {
            entries.remove(key);
            return None;
        }
        let uses = if bounds.by_use { entry.rank.0 + 1 } else { 0 };
        let rank = entries.rank(uses);
        let entry = entries.by_key.get_mut(key)?;
        let before = std::mem::replace(&mut entry.rank, rank);
        let value = entry.value.to_string();
        if let Some(key) = entries.order.remove(&before) {
            entries.order.insert(rank, key);
        }
        Some(value)
    }
}

// === impl Entries ===

impl Entries {
    fn rank(&mut self, uses: u64) -> (u64, u64) {
        self.turn += 1;
        (uses, self.turn)
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.by_key.remove(key) {
            self.order.remove(&entry.rank);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn stash(size: usize, by_use: bool) -> Stash {
        let stash = Stash::default();
        stash.define(size, Duration::from_mins(1), by_use);
        stash
    }

    #[test]
    fn values_end_with_their_time() {
        let stash = stash(2, false);
        stash.set("a", "1", None, NOW);
        stash.set("b", "2", Some(Duration::from_secs(5)), NOW);
        let later = NOW + Duration::from_secs(6);
        assert_eq!(stash.get("a", later).as_deref(), Some("1"));
        assert_eq!(stash.get("b", later), None);
        assert_eq!(stash.get("a", NOW + Duration::from_secs(61)), None);
    }

    #[test]
    fn the_one_not_asked_for_goes_first() {
        for (by_use, lost) in [(false, "b"), (true, "a")] {
            let stash = stash(2, by_use);
            stash.set("a", "1", None, NOW);
            stash.set("b", "2", None, NOW);
            stash.get("b", NOW);
            stash.get("b", NOW);
            stash.get("a", NOW);
            stash.set("c", "3", None, NOW);
            assert_eq!(stash.get(lost, NOW), None, "{by_use}");
            stash.set("d", "4", None, NOW);
            assert_eq!(stash.get("d", NOW).as_deref(), Some("4"));
            assert_eq!(stash.entries.lock().unwrap().by_key.len(), 2);
        }
    }

    #[test]
    fn nobody_said_how_much() {
        let stashes = Stashes::default();
        stashes.named("x").set("a", "1", None, NOW);
        assert_eq!(stashes.named("x").get("a", NOW), None);
        assert!(stashes.find("y").is_none());
    }
}
