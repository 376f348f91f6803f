//! One subject: the live statements about it, bounded, and who disputes them.
//!
//! When a subject is crowded it keeps the statements that last longest, one of every group before the second of any:
//! ten thousand identities of one group displace each other and nobody else. Which ones stay does not depend on the
//! order of arrival. Deliberately absent: weights, which are looked up when a verdict is asked for.

use vigie_wire::{Behaviour, Count, Indicator, RuleHash, Timestamp};

use crate::constants::{LIVE_HALF_LIVES, MINUTE, half_life};
use crate::fixed::{MILLI, log2_of_size};
use crate::reporter::{GroupIndex, ReporterIndex};

/// One statement, packed: a subject of one statement takes about a hundred bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) rule: RuleHash,
    pub(crate) reporter: ReporterIndex,
    pub(crate) epoch: u32,
    /// Minutes since the epoch.
    pub(crate) observed: u32,
    /// Seconds since the epoch.
    pub(crate) arrived: u32,
    /// And 256ths of a second, for credit only: that goes by the order of arrival, and an echo is quick.
    pub(crate) fraction: u8,
    pub(crate) behaviour: Behaviour,
    pub(crate) key: u8,
    pub(crate) row: u8,
    pub(crate) count: Count,
    pub(crate) confidence: u8,
    /// Gold has spoken on what this reporter says of this subject.
    pub(crate) settled: bool,
}

/// Somebody disputes what is said of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) reporter: ReporterIndex,
    /// Seconds since the epoch.
    pub(crate) at: u32,
    /// Gold has spoken on it.
    pub(crate) settled: bool,
}

/// What is said of one subject.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) indicator: Indicator,
    first: Entry,
    more: Option<Box<More>>,
}

/// Most subjects are named once (58 % in the overlap of real lists), so the rest stands apart.
#[derive(Clone, Debug, Default)]
struct More {
    entries: Vec<Entry>,
    objections: Vec<Objection>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    New,
    Stronger,
    Weaker,
    /// Full; true if another statement was dropped for this one.
    Crowded(bool),
}

/// Up to so many statements the list is kept exact.
const FEW: usize = 8;
/// Objections kept per subject, one per group, the heaviest: more nats than any score can have.
const MAX_OBJECTIONS: usize = 32;

// === impl Entry ===

impl Entry {
    pub(crate) fn observed(&self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.observed) * MINUTE)
    }

    /// When it arrived, as exactly as that is kept: 4 milliseconds.
    pub(crate) fn arrival(&self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.arrived) * MILLI + i64::from(self.fraction) * MILLI / 256)
    }

    /// Whether it is still evidence at `now`.
    pub(crate) fn is_live(&self, subject: &Indicator, now: Timestamp) -> bool {
        let age = now.as_millis().saturating_sub(self.observed().as_millis());
        age < LIVE_HALF_LIVES * half_life(self.behaviour, subject)
    }

    /// How long it lasts: the moment at which a reporter of weight 1 would be down to nothing. Among statements of one
    /// half-life this is the order of strength at any moment.
    fn lasts(&self, subject: &Indicator) -> (i64, std::cmp::Reverse<(u64, u32, u8, u8)>) {
        let span = i128::from(half_life(self.behaviour, subject))
            * i128::from(log2_of_size(self.confidence, self.count.log2()));
        let until = self
            .observed()
            .as_millis()
            .saturating_add(i64::try_from(span >> 32).unwrap_or(i64::MAX));
        (
            until,
            std::cmp::Reverse((self.seq, self.epoch, self.row, self.key)),
        )
    }

    fn is_of(&self, other: &Self) -> bool {
        (self.reporter, self.behaviour) == (other.reporter, other.behaviour)
    }
}

// === impl Subject ===

impl Subject {
    pub(crate) fn new(indicator: Indicator, first: Entry) -> Self {
        Self {
            indicator,
            first,
            more: None,
        }
    }

