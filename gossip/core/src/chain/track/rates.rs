//! A publisher's rate along his chain, see [`crate::rate`]: what is within it, and what has to go.
//!
//! Deliberately absent: the sums it asks first, which are the budgets'.

use std::collections::BTreeMap;

use super::Track;
use crate::chain::series::Entry;
use crate::chain::{Held, Place};
use crate::rate::{Class, Slot};

// === impl Track ===

impl Track {
    /// Rows, and urgent rows, signed for these slots.
    pub(in crate::chain) fn spent(&self, span: (Slot, Slot)) -> (u64, u64) {
        self.budgets.spent(span)
    }

    /// Whether the budget of its slot leaves room for this one at its place.
    pub(in crate::chain) fn within_rate(&self, held: &Held, class: Class) -> bool {
        let span = class.span(Slot::of(held.time));
        let room = self.scale.rows(class).checked_sub(held.cost()).map(u64::from);
        room.is_some_and(|room| self.spent(span).0 <= room || self.spent_below(span, held.place()) <= room)
    }

    /// Rows signed for these slots at places below this one.
    fn spent_below(&self, span: (Slot, Slot), below: Place) -> u64 {
        let places = self.budgets.places(span).map(|(place, _)| place);
        let lower = places.filter(|place| *place < below);
        lower.filter_map(|place| self.entry(place)).map(Entry::cost).sum()
    }

    /// Drops what exceeds the rate in the hour of this slot, in the order of places.
    pub(super) fn settle_hour(&mut self, slot: Slot) -> Vec<Held> {
        let hour = slot.hour();
        if self.budgets.fit(hour, self.scale) {
            return Vec::new();
        }
        let mut entries: Vec<(Place, Slot, &Entry)> = self
            .budgets
            .places(hour)
            .filter_map(|(place, slot)| Some((place, slot, self.entry(place)?)))
            .collect();
        entries.sort_unstable_by_key(|(place, ..)| *place);
        let mut spent: BTreeMap<Slot, u64> = BTreeMap::new();
        let mut over = Vec::new();
        for (place, slot, entry) in entries {
            let (first, end) = entry.class.span(slot);
            let before: u64 = spent.range(first..end).map(|(_, rows)| rows).sum();
            if before + entry.cost() > u64::from(self.scale.rows(entry.class)) {
                over.push(place);
            } else {
                *spent.entry(slot).or_default() += entry.cost();
            }
        }
        self.keep_out(over)
    }
}
