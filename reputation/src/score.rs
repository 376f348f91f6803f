//! The scorer: reports in, verdicts out.
//!
//! Before this stop: `node/src/ingest.rs`. After it: `verdict`, then `node/src/decide.rs`.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vigie_wire::{Behaviour, Indicator, OrgId, RuleHash, SightingId, Timestamp};

use crate::graph::TrustGraph;
use crate::memory::{MemoryConfig, Tier};
use crate::partition::Partition;
use crate::report::{Observed, Report, ReportRefused};
use crate::verdict::{Reason, Rung, Threshold, Verdict};

/// What a warning list says of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Nothing.
    #[default]
    Ordinary,
    /// Many share it: carrier NAT, VPN, cloud egress.
    SharedEgress,
    /// It stands next to infrastructure.
    Infrastructure,
    /// It must never be blocked on remote word: resolvers, update servers, what the operator lists.
    Protected,
}

/// Looks a subject up in the warning lists. Must answer alike for as long as a verdict should be reproducible.
pub type ClassLookup = Arc<dyn Fn(&Indicator) -> Class + Send + Sync>;

/// Bounds and look-ups. The numbers that decide stand in `constants`.
#[derive(Clone)]
pub struct ScorerConfig {
    /// Subjects held; the least harmful to forget go first.
    pub max_subjects: usize,
    /// Statements held of one subject.
    pub max_contributions: usize,
    /// Organisations ever heard.
    pub max_reporters: usize,
    /// Withdrawn sightings remembered before the table is swept once.
    pub max_retracted: usize,
    /// Own detections held.
    pub max_own: usize,
    /// Local primacy.
    pub memory: MemoryConfig,
    /// Warning lists.
    pub class: ClassLookup,
}

/// How much the scorer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Subjects.
    pub subjects: usize,
    /// Statements.
    pub contributions: usize,
    /// Organisations ever heard.
    pub reporters: usize,
    /// Authenticated users remembered.
    pub authenticated: usize,
    /// Own detections.
    pub own: usize,
    /// Subjects forgotten to make room, since the start.
    pub evicted: u64,
    /// Statements dropped from crowded subjects, since the start.
    pub crowded: u64,
    /// Visitors not remembered because the sketch was full, since the start.
    pub visitors_dropped: u64,
    /// Bytes of the table of subjects, as far as the scorer can tell.
    pub bytes: usize,
}

/// How far an organisation leans out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exposure {
    /// Its open claims on subjects at challenge or above.
    pub near: u64,
    /// How many its confirmed history would allow.
    pub budget: u64,
}

/// What was learned of one reporter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedReporter {
    /// Who.
    pub org: OrgId,
    /// Confirmed by gold, thousandths, as of `day`.
    pub confirmed: i64,
    /// Refuted by gold, thousandths, as of `day`.
    pub refuted: i64,
    /// Days since the epoch of the last change.
    pub day: i64,
    /// Days on which it said something.
    pub active_days: i64,
    /// The last of them.
    pub last_active: i64,
    /// Joint refutations that still count against it, at most two.
    pub joint: Vec<Timestamp>,
    /// In the common pool until then.
    pub struck_until: Option<Timestamp>,
    /// Revoked.
    pub forgotten: bool,
}

/// What must survive a restart, besides the store's sightings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// Of reporters.
    pub reporters: Vec<LearnedReporter>,
    /// Of authenticated users.
    pub authenticated: Vec<(IpAddr, Timestamp)>,
}

/// One observer's opinion of the mesh. One owner, no interior locks.
#[derive(Debug, Clone)]
pub struct Scorer {
    graph: TrustGraph,
    config: ScorerConfig,
}

// === impl Scorer ===

impl Scorer {
    /// Empty, for one observer.
    pub fn new(graph: TrustGraph, config: ScorerConfig) -> Self {
        Self { graph, config }
    }

    /// The trust graph in force.
    pub fn graph(&self) -> &TrustGraph {
        &self.graph
    }

