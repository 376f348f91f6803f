//! Our scorer behind the shared interface: the crate as the node runs it, nothing added.
//!
//! Deliberately absent: policy. A node with remote decisions switched off would block nobody.

use vigie_reputation::wire::{
    Behaviour, Count, Indicator, OrgId, PublisherId, RuleHash, SightingId, Timestamp,
};
use vigie_reputation::{
    ClassLookup, MemoryConfig, Observed, Report, Rung, Scorer, ScorerConfig, Tier, TrustGraph,
};

use super::Baseline;
use crate::claim::{Statement, Word};
use crate::dice::mix;
use crate::subject::{Name, Org};

/// Visitors that a sketch holds: as many as a small site has, so that a thousand observers fit into memory.
const VISITORS: usize = 100_000;
/// Subjects held: a thirtieth of a node's default, as the flood is one of what a network could carry.
const SUBJECTS: usize = 30_000;
/// Events behind one report: a leaky bucket of five runs over.
const EVENTS: u64 = 6;

/// One observer's scorer.
#[derive(Debug)]
pub(super) struct Vigie {
    scorer: Scorer,
}

// === impl Vigie ===

impl Vigie {
    pub(super) fn new(graph: TrustGraph, class: ClassLookup) -> Self {
        let config = ScorerConfig {
            class,
            max_subjects: SUBJECTS,
            memory: MemoryConfig {
                max_visitors: VISITORS,
                ..MemoryConfig::default()
            },
            ..ScorerConfig::default()
        };
        Self {
            scorer: Scorer::new(graph, config),
        }
    }
}

impl Baseline for Vigie {
    fn hear(&mut self, statement: &Statement) -> bool {
        let (now, subject) = (statement.arrived, statement.name.indicator());
        match statement.word {
            Word::Dispute => self.scorer.dispute(statement.by.id(), &subject, now),
            Word::Report(behaviour) => {
                let report = report(statement, subject, behaviour);
                // A refusal is the scorer's answer to a claim that it does not count.
                let observed = self.scorer.observe(&report, now);
                matches!(observed, Ok(Observed::New | Observed::Stronger))
            }
        }
    }

    fn own_detection(&mut self, name: Name, behaviour: Behaviour, now: Timestamp) {
        self.scorer.own_detection(&name.indicator(), behaviour, now);
    }

    fn remember(&mut self, name: Name, tier: Tier, at: Timestamp) {
        if let Some(ip) = name.indicator().as_ip() {
            self.scorer.remember(ip, tier, at);
        }
    }

    fn void(&mut self, org: Org) {
        self.scorer.forget(org.id());
    }

    fn rung(&self, name: Name, now: Timestamp, held: bool) -> Rung {
        let subject = name.indicator();
        if held {
            self.scorer.review_rung(&subject, now)
        } else {
            self.scorer.rung(&subject, now)
        }
    }

    fn wakes(&self, name: Name, now: Timestamp) -> Option<Timestamp> {
        self.scorer.hearing_ends(&name.indicator(), now)
    }

    fn weight(&self, org: Org, now: Timestamp) -> Option<f64> {
        let milli_nats = i32::try_from(self.scorer.weight(org.id(), now)).unwrap_or(i32::MAX);
        Some(f64::from(milli_nats))
    }

    fn voice(&self, org: Org, now: Timestamp) -> Option<OrgId> {
        self.scorer.voice(org.id(), now)
    }

    fn set_watermark(&mut self, until: Option<Timestamp>) {
        self.scorer.set_watermark(until);
    }

    fn is_struck(&self, org: Org, now: Timestamp) -> bool {
        self.scorer.is_struck(org.id(), now)
    }
}

fn report(statement: &Statement, subject: Indicator, behaviour: Behaviour) -> Report {
    let org = statement.by.id();
    let minute = statement.observed.as_millis().unsigned_abs() / 60_000;
    Report {
        // The same claim has the same name, also when it is delivered twice.
        sighting: SightingId {
            publisher: PublisherId(org.0),
            epoch: 1,
            seq: mix(minute, statement.by.0, statement.name.bits()),
            row: 0,
        },
        reporter: org,
        subject,
        behaviour,
        rule: RuleHash(u64::from(behaviour.0).to_be_bytes()),
        count: Count::of(EVENTS),
        confidence: 100,
        observed: statement.observed,
        arrived: statement.arrived,
    }
}
