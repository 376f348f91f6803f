//! Since when a repeated statement decays: repetition by the same is no new evidence, another group's word is.
//!
//! Each group joins once, with the first word of its first reporter that counts, though he took it back and said it again. Whoever said something before may renew it up to
//! the moment when the last other group joined, or when our own sensor saw it; saying it again later changes nothing.
//! It is a function of what is held, so the order of arrival does not matter. Deliberately absent: what it weighs.

use vigie_wire::Timestamp;

use super::expose::stakes;
use super::{Scorer, withdraw};
use crate::reporter::{GroupIndex, Reporter, ReporterIndex};
use crate::subject::{Entry, Standing, Subject};

/// Who joined when. Empty where nobody repeated himself.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    /// Each reporter and when his first word arrived.
    firsts: Vec<(ReporterIndex, u32)>,
    /// The group that joined last and when, and the one before it.
    last: Option<(GroupIndex, u32)>,
    before: Option<(GroupIndex, u32)>,
    own: Option<Timestamp>,
}

// === impl Renewals ===

impl Renewals {
    pub(super) fn of(scorer: &Scorer, subject: &Subject, now: Timestamp) -> Self {
        let repeated = subject.entries().any(is_repeated);
        if subject.len() == 1 && !repeated {
            return Self::default();
        }
        let standing = |entry: &Entry| withdraw::standing(&scorer.retracted, &scorer.reporters, entry, now);
        let said = || {
            subject
                .entries()
                .filter(|entry| standing(entry) != Standing::Void)
        };
        let mut firsts: Vec<(ReporterIndex, u32)> =
            said().map(|entry| (entry.reporter, entry.arrived)).collect();
        firsts.sort_unstable();
        firsts.dedup_by_key(|(reporter, _)| *reporter);
        if !repeated && firsts.len() == subject.len() {
            return Self::default();
        }
        // What is whispered is no other group's word, nor what was taken back. Who says it again had joined with it before.
        let mut joined: Vec<(GroupIndex, u32, bool)> = said()
            .filter(|entry| entry.is_loud() && stakes(&scorer.reporters, entry, now))
            .map(|entry| {
                let group = scorer.reporters.voucher(entry.reporter);
                (group, entry.arrived, standing(entry) == Standing::Stands)
            })
            .collect();
        joined.sort_unstable();
        joined.dedup_by(|later, first| {
            let same = later.0 == first.0;
            first.2 |= same && later.2;
            same
        });
        joined.retain(|(_, _, stands)| *stands);
        joined.sort_unstable_by_key(|(group, arrived, _)| (*arrived, *group));
        let mut last = || joined.pop().map(|(group, arrived, _)| (group, arrived));
        let (last, before) = (last(), last());
        let own = scorer.own_word(&subject.indicator, now);
        Self {
            firsts,
            last,
            before,
            own: own.map(|caught| caught.last),
        }
    }

    /// Since when a statement decays.
    pub(super) fn since(&self, entry: &Entry, reporter: &Reporter) -> Timestamp {
        let said = entry.observed();
        let Ok(place) = self
            .firsts
            .binary_search_by_key(&entry.reporter, |(reporter, _)| *reporter)
        else {
            return said;
        };
        let first = self
            .firsts
            .get(place)
            .map_or(entry.arrived, |(_, arrived)| *arrived);
        let other = [self.last, self.before]
            .into_iter()
            .flatten()
            .find(|(group, _)| *group != reporter.voucher)
            .map_or(0, |(_, arrived)| arrived);
        let until = Timestamp::from_secs(i64::from(first.max(other)));
        said.min(self.own.map_or(until, |own| own.max(until)))
    }
}

/// Observed after it was first heard of: with a new observation under the old arrival, or by a clock that is ahead.
fn is_repeated(entry: &Entry) -> bool {
    entry.observed().as_secs() > i64::from(entry.arrived)
}