    /// Of statements and objections that were held elsewhere; `None` without a statement.
    pub(crate) fn assembled(
        indicator: Indicator,
        mut entries: Vec<Entry>,
        objections: Vec<Objection>,
    ) -> Option<Self> {
        let first = entries.pop()?;
        Some(Self {
            indicator,
            first,
            more: Some(Box::new(More { entries, objections })),
        })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        std::iter::once(&self.first).chain(self.more.iter().flat_map(|more| &more.entries))
    }

    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        std::iter::once(&mut self.first).chain(self.more.iter_mut().flat_map(|more| &mut more.entries))
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.more.as_ref().map_or(0, |more| more.entries.len())
    }

    /// Who disputes it and has not been judged for that; from now on he has.
    pub(crate) fn settle_objections(&mut self) -> Vec<ReporterIndex> {
        let open = self.more.iter_mut().flat_map(|more| &mut more.objections);
        open.filter_map(|one| (!std::mem::replace(&mut one.settled, true)).then_some(one.reporter))
            .collect()
    }

    pub(crate) fn objections(&self) -> &[Objection] {
        self.more.as_ref().map_or(&[], |more| &more.objections)
    }

    /// The reporter, if there is only one statement.
    pub(crate) fn sole_reporter(&self) -> Option<ReporterIndex> {
        (self.len() == 1).then_some(self.first.reporter)
    }

    /// Bytes on the heap besides the struct itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.more.as_ref().map_or(0, |more| {
            size_of::<More>()
                + more.entries.capacity() * size_of::<Entry>()
                + more.objections.capacity() * size_of::<Objection>()
        })
    }

    /// Adds a statement; of one reporter and behaviour the strongest stays. `group` names the reporters' groups.
    pub(crate) fn add(
        &mut self,
        entry: Entry,
        max: usize,
        group: impl Fn(ReporterIndex) -> GroupIndex,
    ) -> Added {
        let settled = self
            .entries()
            .any(|known| known.reporter == entry.reporter && known.settled);
        let entry = Entry { settled, ..entry };
        let indicator = self.indicator.clone();
        if let Some(known) = self.entries_mut().find(|known| known.is_of(&entry)) {
            // Who repeats himself was first when he was first.
            let (arrived, fraction) = (known.arrived, known.fraction).min((entry.arrived, entry.fraction));
            let stronger = entry.lasts(&indicator) > known.lasts(&indicator);
            *known = Entry {
                arrived,
                fraction,
                ..if stronger { entry } else { *known }
            };
            return if stronger { Added::Stronger } else { Added::Weaker };
        }
        let more = self.more.get_or_insert_default();
        // A list of few grows by one: the usual doubling would cost more than the statements.
        if more.entries.len() < FEW {
            more.entries.reserve_exact(1);
        }
        more.entries.push(entry);
        if more.entries.len() < max.max(1) {
            return Added::New;
        }
        let Some(last) = self.least(group) else {
            return Added::New;
        };
        let dropped = self.remove(last);
        Added::Crowded(dropped != Some(entry))
    }

    /// The place of the statement to drop first: the deepest in its group, then the one that lasts least.
    fn least(&self, group: impl Fn(ReporterIndex) -> GroupIndex) -> Option<usize> {
        let mut ranked: Vec<_> = self
            .entries()
            .enumerate()
            .map(|(place, entry)| {
                let order = (std::cmp::Reverse(entry.lasts(&self.indicator)), entry.reporter);
                (group(entry.reporter), order, place)
            })
            .collect();
        ranked.sort_unstable();
        let (mut depth, mut before) = (0_usize, None);
        ranked
            .into_iter()
            .map(|(group, order, place)| {
                depth = if before == Some(group) { depth + 1 } else { 0 };
                before = Some(group);
                ((depth, order), place)
            })
            .max()
            .map(|(_, place)| place)
    }

    /// Removes the statement at a place; the last one cannot be removed so.
    fn remove(&mut self, place: usize) -> Option<Entry> {
        let more = self.more.as_mut()?;
        match place.checked_sub(1) {
            None => {
                let next = more.entries.pop()?;
                Some(std::mem::replace(&mut self.first, next))
            }
            Some(place) => (place < more.entries.len()).then(|| more.entries.swap_remove(place)),
        }
    }

    /// Drops the statements that `keep` refuses; false if none is left.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Entry) -> bool) -> bool {
        if let Some(more) = self.more.as_mut() {
            more.entries.retain(&keep);
            if more.entries.is_empty() && more.objections.is_empty() {
                self.more = None;
            }
        }
        if keep(&self.first) {
            return true;
        }
        self.remove(0).is_some()
    }

    /// Takes an objection: one per group, the heaviest disputer of each. False if it changes nothing.
    pub(crate) fn object(
        &mut self,
        objection: Objection,
        group: impl Fn(ReporterIndex) -> GroupIndex,
        weight: impl Fn(ReporterIndex) -> i64,
    ) -> bool {
        let objections = &mut self.more.get_or_insert_default().objections;
        let theirs = group(objection.reporter);
        if let Some(known) = objections
            .iter_mut()
            .find(|known| group(known.reporter) == theirs)
        {
            let renewed = known.reporter == objection.reporter && known.at < objection.at;
            let heavier = weight(objection.reporter) > weight(known.reporter);
            if renewed || heavier {
                let settled = objection.settled || (renewed && known.settled);
                *known = Objection { settled, ..objection };
            }
            return renewed || heavier;
        }
        if objections.len() >= MAX_OBJECTIONS {
            // Whoever is quick and weighs little must not keep out who weighs more.
            let lightest = objections.iter_mut().min_by_key(|known| weight(known.reporter));
            let Some(known) = lightest.filter(|known| weight(known.reporter) < weight(objection.reporter))
            else {
                return false;
            };
            *known = objection;
            return true;
        }
        objections.push(objection);
        true
    }
}
