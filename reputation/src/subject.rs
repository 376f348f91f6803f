//! One subject: the live statements about it, bounded, and who disputes them.
//!
//! When a subject is crowded it keeps the statements that last longest, one of every group before the second of any:
//! ten thousand identities of one group displace each other and nobody else. Which ones stay does not depend on the
//! order of arrival. Deliberately absent: weights, which are looked up when a verdict is asked for.

mod crowd;
mod objections;

use std::cmp::Ordering;

use vigie_wire::{Behaviour, Count, Indicator, RuleHash, Timestamp};

use crate::constants::{DAY, LIVE_HALF_LIVES, MINUTE, half_life};
use crate::fixed::{MILLI, log2_of_size};
use crate::reporter::{GroupIndex, ReporterIndex, UNANCHORED};
use crowd::Least;
pub(crate) use crowd::Sizes;
pub(crate) use objections::{Objection, Objections};

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
    pub(crate) marks: Marks,
}

/// What is noted of a statement besides what it says, in one byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(u8);

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
    objections: Objections,
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

/// Until when, in milliseconds, and a name for ties.
type Lasts = (i64, std::cmp::Reverse<(u64, u32, u8, u8)>);

/// Whether a statement still stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Stands,
    /// It was said, and its publisher took it back.
    Withdrawn,
    /// The network does not admit it: it never counted.
    Void,
}

/// From this confidence on, percent, a statement is loud.
const LOUD: u8 = 50;
/// Up to so many statements the list is kept exact.
const FEW: usize = 8;
/// Statements of one behaviour that a reporter may have taken back and be heard with it again.
const MAX_TAKEN_BACK: usize = 4;
/// Statements of one reporter on one subject.
const MAX_OF_ONE: usize = 16;

// === impl Marks ===

impl Marks {
    /// Gold has spoken on what this reporter says of this subject.
    pub(crate) const SETTLED: Self = Self(1);
    /// Its group leans out further than its record covers (`score/expose.rs`).
    pub(crate) const EXPOSED: Self = Self(2);
    /// On the first statement of a subject: all of it is one group's.
    const SOLE: Self = Self(4);

    /// These, and no others, of those that hold.
    pub(crate) fn of(mark: Self, holds: bool) -> Self {
        if holds { mark } else { Self::default() }
    }

    pub(crate) fn has(self, mark: Self) -> bool {
        self.0 & mark.0 != 0
    }

    pub(crate) fn set(&mut self, mark: Self, holds: bool) {
        self.0 = if holds { self.0 | mark.0 } else { self.0 & !mark.0 };
    }
}

// === impl Entry ===

impl Entry {
    pub(crate) fn is_settled(&self) -> bool {
        self.marks.has(Marks::SETTLED)
    }

    pub(crate) fn is_exposed(&self) -> bool {
        self.marks.has(Marks::EXPOSED)
    }

    pub(crate) fn observed(&self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.observed) * MINUTE)
    }

    /// Whether it is this very statement, whatever became of it here.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (self.reporter, self.key, self.epoch, self.seq, self.row)
            == (other.reporter, other.key, other.epoch, other.seq, other.row)
    }

    /// Whether it is said so that somebody stands for it. Less opens no hearing and makes nobody the first.
    pub(crate) fn is_loud(&self) -> bool {
        self.confidence >= LOUD
    }

    /// 0 if nobody stands for it, 1 if it is whispered, 2 aloud.
    fn loudness(&self) -> u8 {
        u8::from(self.confidence > 0) + u8::from(self.is_loud())
    }

    /// When it arrived, as exactly as that is kept: 4 milliseconds.
    pub(crate) fn arrival(&self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.arrived) * MILLI + i64::from(self.fraction) * MILLI / 256)
    }

    /// Whether it is still evidence at `now`.
    pub(crate) fn is_live(&self, subject: &Indicator, now: Timestamp) -> bool {
        self.age(now) < LIVE_HALF_LIVES * half_life(self.behaviour, subject)
    }

    fn age(&self, now: Timestamp) -> i64 {
        now.as_millis().saturating_sub(self.observed().as_millis())
    }

    /// How long it lasts: the moment at which a reporter of weight 1 would be down to nothing. Among statements of one
    /// half-life this is the order of strength at any moment.
    fn lasts(&self, subject: &Indicator) -> Lasts {
        self.lasts_at(half_life(self.behaviour, subject))
    }

    fn lasts_at(&self, half_life: i64) -> Lasts {
        let span = i128::from(half_life) * i128::from(log2_of_size(self.confidence, self.count.log2()));
        let until = self
            .observed()
            .as_millis()
            .saturating_add(i64::try_from(span >> 32).unwrap_or(i64::MAX));
        (
            until,
            std::cmp::Reverse((self.seq, self.epoch, self.row, self.key)),
        )
    }
}

