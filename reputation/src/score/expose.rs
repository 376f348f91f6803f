//! The exposure budget: whoever makes others' word count stakes his record on it, and the record of a group is bounded.
//!
//! Nobody is blocked on one group's word, so of every block there is a second group that spoke: its claim is charged to
//! what gold confirmed of the speaker, then to the purse that all of its group share, however many they are (the newcomers of
//! an anchor are one, 0013), then to what gold confirmed of whom it follows. All fill again within a day. A claim that nothing covers is not muted: it
//! counts towards every soft rung at once, and towards a block some hours later (`hearing`). Whoever speaks first, alone
//! or third pays nothing: most attackers are met by one organisation only. So within those hours F groups block as many
//! as their own purses hold, whomever they name: docs/decisions/0014. O(1) a statement: a subject's are bounded.

use vigie_wire::{OrgId, Timestamp};

use super::{Exposure, Scorer, withdraw};
use crate::constants::{EXPOSED_HEARING, EXPOSURE_BASE, PRIOR_ANCHOR};
use crate::fixed::MILLI;
use crate::partition::Group;
use crate::reporter::{Reporter, ReporterIndex, Reporters};
use crate::subject::{Added, Entry, Marks, Subject};

// === impl Scorer ===

impl Scorer {
    /// How far an organisation leans out.
    pub fn exposure(&self, org: OrgId, now: Timestamp) -> Exposure {
        let index = self.reporters.find(org);
        let Some(reporter) = index.and_then(|index| self.reporters.get(index)) else {
            return Exposure::default();
        };
        let gold = gold(reporter, now);
        let group = self.purses.get(&self.reporters.group(reporter.by_anchor()));
        let shared = group.map_or(0, |purse| purse.spent(EXPOSURE_BASE, now));
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Exposure {
            near: count(reporter.purse.spent(gold, now) + shared),
            budget: count(gold + EXPOSURE_BASE),
        }
    }

    /// A statement came to a subject that others named: charges it if others may hang on it.
    pub(super) fn cover(&mut self, place: u32, entry: &Entry, added: Added, now: Timestamp) {
        let by = (entry.reporter, entry.behaviour);
        let Self {
            reporters,
            subjects,
            retracted,
            config,
            ..
        } = self;
        let Some(known) = subjects.at_mut(place) else {
            return;
        };
        if !stakes(reporters, entry, now) {
            known.expose(entry, true);
            return;
        }
        // Who repeats himself has paid, or needed not, unless it was beyond what covered him.
        let asks =
            added != Added::Stronger || known.entries().any(|one| one.is_same(entry) && one.is_exposed());
        if !asks {
            return;
        }
        // What nobody can be blocked on settles nothing and spends nobody's purse. What waits is so until it had its hours.
        let hours = config.hearing.max(EXPOSED_HEARING);
        let waits = |one: &Entry| {
            one.is_exposed() && now.as_millis().saturating_sub(one.arrival().as_millis()) < hours
        };
        let counts = |one: &Entry| {
            stakes(reporters, one, now) && !waits(one) && !withdraw::is_out(retracted, reporters, one, now)
        };
        let first = known.follows(by, now, |index| reporters.voucher(index), counts);
        let exposed = first.is_some_and(|first| !self.charge(entry.reporter, first, entry.arrival()));
        if let Some(known) = self.subjects.at_mut(place) {
            known.expose(entry, exposed);
        }
    }

    /// Others changed the trust graph. Whoever is in another group now was charged, if at all, against those of his old one: what
    /// he said waits its hours, unless he says it again and pays. `before`: the groups of all, by number.
    pub(super) fn expose_moved(&mut self, before: &[Group]) {
        let reporters = &self.reporters;
        let moved: Vec<bool> = reporters
            .iter()
            .zip(before)
            .map(|(reporter, before)| reporters.group(reporter.voucher) != *before)
            .collect();
        if !moved.contains(&true) {
            return;
        }
        let has_moved = |index: ReporterIndex| {
            let moved = usize::try_from(index).ok().and_then(|index| moved.get(index));
            moved.copied().unwrap_or_default()
        };
        for entry in self.subjects.iter_mut().flat_map(Subject::entries_mut) {
            if has_moved(entry.reporter) {
                entry.marks.set(Marks::EXPOSED, true);
            }
        }
    }

    fn charge(&mut self, index: ReporterIndex, first: ReporterIndex, at: Timestamp) -> bool {
        let Some(reporter) = self.reporters.get_mut(index) else {
            return false;
        };
        let covers = gold(reporter, at);
        if reporter.purse.pay(covers, at) {
            return true;
        }
        let group = reporter.by_anchor();
        if self.purses.len() > self.config.max_reporters {
            self.purses.retain(|_, purse| purse.spent(EXPOSURE_BASE, at) > 0);
        }
        let group = self.reporters.group(group);
        if self.purses.entry(group).or_default().pay(EXPOSURE_BASE, at) {
            return true;
        }
        // A purse of its own: whoever echoes somebody must not spend what covers him where he follows others.
        self.reporters.get_mut(first).is_some_and(|first| {
            let covers = gold(first, at);
            first.lends.pay(covers, at)
        })
    }
}

/// Whether a statement adds anything to a verdict, so that its speaker is liable for it. What does not is marked as
/// uncovered: if it counts later it has not lain in wait for free.
pub(super) fn stakes(reporters: &Reporters, entry: &Entry, now: Timestamp) -> bool {
    let speaker = reporters.get(entry.reporter);
    let counts = |speaker: &Reporter| speaker.is_anchored() && speaker.record.weight(now) > 0;
    entry.confidence > 0 && speaker.is_some_and(counts)
}

/// What an organisation's own record covers a day. That of an anchor begins with what its choice is worth.
fn gold(reporter: &Reporter, at: Timestamp) -> i64 {
    let chosen = if reporter.anchor { PRIOR_ANCHOR } else { 0 };
    (chosen + reporter.record.confirmed(at)) / MILLI
}
