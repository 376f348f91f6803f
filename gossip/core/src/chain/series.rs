//! One chain of one epoch: what is held of it, by seq.
//!
//! Deliberately absent: rates and forks, which look across epochs and stand in `track`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::OnceLock;

use super::{Gap, Head, Held};
use crate::constants::GAPS_PER_CHAIN;
use crate::rate::Class;
use crate::wire::{HeaderHash, PublisherId, Timestamp};

/// What is kept of one envelope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) hash: HeaderHash,
    pub(super) time: Timestamp,
    pub(super) rows: u16,
    pub(super) urgent: bool,
    pub(super) class: Class,
}

/// The envelopes of one epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    entries: BTreeMap<u64, Entry>,
    /// Computed when somebody asks, thrown away when something changes.
    fingerprint: OnceLock<[u8; 16]>,
}

// === impl Entry ===

impl Entry {
    pub(super) const fn new(held: &Held, class: Class) -> Self {
        Self {
            hash: held.hash,
            time: held.time,
            rows: held.rows,
            urgent: held.urgent,
            class,
        }
    }

    pub(super) const fn held(&self, publisher: PublisherId, epoch: u32, seq: u64) -> Held {
        Held {
            publisher,
            epoch,
            seq,
            hash: self.hash,
            time: self.time,
            rows: self.rows,
            urgent: self.urgent,
        }
    }
}

// === impl Series ===

impl Series {
    pub(super) fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(&seq)
    }

    pub(super) fn insert(&mut self, seq: u64, entry: Entry) -> bool {
        self.fingerprint = OnceLock::new();
        self.entries.insert(seq, entry).is_none()
    }

    pub(super) fn remove(&mut self, seq: u64) -> Option<Entry> {
        self.fingerprint = OnceLock::new();
        self.entries.remove(&seq)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(seq, entry)| (*seq, entry))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut Entry)> {
        self.entries.iter_mut().map(|(seq, entry)| (*seq, entry))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.entries.values().map(|entry| entry.time).min()
    }

    pub(super) fn hashes(&self, range: RangeInclusive<u64>) -> impl Iterator<Item = (u64, HeaderHash)> + '_ {
        // A map panics on a range that runs backwards.
        let range = (!range.is_empty()).then_some(range);
        range
            .into_iter()
            .flat_map(|range| self.entries.range(range).rev())
            .map(|(seq, entry)| (*seq, entry.hash))
    }

    pub(super) fn head(&self, publisher: PublisherId, epoch: u32) -> Option<Head> {
        let (low, _) = self.entries.first_key_value()?;
        let (seq, top) = self.entries.last_key_value()?;
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        Some(Head {
            publisher,
            epoch,
            seq: *seq,
            hash: top.hash,
            low: *low,
            count,
            fingerprint: self.fingerprint(),
        })
    }

    pub(super) fn gaps(&self, publisher: PublisherId, epoch: u32) -> Vec<Gap> {
        let pairs = self.entries.keys().rev().skip(1).zip(self.entries.keys().rev());
        pairs
            .filter_map(|(before, after)| {
                let from = before.checked_add(1)?;
                (from < *after).then(|| Gap {
                    publisher,
                    epoch,
                    from,
                    to: after.saturating_sub(1),
                })
            })
            .take(GAPS_PER_CHAIN)
            .collect()
    }

    fn fingerprint(&self) -> [u8; 16] {
        *self.fingerprint.get_or_init(|| {
            let mut hasher = blake3::Hasher::new_derive_key("vigie/chain/v1");
            for (seq, entry) in &self.entries {
                hasher.update(&seq.to_le_bytes()).update(&entry.hash.0);
            }
            let mut fingerprint = [0; 16];
            hasher.finalize_xof().fill(&mut fingerprint);
            fingerprint
        })
    }
}
