//! Everything held of one publisher: his chains, the slots of his budget, his forks.
//!
//! The invariant: what is held is within the rate, not void by a fork, not below the floor, and of an hour that is held
//! still; `settle` restores it after every change and says what had to go. An hour's budgets look at that hour only and
//! whether it is held at later hours only, so what comes out does not depend on what came first.

mod budget;
mod complete;
mod forked;
mod rates;
mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::fork::{Follower, Fork};
use super::series::{Entry, Series};
use super::{Gap, Head, Held, Place};
use crate::constants::{BARRED_PER_CHAIN, HEAD_INTERVAL, HELD_OF_LATER_HOURS};
use crate::rate::{Class, Scale, Slot};
use crate::wire::{Header, HeaderHash, PublisherId, Timestamp};
use budget::Budgets;
use complete::Ends;

/// What is held of one publisher.
#[derive(Clone, Debug)]
pub(super) struct Track {
    publisher: PublisherId,
    series: BTreeMap<u32, Series>,
    budgets: Budgets,
    forks: BTreeMap<u32, Fork>,
    /// The highest place that a head named.
    named: Option<Named>,
    /// Places below it went because there was too much of all publishers.
    lowest: Option<Place>,
    /// See [`HELD_OF_LATER_HOURS`].
    later: usize,
    /// The highest place that went with the last day that did, if nothing below it is held.
    expired: Option<Place>,
    len: usize,
    /// The standing that the classes were computed from.
    timeline: Option<u64>,
    scale: Scale,
    /// Computed when somebody asks how far he is complete, thrown away when something changes.
    ends: OnceLock<Ends>,
    /// Computed when somebody asks which hours are held still, thrown away when something comes or goes.
    opens: OnceLock<Option<Slot>>,
}

/// What a head named.
#[derive(Clone, Copy, Debug)]
struct Named {
    place: Place,
    /// When he signed that.
    time: Timestamp,
    /// When he signed the first of the heads since which something lacks at the end.
    since: Timestamp,
}

/// What a track says to one envelope.
pub(super) enum Judgement {
    New,
    Duplicate,
    Fork(HeaderHash),
    AfterFork,
    BelowFloor,
    OverRate,
}

// === impl Track ===

impl Default for Track {
    fn default() -> Self {
        Self {
            publisher: PublisherId([0; 16]),
            series: BTreeMap::new(),
            budgets: Budgets::default(),
            forks: BTreeMap::new(),
            named: None,
            lowest: None,
            later: HELD_OF_LATER_HOURS,
            expired: None,
            len: 0,
            timeline: None,
            scale: Scale::ONE,
            ends: OnceLock::new(),
            opens: OnceLock::new(),
        }
    }
}

