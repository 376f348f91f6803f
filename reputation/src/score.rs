//! The scorer: reports in, verdicts out.
//!
//! Before this stop: `node/src/ingest.rs`. After it: `verdict`, then `node/src/decide.rs`.
//! `observe` takes evidence in, `weigh` says what it weighs now, `judge` compares that with the threshold, `credit`
//! learns from gold. Deliberately absent: policy and durations, which are the node's.

mod credit;
mod expose;
mod hearing;
mod inputs;
mod judge;
mod liable;
mod network;
mod object;
mod observe;
mod renew;
mod sketch;
mod sole;
mod weigh;
mod withdraw;

pub use credit::Refuted;
pub use network::{Network, Spared};

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use serde::{Deserialize, Serialize};
use vigie_wire::{Behaviour, Indicator, OrgId, RuleHash, SightingId, Timestamp};

use crate::class::{Class, ClassLookup};
use crate::constants::{DAY, HEARING};
use crate::graph::TrustGraph;
use crate::memory::{Known, Memory, MemoryConfig, Tier};
use crate::own::Own;
use crate::partition::Group;
use crate::reporter::{Purse, ReporterIndex, Reporters};
use crate::subject::Sizes;
use crate::subjects::Subjects;

pub(crate) use judge::canonical;

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
    /// How long what is said without gold stands in public before it blocks, in milliseconds; zero blocks at once.
    pub hearing: i64,
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
    /// Claims that followed another group's, without which nobody is blocked, and that still count: its own that its
    /// confirmed history covered, and all others of its group. Each counts for a day at most.
    pub near: u64,
    /// How many a day its confirmed history and its group cover. What is beyond waits for hours.
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
    /// Its disputes that gold confirmed since the last refuted one, at most 255.
    #[serde(default)]
    pub disputes_right: u8,
    /// When gold refuted one, and that was forgiven.
    #[serde(default)]
    pub dispute_forgiven: Option<Timestamp>,
    /// When gold refuted one last.
    #[serde(default)]
    pub dispute_refuted: Option<Timestamp>,
    /// It signed two things for one place: until then its word weighs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_until: Option<Timestamp>,
    /// Revoked.
    pub forgotten: bool,
}

/// What must survive a restart, besides the store's sightings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// Of reporters.
    pub reporters: Vec<LearnedReporter>,
    /// Of authenticated users.
    pub authenticated: Vec<(IpAddr, Known)>,
    /// Our own detections: subject, behaviour seen last, seen first, seen last.
    pub own: Vec<(Indicator, Behaviour, Timestamp, Timestamp)>,
}

/// One observer's opinion of the mesh. One owner; `verdict` needs a shared borrow only.
#[derive(Debug, Clone)]
pub struct Scorer {
    graph: TrustGraph,
    config: ScorerConfig,
    reporters: Reporters,
    subjects: Subjects,
    /// Subjects that one voucher group alone names, by the group's number.
    soles: Vec<usize>,
    memory: Memory,
    own: Own,
    /// What each group, by anchor, has spent of what covers it.
    purses: HashMap<Group, Purse>,
    /// What is taken out, and when its publisher withdrew it, in seconds; 0 if it never counted.
    retracted: HashMap<SightingId, u32>,
    suspected: HashSet<RuleHash>,
    /// See [`Scorer::set_watermark`].
    watermark: Option<Timestamp>,
    evicted: u64,
    crowded: u64,
    /// Room to count in, nothing between two calls.
    sizes: Sizes,
}

// === impl Scorer ===

impl Scorer {
    /// Empty, for one observer.
    pub fn new(graph: TrustGraph, config: ScorerConfig) -> Self {
        Self {
            graph,
            reporters: Reporters::new(config.max_reporters),
            subjects: Subjects::new(config.max_subjects),
            soles: Vec::new(),
            memory: Memory::new(&config.memory),
            own: Own::new(config.max_own),
            purses: HashMap::new(),
            retracted: HashMap::new(),
            suspected: HashSet::new(),
            watermark: None,
            evicted: 0,
            crowded: 0,
            sizes: Sizes::default(),
            config,
        }
    }

    /// The trust graph in force.
    pub fn graph(&self) -> &TrustGraph {
        &self.graph
    }

    /// A new trust graph: anchors, vouches or members changed. Every score changes at once, so decisions in force
    /// should be reviewed. Costs a walk over the reporters, and one over the table if any of them is in another group now.
    pub fn set_graph(&mut self, graph: TrustGraph) {
        let groups = |reporters: &Reporters| {
            let all = reporters.iter();
            all.map(|reporter| reporters.group(reporter.voucher)).collect()
        };
        let before: Vec<Group> = groups(&self.reporters);
        self.reporters.place_all(&graph);
        // Other anchors are this observer's own choice, which nobody else can time.
        if self.graph.anchors().eq(graph.anchors()) {
            self.expose_moved(&before);
        }
        self.graph = graph;
        self.recount_soles(&before);
    }

    /// An organisation was revoked: nothing that it said or will say weighs any more. O(1).
    pub fn forget(&mut self, org: OrgId) {
        if let Some(reporter) = self.enrolled(org).and_then(|index| self.reporters.get_mut(index)) {
            reporter.record.forget();
        }
    }