    /// A new trust graph: anchors, vouches or members changed. Every score changes at once.
    pub fn set_graph(&mut self, graph: TrustGraph) {
        self.graph = graph;
    }

    /// One admitted sighting. `now` is the node's clock.
    pub fn observe(&mut self, report: &Report, now: Timestamp) -> Result<Observed, ReportRefused> {
        let _ = (report, now);
        Ok(Observed::New)
    }

    /// The publisher withdrew a sighting.
    pub fn retract(&mut self, sighting: SightingId) {
        let _ = sighting;
    }

    /// An organisation was revoked: nothing that it said weighs any more.
    pub fn forget(&mut self, org: OrgId) {
        let _ = org;
    }

    /// An organisation disputes what others say of a subject. False if it changes nothing.
    pub fn dispute(&mut self, by: OrgId, subject: &Indicator, at: Timestamp) -> bool {
        let _ = (by, subject, at);
        false
    }

    /// Our own sensor saw it.
    pub fn own_detection(&mut self, subject: &Indicator, behaviour: Behaviour, at: Timestamp) {
        let _ = (subject, behaviour, at);
    }

    /// Somebody came from there whom we let in.
    pub fn remember(&mut self, ip: IpAddr, tier: Tier, at: Timestamp) {
        let _ = (ip, tier, at);
    }

    /// How well we know an address.
    pub fn remembers(&self, ip: IpAddr, now: Timestamp) -> Option<Tier> {
        let _ = (ip, now);
        None
    }

    /// Puts an organisation into a learned cluster, or back into one of its own.
    pub fn set_cluster(&mut self, org: OrgId, cluster: Option<u64>) {
        let _ = (org, cluster);
    }

    /// A rule under suspicion weighs as one group.
    pub fn suspect_rule(&mut self, rule: RuleHash, suspected: bool) {
        let _ = (rule, suspected);
    }

    /// The verdict on a subject.
    pub fn verdict(&self, subject: &Indicator, now: Timestamp) -> Verdict {
        Verdict {
            subject: subject.clone(),
            at: now,
            score: 0,
            threshold: Threshold::default(),
            groups: 0,
            quorum: 0,
            rung: Rung::Observe,
            hard_block: false,
            partition: Partition::Voucher,
            contributions: Vec::new(),
            partitions: Vec::new(),
            reasons: vec![Reason::Unnamed],
        }
    }

    /// The verdict on a subject that is blocked now: released only when the score falls well below the threshold.
    pub fn review(&self, subject: &Indicator, now: Timestamp) -> Verdict {
        self.verdict(subject, now)
    }

    /// What one organisation weighs now, milli-nats.
    pub fn weight(&self, org: OrgId, now: Timestamp) -> i64 {
        let _ = (org, now);
        0
    }

    /// Every subject that an organisation's live statements name. Costs a walk over the table.
    pub fn named_by(&self, org: OrgId) -> Vec<Indicator> {
        let _ = org;
        Vec::new()
    }

    /// How far an organisation leans out. Costs a walk over the table.
    pub fn exposure(&self, org: OrgId, now: Timestamp) -> Exposure {
        let _ = (org, now);
        Exposure::default()
    }

    /// How much is held.
    pub fn size(&self) -> Size {
        Size::default()
    }

    /// What must survive a restart.
    pub fn learned(&self) -> Learned {
        Learned::default()
    }

    /// Takes up what was learned before a restart.
    pub fn restore(&mut self, learned: &Learned) {
        let _ = learned;
    }
}

// === impl ScorerConfig ===

impl Default for ScorerConfig {
    fn default() -> Self {
        Self {
            max_subjects: 1_000_000,
            max_contributions: 64,
            max_reporters: 262_144,
            max_retracted: 65_536,
            max_own: 262_144,
            memory: MemoryConfig::default(),
            class: Arc::new(|_| Class::Ordinary),
        }
    }
}

impl std::fmt::Debug for ScorerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScorerConfig")
            .field("max_subjects", &self.max_subjects)
            .field("max_contributions", &self.max_contributions)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}