impl Track {
    pub(super) fn scaled(scale: Scale) -> Self {
        Self {
            scale,
            ..Self::default()
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Whether it can be forgotten: nothing held, nothing proven, nothing that went today.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0 && self.forks.is_empty() && self.named.is_none() && self.expired.is_none()
    }

    pub(super) fn hash_at(&self, place: Place) -> Option<HeaderHash> {
        self.entry(place).map(|entry| entry.hash)
    }

    fn entry(&self, place: Place) -> Option<&Entry> {
        self.series.get(&place.epoch)?.get(place.seq)
    }

    pub(super) fn judge(&self, held: &Held, class: Class, floor: Option<Timestamp>) -> Judgement {
        let place = held.place();
        if self.voids(place, held.time, floor) {
            return Judgement::AfterFork;
        }
        if self.lowest.is_some_and(|lowest| place < lowest) || self.outgrew(held) {
            return Judgement::BelowFloor;
        }
        match self.hash_at(place) {
            Some(hash) if hash == held.hash => Judgement::Duplicate,
            Some(hash) => Judgement::Fork(hash),
            None if self.within_rate(held, class) => Judgement::New,
            None => Judgement::OverRate,
        }
    }

    /// Notes what a head names. `false` if it names a lower place than the last one, or was signed too soon after it.
    pub(super) fn note_head(&mut self, header: &Header) -> bool {
        let (place, time) = (Place::of(header), header.time_base);
        let newer = self
            .named
            .is_none_or(|known| known.place <= place && known.time + HEAD_INTERVAL <= time);
        if newer {
            let lacking = self.named.filter(|known| self.end(known).is_some());
            let since = lacking.map_or(time, |known| known.since);
            self.named = Some(Named { place, time, since });
            self.ends = OnceLock::new();
        }
        newer
    }

    /// The rules keep this place out for good, so that it is no gap.
    pub(super) fn bar(&mut self, place: Place) {
        if let Some(series) = self.series.get_mut(&place.epoch) {
            series.bar(place.seq);
            self.ends = OnceLock::new();
        }
    }

    /// Takes what the store holds; judged at the next `reconcile`.
    pub(super) fn load(&mut self, held: Held) -> bool {
        self.publisher = held.publisher;
        self.timeline = None;
        self.put(&held, Class::Member)
    }

    pub(super) fn insert(&mut self, held: Held, class: Class, floor: Option<Timestamp>) -> Vec<Held> {
        self.publisher = held.publisher;
        match self.judge(&held, class, floor) {
            Judgement::New => {}
            Judgement::Duplicate => return Vec::new(),
            // While it was on its way to the store its place was taken or became void.
            _ => return vec![held],
        }
        self.put(&held, class);
        let mut dropped = self.settle_hour(Slot::of(held.time));
        dropped.extend(self.settle_room());
        if !dropped.is_empty() {
            dropped.extend(self.settle_forks(floor));
        }
        dropped
    }

    pub(super) fn reconcile(
        &mut self,
        timeline: u64,
        floor: Option<Timestamp>,
        class_of: impl Fn(Place, Timestamp) -> Option<Class>,
    ) -> Vec<Held> {
        if self.timeline == Some(timeline) {
            return Vec::new();
        }
        self.timeline = Some(timeline);
        let mut outside = Vec::new();
        for (epoch, series) in &mut self.series {
            for (seq, entry) in series.iter_mut() {
                let place = Place { epoch: *epoch, seq };
                match class_of(place, entry.time) {
                    Some(class) if class == entry.class => {}
                    Some(class) => {
                        self.budgets.take(place, entry);
                        entry.class = class;
                        self.budgets.put(place, entry);
                    }
                    None => outside.push(place),
                }
            }
        }
        let mut dropped = self.keep_out(outside);
        for hour in self.budgets.hours() {
            dropped.extend(self.settle_hour(hour));
        }
        dropped.extend(self.settle_room());
        dropped.extend(self.settle_forks(floor));
        dropped
    }

    pub(super) fn expire(&mut self, floor: Timestamp) -> Vec<Held> {
        let old: Vec<Place> = self.budgets.before(Slot::of(floor)).collect();
        let highest = old.iter().max().copied();
        let gone = self.keep_out(old);
        // Of somebody who does not sign in order it says nothing.
        self.expired = highest.filter(|highest| self.places().next().is_none_or(|first| *highest < first));
        self.ends = OnceLock::new();
        gone
    }

    /// Lets the lowest `count` places go, for good.
    pub(super) fn raise_floor(&mut self, count: usize) -> Vec<Held> {
        let places: Vec<Place> = self.places().take(count + 1).collect();
        if let Some(lowest) = places.get(count) {
            self.lowest = Some(*lowest);
        }
        self.take_all(places.into_iter().take(count).collect())
    }

    pub(super) fn heads(&self, publisher: PublisherId) -> impl Iterator<Item = Head> + '_ {
        self.series
            .iter()
            .filter_map(move |(epoch, series)| series.head(publisher, *epoch))
    }

    /// What stands at the highest place held.
    pub(super) fn latest(&self) -> Option<Held> {
        let (epoch, series) = self.series.last_key_value()?;
        let (_, seq) = series.ends()?;
        Some(series.get(seq)?.held(self.publisher, *epoch, seq))
    }

    pub(super) fn head(&self, publisher: PublisherId, epoch: u32) -> Option<Head> {
        self.series.get(&epoch)?.head(publisher, epoch)
    }

