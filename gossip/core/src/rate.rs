//! How much a publisher may say: rows per slot of *signed* time, counted along his own chain.
//!
//! The rule, which every node must compute alike whatever arrived first: an envelope is within its rate if its rows,
//! with the rows of the held envelopes of the same publisher that stand at lower places (epoch, seq) and are signed
//! for the same slot, do not exceed the slot's budget. Fixed slots rather than a running bucket, because a bucket
//! depends on all of the past and a node that joined late, or has a gap, would compute another one; a slot needs only
//! its own envelopes. A lower place that arrives late can push a higher one out again: the index then says so, so the
//! outcome is that of arrival in order. A publisher who keeps to his rate never sees any of this.

use crate::constants::{
    MEMBER_ROWS_PER_SLOT, NEWCOMER_ROWS_PER_HOUR, SEED_ROWS_PER_SLOT, SLOT_MILLIS, SLOTS_PER_HOUR,
    URGENT_ONE_IN,
};
use crate::wire::Timestamp;

/// Which budget a publisher has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Admitted not long enough ago.
    Newcomer,
    /// A member.
    Member,
    /// A seed.
    Seed,
}

/// So many times the network's budgets: once, everywhere but in a simulation of rates above them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(u32);

/// A slot's number: signed time divided by ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(i64);

// === impl Scale ===

impl Scale {
    /// The budgets of the network.
    pub const ONE: Self = Self(1);

    /// So many times those. For simulations only: a node that grants more than the others holds what they do not.
    pub const fn times(factor: u32) -> Self {
        Self(if factor == 0 { 1 } else { factor })
    }

    /// Rows of one budget.
    pub const fn rows(self, class: Class) -> u32 {
        class.rows().saturating_mul(self.0)
    }

    /// Rows of one budget that may be urgent.
    pub const fn urgent_rows(self, class: Class) -> u32 {
        class.urgent_rows().saturating_mul(self.0)
    }
}

impl Default for Scale {
    fn default() -> Self {
        Self::ONE
    }
}

// === impl Slot ===

impl Slot {
    /// The slot of a signed time.
    pub const fn of(at: Timestamp) -> Self {
        Self(at.as_millis().div_euclid(SLOT_MILLIS))
    }

    /// First slot of the hour and of the next hour.
    pub const fn hour(self) -> (Self, Self) {
        let first = self.0.div_euclid(SLOTS_PER_HOUR).saturating_mul(SLOTS_PER_HOUR);
        (Self(first), Self(first.saturating_add(SLOTS_PER_HOUR)))
    }

    /// The next one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// When it begins.
    pub const fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(SLOT_MILLIS))
    }
}

// === impl Class ===

impl Class {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Newcomer, Self::Member, Self::Seed];

    /// Rows of one budget.
    pub const fn rows(self) -> u32 {
        match self {
            Self::Newcomer => NEWCOMER_ROWS_PER_HOUR,
            Self::Member => MEMBER_ROWS_PER_SLOT,
            Self::Seed => SEED_ROWS_PER_SLOT,
        }
    }

    /// Rows of one budget that may be urgent.
    pub const fn urgent_rows(self) -> u32 {
        self.rows() / URGENT_ONE_IN
    }

    /// The slots that share one budget with `slot`: from the first up to, but without, the second.
    pub const fn span(self, slot: Slot) -> (Slot, Slot) {
        match self {
            Self::Newcomer => slot.hour(),
            Self::Member | Self::Seed => (slot, slot.next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_those_of_the_design() {
        let hour = |class: Class| class.rows() * if class == Class::Newcomer { 1 } else { 6 };
        assert_eq!(
            [Class::Newcomer, Class::Member, Class::Seed].map(hour),
            [60, 3_600, 36_000]
        );
        assert_eq!(Class::Member.urgent_rows(), 60);
    }

    #[test]
    fn a_newcomer_shares_the_hour() {
        let slot = Slot::of(Timestamp::from_secs(3_600 + 1_800));
        let (first, next) = Class::Newcomer.span(slot);
        assert_eq!((first.start().as_secs(), next.start().as_secs()), (3_600, 7_200));
        assert_eq!(Class::Member.span(slot).0.start().as_secs(), 5_400);
    }
}
