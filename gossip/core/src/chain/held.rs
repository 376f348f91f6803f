//! Places in chains, what stands there, and how a chain is summed up for others.

use crate::wire::{Header, HeaderHash, PublisherId, Timestamp};

/// A place in a publisher's chains. Epochs order before seqs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which epoch.
    pub epoch: u32,
    /// Which envelope of it.
    pub seq: u64,
}

/// An envelope that is held, without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// Whose chain.
    pub publisher: PublisherId,
    /// Which of his epochs.
    pub epoch: u32,
    /// Which envelope of it.
    pub seq: u64,
    /// The hash of its header.
    pub hash: HeaderHash,
    /// Its signed time: retention and rates are counted by it.
    pub time: Timestamp,
    /// Its rows.
    pub rows: u16,
    /// Whether it asks to be urgent.
    pub urgent: bool,
}

/// How much is held of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Head {
    /// Whose chain.
    pub publisher: PublisherId,
    /// Which of his epochs.
    pub epoch: u32,
    /// The highest seq held.
    pub seq: u64,
    /// What stands there.
    pub hash: HeaderHash,
    /// The lowest seq held.
    pub low: u64,
    /// How many are held.
    pub count: u64,
    /// Over every (seq, hash) held: equal only if the same is held.
    pub fingerprint: [u8; 16],
}

/// Seqs that are missing, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gap {
    /// Whose chain.
    pub publisher: PublisherId,
    /// Which of his epochs.
    pub epoch: u32,
    /// The first that is missing.
    pub from: u64,
    /// The last that is missing.
    pub to: u64,
}

// === impl Place ===

impl Place {
    /// Of a header.
    pub const fn of(header: &Header) -> Self {
        Self {
            epoch: header.epoch,
            seq: header.seq,
        }
    }
}

// === impl Held ===

impl Held {
    /// Of a header.
    pub fn of(header: &Header) -> Self {
        Self {
            publisher: header.publisher,
            epoch: header.epoch,
            seq: header.seq,
            hash: header.hash(),
            time: header.time_base,
            rows: header.rows,
            urgent: crate::validate::asks_urgency(header),
        }
    }

    /// Where it stands.
    pub const fn place(&self) -> Place {
        Place {
            epoch: self.epoch,
            seq: self.seq,
        }
    }

    /// Whether it stands where this header does in its publisher's chains, or behind: what had to go when that came, and did
    /// not go for lack of room, which is made below.
    pub fn is_at_or_behind(&self, header: &Header) -> bool {
        self.publisher == header.publisher && self.place() >= Place::of(header)
    }

    /// What it costs of the budget: its rows, and an envelope without rows as much as one.
    pub fn cost(&self) -> u32 {
        u32::from(self.rows.max(1))
    }
}
