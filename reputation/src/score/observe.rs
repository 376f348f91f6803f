//! A report comes in: what may be scored, who said it, where it is kept. O(1).
//!
//! Deliberately absent: any opinion. What it weighs is looked up when a verdict is asked for.

use vigie_wire::{Indicator, Timestamp, indicator::is_public};

use super::expose::stakes;
use super::{Scorer, withdraw};
use crate::constants::{FUTURE_SKEW, LIVE_HALF_LIVES, MAX_AGE, MINUTE, half_life};
use crate::fixed::MILLI;
use crate::report::{Observed, Report, ReportRefused};
use crate::reporter::{GroupIndex, ReporterIndex, Reporters};
use crate::subject::{Added, Entry, Marks, Subject};

// === impl Scorer ===

impl Scorer {
    /// One admitted sighting. `now` is the node's clock. After `New` and `Stronger`, ask for a verdict.
    pub fn observe(&mut self, report: &Report, now: Timestamp) -> Result<Observed, ReportRefused> {
        check(report, now)?;
        let reporter = self.reporters.enrol(report.reporter, &self.graph)?;
        if !self.retracted.is_empty() && self.is_retracted(&report.sighting) {
            return Err(ReportRefused::Retracted);
        }
        let subject = super::judge::canonical(&report.subject);
        let mut entry = Entry {
            marks: Marks::of(Marks::SETTLED, self.was_settled(&subject, report.arrived)),
            ..self.entry(report, reporter)?
        };
        self.tidy(now);
        let hash = self.subjects.hash(&subject);
        let observed = if let Some(place) = self.subjects.place_of(hash, &subject) {
            self.active(reporter, report.arrived);
            self.add(place, entry, now)
        } else {
            self.make_room(reporter)?;
            self.active(reporter, report.arrived);
            entry
                .marks
                .set(Marks::EXPOSED, !stakes(&self.reporters, &entry, now));
            self.subjects.insert_hashed(hash, Subject::new(subject, entry));
            count_sole(&mut self.reporters, &mut self.soles, None, Some(reporter));
            Observed::New
        };
        Ok(observed)
    }

    fn active(&mut self, reporter: ReporterIndex, at: Timestamp) {
        if let Some(reporter) = self.reporters.get_mut(reporter) {
            reporter.record.active(at);
        }
    }

    fn entry(&mut self, report: &Report, reporter: ReporterIndex) -> Result<Entry, ReportRefused> {
        let minutes = report.observed.as_millis().div_euclid(MINUTE);
        let observed = u32::try_from(minutes).map_err(|_| ReportRefused::TimeOutOfRange)?;
        let arrived = u32::try_from(report.arrived.as_secs()).map_err(|_| ReportRefused::TimeOutOfRange)?;
        let speaker = self
            .reporters
            .get_mut(reporter)
            .ok_or(ReportRefused::NotAMember)?;
        Ok(Entry {
            seq: report.sighting.seq,
            rule: report.rule,
            reporter,
            epoch: report.sighting.epoch,
            observed,
            arrived,
            fraction: u8::try_from(report.arrived.as_millis().rem_euclid(MILLI) * 256 / MILLI).unwrap_or(0),
            behaviour: report.behaviour,
            key: speaker.key_number(report.sighting.publisher)?,
            row: report.sighting.row,
            count: report.count,
            confidence: report.confidence.min(100),
            marks: Marks::default(),
        })
    }

    fn add(&mut self, place: u32, entry: Entry, now: Timestamp) -> Observed {
        let Self {
            subjects,
            reporters,
            soles,
            config,
            retracted,
            ..
        } = self;
        let Some(known) = subjects.at_mut(place) else {
            return Observed::Crowded;
        };
        let before = known.sole_reporter();
        let added = known.add(
            entry,
            config.max_contributions,
            now,
            |index| reporters.voucher(index),
            |one| withdraw::is_out(retracted, reporters, one, now),
        );
        let after = known.sole_reporter();
        count_sole(reporters, soles, before, after);
        if matches!(added, Added::New | Added::Stronger | Added::Crowded(true)) {
            self.cover(place, &entry, added, now);
        }
        match added {
            Added::New => Observed::New,
            Added::Stronger => Observed::Stronger,
            Added::Weaker => Observed::Weaker,
            Added::Crowded(another) => {
                self.crowded += 1;
                if another { Observed::New } else { Observed::Crowded }
            }
        }
    }

    /// Room for a subject that nobody named before.
    fn make_room(&mut self, reporter: ReporterIndex) -> Result<(), ReportRefused> {
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

    fn tidy(&mut self, now: Timestamp) {
        let Self {
            subjects,
            reporters,
            soles,
            ..
        } = self;
        subjects.tidy(now, |left| count_sole(reporters, soles, left.sole, None));
    }
}

fn check(report: &Report, now: Timestamp) -> Result<(), ReportRefused> {
    match &report.subject {
        Indicator::Unknown { .. } => return Err(ReportRefused::UnknownIndicator),
        Indicator::Ip(address) if !is_public(*address) => return Err(ReportRefused::NotPublic),
        _ => {}
    }
    if report.behaviour.name().is_none() {
        return Err(ReportRefused::UnknownBehaviour);
    }
    let (observed, arrived) = (report.observed.as_millis(), report.arrived.as_millis());
    if observed.saturating_sub(arrived) > FUTURE_SKEW || arrived.saturating_sub(now.as_millis()) > FUTURE_SKEW
    {
        return Err(ReportRefused::Future);
    }
    let live = LIVE_HALF_LIVES * half_life(report.behaviour, &report.subject);
    if arrived.saturating_sub(observed) > MAX_AGE || now.as_millis().saturating_sub(observed) >= live {
        return Err(ReportRefused::TooOld);
    }
    Ok(())
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
pub(super) fn slot(soles: &mut Vec<usize>, group: GroupIndex) -> &mut usize {
    let place = usize::try_from(group).unwrap_or(0);
    if soles.len() <= place {
        soles.resize(place + 1, 0);
    }
    &mut soles[place]
}
