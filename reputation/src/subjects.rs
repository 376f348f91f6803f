//! Every subject that anybody names, bounded: a slab, a table of places into it, and a hand that goes round.
//!
//! When the table is full, whoever fills it with subjects that nobody else names loses his first. What protects
//! innocents is not here: memory, own detections and records have rooms of their own that no flood reaches.
//! Deliberately absent: iteration in the order of the hash table, which differs between processes.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use vigie_wire::{Indicator, Timestamp};

use crate::reporter::ReporterIndex;
use crate::subject::Subject;

/// Places that the hand looks at for each statement that comes in.
const STEPS: usize = 2;
/// Places that are compared when one must go: so many runs, spread over the table, of so many neighbours.
const RUNS: usize = 4;
const NEIGHBOURS: u32 = 4;
/// How a subject that one group alone names ranks, as one of a single statement: the fewer, the sooner it goes.
const ALONE: usize = usize::MAX - 1;
/// One group may hold this share of a full table with subjects that nobody else names.
const GROUP_SHARE: usize = 8;

/// What became of a subject that left the table.
pub(crate) struct Left {
    /// Who alone named it, if one did.
    pub(crate) sole: Option<ReporterIndex>,
}

/// The table.
#[derive(Clone, Debug)]
pub(crate) struct Subjects {
    slab: Vec<Option<Subject>>,
    free: Vec<u32>,
    table: HashTable<u32>,
    // Seeded at random, against floods of colliding keys. It decides speed only: nothing reads the table's order.
    hasher: DefaultHashBuilder,
    hand: usize,
    draw: u64,
    max: usize,
}

// === impl Subjects ===

