//! Who disputes what is said of a subject: one of every group. The heaviest count; others gain nothing by it, and
//! answer for it all the same.
//!
//! Deliberately absent: what they weigh, which is looked up when a verdict is asked for.

use crate::reporter::{GroupIndex, ReporterIndex};

/// Somebody disputes what is said of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) reporter: ReporterIndex,
    /// Seconds since the epoch.
    pub(crate) at: u32,
    /// Gold has spoken on it.
    settled: bool,
    /// He is one of the heaviest.
    counts: bool,
}

/// Those of one subject.
// Rare and rarely more than a few: a slice, made anew for each, is a third smaller here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objections(Box<[Objection]>);

/// Objections that count, the heaviest: more nats than any score can have.
const MAX_COUNTING: usize = 32;
/// Objections kept, so that nobody praises attackers at no risk because many do.
const MAX_KEPT: usize = 128;

// === impl Objections ===

impl Objections {
    pub(super) fn of(objections: Vec<Objection>) -> Self {
        Self(objections.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// Those that count.
    pub(super) fn counting(&self) -> impl Iterator<Item = &Objection> {
        self.0.iter().filter(|one| one.counts)
    }

    /// Gold has spoken: those whom it judges and had not judged before. Right is who counts, wrong whoever disputed.
    pub(super) fn settle(&mut self, rightly: bool) -> Vec<ReporterIndex> {
        let open = |one: &&mut Objection| !one.settled && (one.counts || !rightly);
        let judged = self.0.iter_mut().filter(open).map(|one| {
            one.settled = true;
            one.reporter
        });
        judged.collect()
    }

    /// Takes one: the heaviest disputer of each group. False if nothing changes.
    pub(crate) fn add(
        &mut self,
        objection: Objection,
        group: impl Fn(ReporterIndex) -> GroupIndex,
        weight: impl Fn(ReporterIndex) -> i64,
    ) -> bool {
        let theirs = group(objection.reporter);
        if let Some(known) = self.0.iter_mut().find(|known| group(known.reporter) == theirs) {
            let renewed = known.reporter == objection.reporter && known.at < objection.at;
            let heavier = weight(objection.reporter) > weight(known.reporter);
            if renewed || heavier {
                *known = Objection {
                    settled: objection.settled || (renewed && known.settled),
                    counts: known.counts,
                    ..objection
                };
                self.promote(weight);
            }
            return renewed || heavier;
        }
        let counts = self.counting().count() < MAX_COUNTING;
        if self.0.len() < MAX_KEPT {
            let added = Objection { counts, ..objection };
            self.0 = self.0.iter().copied().chain([added]).collect();
            return counts || self.promote(weight);
        }
        // Whoever is quick and weighs little must not keep out who weighs more.
        let Some((lightest, place)) = self.weighed(false, &weight).min() else {
            return false;
        };
        if lightest >= weight(objection.reporter) {
            return false;
        }
        if let Some(known) = self.0.get_mut(place) {
            *known = Objection {
                counts: false,
                ..objection
            };
        }
        self.promote(weight)
    }

    /// Lets the heaviest of those that do not count take the place of the lightest that does, if it weighs less. Whether it did.
    fn promote(&mut self, weight: impl Fn(ReporterIndex) -> i64) -> bool {
        let waiting = self.weighed(false, &weight);
        let heaviest = waiting.max_by_key(|(weight, place)| (*weight, std::cmp::Reverse(*place)));
        let lightest = self.weighed(true, &weight).min();
        let (Some(heaviest), Some(lightest)) = (heaviest, lightest) else {
            return false;
        };
        let promoted = lightest.0 < heaviest.0;
        if promoted {
            for (_, place) in [heaviest, lightest] {
                if let Some(one) = self.0.get_mut(place) {
                    one.counts = !one.counts;
                }
            }
        }
        promoted
    }

    /// Weight and place of those that count, or of those that do not.
    fn weighed(
        &self,
        counts: bool,
        weight: impl Fn(ReporterIndex) -> i64,
    ) -> impl Iterator<Item = (i64, usize)> {
        let all = self.0.iter().enumerate();
        let such = all.filter(move |(_, one)| one.counts == counts);
        such.map(move |(place, one)| (weight(one.reporter), place))
    }
}

// === impl Objection ===

impl Objection {
    /// `settled` if gold has spoken on it already.
    pub(crate) fn new(reporter: ReporterIndex, at: u32, settled: bool) -> Self {
        Self {
            reporter,
            at,
            settled,
            counts: true,
        }
    }
}
