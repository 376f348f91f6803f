//! A body in memory: rows, and for each row what proves it, its salt or its leaf.

use super::form::Form;
use super::merkle::{self, Hash, Salt};
use crate::{Sighting, Timestamp};

/// What follows the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Erased,
    /// Of an unknown version, kind or flag: as it came, form and commitment included.
    Opaque(Box<[u8]>),
    Rows {
        salts: Salts,
        rows: Rows,
    },
}

/// The salts of the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Salts {
    /// Every row is there; its salt derives from this one.
    Whole(Salt),
    /// One slot for each row of the header.
    Redacted(Box<[Slot]>),
}

/// What a redacted body keeps of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Kept(Salt),
    Erased(Hash),
}

/// The rows that are there, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// Decoded: the hot path reads them many times.
    Sightings(Vec<Sighting>),
    /// The rows of every other kind, checked when they were read, and kept as bytes.
    Items(Vec<Box<[u8]>>),
}

// === impl Body ===

impl Body {
    pub(super) const fn form(&self) -> Form {
        match self {
            Self::Erased => Form::Erased,
            Self::Opaque(_) => Form::Opaque,
            Self::Rows {
                salts: Salts::Whole(_),
                ..
            } => Form::Whole,
            Self::Rows {
                salts: Salts::Redacted(_),
                ..
            } => Form::Redacted,
        }
    }

    /// The numbers of the rows that are there.
    pub(super) fn kept(&self) -> impl Iterator<Item = u8> {
        let slots = match self {
            Self::Rows {
                salts: Salts::Redacted(slots),
                ..
            } => Some(slots),
            _ => None,
        };
        (0..=u8::MAX).filter(move |row| match slots {
            None => true,
            Some(slots) => matches!(slots.get(usize::from(*row)), Some(Slot::Kept(_))),
        })
    }
}

// === impl Rows ===

impl Rows {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Sightings(sightings) => sightings.len(),
            Self::Items(items) => items.len(),
        }
    }

    /// The bytes that the leaf of each row is made of, one row after the other.
    fn leaves(&self, base: Timestamp, mut salts: impl Iterator<Item = Salt>) -> Vec<Hash> {
        let mut bytes = Vec::with_capacity(64);
        let mut salt = || salts.next().unwrap_or_default();
        match self {
            Self::Items(items) => items.iter().map(|item| merkle::leaf(&salt(), item)).collect(),
            Self::Sightings(sightings) => {
                let leaf = |sighting: &Sighting| {
                    bytes.clear();
                    super::sightings::write_row(sighting, base, &mut bytes);
                    merkle::leaf(&salt(), &bytes)
                };
                sightings.iter().map(leaf).collect()
            }
        }
    }
}

// === impl Salts ===

impl Salts {
    /// What a redacted body would keep: the salt of each row that is there, the leaf of each that is not.
    pub(super) fn slots(&self, rows: usize) -> Vec<Slot> {
        match self {
            Self::Whole(salt) => merkle::row_salts(salt, rows)
                .into_iter()
                .map(Slot::Kept)
                .collect(),
            Self::Redacted(slots) => slots.to_vec(),
        }
    }

    /// The leaf of every row of the header.
    pub(super) fn leaves(&self, rows: &Rows, base: Timestamp) -> Vec<Hash> {
        let slots = self.slots(rows.len());
        let kept = slots.iter().filter_map(|slot| match slot {
            Slot::Kept(salt) => Some(*salt),
            Slot::Erased(_) => None,
        });
        let mut kept_leaves = rows.leaves(base, kept).into_iter();
        let leaf = |slot: &Slot| match slot {
            Slot::Kept(_) => kept_leaves.next().unwrap_or_default(),
            Slot::Erased(leaf) => *leaf,
        };
        slots.iter().map(leaf).collect()
    }
}
