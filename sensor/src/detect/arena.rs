//! All live buckets, found by the hash of scenario and partition.
//!
//! Their number is bounded: when there are too many, the quietest of a few candidates goes, so that an attacker with
//! many addresses costs us his own forgotten buckets and no memory. Deliberately absent: times and rules.

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

    pub(crate) fn insert(&mut self, bucket: Bucket) {
        let key = bucket.key;
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
        }
    }

    pub(crate) fn remove(&mut self, key: u128) -> Option<Bucket> {
        let slot = self.index.remove(&key)?;
        self.free.push(slot);
        self.slots.get_mut(slot as usize)?.take()
    }

    /// The bucket to give up: of the next few the one whose last event is the oldest.
    pub(crate) fn victim(&mut self) -> Option<u128> {
        let mut found: Option<(vigie_wire::Timestamp, u128)> = None;
        let mut seen = 0;
        for _ in 0..self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Some(Some(bucket)) = self.slots.get(self.hand) else {
                continue;
            };
            let candidate = (bucket.last_at, bucket.key);
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
