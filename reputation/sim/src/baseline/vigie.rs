//! Our scorer behind the shared interface: the crate as the node runs it, nothing added.
//!
//! Deliberately absent: policy. A node with remote decisions switched off would block nobody.

use std::net::IpAddr;

use vigie_reputation::wire::{Behaviour, Indicator, OrgId, Timestamp};
use vigie_reputation::{ClassLookup, MemoryConfig, Report, Rung, Scorer, ScorerConfig, Tier, TrustGraph};

use super::Baseline;

/// Visitors that a sketch holds: as many as a small site has, so that a thousand observers fit into memory.
const VISITORS: usize = 20_000;

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
    fn observe(&mut self, report: &Report, now: Timestamp) {
        // A refusal is the scorer's answer to a claim that it does not count; the rung says what follows.
        self.scorer.observe(report, now).ok();
    }

    fn dispute(&mut self, by: OrgId, subject: &Indicator, now: Timestamp) {
        self.scorer.dispute(by, subject, now);
    }

    fn own_detection(&mut self, subject: &Indicator, behaviour: Behaviour, now: Timestamp) {
        self.scorer.own_detection(subject, behaviour, now);
    }

    fn remember(&mut self, ip: IpAddr, tier: Tier, at: Timestamp) {
        self.scorer.remember(ip, tier, at);
    }

    fn rung(&self, subject: &Indicator, now: Timestamp, held: bool) -> Rung {
        if held {
            self.scorer.review(subject, now).rung
        } else {
            self.scorer.rung(subject, now)
        }
    }
}