// === impl Subject ===

impl Subject {
    pub(crate) fn new(indicator: Indicator, mut first: Entry) -> Self {
        first.marks.set(Marks::SOLE, true);
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
            more: Some(Box::new(More {
                entries,
                objections: Objections::of(objections),
            })),
        })
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let rest = self.more.as_ref().map_or(&[] as &[Entry], |more| &more.entries);
        std::iter::once(&self.first).chain(rest)
    }

    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        std::iter::once(&mut self.first).chain(self.more.iter_mut().flat_map(|more| &mut more.entries))
    }

    pub(crate) fn len(&self) -> usize {
        1 + self.more.as_ref().map_or(0, |more| more.entries.len())
    }

    /// Gold says whether those are right who dispute it: whom that judges, each once.
    pub(crate) fn settle_objections(&mut self, rightly: bool) -> Vec<ReporterIndex> {
        let more = self.more.as_mut();
        more.map_or_else(Vec::new, |more| more.objections.settle(rightly))
    }

    /// Takes over those of whom it was heard before anybody said it.
    pub(crate) fn adopt(&mut self, objections: Objections) {
        self.more.get_or_insert_default().objections = objections;
    }

    /// Who disputes it and counts.
    pub(crate) fn objections(&self) -> impl Iterator<Item = &Objection> {
        self.more.iter().flat_map(|more| more.objections.counting())
    }

    pub(crate) fn is_disputed(&self) -> bool {
        self.more.as_ref().is_some_and(|more| !more.objections.is_empty())
    }

    /// One of those who name it, if they are all of one group.
    pub(crate) fn sole_reporter(&self) -> Option<ReporterIndex> {
        self.first.marks.has(Marks::SOLE).then_some(self.first.reporter)
    }

    /// Finds out anew whether one group alone names it. What nobody stakes anything on hides nobody: he who does stands first.
    pub(crate) fn recount(&mut self, group: impl Fn(ReporterIndex) -> GroupIndex) {
        let stakes = |one: &Entry| one.confidence > 0 && group(one.reporter) != UNANCHORED;
        let more = self.more.iter_mut().flat_map(|more| &mut more.entries);
        if !stakes(&self.first)
            && let Some(other) = more.into_iter().find(|one| stakes(one))
        {
            other.marks.set(Marks::SOLE, self.first.marks.has(Marks::SOLE));
            self.first.marks.set(Marks::SOLE, false);
            std::mem::swap(&mut self.first, other);
        }
        let theirs = group(self.first.reporter);
        let alone = |one: &Entry| !stakes(one) || group(one.reporter) == theirs;
        let sole = self.entries().all(alone);
        self.first.marks.set(Marks::SOLE, sole);
    }

    /// Bytes on the heap besides the struct itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.more.as_ref().map_or(0, |more| {
            size_of::<More>() + more.entries.capacity() * size_of::<Entry>() + more.objections.bytes()
        })
    }

    /// Adds a statement; of one reporter and behaviour the strongest stays, and beside it what was taken back: who says it
    /// again does not undo that he said it before. `group` names the reporters' groups, `standing` says what was
    /// taken back. A few passes over the statements, of which there are `max` at most.
    pub(crate) fn add(
        &mut self,
        mut entry: Entry,
        max: usize,
        now: Timestamp,
        sizes: &mut Sizes,
        group: impl Fn(ReporterIndex) -> GroupIndex,
        standing: impl Fn(&Entry) -> Standing,
    ) -> Added {
        let (mut settled, mut same) = (entry.is_settled(), None);
        let (mut theirs, mut taken_back) = (0, 0);
        self.entries().enumerate().for_each(|(place, known)| {
            if known.reporter == entry.reporter {
                settled |= known.is_settled();
                theirs += 1;
                if known.behaviour == entry.behaviour {
                    let how = standing(known);
                    let order = (how == Standing::Stands, known.arrived, known.fraction);
                    let beside = self.stays_beside(known, how, now);
                    same = same.max(Some((order, place, beside)));
                    taken_back += usize::from(beside);
                }
            }
        });
        entry.marks.set(Marks::SETTLED, settled);
        if let Some((_, place, beside)) = same {
            if !beside {
                return self.strengthen(place, entry, now, |one| standing(one) != Standing::Stands);
            }
            // Who took back so much is not heard with that any more, until the oldest of it is no evidence.
            if taken_back >= MAX_TAKEN_BACK {
                return Added::Weaker;
            }
            entry.marks.set(Marks::EXPOSED, true);
        }
        if theirs >= MAX_OF_ONE {
            return Added::Crowded(false);
        }
        let was_sole = self.sole_reporter().is_some();
        let is_full = self.len() >= max.max(1);
        let added = if is_full {
            match self.least(&entry, now, sizes, &group) {
                Least::Dead(place) => {
                    self.replace(place, entry);
                    Added::New
                }
                Least::Known(place) => {
                    self.replace(place, entry);
                    Added::Crowded(true)
                }
                Least::Other => return Added::Crowded(false),
            }
        } else {
            let more = self.more.get_or_insert_default();
            // A list of few grows by one: the usual doubling would cost more than the statements.
            if more.entries.len() < FEW {
                more.entries.reserve_exact(1);
            }
            more.entries.push(entry);
            if same.is_some() {
                Added::Stronger
            } else {
                Added::New
            }
        };
        // Whose it is can change where it was one group's, or where the last word of another made room.
        if was_sole || is_full {
            self.recount(group);
        }
        added
    }

    /// Whether a statement was taken back and gold may still refute it, so that what is said again later does not stand
    /// in its place.
    fn stays_beside(&self, known: &Entry, standing: Standing, now: Timestamp) -> bool {
        known.confidence > 0 && known.is_live(&self.indicator, now) && standing == Standing::Withdrawn
    }

    /// The same reporter says the same once more.
    fn strengthen(
        &mut self,
        place: usize,
        entry: Entry,
        now: Timestamp,
        out: impl Fn(&Entry) -> bool,
    ) -> Added {
        let Some(known) = self.at(place).copied() else {
            return Added::Weaker;
        };
        // Nobody can dispute in public what is said with no confidence, or was taken back. And whoever whispers everything to say
        // aloud what others find was not the first to find it.
        let is_said = |one: &Entry| one.confidence > 0 && !out(one);
        let how = |one: &Entry| if is_said(one) { one.loudness() } else { 0 };
        let mut order = how(&known).cmp(&how(&entry));
        // What is no evidence any more keeps nothing out.
        if order == Ordering::Greater && is_said(&entry) && !known.is_live(&self.indicator, now) {
            order = Ordering::Equal;
        }
        let before = is_said(&known);
        let (stronger, (arrived, fraction)) = match order {
            Ordering::Less => (true, (entry.arrived, entry.fraction)),
            Ordering::Greater => (false, (known.arrived, known.fraction)),
            // Who repeats himself was first when he was first.
            Ordering::Equal => (
                entry.lasts(&self.indicator) > known.lasts(&self.indicator),
                (known.arrived, known.fraction).min((entry.arrived, entry.fraction)),
            ),
        };
        // Evidence that was none, or none any more, is new: whether it is covered is asked anew.
        let exposed = known.is_exposed() || !before || !known.is_live(&self.indicator, now);
        let mut strongest = if stronger { entry } else { known };
        strongest.marks.set(Marks::SETTLED, entry.is_settled());
        strongest.marks.set(Marks::EXPOSED, exposed);
        self.replace(
            place,
            Entry {
                arrived,
                fraction,
                ..strongest
            },
        );
        if stronger { Added::Stronger } else { Added::Weaker }
    }

    /// Whether a statement of this group is the second to stand on its subject, so that it is the one which others may
    /// hang on: another group stands, its own does not, and no third joined within the last day. Then who was first. Of
    /// those that count: alive, reached by an anchor, and which `counts` admits. One pass, which ends as soon as it is the
    /// third: on a crowded subject after a few.
    pub(crate) fn follows(
        &self,
        by: (ReporterIndex, Behaviour),
        now: Timestamp,
        group: impl Fn(ReporterIndex) -> GroupIndex,
        counts: impl Fn(&Entry) -> bool,
    ) -> Option<ReporterIndex> {
        let own = group(by.0);
        let today = now.as_secs().saturating_sub(DAY / MILLI);
        let mut first: Option<&Entry> = None;
        // Of two groups that joined today one at least is not the first, and of those only one can be remembered here.
        let mut joined: Option<GroupIndex> = None;
        for entry in self.entries() {
            let theirs = group(entry.reporter);
            let stands = (entry.reporter, entry.behaviour) != by
                && theirs != UNANCHORED
                && entry.is_live(&self.indicator, now)
                && counts(entry);
            if !stands {
                continue;
            }
            let today = i64::from(entry.arrived) > today;
            if theirs == own || today && joined.is_some_and(|group| group != theirs) {
                return None;
            }
            if today {
                joined = Some(theirs);
            }
            let order = |entry: &Entry| (entry.arrived, entry.reporter);
            if first.is_none_or(|first| order(entry) < order(first)) {
                first = Some(entry);
            }
        }
        let first = first?.reporter;
        joined
            .is_none_or(|joined| joined == group(first))
            .then_some(first)
    }

    /// Notes whether a statement is covered.
    pub(crate) fn expose(&mut self, one: &Entry, exposed: bool) {
        if let Some(entry) = self.entries_mut().find(|entry| entry.is_same(one)) {
            entry.marks.set(Marks::EXPOSED, exposed);
        }
    }

    fn at(&self, place: usize) -> Option<&Entry> {
        match place.checked_sub(1) {
            None => Some(&self.first),
            Some(place) => self.more.as_ref()?.entries.get(place),
        }
    }

    fn replace(&mut self, place: usize, mut entry: Entry) {
        let sole = place == 0 && self.first.marks.has(Marks::SOLE);
        entry.marks.set(Marks::SOLE, sole);
        let known = match place.checked_sub(1) {
            None => Some(&mut self.first),
            Some(place) => self.more.as_mut().and_then(|more| more.entries.get_mut(place)),
        };
        if let Some(known) = known {
            *known = entry;
        }
    }

    /// Removes the statement at a place; the last one cannot be removed so.
    fn remove(&mut self, place: usize) -> Option<Entry> {
        let more = self.more.as_mut()?;
        match place.checked_sub(1) {
            None => {
                let mut next = more.entries.pop()?;
                next.marks.set(Marks::SOLE, self.first.marks.has(Marks::SOLE));
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
        let kept = keep(&self.first) || self.remove(0).is_some();
        if self.len() == 1 {
            self.first.marks.set(Marks::SOLE, true);
        }
        kept
    }

    /// Takes an objection: one per group, the heaviest disputer of each. False if it changes nothing.
    pub(crate) fn object(
        &mut self,
        objection: Objection,
        group: impl Fn(ReporterIndex) -> GroupIndex,
        weight: impl Fn(ReporterIndex) -> i64,
    ) -> bool {
        let more = self.more.get_or_insert_default();
        more.objections.add(objection, group, weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_subjects_must_fit() {
        assert!(
            size_of::<Entry>() == 40 && size_of::<Subject>() == 72,
            "{}",
            size_of::<Subject>()
        );
        assert_eq!(size_of::<Option<Subject>>(), 72);
    }
}
