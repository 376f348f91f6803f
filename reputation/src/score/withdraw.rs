//! What is taken back weighs nothing any more, and was said all the same: gold that comes later still refutes who said it.
//!
//! Otherwise liars would frame, and withdraw before anybody whom they framed comes by. A withdrawal is honest most of
//! the time, so it costs less than a lie that stands: nothing if the claim could not have blocked while it stood, and no
//! strike at the first. Deliberately absent: who may withdraw what, which the network knows.

use hashbrown::{HashMap, HashSet};
use vigie_wire::{SightingId, Timestamp};

use super::sole::count_sole;
use super::{Scorer, weigh};
use crate::fixed::MILLI;
use crate::reporter::Reporters;
use crate::subject::{Entry, Standing};

// === impl Scorer ===

impl Scorer {
    /// Its publisher withdrew a sighting: it weighs nothing any more. `at` is the node's clock. O(1), but for one walk over
    /// the table each time [`ScorerConfig::max_retracted`](super::ScorerConfig::max_retracted) have come together; until then
    /// it is refused if it arrives again. What gold might still refute is remembered beyond that, half as many at most.
    pub fn withdraw(&mut self, sighting: SightingId, at: Timestamp) {
        self.take_out(sighting, u32::try_from(at.as_secs()).unwrap_or(u32::MAX).max(1));
    }

    /// A sighting is void, and never counted: the network does not admit it. Costs the same.
    pub fn retract(&mut self, sighting: SightingId) {
        self.take_out(sighting, 0);
    }

    /// Whether a sighting is refused as withdrawn or void.
    pub fn is_retracted(&self, sighting: &SightingId) -> bool {
        self.retracted.contains_key(sighting)
    }

    /// A sighting that was taken out by [`Scorer::retract`] may come again: the network admitted it no more, and does so now.
    pub fn readmit(&mut self, sighting: &SightingId) {
        self.retracted.remove(sighting);
    }

    /// Whether a statement was taken back, or void, at a moment.
    pub(super) fn is_out(&self, sighting: &SightingId, moment: Timestamp) -> bool {
        standing_of(&self.retracted, sighting, moment) != Standing::Stands
    }

    fn take_out(&mut self, sighting: SightingId, at: u32) {
        // Taken back twice, it was taken back the first time; what is void was never there.
        let known = self.retracted.entry(sighting).or_insert(at);
        *known = at.min(*known);
        if self.retracted.len() <= self.config.max_retracted {
            return;
        }
        let remembered = self.refutable_yet();
        let Self {
            reporters,
            subjects,
            soles,
            retracted,
            ..
        } = self;
        let keep = |entry: &Entry| {
            let name = reporters
                .get(entry.reporter)
                .map(|reporter| weigh::sighting(entry, reporter));
            name.is_none_or(|name| !retracted.contains_key(&name) || remembered.contains(&name))
        };
        let mut changes = Vec::new();
        subjects.sweep(keep, |before, after| changes.push((before, after)));
        for (before, after) in changes {
            count_sole(reporters, soles, before, after);
        }
        retracted.retain(|name, _| remembered.contains(name));
    }

    /// What was withdrawn of addresses that two groups name, half as much as is remembered otherwise at most: what one alone
    /// says could not block, and users come from addresses. What was there first stays, so no flood drives it out.
    fn refutable_yet(&self) -> HashSet<SightingId> {
        // The latest withdrawal is what is known of the time: what is void comes without one.
        let latest = self.retracted.values().max().copied().unwrap_or_default();
        let now = Timestamp::from_secs(i64::from(latest));
        let mut remembered = HashSet::new();
        let addresses = self
            .subjects
            .iter()
            .filter(|subject| subject.len() > 1 && subject.indicator.as_ip().is_some());
        for subject in addresses {
            let live = || {
                subject.entries().filter_map(|entry| {
                    let reporter = self.reporters.get(entry.reporter)?;
                    let counts = entry.confidence > 0 && entry.is_live(&subject.indicator, now);
                    (counts && reporter.is_anchored()).then_some((entry, reporter))
                })
            };
            let mut groups = live().map(|(_, reporter)| reporter.by_anchor());
            let first = groups.next();
            if groups.all(|group| Some(group) == first) {
                continue;
            }
            for (entry, reporter) in live().filter(|(entry, _)| !entry.is_settled()) {
                if remembered.len() >= self.config.max_retracted / 2 {
                    return remembered;
                }
                let name = weigh::sighting(entry, reporter);
                if self.retracted.get(&name).is_some_and(|at| *at > 0) {
                    remembered.insert(name);
                }
            }
        }
        remembered
    }
}

/// Whether a statement was taken back, or is void, for whoever has borrowed its subject.
pub(super) fn is_out(
    retracted: &HashMap<SightingId, u32>,
    reporters: &Reporters,
    entry: &Entry,
    moment: Timestamp,
) -> bool {
    standing(retracted, reporters, entry, moment) != Standing::Stands
}

/// The same, and which of the two.
pub(super) fn standing(
    retracted: &HashMap<SightingId, u32>,
    reporters: &Reporters,
    entry: &Entry,
    moment: Timestamp,
) -> Standing {
    // Nearly always nothing is taken out, and names cost a look at the reporter.
    if retracted.is_empty() {
        return Standing::Stands;
    }
    reporters
        .get(entry.reporter)
        .map_or(Standing::Stands, |reporter| {
            standing_of(retracted, &weigh::sighting(entry, reporter), moment)
        })
}

fn standing_of(retracted: &HashMap<SightingId, u32>, sighting: &SightingId, moment: Timestamp) -> Standing {
    if retracted.is_empty() {
        return Standing::Stands;
    }
    match retracted.get(sighting) {
        Some(0) => Standing::Void,
        Some(secs) if i64::from(*secs) * MILLI <= moment.as_millis() => Standing::Withdrawn,
        Some(_) | None => Standing::Stands,
    }
}
