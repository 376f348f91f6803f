//! What one publisher signed for each slot: the places, and the sums of their rows.
//!
//! The rule of [`crate::rate`] looks at places below a place. Sums are enough for a publisher who keeps to his rate, in
//! whatever order he arrives: what all he signed for a span stays within, each part of it does. So places are walked
//! only of those who said too much. Deliberately absent: the rule itself, which is the track's.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

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

    /// The first slot that counts while an hour counts only if at most so many places are signed for later ones; `None` if
    /// all count. It is the beginning of an hour.
    pub(super) fn opens(&self, most: usize) -> Option<Slot> {
        let (mut held, mut hour) = (0, None);
        for (slot, signed) in self.slots.iter().rev() {
            let begins = slot.hour().0;
            if hour != Some(begins) && held > most {
                break;
            }
            hour = Some(begins);
            held += signed.places.len();
        }
        hour.filter(|_| held > most)
    }

    /// Of the places in epochs after this one those that are signed for the earliest slot.
    pub(super) fn earliest_after(&self, epoch: u32) -> impl Iterator<Item = Place> + '_ {
        let last = Place { epoch, seq: u64::MAX };
        let after = (Bound::Excluded(last), Bound::Unbounded);
        let mut slots = self.slots.values();
        let earliest = slots.find(|signed| signed.places.range(after).next().is_some());
        earliest
            .into_iter()
            .flat_map(move |signed| signed.places.range(after).copied())
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

#[cfg(test)]
mod tests {
    use super::super::Track;
    use crate::chain::{Held, Place};
    use crate::rate::{Class, Slot};
    use crate::wire::{HeaderHash, PublisherId, Timestamp};

    const BEGUN: i64 = 1_795_305_600;
    const SLOTS: u64 = 24;
    /// With four hours in which he signs too much, the first one or two go.
    const LATER: usize = 12;

