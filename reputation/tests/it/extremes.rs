//! Hostile numbers and floods: no panic, no overflow, bounded memory, and nothing forgotten that protects innocents.

use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::wire::{Behaviour, Count, Indicator, RuleHash, Timestamp};
use vigie_reputation::{Edge, MemoryConfig, Report, ReportRefused, Rung, ScorerConfig, Tier, TrustGraph};

use crate::history::{ALL, Event, Player, history};
use crate::world::{NOW, SSH, World, after, ip, labels, mesh, org, report};

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

    /// Everything that can happen, each at any time whatever: no panic, no overflow, and sums that add up.
    #[test]
    fn any_history_at_any_times_is_harmless(
        history in history(&ALL, 5, &["9.9.9.9", "2606:4700:1:2::1"], 60, 1_000),
        times in vec((moment(), moment(), moment(), any::<u8>()), 60),
    ) {
        let mut player = Player::new(&mesh(4), &crate::world::at_once());
        for ((_, event), (now, observed, arrived, confidence)) in history.into_iter().zip(times) {
            let event = match event {
                Event::Heard(said) => Event::Heard(Report {
                    observed: Timestamp::from_millis(observed),
                    arrived: Timestamp::from_millis(arrived),
                    confidence,
                    count: Count::from_log2(confidence % 64).unwrap(),
                    ..said
                }),
                other => other,
            };
            player.play(Timestamp::from_millis(now), &event);
            for asked in [now, observed, i64::MIN, i64::MAX] {
                let verdict = player.scorer.verdict(&ip("9.9.9.9"), Timestamp::from_millis(asked));
                let sum: i64 = verdict.contributions.iter().map(|one| one.value).sum();
                prop_assert_eq!(sum, verdict.score);
                prop_assert!(verdict.score >= 0 && verdict.threshold.total >= 0);
            }
        }
    }

    /// Vouches among those whom no anchor reaches change nobody's place: not in circles, not for themselves through others.
    #[test]
    fn nobody_vouches_himself_in(
        outside in vec((0_u32..15, 0_u32..15), 0..40),
        inside in vec((0_u32..15, 0_u32..15), 0..40),
    ) {
        let mut world = World::anchored();
        for number in 1..15 {
            world.add(number, 0, labels(number));
        }
        for (from, to) in outside {
            world.vouch(from, to);
        }
        let before = world.graph();
        let lost = |number: u32| before.place(org(number)).unwrap().group.is_none();
        for (from, to) in inside {
            if lost(from) {
                world.vouch(from, to);
            }
        }
        prop_assert_eq!(&world.graph(), &before);
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
        ..crate::world::at_once()
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

/// A second behaviour, a second identity behind the same voucher, and taking back what is said again are no second voice: the
/// quota of a full table holds, before and after the group is found to be another.
#[test]
fn names_and_behaviours_evade_no_quota() {
    for trick in [
        "behaviours",
        "identities",
        "strangers",
        "strangers first",
        "withdrawals",
    ] {
        let mut world = mesh(4);
        world.add(100, 400, labels(100));
        world.vouch(3, 100);
        // Admitted, and reached by no anchor of ours.
        world.add(101, 400, labels(101));
        let config = ScorerConfig {
            max_subjects: 800,
            ..crate::world::at_once()
        };
        let mut scorer = world.scorer_with(config);
        let honest: Vec<Indicator> = (0..50).map(|number| address(1_000_000 + number)).collect();
        for subject in &honest {
            scorer.observe(&report(1, subject), NOW).unwrap();
        }
        let flood = |scorer: &mut vigie_reputation::Scorer, from: u32| {
            let mut refused = 0;
            for number in from..from + 5_000 {
                let mut first = report(if trick == "strangers first" { 101 } else { 3 }, &address(number));
                first.sighting.seq = u64::from(number);
                refused += u32::from(scorer.observe(&first, NOW) == Err(ReportRefused::Flood));
                let mut second = first.clone();
                match trick {
                    "behaviours" => second.behaviour = Behaviour(9),
                    "identities" => second = report(100, &address(number)),
                    "strangers" => second = report(101, &address(number)),
                    "strangers first" => second = report(3, &address(number)),
                    _ => scorer.withdraw(first.sighting, NOW),
                }
                second.sighting.seq += 1_000_000;
                refused += u32::from(scorer.observe(&second, NOW) == Err(ReportRefused::Flood));
            }
            refused
        };
        let refused = flood(&mut scorer, 0);
        // Who comes second makes no room: what he takes over is his, and the first of it to go.
        assert!(
            refused > 8_000 || trick == "strangers first",
            "{trick}: {refused} refused"
        );
        // Others go on being heard, at his cost and not at each other's.
        for number in 0..150 {
            let new = report(2 + 2 * (number % 2), &address(2_000_000 + number));
            scorer.observe(&new, NOW).unwrap();
        }
        let named = |subjects: &[Indicator]| {
            let heard = subjects
                .iter()
                .filter(|one| !scorer.verdict(one, NOW).contributions.is_empty());
            heard.count()
        };
        assert!(named(&honest) >= 45, "{trick}: {}", named(&honest));
    }
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

#[test]
fn ten_million_subjects_of_one_flooder_take_no_more_room_than_a_few() {
    const ROOM: usize = 50_000;
    let config = ScorerConfig {
        max_subjects: ROOM,
        ..crate::world::at_once()
    };
    let mut world = mesh(3);
    // He has a hundred identities behind his one voucher, and ten million addresses.
    for number in 100..200 {
        world.add(number, 400, labels(number));
        world.vouch(3, number);
    }
    let mut scorer = world.scorer_with(config);
    let (attacker, innocent, friend) = (ip("9.9.9.9"), ip("9.9.9.10"), ip("9.9.9.11"));
    for reporter in [1, 2] {
        scorer.observe(&report(reporter, &attacker), NOW).unwrap();
    }
    for reporter in [1, 100] {
        scorer.observe(&report(reporter, &innocent), NOW).unwrap();
    }
    scorer.dispute(org(2), &innocent, NOW);
    scorer.own_detection(&ip("9.9.9.12"), SSH, NOW);
    scorer.remember(friend.as_ip().unwrap(), Tier::Authenticated, NOW);
    let raised = scorer.verdict(&innocent, NOW).threshold;
    let mut refused = 0_u32;
    let mut said = report(0, &attacker);
    for number in 0..10_000_000 {
        said.reporter = org(100 + number % 100);
        said.subject = address(number);
        refused += u32::from(scorer.observe(&said, NOW) == Err(ReportRefused::Flood));
    }
    let size = scorer.size();
    assert_eq!((size.subjects, size.evicted), (ROOM, 0), "he displaces nobody");
    assert!(
        refused > 9_900_000 && size.bytes < ROOM * 150,
        "{refused} refused, {} bytes",
        size.bytes
    );
    assert_eq!(scorer.rung(&attacker, NOW), Rung::Ban1h);
    assert_eq!(scorer.verdict(&innocent, NOW).threshold, raised);
    assert_eq!(
        scorer.remembers(friend.as_ip().unwrap(), NOW),
        Some(Tier::Authenticated)
    );
    // And the others go on: each newcomer costs him one of his.
    for number in 0..10_000 {
        let new = report(1 + number % 2, &address(20_000_000 + number));
        scorer.observe(&new, NOW).unwrap();
    }
    assert_eq!(scorer.size().subjects, ROOM);
    assert_eq!(scorer.rung(&attacker, NOW), Rung::Ban1h);
    assert_eq!(scorer.verdict(&innocent, NOW).threshold, raised);
}

/// Who accuses falsely would gain if the dispute were forgotten: he makes the accusation anew, and nobody is heard twice.
#[test]
fn a_dispute_outlives_every_flood() {
    let config = ScorerConfig {
        max_subjects: 200,
        ..crate::world::at_once()
    };
    let mut scorer = mesh(60).scorer_with(config);
    let innocent = ip("9.9.9.9");
    scorer.observe(&report(1, &innocent), NOW).unwrap();
    assert!(scorer.dispute(org(2), &innocent, NOW));
    for number in 0..20_000 {
        _ = scorer.observe(&report(3 + number % 50, &address(number)), NOW);
        _ = scorer.observe(&report(4 + number % 50, &address(number)), NOW);
    }
    assert!(scorer.size().evicted > 1_000);
    scorer.observe(&report(1, &innocent), NOW).unwrap();
    scorer.observe(&report(3, &innocent), NOW).unwrap();
    assert!(scorer.verdict(&innocent, NOW).threshold.dispute > 0);
}

#[test]
fn contradictions_of_one_reporter_are_one_statement_a_behaviour() {
    let mut scorer = mesh(2).scorer();
    let subject = ip("9.9.9.9");
    for number in 0..1_000_u32 {
        let mut said = report(1, &subject);
        said.sighting.seq = u64::from(number);
        said.confidence = u8::try_from(number % 256).unwrap();
        said.count = Count::from_log2(u8::try_from(number % 64).unwrap()).unwrap();
        said.observed = after(-i64::from(number * 7 % 1_000));
        said.behaviour = Behaviour([5, 9][number as usize % 2]);
        scorer.observe(&said, NOW).unwrap();
    }
    let verdict = scorer.verdict(&subject, NOW);
    assert_eq!((verdict.contributions.len(), verdict.groups), (2, 1));
    assert!(verdict.score <= vigie_reputation::constants::KAPPA);
}
