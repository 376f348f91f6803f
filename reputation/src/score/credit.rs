//! Learning, from gold only: our own sensor confirms, our own authenticated users refute.
//!
//! Deliberately absent: popularity, the volume of disputes, and hits in the sketch of visitors. None of them teaches.

use std::net::IpAddr;

use vigie_wire::{Behaviour, Indicator, OrgId, Timestamp};

use super::{Class, Scorer};
use crate::constants::{JOINT_GROUPS, MEMORY_LIVE};
use crate::evidence::surprise_left;
use crate::fixed::MILLI;
use crate::memory::Tier;
use crate::reporter::{Refutation, ReporterIndex, UNANCHORED};
use crate::subject::Objection;

// === impl Scorer ===

impl Scorer {
    /// Our own sensor saw it. Lowers the threshold, lifts local primacy, and confirms those who said so before us: the
    /// first fully, each later one by what the earlier ones had left unforetold. O(statements of the subject).
    pub fn own_detection(&mut self, subject: &Indicator, behaviour: Behaviour, at: Timestamp) {
        let subject = super::judge::canonical(subject);
        let caught = self.own.catch(&subject, behaviour, at);
        let mut surprise = MILLI;
        for (reporter, settled) in self.speakers_before(&subject, caught.first) {
            let Some(known) = self.reporters.get_mut(reporter) else {
                continue;
            };
            let weight = if known.is_anchored() {
                known.record.weight(at)
            } else {
                0
            };
            if !settled {
                known.record.confirm(surprise, at);
                self.settle(&subject, reporter);
            }
            surprise = surprise_left(surprise, weight);
        }
    }

    /// Somebody came from there; `at` is the node's clock, not what a log line says. An authenticated user refutes those who named his address in the last thirty days,
    /// unless our own sensor saw it too or many share it. O(statements of the subject).
    pub fn remember(&mut self, ip: IpAddr, tier: Tier, at: Timestamp) {
        self.memory.remember(ip, tier, at);
        if tier == Tier::Visitor {
            return;
        }
        let subject = Indicator::ip(ip);
        let shared = (self.config.class)(&subject) == Class::SharedEgress;
        if shared || self.own.live(&subject, at).is_some() {
            return;
        }
        let (accusers, groups) = self.accusers(&subject, at);
        let how = if groups >= JOINT_GROUPS {
            Refutation::Jointly
        } else {
            Refutation::Alone
        };
        for reporter in accusers {
            if let Some(known) = self.reporters.get_mut(reporter) {
                known.record.refute(how, at);
            }
            self.settle(&subject, reporter);
        }
    }

    /// An organisation disputes what others say of a subject. Counts like a report, in its group, and all disputes
    /// together raise the threshold by 3 nats at most. False if it changes nothing: nobody names the subject, the
    /// organisation weighs nothing, or its group disputes already.
    pub fn dispute(&mut self, by: OrgId, subject: &Indicator, at: Timestamp) -> bool {
        let subject = super::judge::canonical(subject);
        let Ok(reporter) = self.reporters.enrol(by, &self.graph) else {
            return false;
        };
        let Self {
            reporters, subjects, ..
        } = self;
        let (Some(known), Some(named), Ok(seconds)) = (
            reporters.get(reporter),
            subjects.get_mut(&subject),
            u32::try_from(at.as_secs()),
        ) else {
            return false;
        };
        if !known.is_anchored() || known.record.weight(at) == 0 {
            return false;
        }
        let objection = Objection {
            reporter,
            at: seconds,
        };
        let of = |index: ReporterIndex| reporters.get(index);
        named.object(
            objection,
            |index| of(index).map_or(UNANCHORED, |reporter| reporter.voucher),
            |index| of(index).map_or(0, |reporter| reporter.record.weight(at)),
        )
    }

    /// Who named a subject before a moment, by arrival, each once; and whether gold has spoken on it already.
    fn speakers_before(&self, subject: &Indicator, moment: Timestamp) -> Vec<(ReporterIndex, bool)> {
        let Some(known) = self.subjects.get(subject) else {
            return Vec::new();
        };
        let mut speakers: Vec<(ReporterIndex, bool)> = Vec::new();
        for one in self.weigh(known, moment) {
            let arrived = Timestamp::from_secs(i64::from(one.entry.arrived));
            let index = one.entry.reporter;
            if arrived <= moment && !speakers.iter().any(|(reporter, _)| *reporter == index) {
                speakers.push((index, one.entry.settled));
            }
        }
        speakers
    }

    /// Whom an authenticated user at `at` refutes, and how many independent groups name his address.
    fn accusers(&self, subject: &Indicator, at: Timestamp) -> (Vec<ReporterIndex>, usize) {
        let Some(known) = self.subjects.get(subject) else {
            return (Vec::new(), 0);
        };
        let weighed = self.weigh(known, at);
        let groups = self.sums(&weighed, at, |_| true).groups();
        let mut accusers: Vec<ReporterIndex> = weighed
            .iter()
            .filter(|one| !one.entry.settled)
            .filter(|one| {
                one.entry.observed().as_millis().abs_diff(at.as_millis()) < MEMORY_LIVE.unsigned_abs()
            })
            .map(|one| one.entry.reporter)
            .collect();
        accusers.sort_unstable();
        accusers.dedup();
        (accusers, groups)
    }

    /// Whether gold has spoken already on a statement that arrived then: so it is with what the store replays after a
    /// restart, and nobody is credited or refuted twice.
    pub(super) fn was_settled(&self, subject: &Indicator, arrived: Timestamp) -> bool {
        let caught = self
            .own
            .get(subject)
            .is_some_and(|caught| arrived <= caught.first);
        let known = subject.as_ip().and_then(|ip| self.memory.authenticated_at(ip));
        caught || known.is_some_and(|at| arrived <= at)
    }

    fn settle(&mut self, subject: &Indicator, reporter: ReporterIndex) {
        let Some(known) = self.subjects.get_mut(subject) else {
            return;
        };
        for entry in known.entries_mut().filter(|entry| entry.reporter == reporter) {
            entry.settled = true;
        }
    }
}
