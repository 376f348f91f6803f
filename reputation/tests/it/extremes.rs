//! Hostile numbers and floods: no panic, no overflow, bounded memory, and nothing forgotten that protects innocents.

use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::wire::{Behaviour, Count, Indicator, RuleHash, Timestamp};
use vigie_reputation::{Edge, MemoryConfig, Report, ReportRefused, Rung, ScorerConfig, Tier, TrustGraph};

use crate::world::{NOW, SSH, World, ip, labels, mesh, org, report};

fn moment() -> impl Strategy<Value = i64> {
    let edge = prop_oneof![
        Just(i64::MIN),
        Just(-1),
        Just(0),
        Just(i64::MAX),
        Just(NOW.as_millis())
    ];
    let near = (NOW.as_millis() - 200_000_000)..(NOW.as_millis() + 200_000_000);
    prop_oneof![2 => edge, 1 => any::<i64>(), 3 => near]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_times_and_numbers_are_harmless(
        said in vec((0_u32..5, moment(), moment(), moment(), any::<u16>(), 0_u8..64, any::<u8>()), 0..30),
        asked in moment(),
        remembered in moment(),
        caught in moment(),
        ipv6 in any::<u128>(),
    ) {
        let mut scorer = mesh(4).scorer();
        let subject = ip("9.9.9.9");
        for (reporter, observed, arrived, now, behaviour, count, confidence) in said {
            let report = Report {
                observed: Timestamp::from_millis(observed),
                arrived: Timestamp::from_millis(arrived),
                behaviour: Behaviour(behaviour % 50),
                count: Count::from_log2(count).unwrap(),
                confidence,
                ..report(reporter, &subject)
            };
            let heard = scorer.observe(&report, Timestamp::from_millis(now));
            prop_assert_eq!(heard.is_err(), matches!(heard, Err(ReportRefused::Future | ReportRefused::TooOld
                | ReportRefused::UnknownBehaviour | ReportRefused::TimeOutOfRange)));
            scorer.dispute(org(reporter), &subject, Timestamp::from_millis(arrived));
        }
        let (caught, remembered) = (Timestamp::from_millis(caught), Timestamp::from_millis(remembered));
        scorer.own_detection(&subject, SSH, caught);
        scorer.remember(IpAddr::from(ipv6.to_be_bytes()), Tier::Visitor, remembered);
        scorer.remember("9.9.9.9".parse().unwrap(), Tier::Visitor, remembered);
        scorer.remember("9.9.9.9".parse().unwrap(), Tier::Authenticated, remembered);
        for at in [asked, i64::MIN, i64::MAX, 0, -1] {
            let verdict = scorer.verdict(&subject, Timestamp::from_millis(at));
            let sum: i64 = verdict.contributions.iter().map(|one| one.value).sum();
            prop_assert_eq!(sum, verdict.score);
            prop_assert!(verdict.score >= 0 && verdict.threshold.total >= 0);
        }
    }

    #[test]
    fn any_graph_is_built_the_same_from_any_order(
        vouches in vec((0_u32..15, 0_u32..15, any::<bool>()), 0..80),
        anchors in vec(0_u32..18, 0..4),
    ) {
        let mut world = World::default();
        for number in 0..15 {
            world.add(number, 0, labels(number));
        }
        let anchors: Vec<_> = anchors.into_iter().map(org).collect();
        let edge = |(from, to, live): (u32, u32, bool)| Edge {
            from: org(from),
            to: org(to),
            expires: if live { Timestamp::from_millis(i64::MAX) } else { NOW },
        };
        let edges: Vec<Edge> = vouches.into_iter().map(edge).collect();
        let reversed: Vec<Edge> = edges.iter().rev().copied().collect();
        let members: Vec<_> = world.members.iter().rev().cloned().collect();
        let graph = TrustGraph::build(&anchors, &world.members, &edges, NOW);
        prop_assert_eq!(&graph, &TrustGraph::build(&anchors, &members, &reversed, NOW));
        for (org, place) in graph.places() {
            prop_assert!(place.depth <= 4);
            prop_assert_eq!(place.group.is_some(), place.anchor || place.parent.is_some());
            if let Some(parent) = place.parent {
                let above = graph.place(parent).unwrap();
                prop_assert_eq!(above.depth + 1, place.depth);
                prop_assert_eq!(place.group, if above.anchor { Some(org) } else { above.group });
            }
        }
    }
}

