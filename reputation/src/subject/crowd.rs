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
        sizes: &mut Sizes,
        group: impl Fn(ReporterIndex) -> GroupIndex,
    ) -> Least {
        // Nearly all are of one behaviour, and its half-life is looked up once.
        let mut life = (other.behaviour, half_life(other.behaviour, &self.indicator));
        let mut half_life_of = |entry: &Entry| {
            if entry.behaviour != life.0 {
                life = (entry.behaviour, half_life(entry.behaviour, &self.indicator));
            }
            life.1
        };
        sizes.clear();
        let mut dead = None;
        self.entries().enumerate().for_each(|(place, known)| {
            if known.age(now) >= LIVE_HALF_LIVES * half_life_of(known) {
                dead = Some(place);
            }
            sizes.count(group(known.reporter));
        });
        if let Some(place) = dead {
            return Least::Dead(place);
        }
        let mut order = |entry: &Entry| {
            // As `strengthen` compares them, or whoever whispers first would drive out what his loud word would not.
            let strength = (entry.loudness(), entry.lasts_at(half_life_of(entry)));
            (std::cmp::Reverse(strength), entry.reporter)
        };
        let mine = group(other.reporter);
        sizes.count(mine);
        let mut least = (Least::Other, sizes.is_largest(mine).then(|| order(other)));
        let mut groups = sizes.counted.iter();
        // No `zip`: it steps through the chained list from outside, and a third more time goes into a full subject.
        self.entries().enumerate().for_each(|(place, entry)| {
            if groups.next().is_some_and(|group| sizes.is_largest(*group)) {
                let order = Some(order(entry));
                if order > least.1 {
                    least = (Least::Known(place), order);
                }
            }
        });
        least.0
    }
}

/// How many statements each group has. Used again and again, by whoever holds the subjects: one look-up a statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sizes {
    /// Indexed by the number of the group; these are dense.
    by_group: Vec<u32>,
    /// The groups of those counted, in their order.
    counted: Vec<GroupIndex>,
    largest: u32,
}

// === impl Sizes ===

impl Sizes {
    fn clear(&mut self) {
        for group in self.counted.drain(..) {
            if let Some(size) = index(group).and_then(|group| self.by_group.get_mut(group)) {
                *size = 0;
            }
        }
        self.largest = 0;
    }

    /// One more of a group.
    fn count(&mut self, group: GroupIndex) {
        let Some(place) = index(group) else { return };
        if place >= self.by_group.len() {
            self.by_group.resize(place + 1, 0);
        }
        if let Some(size) = self.by_group.get_mut(place) {
            *size += 1;
            self.largest = self.largest.max(*size);
        }
        self.counted.push(group);
    }

    fn is_largest(&self, group: GroupIndex) -> bool {
        index(group).and_then(|group| self.by_group.get(group)) == Some(&self.largest)
    }
}

fn index(group: GroupIndex) -> Option<usize> {
    usize::try_from(group).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_groups_are_found() {
        let mut sizes = Sizes::default();
        for _ in 0..2 {
            sizes.clear();
            let groups = [5, 1, 5, 70, 5, 1, 70, 70, 0];
            for group in groups {
                sizes.count(group);
            }
            let largest = groups.map(|group| sizes.is_largest(group));
            assert_eq!(largest, [true, false, true, true, true, false, true, true, false]);
        }
    }
}