    /// How well we know an address.
    pub fn remembers(&self, ip: IpAddr, now: Timestamp) -> Option<Tier> {
        self.memory.tier(ip, now)
    }

    /// Puts an organisation into a learned cluster, or back into one of its own.
    pub fn set_cluster(&mut self, org: OrgId, cluster: Option<u64>) {
        if let Some(index) = self.enrolled(org) {
            self.reporters.set_cluster(index, cluster);
        }
    }

    /// A rule under suspicion weighs as one group, until it is cleared.
    pub fn suspect_rule(&mut self, rule: RuleHash, suspected: bool) {
        if suspected {
            self.suspected.insert(rule);
        } else {
            self.suspected.remove(&rule);
        }
    }

    /// Up to when we have heard what those whom we trust have said ([`Scorer::voice`]); `None` if we hear everything. Hearings
    /// run by it, not by the clock: who is kept from hearing disputes does not take silence for consent. Whoever holds it
    /// back delays what is said without gold, by a day at most. The subjects that wait should be asked about again when it moves.
    pub fn set_watermark(&mut self, until: Option<Timestamp>) {
        self.watermark = until;
    }

    /// How far the watermark is behind, in milliseconds, at most a day.
    fn lag(&self, now: Timestamp) -> i64 {
        let behind = |until: Timestamp| now.as_millis().saturating_sub(until.as_millis());
        self.watermark.map_or(0, |until| behind(until).clamp(0, DAY))
    }

    /// The group in which an organisation's silence would tell us something: it is one of our anchors, or our own gold
    /// confirmed it. Newcomers count with the anchor through which they came, others with those who have one voucher.
    pub fn voice(&self, org: OrgId, now: Timestamp) -> Option<OrgId> {
        let place = || self.graph.place(org);
        let index = self.reporters.find(org);
        let Some(known) = index.and_then(|index| self.reporters.get(index)) else {
            return place().filter(|place| place.anchor)?.group;
        };
        let is_trusted = known.is_anchored() && known.record.has_gold(now) && known.record.weight(now) > 0;
        let place = is_trusted.then(place)??;
        if known.is_newcomer() {
            place.through
        } else {
            place.group
        }
    }

    /// What one organisation weighs now, milli-nats: zero if it is no member, in probation's first hour, or revoked.
    pub fn weight(&self, org: OrgId, now: Timestamp) -> i64 {
        let index = self.reporters.find(org);
        index
            .and_then(|index| self.reporters.get(index))
            .map_or(0, |reporter| reporter.record.weight(now))
    }

    /// Whether an organisation stands in the common pool of the struck.
    pub fn is_struck(&self, org: OrgId, now: Timestamp) -> bool {
        let index = self.reporters.find(org);
        index
            .and_then(|index| self.reporters.get(index))
            .is_some_and(|reporter| reporter.record.is_struck(now))
    }

    /// Every subject that an organisation's statements name: what to review after it was struck or revoked. Costs a
    /// walk over the table.
    pub fn named_by(&self, org: OrgId) -> Vec<Indicator> {
        let Some(index) = self.reporters.find(org) else {
            return Vec::new();
        };
        let names =
            |subject: &&crate::subject::Subject| subject.entries().any(|entry| entry.reporter == index);
        self.subjects
            .iter()
            .filter(names)
            .map(|subject| subject.indicator.clone())
            .collect()
    }

    /// Every subject held, in no meaningful order.
    pub fn subjects(&self) -> impl Iterator<Item = &Indicator> {
        self.subjects.iter().map(|subject| &subject.indicator)
    }

    /// How much is held. Costs a walk over the table.
    pub fn size(&self) -> Size {
        Size {
            subjects: self.subjects.len(),
            contributions: self.subjects.iter().map(crate::subject::Subject::len).sum(),
            reporters: self.reporters.len(),
            authenticated: self.memory.len(),
            own: self.own.len(),
            evicted: self.evicted,
            crowded: self.crowded,
            visitors_dropped: self.memory.visitors_dropped(),
            bytes: self.subjects.bytes(),
        }
    }

    /// What must survive a restart, besides the sightings of the last days, which the store replays by `observe` after
    /// `restore`. Disputes are replayed too; own detections and logins are not, they stand in here.
    pub fn learned(&self) -> Learned {
        Learned {
            reporters: self
                .reporters
                .iter()
                .map(|reporter| reporter.record.export(reporter.org))
                .collect(),
            authenticated: self.memory.authenticated().collect(),
            own: self
                .own
                .iter()
                .map(|(subject, caught)| (subject.clone(), caught.behaviour, caught.first, caught.last))
                .collect(),
        }
    }

    /// Takes up what was learned before a restart. To be called before the first report.
    pub fn restore(&mut self, learned: &Learned) {
        for record in &learned.reporters {
            if let Some(reporter) = self
                .enrolled(record.org)
                .and_then(|index| self.reporters.get_mut(index))
            {
                reporter.record.import(record);
            }
        }
        for (ip, known) in &learned.authenticated {
            self.memory.import(*ip, *known);
        }
        for (subject, behaviour, first, last) in &learned.own {
            self.own.import(subject, *behaviour, *first, *last);
        }
    }

    fn enrolled(&mut self, org: OrgId) -> Option<ReporterIndex> {
        self.reporters.enrol_anybody(org, &self.graph)
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
            hearing: HEARING,
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
            .field("hearing", &self.hearing)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}
