//! Everything that can happen to a scorer, as data: properties generate it, the vectors are a committed file of it.
//!
//! Deliberately absent: what must hold afterwards, which each theorem says for itself.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde::{Deserialize, Serialize};
use vigie_reputation::wire::{Behaviour, Count, Indicator, OrgId, RuleHash, SightingId, Timestamp};
use vigie_reputation::{Report, Scorer, ScorerConfig, Tier, TrustGraph};

use crate::world::{NOW, World, ip, org, report};

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    Heard(Report),
    Disputed(OrgId, Indicator),
    Caught(Indicator, Behaviour),
    Came(IpAddr, Tier),
    Withdrawn(SightingId),
    Revoked(OrgId),
    Clustered(OrgId, Option<u64>),
    Suspected(RuleHash, bool),
    Anchored(Vec<OrgId>),
    Restarted,
}

/// What may be drawn. Named twice in a list, it is drawn twice as often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Heard,
    Disputed,
    Caught,
    Came,
    Visited,
    Withdrawn,
    Revoked,
    Clustered,
    Suspected,
    Anchored,
    Restarted,
}

/// All that others can do, whoever they are, and what may befall a node meanwhile; statements most of the time.
pub(crate) const REMOTE: [Kind; 16] = [
    Kind::Heard,
    Kind::Heard,
    Kind::Heard,
    Kind::Heard,
    Kind::Heard,
    Kind::Heard,
    Kind::Heard,
    Kind::Heard,
    Kind::Heard,
    Kind::Disputed,
    Kind::Withdrawn,
    Kind::Revoked,
    Kind::Clustered,
    Kind::Suspected,
    Kind::Anchored,
    Kind::Restarted,
];
/// The same with our own sensor and our own users.
pub(crate) const ALL: [Kind; 19] = {
    let mut all = [Kind::Heard; 19];
    let mut place = 0;
    while place < REMOTE.len() {
        all[place] = REMOTE[place];
        place += 1;
    }
    all[16] = Kind::Caught;
    all[17] = Kind::Came;
    all[18] = Kind::Visited;
    all
};

/// Anchors among the first three; vouches anywhere; few labels, so that partitions differ; histories mostly long enough
/// to weigh something.
pub(crate) fn world(orgs: u32) -> impl Strategy<Value = World> {
    let history = prop_oneof![1 => Just(0_u32), 4 => 0_u32..400];
    let member = (history, 0_u64..40, 0_u8..5, 0_u32..12);
    let members = vec(member, orgs as usize);
    let vouches = vec((0..orgs, 0..orgs), 0..4 * orgs as usize);
    (1_u32..=3, members, vouches).prop_map(|(anchors, members, vouches)| {
        let mut world = World {
            anchors: (0..anchors).map(org).collect(),
            ..World::default()
        };
        for (number, (history, operator, country, asn)) in (0..).zip(members) {
            let country = if country == 0 {
                [0, 0]
            } else {
                [b'A' + country, b'X']
            };
            let labels = vigie_reputation::Labels {
                operator: operator.to_be_bytes(),
                country,
                asn,
            };
            world.add(number, history, labels);
        }
        for (from, to) in vouches {
            world.vouch(from, to);
        }
        world
    })
}

