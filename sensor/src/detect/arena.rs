//! All live buckets, found by the hash of scenario and partition.
//!
//! Their number is bounded: when there are too many, the quietest of a few candidates goes, so that an attacker with
//! many addresses costs us his own forgotten buckets and no memory. So are their bytes, of which the account is kept
//! here: when they are too many, the heaviest of a few candidates goes. Deliberately absent: times and rules.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

use super::bucket::Bucket;

/// Candidates among which the quietest bucket is given up.
const CANDIDATES: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    index: HashMap<u128, u32, BuildHasherDefault<Identity>>,
    slots: Vec<Option<Bucket>>,
    free: Vec<u32>,
    /// Where the search for a victim goes on.
    hand: usize,
    bytes: usize,
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct Identity(u64);

// === impl Identity ===

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "any part of a hash is a hash")]
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

// === impl Arena ===

impl Arena {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn get_mut(&mut self, key: u128) -> Option<&mut Bucket> {
        let slot = *self.index.get(&key)?;
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(crate) fn get(&self, key: u128) -> Option<&Bucket> {
        let slot = *self.index.get(&key)?;
        self.slots.get(slot as usize)?.as_ref()
    }

    /// The bytes that all buckets take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A bucket took `before` bytes and takes `after` now.
    pub(crate) fn charge(&mut self, before: usize, after: usize) {
        self.bytes = (self.bytes + after).saturating_sub(before);
    }

    pub(crate) fn insert(&mut self, bucket: Bucket) {
        let (key, bytes) = (bucket.key, bucket.bytes());
        let slot = if let Some(slot) = self.free.pop() {
            slot
        } else {
            let Ok(slot) = u32::try_from(self.slots.len()) else {
                return;
            };
            self.slots.push(None);
            slot
        };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(bucket);
            self.index.insert(key, slot);
            self.bytes += bytes;
        }
    }

    pub(crate) fn remove(&mut self, key: u128) -> Option<Bucket> {
        let slot = self.index.remove(&key)?;
        self.free.push(slot);
        let bucket = self.slots.get_mut(slot as usize)?.take()?;
        self.bytes = self.bytes.saturating_sub(bucket.bytes());
        Some(bucket)
    }

    /// The bucket to give up where there are too many: of the next few the one whose last event is the oldest.
    pub(crate) fn quietest(&mut self) -> Option<u128> {
        self.victim(|bucket| bucket.last_at)
    }

    /// The bucket to give up where they take too many bytes: of the next few the one that takes the most, and of equals
    /// the quietest. Giving up the oldest would let one who makes heavy buckets end everybody's light ones.
    pub(crate) fn heaviest(&mut self) -> Option<u128> {
        self.victim(|bucket| (std::cmp::Reverse(bucket.bytes()), bucket.last_at))
    }

    fn victim<K: Ord + Copy>(&mut self, worth: impl Fn(&Bucket) -> K) -> Option<u128> {
        let mut found: Option<(K, u128)> = None;
        let mut seen = 0;
        for _ in 0..self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(Some(bucket)) = self.slots.get(self.hand) else {
                continue;
            };
            let candidate = (worth(bucket), bucket.key);
            found = Some(found.map_or(candidate, |best| best.min(candidate)));
            seen += 1;
            if seen == CANDIDATES {
                break;
            }
        }
        found.map(|(_, key)| key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bucket> {
        self.slots.iter().flatten()
    }
}