    /// Numbers that look random and are the same each time.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % limit
        }

        fn said(&mut self, place: Place) -> Held {
            let seconds = i64::try_from(self.below(SLOTS * 600)).unwrap();
            Held {
                publisher: PublisherId([1; 16]),
                epoch: place.epoch,
                seq: place.seq,
                hash: HeaderHash([2; 32]),
                time: Timestamp::from_secs(BEGUN + seconds),
                rows: u16::try_from([0, 1, 20, 59, 60, 200, 256][usize::try_from(self.below(7)).unwrap()])
                    .unwrap(),
                urgent: self.below(3) == 0,
            }
        }
    }

    /// What his standing was when he said it: it changes within an hour too, and once again when statements come.
    fn class_at(time: Timestamp, learned: bool) -> Class {
        let slot = (time.as_secs() - BEGUN) / 600;
        match slot {
            0..3 | 20..22 => Class::Newcomer,
            3..8 if learned => Class::Newcomer,
            8..10 => Class::Seed,
            _ => Class::Member,
        }
    }

    /// The rule as the protocol's page has it: rows of those at lower places in the same slots.
    fn below(held: &[(Held, Class)], one: &Held, class: Class) -> u64 {
        let (first, end) = class.span(Slot::of(one.time));
        let counts = |other: &Held| {
            let slot = Slot::of(other.time);
            other.place() < one.place() && first <= slot && slot < end
        };
        let lower = held.iter().filter(|(other, _)| counts(other));
        lower.map(|(other, _)| u64::from(other.cost())).sum()
    }

    /// What is held once everything was offered, by a walk over all of it: hour by hour from the last, and each from its
    /// lowest place.
    fn walked(said: &[Held], learned: bool) -> Vec<(Held, Class)> {
        let hour = |one: &Held| Slot::of(one.time).hour().0;
        let mut hours: Vec<Slot> = said.iter().map(hour).collect();
        hours.sort_unstable();
        hours.dedup();
        let mut kept: Vec<(Held, Class)> = Vec::new();
        for of in hours.into_iter().rev() {
            if kept.len() > LATER {
                break;
            }
            for one in said.iter().filter(|one| hour(one) == of) {
                let class = class_at(one.time, learned);
                let rows = below(&kept, one, class);
                if rows + u64::from(one.cost()) <= u64::from(class.rows()) {
                    kept.push((*one, class));
                }
            }
        }
        kept.sort_unstable_by_key(|(one, _)| one.place());
        kept
    }

    fn track() -> Track {
        Track {
            later: LATER,
            ..Track::default()
        }
    }

    fn held(track: &Track) -> Vec<(Held, Class)> {
        let series = track.series.iter();
        let entries =
            series.flat_map(|(epoch, series)| series.iter().map(move |(seq, entry)| (*epoch, seq, entry)));
        entries
            .map(|(epoch, seq, entry)| (entry.held(track.publisher, epoch, seq), entry.class))
            .collect()
    }

    /// The sums are those of a walk over what is held, and so is what they say of anything that may come.
    fn sums_hold(track: &Track, said: &[Held], learned: bool) {
        let held = held(track);
        assert_eq!(held.len(), track.len());
        let mut fresh = super::Budgets::default();
        for (one, class) in &held {
            fresh.put(one.place(), &super::Entry::new(one, *class));
        }
        let (kept, new) = (format!("{:?}", track.budgets), format!("{fresh:?}"));
        assert_eq!(kept, new);
        for one in said {
            let class = class_at(one.time, learned);
            let fits = below(&held, one, class) + u64::from(one.cost()) <= u64::from(class.rows());
            assert_eq!(track.within_rate(one, class), fits);
        }
    }

    #[test]
    fn sums_say_what_a_walk_over_all_places_says_whatever_comes_and_goes_in_whatever_order() {
        let (mut dice, mut over) = (Dice(5), 0);
        for round in 0..150 {
            let place = |nth: u64| Place {
                epoch: u32::try_from(nth / 30).unwrap(),
                seq: nth % 30,
            };
            let said: Vec<Held> = (0..60).map(|nth| dice.said(place(nth))).collect();
            let mut track = track();
            let mut learned = false;
            for step in 0..120_u64 {
                let one = said[usize::try_from(dice.below(60)).unwrap()];
                match dice.below(12) {
                    0 => drop(track.take_all(vec![one.place()])),
                    1 => drop(track.expire(Timestamp::from_secs(BEGUN + 1_200))),
                    2 if dice.below(4) == 0 => {
                        learned = !learned;
                        drop(track.reconcile(round * 1_000 + step, None, |_, time| {
                            Some(class_at(time, learned))
                        }));
                    }
                    _ => drop(track.insert(one, class_at(one.time, learned), None)),
                }
                sums_hold(&track, &said, learned);
            }
            // As sync does: offered until nothing changes.
            loop {
                let before = held(&track);
                for nth in 0..60 {
                    let one = said[usize::try_from((nth * 7 + round) % 60).unwrap()];
                    track.insert(one, class_at(one.time, learned), None);
                }
                if held(&track) == before {
                    break;
                }
            }
            assert_eq!(held(&track), walked(&said, learned), "round {round}");
            over += said.len() - track.len();
            // A restart loads what was stored, as if all were a member's, and then hears of standings.
            let mut again = self::track();
            for (one, _) in held(&track) {
                again.load(one);
            }
            drop(again.reconcile(1, None, |_, time| Some(class_at(time, learned))));
            assert_eq!(held(&again), held(&track));
        }
        // Otherwise this has looked at nothing.
        assert!(over > 1_000, "{over}");
    }

    /// Whoever heard what, in whatever order: once each has offered the others what it holds, again and again as sync
    /// does, all hold the same. What all of them dropped nobody has to offer.
    #[test]
    fn nodes_that_heard_different_things_of_somebody_who_says_too_much_come_to_hold_the_same() {
        let (mut dice, mut apart, mut outgrown) = (Dice(9), 0, 0);
        for _ in 0..150 {
            let place = |nth: u64| Place {
                epoch: u32::try_from(nth / 30).unwrap(),
                seq: nth % 30,
            };
            let said: Vec<Held> = (0..60).map(|nth| dice.said(place(nth))).collect();
            let mut nodes = [track(), track(), track()];
            for node in &mut nodes {
                for _ in 0..80 {
                    let one = said[usize::try_from(dice.below(60)).unwrap()];
                    node.insert(one, class_at(one.time, false), None);
                }
            }
            let stories: Vec<_> = nodes.iter().map(held).collect();
            apart += usize::from(stories[0] != stories[1] && stories[1] != stories[2]);
            loop {
                let before: Vec<_> = nodes.iter().map(held).collect();
                for to in 0..3 {
                    for from in (0..3).filter(|from| *from != to) {
                        for (one, class) in held(&nodes[from]) {
                            nodes[to].insert(one, class, None);
                        }
                    }
                }
                if nodes.iter().map(held).collect::<Vec<_>>() == before {
                    break;
                }
            }
            assert_eq!(held(&nodes[0]), held(&nodes[1]));
            assert_eq!(held(&nodes[1]), held(&nodes[2]));
            outgrown += usize::from(nodes[0].opens().is_some());
        }
        // Otherwise this has looked at nothing.
        assert!(apart > 100 && outgrown > 100, "{apart} {outgrown}");
    }
}
