//! A small mesh to ask questions of: anchors, members behind them, and reports in one line.

use vigie_reputation::wire::{
    Behaviour, Count, Indicator, OrgId, PublisherId, RuleHash, SightingId, Timestamp,
};
use vigie_reputation::{Edge, Labels, Member, Report, Scorer, ScorerConfig, TrustGraph};

pub(crate) const SSH: Behaviour = Behaviour(5);
pub(crate) const EXPLOIT: Behaviour = Behaviour(9);
/// 2026-01-01T00:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

pub(crate) fn org(number: u32) -> OrgId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    OrgId(bytes)
}

pub(crate) fn ip(text: &str) -> Indicator {
    Indicator::ip(text.parse().unwrap())
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + 1_000 * seconds)
}

/// Members, vouches and anchors, in the making.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) anchors: Vec<OrgId>,
    pub(crate) members: Vec<Member>,
    pub(crate) vouches: Vec<Edge>,
}

impl World {
    /// One anchor, number 0.
    pub(crate) fn anchored() -> Self {
        let mut world = Self::default();
        world.anchors.push(org(0));
        world.add(0, 0, labels(0));
        world
    }

    /// A member with an operator and a system of its own.
    pub(crate) fn add(&mut self, number: u32, history: u32, labels: Labels) {
        let name = format!("organisation {number}").into();
        self.members.push(Member {
            org: org(number),
            name,
            labels,
            history,
            seed: false,
        });
    }

    pub(crate) fn vouch(&mut self, from: u32, to: u32) {
        self.vouches.push(Edge {
            from: org(from),
            to: org(to),
            expires: after(1_000_000),
        });
    }

    /// A member with a long history whom the anchor vouches for: a group of its own.
    pub(crate) fn established(&mut self, number: u32) {
        self.add(number, 200, labels(number));
        self.vouch(0, number);
    }

    pub(crate) fn graph(&self) -> TrustGraph {
        TrustGraph::build(&self.anchors, &self.members, &self.vouches, NOW)
    }

    pub(crate) fn scorer(&self) -> Scorer {
        self.scorer_with(at_once())
    }

    pub(crate) fn scorer_with(&self, config: ScorerConfig) -> Scorer {
        Scorer::new(self.graph(), config)
    }
}

/// Blocks at once: what hearings are is asked elsewhere.
pub(crate) fn at_once() -> ScorerConfig {
    ScorerConfig {
        hearing: 0,
        ..ScorerConfig::default()
    }
}

/// Labels that nobody else has.
pub(crate) fn labels(number: u32) -> Labels {
    let [_, _, high, low] = number.to_be_bytes();
    Labels {
        operator: (u64::from(number) + 1).to_be_bytes(),
        country: [high.wrapping_add(b'A'), low.wrapping_add(b'A')],
        asn: number + 64_500,
    }
}

/// A report by an organisation on its one chain, observed at the minute of `NOW` unless changed.
pub(crate) fn report(reporter: u32, subject: &Indicator) -> Report {
    let mut publisher = [1; 16];
    publisher[..4].copy_from_slice(&reporter.to_be_bytes());
    Report {
        sighting: SightingId {
            publisher: PublisherId(publisher),
            epoch: 1,
            seq: 1,
            row: 0,
        },
        reporter: org(reporter),
        subject: subject.clone(),
        behaviour: SSH,
        rule: RuleHash([7; 8]),
        count: Count::of(1),
        confidence: 100,
        observed: NOW,
        arrived: NOW,
    }
}

/// `count` established organisations, numbers from 1, each a group of its own.
pub(crate) fn mesh(count: u32) -> World {
    let mut world = World::anchored();
    for number in 1..=count {
        world.established(number);
    }
    world
}