fn address(number: u32) -> Indicator {
    Indicator::ip(Ipv4Addr::from(0x0b00_0000 + number).into())
}

#[test]
fn a_flooder_loses_his_own_subjects_and_nobody_elses() {
    let config = ScorerConfig {
        max_subjects: 1_000,
        memory: MemoryConfig {
            max_authenticated: 10,
            max_visitors: 100,
            seed: [1; 32],
        },
        ..ScorerConfig::default()
    };
    let mut scorer = mesh(4).scorer_with(config);
    let attackers: Vec<Indicator> = (0..100).map(|number| address(1_000_000 + number)).collect();
    for attacker in &attackers {
        for reporter in [1, 2] {
            scorer.observe(&report(reporter, attacker), NOW).unwrap();
        }
    }
    let friend: IpAddr = "9.9.9.9".parse().unwrap();
    scorer.remember(friend, Tier::Authenticated, NOW);
    let (mut heard, mut refused) = (0, 0);
    for number in 0..50_000 {
        match scorer.observe(&report(3, &address(number)), NOW) {
            Ok(_) => heard += 1,
            Err(ReportRefused::Flood) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((heard, refused, scorer.size().subjects), (900, 49_100, 1_000));
    // Others go on being heard, at the flooder's cost.
    for number in 0..100 {
        scorer
            .observe(&report(4, &address(2_000_000 + number)), NOW)
            .unwrap();
    }
    let size = scorer.size();
    assert_eq!((size.subjects, size.evicted), (1_000, 100));
    assert!(
        attackers
            .iter()
            .all(|attacker| scorer.rung(attacker, NOW) >= Rung::Ban1h)
    );
    assert_eq!(scorer.remembers(friend, NOW), Some(Tier::Authenticated));
    assert!(size.bytes < 1_000_000, "{} bytes", size.bytes);
}

#[test]
fn a_crowd_of_one_group_displaces_nobody_else() {
    let mut world = mesh(3);
    for number in 100..1_100 {
        world.add(number, 400, labels(number));
        world.vouch(3, number);
    }
    let mut scorer = world.scorer();
    let subject = ip("9.9.9.9");
    for reporter in [1, 2] {
        let said = Report {
            confidence: 80,
            ..report(reporter, &subject)
        };
        scorer.observe(&said, NOW).unwrap();
    }
    for reporter in 100..1_100 {
        let said = Report {
            count: Count::of(8),
            behaviour: Behaviour(38),
            ..report(reporter, &subject)
        };
        scorer.observe(&said, NOW).unwrap();
    }
    let verdict = scorer.verdict(&subject, NOW);
    assert_eq!((verdict.groups, verdict.contributions.len()), (3, 64));
    assert_eq!(scorer.size().crowded, 1_002 - 64);
}

#[test]
fn old_subjects_leave_without_a_sweep() {
    let mut scorer = mesh(2).scorer();
    for number in 0..100 {
        scorer.observe(&report(1, &address(number)), NOW).unwrap();
    }
    let later = Timestamp::from_millis(NOW.as_millis() + 7 * 86_400_000);
    for number in 0..60 {
        let said = Report {
            observed: later,
            arrived: later,
            ..report(2, &address(1_000 + number))
        };
        scorer.observe(&said, later).unwrap();
    }
    assert_eq!(scorer.size().subjects, 60);
}

#[test]
fn rules_and_keys_without_end_are_bounded() {
    let mut scorer = mesh(2).scorer();
    let mut refused = 0;
    for number in 0..1_000_u32 {
        let mut said = report(1, &address(number));
        said.sighting.publisher.0[4..8].copy_from_slice(&number.to_be_bytes());
        said.rule = RuleHash(u64::from(number).to_be_bytes());
        refused += usize::from(scorer.observe(&said, NOW) == Err(ReportRefused::TooManyKeys));
    }
    assert_eq!(refused, 1_000 - 255);
}