    pub(super) fn gaps(&self, publisher: PublisherId) -> impl Iterator<Item = Gap> + '_ {
        let named = self.named.map(|named| named.place.epoch);
        let epochs: BTreeSet<u32> = self.series.keys().copied().chain(named).collect();
        epochs
            .into_iter()
            .flat_map(move |epoch| self.gaps_in(publisher, epoch))
    }

    pub(super) fn lacks_within(&self, epoch: u32, (from, to): (u64, u64)) -> Option<(u64, u64)> {
        let from = match self.lowest_asked() {
            Some(lowest) if epoch < lowest.epoch => return None,
            Some(lowest) if epoch == lowest.epoch => from.max(lowest.seq),
            _ => from,
        };
        match self.series.get(&epoch) {
            Some(series) => series.lacks_within(from, to),
            None => (from <= to).then_some((from, to)),
        }
    }

    pub(super) fn keeps_out(&self, epoch: u32, (from, to): (u64, u64)) -> bool {
        let remembered = to.saturating_sub(BARRED_PER_CHAIN as u64 - 1);
        let series = self.series.get(&epoch);
        series.is_some_and(|series| series.bars(from.max(remembered), to))
    }

    pub(super) fn gaps_in(&self, publisher: PublisherId, epoch: u32) -> Vec<Gap> {
        self.gap_at_end(publisher, epoch)
            .into_iter()
            .chain(self.gaps_below(publisher, epoch, u64::MAX))
            .collect()
    }

    pub(super) fn gaps_below(&self, publisher: PublisherId, epoch: u32, below: u64) -> Vec<Gap> {
        let series = self.series.get(&epoch);
        series
            .map(|series| series.gaps_below(publisher, epoch, below))
            .unwrap_or_default()
    }

    /// What a head names beyond what is held.
    fn gap_at_end(&self, publisher: PublisherId, epoch: u32) -> Option<Gap> {
        let named = self.named.filter(|named| named.place.epoch == epoch)?;
        let (from, to) = self.end(&named)?;
        Some(Gap {
            publisher,
            epoch,
            from,
            to,
        })
    }

    /// The places that a head names beyond what is held, but for those that a fork voids.
    fn end(&self, named: &Named) -> Option<(u64, u64)> {
        let epoch = named.place.epoch;
        let held = self.series.get(&epoch).and_then(Series::ends);
        let from = held.map_or(Some(0), |(_, high)| high.checked_add(1))?;
        let to = match self.forks.get(&epoch) {
            Some(fork) => named.place.seq.min(fork.seq.checked_sub(1)?),
            None => named.place.seq,
        };
        (from <= to).then_some((from, to))
    }

    pub(super) fn hashes(
        &self,
        epoch: u32,
        range: std::ops::RangeInclusive<u64>,
    ) -> impl Iterator<Item = (u64, HeaderHash)> + '_ {
        self.series
            .get(&epoch)
            .into_iter()
            .flat_map(move |series| series.hashes(range.clone()))
    }

    /// Lets these go, for good: their places are no gaps.
    fn keep_out(&mut self, places: Vec<Place>) -> Vec<Held> {
        for place in &places {
            self.bar(*place);
        }
        self.take_all(places)
    }

    fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.series
            .iter()
            .flat_map(|(epoch, series)| series.iter().map(|(seq, _)| Place { epoch: *epoch, seq }))
    }

    fn put(&mut self, held: &Held, class: Class) -> bool {
        self.moved();
        let (place, entry) = (held.place(), Entry::new(held, class));
        let series = self.series.entry(held.epoch).or_default();
        let before = series.insert(held.seq, entry);
        if let Some(before) = &before {
            self.budgets.take(place, before);
        }
        self.budgets.put(place, &entry);
        for (_, fork) in self.forks.range_mut(..held.epoch) {
            fork.follow(Follower::of(held));
        }
        self.len += usize::from(before.is_none());
        before.is_none()
    }

    /// Something came or went.
    fn moved(&mut self) {
        self.ends = OnceLock::new();
        self.opens = OnceLock::new();
    }

    /// Lets all of these go.
    fn take_all(&mut self, places: Vec<Place>) -> Vec<Held> {
        self.moved();
        let gone = places.into_iter().filter_map(|place| self.take(place)).collect();
        self.follow_anew();
        gone
    }

    /// One of those that [`Self::take_all`] lets go.
    fn take(&mut self, place: Place) -> Option<Held> {
        let series = self.series.get_mut(&place.epoch)?;
        let entry = series.remove(place.seq)?;
        if series.is_empty() {
            self.series.remove(&place.epoch);
        }
        self.budgets.take(place, &entry);
        self.len = self.len.saturating_sub(1);
        Some(entry.held(self.publisher, place.epoch, place.seq))
    }
}
