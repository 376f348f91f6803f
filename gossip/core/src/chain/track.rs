//! Everything held of one publisher: his chains, the slots of his budget, his forks.
//!
//! The invariant: what is held is within the rate, not void by a fork, and not below the floor; `settle` restores it
//! after every change and says what had to go.

mod budget;
mod complete;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::fork::{Conduct, Fork};
use super::series::{Entry, Series};
use super::{Gap, Head, Held, Place};
use crate::constants::{BARRED_PER_CHAIN, FORKS_PER_PUBLISHER, HEAD_INTERVAL, HELD_PER_PUBLISHER};
use crate::rate::{Class, Scale, Slot};
use crate::wire::{EquivocationProof, Header, HeaderHash, PublisherId, Timestamp};
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
    /// Places below it went for lack of room.
    lowest: Option<Place>,
    len: usize,
    /// The standing that the classes were computed from.
    timeline: Option<u64>,
    scale: Scale,
    /// Computed when somebody asks how far he is complete, thrown away when something changes.
    ends: OnceLock<Ends>,
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
            len: 0,
            timeline: None,
            scale: Scale::ONE,
            ends: OnceLock::new(),
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

    /// Whether it can be forgotten: nothing held, nothing proven.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0 && self.forks.is_empty() && self.named.is_none()
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
        if self.lowest_taken().is_some_and(|lowest| place < lowest) {
            return Judgement::BelowFloor;
        }
        match self.hash_at(place) {
            Some(hash) if hash == held.hash => Judgement::Duplicate,
            Some(hash) => Judgement::Fork(hash),
            None if self.within_rate(held, class) => Judgement::New,
            None => Judgement::OverRate,
        }
    }

    /// Rows, and urgent rows, signed for these slots.
    pub(super) fn spent(&self, span: (Slot, Slot)) -> (u64, u64) {
        self.budgets.spent(span)
    }

    /// Whether the budget of its slot leaves room for this one at its place.
    pub(super) fn within_rate(&self, held: &Held, class: Class) -> bool {
        let budget = u64::from(self.scale.rows(class));
        self.leaves_room(held, class, budget, |(rows, _)| rows)
    }

    /// The same of the budget for urgent ones.
    pub(super) fn urgent_within_rate(&self, held: &Held, class: Class) -> bool {
        let budget = u64::from(self.scale.urgent_rows(class));
        self.leaves_room(held, class, budget, |(_, urgent)| urgent)
    }

    fn leaves_room(&self, held: &Held, class: Class, budget: u64, of: impl Fn((u64, u64)) -> u64) -> bool {
        let span = class.span(Slot::of(held.time));
        let room = budget.checked_sub(u64::from(held.cost()));
        room.is_some_and(|room| {
            of(self.spent(span)) <= room || of(self.spent_below(span, held.place())) <= room
        })
    }

    /// Rows, and urgent rows, signed for these slots at places below this one.
    fn spent_below(&self, span: (Slot, Slot), below: Place) -> (u64, u64) {
        let places = self.budgets.places(span).map(|(place, _)| place);
        places
            .filter(|place| *place < below)
            .filter_map(|place| self.entry(place))
            .fold((0, 0), |(rows, urgent), entry| {
                (rows + entry.cost(), urgent + entry.urgent_cost())
            })
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
        // The highest so many stay, whatever order they came in.
        let beyond = self.len.saturating_sub(HELD_PER_PUBLISHER);
        if beyond > 0 {
            let lowest = self.places().take(beyond).collect();
            dropped.extend(self.take_all(lowest));
        }
        if !dropped.is_empty() {
            dropped.extend(self.settle_forks(floor));
        }
        dropped
    }

    pub(super) fn convict(&mut self, proof: EquivocationProof, floor: Option<Timestamp>) -> Vec<Held> {
        let epoch = proof.first().header().epoch;
        self.publisher = proof.first().header().publisher;
        let fork = Fork::new(proof);
        if self.forks.get(&epoch).is_some_and(|known| !fork.outranks(known)) {
            return Vec::new();
        }
        self.forks.insert(epoch, fork);
        self.ends = OnceLock::new();
        while self.forks.len() > FORKS_PER_PUBLISHER {
            // The last of so many convicts, whenever it was, and voids the epochs of those that go here.
            self.forks.pop_last();
        }
        self.settle_forks(floor)
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
        dropped.extend(self.settle_forks(floor));
        dropped
    }

    pub(super) fn expire(&mut self, floor: Timestamp) -> Vec<Held> {
        let old: Vec<Place> = self.budgets.before(Slot::of(floor)).collect();
        self.keep_out(old)
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

    /// Nothing below is taken, for lack of room.
    fn lowest_taken(&self) -> Option<Place> {
        let full = self.len >= HELD_PER_PUBLISHER;
        let first = full.then(|| self.places().next()).flatten();
        self.lowest.max(first)
    }

    pub(super) fn lacks_within(&self, epoch: u32, (from, to): (u64, u64)) -> Option<(u64, u64)> {
        let from = match self.lowest_taken() {
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

    pub(super) fn forks(&self) -> impl Iterator<Item = (u32, &Fork)> {
        self.forks.iter().map(|(epoch, fork)| (*epoch, fork))
    }

    pub(super) fn proof(&self, epoch: u32) -> Option<&EquivocationProof> {
        self.forks.get(&epoch).map(|fork| &fork.proof)
    }

    pub(super) fn proof_name(&self, epoch: u32) -> Option<[u8; 16]> {
        self.forks.get(&epoch).map(Fork::name)
    }

    /// What the forks amount to, as if an envelope of `offered` (epoch, signed time) were held too.
    pub(super) fn conduct(&self, offered: Option<(u32, Timestamp)>, floor: Option<Timestamp>) -> Conduct {
        let mut conduct = Conduct::Clean;
        let mut before: Vec<&Fork> = Vec::new();
        for (epoch, fork) in &self.forks {
            let last = before.len() + 1 >= FORKS_PER_PUBLISHER;
            if last || before.iter().any(|earlier| fork.too_soon_after(earlier)) {
                return Conduct::Equivocation { epoch: *epoch };
            }
            before.push(fork);
            conduct = match self.follower(*epoch, offered) {
                None => Conduct::Suspended { epoch: *epoch },
                // Older than what is held: whoever still follows was judged when the evidence was there.
                _ if floor.is_some_and(|floor| fork.grace_ends() < floor) => {
                    Conduct::Accident { epoch: *epoch }
                }
                Some(follows) if follows <= fork.grace_ends() => Conduct::Accident { epoch: *epoch },
                Some(_) => return Conduct::Equivocation { epoch: *epoch },
            };
        }
        conduct
    }

    /// The earliest signed time in epochs after this one.
    fn follower(&self, epoch: u32, offered: Option<(u32, Timestamp)>) -> Option<Timestamp> {
        let offered = offered.filter(|(other, _)| *other > epoch).map(|(_, time)| time);
        let later = self.series.range(epoch.saturating_add(1)..);
        later
            .filter_map(|(_, series)| series.earliest())
            .chain(offered)
            .min()
    }

    fn voids(&self, place: Place, time: Timestamp, floor: Option<Timestamp>) -> bool {
        if self.forks.is_empty() {
            return false;
        }
        if self
            .forks
            .get(&place.epoch)
            .is_some_and(|fork| place.seq >= fork.seq)
        {
            return true;
        }
        matches!(self.conduct(Some((place.epoch, time)), floor), Conduct::Equivocation { epoch } if place.epoch > epoch)
    }

    /// Drops what the forks void.
    fn settle_forks(&mut self, floor: Option<Timestamp>) -> Vec<Held> {
        if self.forks.is_empty() {
            return Vec::new();
        }
        let at_forks = self.places().filter(|place| {
            self.forks
                .get(&place.epoch)
                .is_some_and(|fork| place.seq >= fork.seq)
        });
        let mut dropped = self.take_all(at_forks.collect());
        // What goes with a later fork may be all that made an earlier one an accident: then that one decides, and so on
        // down the forks.
        while let Conduct::Equivocation { epoch } = self.conduct(None, floor) {
            let later: Vec<Place> = self.places().filter(|place| place.epoch > epoch).collect();
            if later.is_empty() {
                break;
            }
            dropped.extend(self.take_all(later));
        }
        dropped
    }

    /// Drops what exceeds the rate in the hour of this slot, in the order of places.
    fn settle_hour(&mut self, slot: Slot) -> Vec<Held> {
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
        self.ends = OnceLock::new();
        let (place, entry) = (held.place(), Entry::new(held, class));
        let series = self.series.entry(held.epoch).or_default();
        let before = series.insert(held.seq, entry);
        if let Some(before) = &before {
            self.budgets.take(place, before);
        }
        self.budgets.put(place, &entry);
        self.len += usize::from(before.is_none());
        before.is_none()
    }

    fn take_all(&mut self, places: Vec<Place>) -> Vec<Held> {
        places.into_iter().filter_map(|place| self.take(place)).collect()
    }

    fn take(&mut self, place: Place) -> Option<Held> {
        self.ends = OnceLock::new();
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
