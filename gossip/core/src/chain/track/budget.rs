//! What one publisher signed for each slot: the places, and the sums of their rows.
//!
//! The rule of [`crate::rate`] looks at places below a place. Sums are enough for a publisher who keeps to his rate, in
//! whatever order he arrives: what all he signed for a span stays within, each part of it does. So places are walked
//! only of those who said too much. Deliberately absent: the rule itself, which is the track's.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::Place;
use crate::chain::series::Entry;
use crate::rate::{Class, Scale, Slot};

/// By slot, what is held.
#[derive(Clone, Debug, Default)]
pub(super) struct Budgets {
    slots: BTreeMap<Slot, Signed>,
}

/// What was signed for one slot.
#[derive(Clone, Debug, Default)]
struct Signed {
    places: BTreeSet<Place>,
    rows: u64,
    urgent: u64,
    /// How many of the places are of each class.
    classes: [u32; Class::ALL.len()],
}

/// From the first slot up to, but without, the second.
type Span = (Slot, Slot);

// === impl Budgets ===

impl Budgets {
    /// This is held from now on.
    pub(super) fn put(&mut self, place: Place, entry: &Entry) {
        let signed = self.slots.entry(Slot::of(entry.time)).or_default();
        if signed.places.insert(place) {
            signed.rows += entry.cost();
            signed.urgent += entry.urgent_cost();
            signed.classes[entry.class as usize] += 1;
        }
    }

    /// This is held no more.
    pub(super) fn take(&mut self, place: Place, entry: &Entry) {
        let slot = Slot::of(entry.time);
        let Some(signed) = self.slots.get_mut(&slot) else {
            return;
        };
        if signed.places.remove(&place) {
            signed.rows = signed.rows.saturating_sub(entry.cost());
            signed.urgent = signed.urgent.saturating_sub(entry.urgent_cost());
            let class = &mut signed.classes[entry.class as usize];
            *class = class.saturating_sub(1);
        }
        if signed.places.is_empty() {
            self.slots.remove(&slot);
        }
    }

    /// Rows, and urgent rows, signed for these slots.
    pub(super) fn spent(&self, (first, end): Span) -> (u64, u64) {
        let signed = self.slots.range(first..end).map(|(_, signed)| signed);
        signed.fold((0, 0), |(rows, urgent), signed| {
            (rows + signed.rows, urgent + signed.urgent)
        })
    }

    /// The places signed for these slots, with their slot: in the order of slots.
    pub(super) fn places(&self, (first, end): Span) -> impl Iterator<Item = (Place, Slot)> + '_ {
        let slots = self.slots.range(first..end);
        slots.flat_map(|(slot, signed)| signed.places.iter().map(|place| (*place, *slot)))
    }

    /// The places signed for slots before this one.
    pub(super) fn before(&self, slot: Slot) -> impl Iterator<Item = Place> + '_ {
        let slots = self.slots.range(..slot);
        slots.flat_map(|(_, signed)| signed.places.iter().copied())
    }

    /// The first slot of each hour that something was signed for.
    pub(super) fn hours(&self) -> BTreeSet<Slot> {
        self.slots.keys().map(|slot| slot.hour().0).collect()
    }

    /// Whether all that was signed for this hour is within its budgets, so that nothing of it can exceed one.
    pub(super) fn fit(&self, hour: Span, scale: Scale) -> bool {
        let of = |signed: &Signed, class: Class| signed.classes[class as usize] > 0;
        self.slots.range(hour.0..hour.1).all(|(slot, signed)| {
            Class::ALL
                .into_iter()
                .filter(|class| of(signed, *class))
                .all(|class| self.spent(class.span(*slot)).0 <= u64::from(scale.rows(class)))
        })
    }
}
