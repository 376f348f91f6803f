//! Who alone names what: a full table holds so many subjects of one group that no other names, and not one more.
//!
//! However many identities it has, and however often and with how many behaviours each of them says it. Two counters,
//! of each reporter and of each group, go with what the table holds. Deliberately absent: which subject leaves (`subjects`).

use super::Scorer;
use crate::partition::Group;
use crate::report::ReportRefused;
use crate::reporter::{GroupIndex, ReporterIndex, Reporters};

// === impl Scorer ===

impl Scorer {
    /// Room for a subject that nobody named before.
    pub(super) fn make_room(&mut self, reporter: ReporterIndex) -> Result<(), ReportRefused> {
        if !self.subjects.is_full() {
            return Ok(());
        }
        let group = self.reporters.voucher(reporter);
        if *slot(&mut self.soles, group) >= self.subjects.group_quota() {
            return Err(ReportRefused::Flood);
        }
        let Self {
            subjects,
            reporters,
            soles,
            ..
        } = self;
        let soles_of = |index| {
            usize::try_from(reporters.voucher(index))
                .ok()
                .and_then(|group| soles.get(group))
                .copied()
                .unwrap_or(0)
        };
        if let Some(left) = subjects.evict(soles_of) {
            self.evicted += 1;
            count_sole(reporters, soles, left.sole, None);
        }
        Ok(())
    }

    /// The trust graph is another. `before`: the groups of all, by number.
    pub(super) fn recount_soles(&mut self, before: &[Group]) {
        let Self {
            reporters,
            subjects,
            soles,
            ..
        } = self;
        let groups = reporters.iter().map(|reporter| reporters.group(reporter.voucher));
        if !groups.eq(before.iter().copied()) {
            let mut counts = vec![0_u32; before.len()];
            for subject in subjects.iter_mut() {
                subject.recount(|index| reporters.voucher(index));
                let count = subject
                    .sole_reporter()
                    .and_then(|index| counts.get_mut(usize::try_from(index).ok()?));
                if let Some(count) = count {
                    *count += 1;
                }
            }
            for (index, count) in (0..).zip(counts) {
                if let Some(reporter) = reporters.get_mut(index) {
                    reporter.sole = count;
                }
            }
        }
        soles.clear();
        for reporter in reporters.iter() {
            *slot(soles, reporter.voucher) += usize::try_from(reporter.sole).unwrap_or(usize::MAX);
        }
    }
}

/// Keeps the two counters of subjects that one reporter alone names.
pub(super) fn count_sole(
    reporters: &mut Reporters,
    soles: &mut Vec<usize>,
    before: Option<ReporterIndex>,
    after: Option<ReporterIndex>,
) {
    if before == after {
        return;
    }
    if let Some(reporter) = before.and_then(|index| reporters.get_mut(index)) {
        reporter.sole = reporter.sole.saturating_sub(1);
        let count = slot(soles, reporter.voucher);
        *count = count.saturating_sub(1);
    }
    if let Some(reporter) = after.and_then(|index| reporters.get_mut(index)) {
        reporter.sole = reporter.sole.saturating_add(1);
        *slot(soles, reporter.voucher) += 1;
    }
}

/// The counter of one group, made if it is not there.
#[expect(
    clippy::indexing_slicing,
    reason = "invariant: the list was made long enough one line before"
)]
fn slot(soles: &mut Vec<usize>, group: GroupIndex) -> &mut usize {
    let place = usize::try_from(group).unwrap_or(0);
    if soles.len() <= place {
        soles.resize(place + 1, 0);
    }
    &mut soles[place]
}
