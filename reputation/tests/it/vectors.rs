//! The pinned bits: committed inputs and the verdicts that every machine must reach on them.
//!
//! After a deliberate change the failing test says where it wrote the new file.

use serde::{Deserialize, Serialize};
use vigie_reputation::wire::{Behaviour, Count, RuleHash};
use vigie_reputation::{Edge, Member, Report, Tier, TrustGraph, Verdict};
use vigie_reputation::{Labels, ScorerConfig};

use crate::world::{NOW, World, after, ip, labels, report};

/// One input, one answer.
#[derive(Serialize, Deserialize)]
struct Vector {
    name: String,
    anchors: Vec<vigie_reputation::wire::OrgId>,
    members: Vec<Member>,
    vouches: Vec<Edge>,
    reports: Vec<Report>,
    remembered: Option<(std::net::IpAddr, Tier)>,
    asked_after_seconds: i64,
    verdict: Option<Verdict>,
}

fn vectors() -> Vec<Vector> {
    let mut world = World::anchored();
    for number in 1..=3 {
        world.established(number);
    }
    world.add(
        4,
        30,
        Labels {
            country: *b"FR",
            ..labels(1)
        },
    );
    world.vouch(1, 4);
    world.add(5, 7, Labels::default());
    let subject = ip("9.9.9.9");
    let said = |reporter: u32, behaviour: u16, count: u64, confidence: u8, age: i64| {
        let mut one = report(reporter, &subject);
        one.behaviour = Behaviour(behaviour);
        one.rule = RuleHash([u8::try_from(reporter).unwrap(); 8]);
        one.count = Count::of(count);
        one.confidence = confidence;
        one.observed = after(-age);
        one.arrived = after(-age / 2);
        one
    };
    let vector = |name: &str, reports: Vec<Report>, remembered, asked_after_seconds| Vector {
        name: name.to_owned(),
        anchors: world.anchors.clone(),
        members: world.members.clone(),
        vouches: world.vouches.clone(),
        reports,
        remembered,
        asked_after_seconds,
        verdict: None,
    };
    let address = "9.9.9.9".parse().unwrap();
    vec![
        vector(
            "pair",
            vec![said(1, 5, 1, 100, 60), said(2, 5, 9, 100, 600)],
            None,
            60,
        ),
        vector(
            "mixed",
            vec![
                said(1, 5, 1, 100, 3_600),
                said(1, 9, 3, 70, 7_200),
                said(4, 5, 2, 90, 40_000),
                said(2, 38, 1, 33, 80_000),
                said(5, 1, 1, 100, 0),
                said(0, 7, 64, 50, 1_800),
            ],
            None,
            12_345,
        ),
        vector(
            "authenticated",
            vec![
                said(1, 5, 1, 100, 0),
                said(2, 5, 1, 100, 0),
                said(3, 5, 1, 100, 0),
            ],
            Some((address, Tier::Authenticated)),
            0,
        ),
        vector(
            "visitor",
            vec![said(1, 5, 1, 100, 0), said(2, 5, 1, 100, 0)],
            Some((address, Tier::Visitor)),
            0,
        ),
    ]
}

fn answer(vector: &Vector) -> Verdict {
    let graph = TrustGraph::build(&vector.anchors, &vector.members, &vector.vouches, NOW);
    let mut scorer = vigie_reputation::Scorer::new(graph, ScorerConfig::default());
    for report in &vector.reports {
        scorer.observe(report, NOW).unwrap();
    }
    if let Some((address, tier)) = vector.remembered {
        scorer.remember(address, tier, NOW);
    }
    scorer.verdict(&ip("9.9.9.9"), after(vector.asked_after_seconds))
}

#[test]
fn verdicts_are_the_committed_ones_bit_for_bit() {
    let committed = include_str!("../vectors.json");
    let mut now = vectors();
    for vector in &mut now {
        vector.verdict = Some(answer(vector));
    }
    let now = serde_json::to_string_pretty(&now).unwrap() + "\n";
    if now != committed {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/vectors.json");
        std::fs::write(path, now).unwrap();
        panic!("the verdicts changed; what they are now stands in {path}");
    }
    // What was committed is input enough: nothing else enters.
    for vector in serde_json::from_str::<Vec<Vector>>(committed).unwrap() {
        assert_eq!(Some(answer(&vector)), vector.verdict, "{}", vector.name);
    }
}