/// So many things of these kinds at most, by these organisations on these addresses, each with its moment, in order; pauses of
/// `pause` seconds at most between them.
pub(crate) fn history(
    kinds: &[Kind],
    orgs: u32,
    subjects: &[&str],
    most: usize,
    pause: i64,
) -> impl Strategy<Value = Vec<(Timestamp, Event)>> {
    let behaviour = select(vec![1_u16, 5, 9, 38, 41]);
    let said = (behaviour, 0_u8..6, 0_u8..8, 1_u8..=100, 0_i64..86_000);
    let one = (
        select(kinds.to_vec()),
        0..orgs,
        select(subjects.iter().map(|text| ip(text)).collect::<Vec<_>>()),
        said,
        0..1_000 * pause,
    );
    vec(one, 0..most).prop_map(|drawn| {
        let mut now = NOW;
        let mut names = Vec::new();
        let mut history = Vec::new();
        for (seq, (kind, who, subject, (behaviour, rule, count, confidence, age), gap)) in (1..).zip(drawn) {
            now = now + std::time::Duration::from_millis(gap.unsigned_abs());
            let rule = RuleHash([rule; 8]);
            let event = match kind {
                Kind::Heard => {
                    let mut said = report(who, &subject);
                    said.sighting.seq = seq;
                    said.behaviour = Behaviour(behaviour);
                    said.rule = rule;
                    said.count = Count::from_log2(count).unwrap();
                    said.confidence = confidence;
                    said.arrived = now;
                    said.observed = Timestamp::from_millis(now.as_millis() - 1_000 * age);
                    names.push(said.sighting);
                    Event::Heard(said)
                }
                Kind::Disputed => Event::Disputed(org(who), subject),
                Kind::Caught => Event::Caught(subject, Behaviour(behaviour)),
                Kind::Came => Event::Came(subject.as_ip().unwrap(), Tier::Authenticated),
                Kind::Visited => Event::Came(subject.as_ip().unwrap(), Tier::Visitor),
                Kind::Withdrawn if names.is_empty() => continue,
                Kind::Withdrawn => Event::Withdrawn(names[usize::try_from(age).unwrap() % names.len()]),
                Kind::Revoked => Event::Revoked(org(who)),
                Kind::Clustered => Event::Clustered(org(who), (count > 3).then_some(u64::from(count))),
                Kind::Suspected => Event::Suspected(rule, count > 3),
                Kind::Anchored => Event::Anchored((0..=who % 4).map(org).collect()),
                Kind::Restarted => Event::Restarted,
            };
            history.push((now, event));
        }
        history
    })
}

/// A node to which it happens.
pub(crate) struct Player {
    pub(crate) scorer: Scorer,
    world: World,
    config: ScorerConfig,
    heard: Vec<Report>,
}

// === impl Player ===

impl Player {
    pub(crate) fn new(world: &World, config: &ScorerConfig) -> Self {
        Self {
            scorer: world.scorer_with(config.clone()),
            world: world.clone(),
            config: config.clone(),
            heard: Vec::new(),
        }
    }

    /// Lets it happen. What is refused is refused: hostile histories are full of that.
    pub(crate) fn play(&mut self, now: Timestamp, event: &Event) {
        let scorer = &mut self.scorer;
        match event {
            Event::Heard(report) => {
                self.heard.push(report.clone());
                _ = scorer.observe(report, now);
            }
            Event::Disputed(by, subject) => _ = scorer.dispute(*by, subject, now),
            Event::Caught(subject, behaviour) => scorer.own_detection(subject, *behaviour, now),
            Event::Came(address, tier) => _ = scorer.remember(*address, *tier, now),
            Event::Withdrawn(name) => scorer.withdraw(*name, now),
            Event::Revoked(org) => scorer.forget(*org),
            Event::Clustered(org, cluster) => scorer.set_cluster(*org, *cluster),
            Event::Suspected(rule, suspected) => scorer.suspect_rule(*rule, *suspected),
            Event::Anchored(anchors) => {
                self.world.anchors.clone_from(anchors);
                self.scorer.set_graph(self.graph());
            }
            Event::Restarted => {
                let learned = scorer.learned();
                self.scorer = Scorer::new(self.graph(), self.config.clone());
                self.scorer.restore(&learned);
                for report in &self.heard {
                    _ = self.scorer.observe(report, now);
                }
            }
        }
    }

    fn graph(&self) -> TrustGraph {
        TrustGraph::build(&self.world.anchors, &self.world.members, &self.world.vouches, NOW)
    }
}
