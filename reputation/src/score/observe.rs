//! A report comes in: what may be scored, who said it, where it is kept. O(1).
//!
//! Deliberately absent: any opinion. What it weighs is looked up when a verdict is asked for.

use vigie_wire::{Indicator, Timestamp, indicator::is_public};

use super::expose::stakes;
use super::sole::count_sole;
use super::{Scorer, withdraw};
use crate::constants::{FUTURE_SKEW, LIVE_HALF_LIVES, MAX_AGE, MINUTE, half_life};
use crate::fixed::MILLI;
use crate::report::{Observed, Report, ReportRefused};
use crate::reporter::ReporterIndex;
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
            let disputed = self.own.take_objections(&subject, now);
            let mut named = Subject::new(subject, entry);
            if let Some(objections) = disputed {
                named.adopt(objections);
            }
            self.subjects.insert_hashed(hash, named);
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
            sizes,
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
            sizes,
            |index| reporters.voucher(index),
            |one| withdraw::standing(retracted, reporters, one, now),
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