impl Subjects {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            slab: Vec::new(),
            free: Vec::new(),
            table: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            hand: 0,
            draw: 0,
            max: max.clamp(1, usize::try_from(u32::MAX).unwrap_or(usize::MAX)),
        }
    }

    pub(crate) fn get(&self, subject: &Indicator) -> Option<&Subject> {
        self.at(self.place_of(self.hash(subject), subject)?)
    }

    pub(crate) fn get_mut(&mut self, subject: &Indicator) -> Option<&mut Subject> {
        self.at_mut(self.place_of(self.hash(subject), subject)?)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    /// How many subjects of his own one group may hold while the table is full.
    pub(crate) fn group_quota(&self) -> usize {
        (self.max / GROUP_SHARE).max(1)
    }

    /// In the order of the slab, which is that of arrival until something leaves.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subject> {
        self.slab.iter().flatten()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subject> {
        self.slab.iter_mut().flatten()
    }

    pub(crate) fn insert(&mut self, subject: Subject) {
        let hash = self.hash(&subject.indicator);
        self.insert_hashed(hash, subject);
    }

    /// The same for whoever has asked for the hash already.
    pub(crate) fn insert_hashed(&mut self, hash: u64, subject: Subject) {
        let place = if let Some(place) = self.free.pop() {
            place
        } else {
            let Ok(place) = u32::try_from(self.slab.len()) else {
                return;
            };
            // Growing by an eighth, not by doubling: a table of a million would waste half of itself.
            if self.slab.len() == self.slab.capacity() {
                self.slab.reserve_exact(self.slab.len() / 8 + 1_024);
            }
            self.slab.push(None);
            place
        };
        if let Some(slot) = usize::try_from(place)
            .ok()
            .and_then(|place| self.slab.get_mut(place))
        {
            *slot = Some(subject);
        }
        let Self {
            table, slab, hasher, ..
        } = self;
        table.insert_unique(hash, place, |place| hash_at(slab, hasher, *place));
    }

    /// Moves the hand a little and drops what is no evidence any more, so that old subjects leave without a sweep.
    pub(crate) fn tidy(&mut self, now: Timestamp, mut left: impl FnMut(Left)) {
        for _ in 0..STEPS.min(self.slab.len()) {
            let place = self.step();
            let Some(subject) = self.at(place) else { continue };
            if subject
                .entries()
                .any(|entry| entry.is_live(&subject.indicator, now))
            {
                continue;
            }
            if let Some(gone) = self.remove_at(place) {
                left(gone);
            }
        }
    }

    /// Makes room for one: of a sample spread over the table, a subject that one group alone names, of the group that has
    /// most such; else the one with the fewest statements. What somebody disputes goes last: the dispute would be lost
    /// with it, and the accusation could be made anew.
    pub(crate) fn evict(&mut self, soles_of: impl Fn(ReporterIndex) -> usize) -> Option<Left> {
        let mut worst: Option<((bool, usize, usize), u32)> = None;
        for _ in 0..RUNS {
            let first = self.draw();
            for place in first..first.saturating_add(NEIGHBOURS) {
                let Some(subject) = self.at(place) else { continue };
                // What more is said stands elsewhere in memory, and is not looked at for nothing.
                let sole = subject.sole_reporter();
                if sole.is_none() && worst.is_some_and(|((undisputed, few, _), _)| undisputed && few == ALONE)
                {
                    continue;
                }
                let few = || usize::MAX - subject.len();
                let (few, soles) = sole.map_or_else(|| (few(), 0), |sole| (ALONE, soles_of(sole)));
                let rank = (!subject.is_disputed(), few, soles);
                if worst.is_none_or(|(known, _)| rank > known) {
                    worst = Some((rank, place));
                }
            }
        }
        self.remove_at(worst?.1)
    }

    /// Drops from every subject the statements that `keep` refuses. Costs a walk over the table.
    pub(crate) fn sweep(
        &mut self,
        keep: impl Fn(&crate::subject::Entry) -> bool,
        mut changed: impl FnMut(Option<ReporterIndex>, Option<ReporterIndex>),
    ) {
        for place in 0..u32::try_from(self.slab.len()).unwrap_or(u32::MAX) {
            let slot = usize::try_from(place)
                .ok()
                .and_then(|place| self.slab.get_mut(place));
            let Some(subject) = slot.and_then(Option::as_mut) else {
                continue;
            };
            let before = subject.sole_reporter();
            if subject.retain(&keep) {
                changed(before, subject.sole_reporter());
            } else {
                changed(before, None);
                self.remove_at(place);
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.slab.capacity() * size_of::<Option<Subject>>()
            + self.table.allocation_size()
            + self.free.capacity() * size_of::<u32>()
            + self.iter().map(Subject::heap_bytes).sum::<usize>()
    }

    fn step(&mut self) -> u32 {
        self.hand = if self.hand + 1 < self.slab.len() {
            self.hand + 1
        } else {
            0
        };
        u32::try_from(self.hand).unwrap_or(0)
    }

    /// The next of a sequence of places that spreads evenly (multiples of the golden ratio), the same on every machine.
    fn draw(&mut self) -> u32 {
        self.draw = self.draw.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let place = (u128::from(self.draw) * self.slab.len() as u128) >> 64;
        u32::try_from(place).unwrap_or(0)
    }

    pub(crate) fn at_mut(&mut self, place: u32) -> Option<&mut Subject> {
        self.slab.get_mut(usize::try_from(place).ok()?)?.as_mut()
    }

    fn at(&self, place: u32) -> Option<&Subject> {
        self.slab.get(usize::try_from(place).ok()?)?.as_ref()
    }

    pub(crate) fn hash(&self, subject: &Indicator) -> u64 {
        self.hasher.hash_one(subject)
    }

    /// Where a subject of this hash stands.
    pub(crate) fn place_of(&self, hash: u64, subject: &Indicator) -> Option<u32> {
        let is_it = |place: &u32| self.at(*place).is_some_and(|known| known.indicator == *subject);
        self.table.find(hash, is_it).copied()
    }

    fn remove_at(&mut self, place: u32) -> Option<Left> {
        let slot = self.slab.get_mut(usize::try_from(place).ok()?)?;
        let subject = slot.take()?;
        let hash = self.hasher.hash_one(&subject.indicator);
        if let Ok(entry) = self.table.find_entry(hash, |known| *known == place) {
            entry.remove();
        }
        self.free.push(place);
        Some(Left {
            sole: subject.sole_reporter(),
        })
    }
}

fn hash_at(slab: &[Option<Subject>], hasher: &DefaultHashBuilder, place: u32) -> u64 {
    let subject = usize::try_from(place)
        .ok()
        .and_then(|place| slab.get(place))
        .and_then(Option::as_ref);
    subject.map_or(0, |subject| hasher.hash_one(&subject.indicator))
}
