//! A full list: which statement makes room for another, so that every group keeps its first before any its second.
//!
//! Deliberately absent: when a list is full, and what is done with the answer.

use vigie_wire::Timestamp;

use super::{Entry, Subject};
use crate::constants::{LIVE_HALF_LIVES, half_life};
use crate::reporter::{GroupIndex, ReporterIndex};

/// Who makes room in a full list.
pub(super) enum Least {
    /// The statement at this place, which is no evidence any more.
    Dead(usize),
    /// The one at this place.
    Known(usize),
    /// Whoever comes.
    Other,
}

// === impl Subject ===

impl Subject {
    /// Which statement must make room for another, or whether the other must stay out. One that is no evidence any more
    /// goes first. Then, of the groups with the most statements, the least loud, and of those the one that lasts least:
    /// every group keeps its first before any its second.
    pub(super) fn least(
        &self,
        other: &Entry,
        now: Timestamp,
        group: impl Fn(ReporterIndex) -> GroupIndex,
    ) -> Least {
        let mut sizes = Sizes::of_at_most(self.len() + 1);
        let mut dead = None;
        // Nearly all are of one behaviour, and its half-life is looked up once.
        let mut life = (other.behaviour, half_life(other.behaviour, &self.indicator));
        let mut half_life_of = |entry: &Entry| {
            if entry.behaviour != life.0 {
                life = (entry.behaviour, half_life(entry.behaviour, &self.indicator));
            }
            life.1
        };
        let mut slots = Vec::with_capacity(self.len());
        self.entries().enumerate().for_each(|(place, known)| {
            if known.age(now) >= LIVE_HALF_LIVES * half_life_of(known) {
                dead = Some(place);
            }
            slots.push(sizes.count(group(known.reporter)));
        });
        if let Some(place) = dead {
            return Least::Dead(place);
        }
        let mut order = |entry: &Entry| {
            // As `strengthen` compares them, or whoever whispers first would drive out what his loud word would not.
            let strength = (entry.loudness(), entry.lasts_at(half_life_of(entry)));
            Some((std::cmp::Reverse(strength), entry.reporter))
        };
        let slot = sizes.count(group(other.reporter));
        let crowds = sizes.is_largest(slot);
        let mut least = (Least::Other, if crowds { order(other) } else { None });
        self.entries()
            .zip(slots)
            .enumerate()
            .for_each(|(place, (entry, slot))| {
                if sizes.is_largest(slot) {
                    let order = order(entry);
                    if order > least.1 {
                        least = (Least::Known(place), order);
                    }
                }
            });
        least.0
    }
}

/// How many statements each group has. A small open table: the groups are few, and their numbers any.
struct Sizes {
    /// Group and size; a size of zero is a free slot. At most two thirds of them are taken.
    slots: Vec<(GroupIndex, u32)>,
    largest: u32,
}

// === impl Sizes ===

impl Sizes {
    fn of_at_most(groups: usize) -> Self {
        Self {
            slots: vec![(0, 0); (groups + groups / 2).next_power_of_two()],
            largest: 0,
        }
    }

    /// One more of a group; where that is counted.
    fn count(&mut self, group: GroupIndex) -> usize {
        let place = self.slot(group);
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = (group, slot.1 + 1);
            self.largest = self.largest.max(slot.1);
        }
        place
    }

    fn is_largest(&self, slot: usize) -> bool {
        self.slots
            .get(slot)
            .is_some_and(|(_, size)| *size == self.largest)
    }

    fn slot(&self, group: GroupIndex) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = usize::try_from(group.wrapping_mul(0x9e37_79b1) >> 8).unwrap_or(0) & mask;
        while self
            .slots
            .get(slot)
            .is_some_and(|(known, size)| *size > 0 && *known != group)
        {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_groups_are_found() {
        let groups = [5, 1, 5, u32::MAX, 5, 1, u32::MAX, u32::MAX, 0];
        let mut sizes = Sizes::of_at_most(groups.len());
        let slots = groups.map(|group| sizes.count(group));
        let largest = slots.map(|slot| sizes.is_largest(slot));
        assert_eq!(largest, [true, false, true, true, true, false, true, true, false]);
    }
}
