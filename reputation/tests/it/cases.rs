//! Plain cases: what must block does, what must not does not, and the reasons say so.

use vigie_reputation::constants::{H_DEFAULT, H_INFRASTRUCTURE, H_LOW_HARM, H_SHARED, KAPPA};
use vigie_reputation::wire::{Behaviour, Count, Indicator, RuleHash, Timestamp};
use vigie_reputation::{
    Class, Exposure, Labels, Observed, Partition, Reason, Report, ReportRefused, Rung, Scorer, ScorerConfig,
    TrustGraph,
};

use crate::world::{EXPLOIT, NOW, SSH, World, after, ip, labels, mesh, org, report};

fn heard(scorer: &mut Scorer, reporters: impl IntoIterator<Item = u32>, subject: &Indicator) {
    for reporter in reporters {
        scorer.observe(&report(reporter, subject), NOW).unwrap();
    }
}

#[test]
fn an_established_pair_blocks_a_brute_force_and_a_lone_liar_blocks_nothing() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(4).scorer();
    heard(&mut scorer, [1], &attacker);
    let lone = scorer.verdict(&attacker, NOW);
    assert_eq!(
        (lone.score, lone.rung, lone.hard_block),
        (KAPPA, Rung::Observe, false)
    );
    assert_eq!(
        (lone.groups, lone.quorum, lone.threshold.total),
        (1, 2, H_LOW_HARM)
    );
    assert!(lone.reasons.contains(&Reason::Quorum { groups: 1, needed: 2 }));
    assert_eq!(
        lone.reasons[0].to_string(),
        "1 independent group names it, 2 are needed"
    );

    heard(&mut scorer, [2], &attacker);
    let pair = scorer.verdict(&attacker, after(15 * 60));
    assert_eq!((pair.groups, pair.rung, pair.hard_block), (2, Rung::Ban1h, true));
    assert!(
        pair.contributions.iter().all(|one| one.value >= 3_800),
        "{pair:?}"
    );
    assert_eq!(pair.reasons, [Reason::Reached]);
}

#[test]
fn everything_but_scans_and_brute_force_takes_fresher_words() {
    for (behaviour, base, late) in [(SSH, H_LOW_HARM, true), (EXPLOIT, H_DEFAULT, false)] {
        let attacker = ip("9.9.9.9");
        let mut scorer = mesh(4).scorer();
        for (reporter, blocks) in [(1, false), (2, true)] {
            let said = Report {
                behaviour,
                ..report(reporter, &attacker)
            };
            scorer.observe(&said, NOW).unwrap();
            let verdict = scorer.verdict(&attacker, NOW);
            assert_eq!((verdict.threshold.base, verdict.hard_block), (base, blocks));
        }
        assert_eq!(scorer.verdict(&attacker, after(8 * 3_600)).hard_block, late);
    }
}

#[test]
fn four_groups_of_surplus_make_it_a_day() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(4).scorer();
    heard(&mut scorer, 1..=3, &attacker);
    assert_eq!(scorer.verdict(&attacker, NOW).rung, Rung::Ban24h);
}

#[test]
fn a_hundred_honest_organisations_of_one_country_and_network_with_one_rule_set_block() {
    let attacker = ip("9.9.9.9");
    let mut world = World::anchored();
    for number in 1..=100 {
        let labels = Labels {
            country: *b"FR",
            asn: 2_200,
            ..labels(number)
        };
        world.add(number, 200, labels);
        world.vouch(0, number);
    }
    let mut scorer = world.scorer();
    for reporter in 1..=100 {
        let said = Report {
            behaviour: EXPLOIT,
            ..report(reporter, &attacker)
        };
        scorer.observe(&said, NOW).unwrap();
    }
    let verdict = scorer.verdict(&attacker, NOW);
    assert!(verdict.hard_block, "{verdict:?}");
    assert_eq!((verdict.partition, verdict.score), (Partition::Asn, 3 * KAPPA));
}

/// An organisation that many attack says much, and says it alone most of the time; its word must go on counting, for
/// those whom another one meets too, and its own budget must not silence it.
#[test]
fn an_organisation_that_meets_two_thousand_attackers_a_day_is_not_muted() {
    const A_DAY: u32 = 2_000;
    const DAYS: u32 = 14;
    let attacker = |number: u32| Indicator::ip(std::net::Ipv4Addr::from(0x0b00_0000 + number).into());
    let mut scorer = mesh(9).scorer();
    let weight = scorer.weight(org(1), NOW);
    let mut now = NOW;
    for number in 0..A_DAY * DAYS {
        now = after(i64::from(number) * 86_400 / i64::from(A_DAY));
        let mut said = report(1, &attacker(number));
        (said.observed, said.arrived) = (now, now);
        said.sighting.seq = u64::from(number);
        assert_eq!(scorer.observe(&said, now), Ok(Observed::New), "attacker {number}");
        // A fifth are met by another organisation as well, an hour later; that is the deciding word.
        if number % 5 == 0 && number >= A_DAY {
            let earlier = number - A_DAY / 24;
            let mut second = report(2 + number % 8, &attacker(earlier));
            (second.observed, second.arrived) = (now, now);
            scorer.observe(&second, now).unwrap();
            let verdict = scorer.verdict(&attacker(earlier), now);
            assert!(verdict.hard_block, "day {}: {verdict:?}", number / A_DAY);
        }
    }
    assert!(scorer.weight(org(1), now) >= weight);
}

#[test]
fn one_voucher_one_operator_one_cluster_or_the_unlabelled_are_one_group() {
    let attacker = ip("9.9.9.9");
    let blocks = |world: &World, cluster: Option<u64>| {
        let mut scorer = world.scorer();
        heard(&mut scorer, 2..=9, &attacker);
        for number in 2..=9 {
            scorer.set_cluster(org(number), cluster);
        }
        let verdict = scorer.verdict(&attacker, NOW);
        assert!(verdict.hard_block || verdict.score == KAPPA, "{verdict:?}");
        verdict.hard_block
    };
    assert!(blocks(&mesh(9), None));
    assert!(!blocks(&mesh(9), Some(1)));
    for operator in [0, 77_u64] {
        let mut world = World::anchored();
        for number in 1..=9 {
            world.add(
                number,
                200,
                Labels {
                    operator: operator.to_be_bytes(),
                    ..labels(number)
                },
            );
            world.vouch(0, number);
        }
        assert!(!blocks(&world, None), "operator {operator}");
    }
    let mut world = World::anchored();
    world.established(1);
    for number in 2..=9 {
        world.add(number, 200, labels(number));
        world.vouch(1, number);
    }
    assert!(!blocks(&world, None));
}

#[test]
fn a_rule_that_is_unknown_or_suspected_falls_to_one_group() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(4).scorer();
    heard(&mut scorer, 1..=4, &attacker);
    assert!(scorer.verdict(&attacker, NOW).hard_block);
    scorer.suspect_rule(RuleHash([7; 8]), true);
    let verdict = scorer.verdict(&attacker, NOW);
    assert_eq!(
        (verdict.partition, verdict.score, verdict.hard_block),
        (Partition::Rule, KAPPA, false)
    );
    scorer.suspect_rule(RuleHash([7; 8]), false);
    assert!(scorer.verdict(&attacker, NOW).hard_block);

    let other = ip("9.9.9.10");
    for reporter in 1..=4 {
        let said = Report {
            rule: RuleHash([0; 8]),
            ..report(reporter, &other)
        };
        scorer.observe(&said, NOW).unwrap();
    }
    assert_eq!(scorer.verdict(&other, NOW).score, KAPPA);
}

#[test]
fn what_nobody_saw_for_three_days_leads_to_nothing_however_slowly_it_decays() {
    let control = ip("9.9.9.9");
    let mut scorer = mesh(8).scorer();
    for reporter in 1..=8 {
        let said = Report {
            behaviour: Behaviour(38),
            rule: RuleHash([u8::try_from(reporter).unwrap(); 8]),
            ..report(reporter, &control)
        };
        scorer.observe(&said, NOW).unwrap();
    }
    let hours = |hours: i64| after(hours * 3_600);
    assert!(scorer.review(&control, hours(71)).hard_block);
    for verdict in [
        scorer.verdict(&control, hours(73)),
        scorer.review(&control, hours(73)),
    ] {
        assert!(verdict.score > verdict.threshold.total, "{verdict:?}");
        assert_eq!(verdict.rung, Rung::Observe);
        assert!(verdict.reasons.contains(&Reason::Stale));
    }
}

#[test]
fn what_more_would_be_harmed_takes_more() {
    for (class, threshold, reporters) in [
        (Class::Hosting, H_SHARED, 4),
        (Class::Infrastructure, H_INFRASTRUCTURE, 5),
    ] {
        let attacker = ip("9.9.9.9");
        let config = ScorerConfig {
            class: std::sync::Arc::new(move |_| class),
            ..crate::world::at_once()
        };
        let mut world = mesh(0);
        for number in 1..=10 {
            world.established(number);
        }
        let mut scorer = world.scorer_with(config);
        for reporter in 1..=reporters {
            assert!(!scorer.verdict(&attacker, NOW).hard_block);
            let rule = RuleHash([u8::try_from(reporter).unwrap(); 8]);
            scorer
                .observe(
                    &Report {
                        rule,
                        ..report(reporter, &attacker)
                    },
                    NOW,
                )
                .unwrap();
        }
        let verdict = scorer.verdict(&attacker, NOW);
        assert_eq!(
            (verdict.threshold.total, verdict.hard_block),
            (threshold, true),
            "{verdict:?}"
        );
    }
}

#[test]
fn a_block_is_released_a_nat_and_a_half_below() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(2).scorer();
    heard(&mut scorer, [1, 2], &attacker);
    let (mut dropped, mut released) = (None, None);
    for minutes in 0..24 * 60 {
        let now = after(60 * minutes);
        let (fresh, held) = (scorer.verdict(&attacker, now), scorer.review(&attacker, now));
        dropped = dropped.or_else(|| (!fresh.hard_block).then_some(fresh.score));
        released = released.or_else(|| (!held.hard_block).then_some(held.score));
    }
    assert!((H_LOW_HARM - 10..H_LOW_HARM).contains(&dropped.unwrap()));
    assert!((H_LOW_HARM - 1_510..H_LOW_HARM - 1_500).contains(&released.unwrap()));
}

#[test]
fn without_anchors_everything_is_shown_and_nothing_blocks() {
    let attacker = ip("9.9.9.9");
    let mut world = mesh(9);
    world.anchors.clear();
    let mut scorer = world.scorer();
    heard(&mut scorer, 1..=9, &attacker);
    let verdict = scorer.verdict(&attacker, NOW);
    assert_eq!(
        (verdict.score, verdict.rung, verdict.contributions.len()),
        (0, Rung::Observe, 9)
    );
    assert!(
        verdict
            .contributions
            .iter()
            .all(|one| one.value == 0 && one.weight == KAPPA)
    );
    assert!(verdict.reasons.contains(&Reason::NoAnchors));
    assert!(verdict.reasons.contains(&Reason::Unanchored { shown: KAPPA }));

    // Our own sensor's word weighs more when others say the same.
    scorer.own_detection(&attacker, EXPLOIT, NOW);
    let verdict = scorer.verdict(&attacker, NOW);
    assert_eq!(
        (verdict.threshold.total, verdict.hard_block),
        (0, true),
        "{verdict:?}"
    );
    let unnamed = ip("9.9.9.8");
    scorer.own_detection(&unnamed, EXPLOIT, NOW);
    assert!(
        !scorer.verdict(&unnamed, NOW).hard_block,
        "our own word alone is decided elsewhere"
    );
}

#[test]
fn with_enough_groups_who_is_not_reached_helps_nobody() {
    let attacker = ip("9.9.9.9");
    let mut world = mesh(5);
    world.add(50, 100_000, labels(50));
    let mut scorer = world.scorer();
    heard(&mut scorer, [1, 50], &attacker);
    let verdict = scorer.verdict(&attacker, NOW);
    assert_eq!((verdict.score, verdict.groups), (KAPPA, 1));
    scorer.own_detection(&attacker, EXPLOIT, NOW);
    assert_eq!(scorer.verdict(&attacker, NOW).threshold.unanchored, 0);
}

#[test]
fn times_and_kinds_that_are_not_scored_are_refused_with_their_reason() {
    let mut scorer = mesh(2).scorer();
    let subject = ip("9.9.9.9");
    let good = report(1, &subject);
    let mut check = |said: Report, expected: Result<Observed, ReportRefused>| {
        assert_eq!(scorer.observe(&said, NOW), expected, "{said:?}");
    };
    let ago = |secs: i64| after(-secs);
    check(
        Report {
            observed: after(121),
            ..good.clone()
        },
        Err(ReportRefused::Future),
    );
    check(
        Report {
            arrived: after(121),
            ..good.clone()
        },
        Err(ReportRefused::Future),
    );
    check(
        Report {
            observed: ago(86_401),
            ..good.clone()
        },
        Err(ReportRefused::TooOld),
    );
    check(
        Report {
            observed: ago(6 * 86_400),
            arrived: ago(6 * 86_400),
            ..good.clone()
        },
        Err(ReportRefused::TooOld),
    );
    check(
        Report {
            behaviour: Behaviour(9_999),
            ..good.clone()
        },
        Err(ReportRefused::UnknownBehaviour),
    );
    check(
        Report {
            subject: ip("192.168.1.1"),
            ..good.clone()
        },
        Err(ReportRefused::NotPublic),
    );
    let unknown = Indicator::Unknown {
        tag: 200,
        bytes: [1].into(),
    };
    check(
        Report {
            subject: unknown,
            ..good.clone()
        },
        Err(ReportRefused::UnknownIndicator),
    );
    check(
        Report {
            reporter: org(77),
            ..good.clone()
        },
        Err(ReportRefused::NotAMember),
    );
    check(
        Report {
            observed: Timestamp::from_millis(-1),
            arrived: Timestamp::from_millis(-1),
            ..good.clone()
        },
        Err(ReportRefused::TooOld),
    );
    check(
        Report {
            observed: after(119),
            ..good.clone()
        },
        Ok(Observed::New),
    );
    check(
        Report {
            observed: ago(86_399),
            ..good
        },
        Ok(Observed::Weaker),
    );
}

#[test]
fn of_contradictory_statements_the_strongest_stays_and_one_reporter_counts_once() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(2).scorer();
    let weak = Report {
        confidence: 20,
        ..report(1, &subject)
    };
    let strong = Report {
        confidence: 60,
        count: Count::of(2),
        ..report(1, &subject)
    };
    assert_eq!(scorer.observe(&weak, NOW), Ok(Observed::New));
    assert_eq!(scorer.observe(&strong, NOW), Ok(Observed::Stronger));
    assert_eq!(scorer.observe(&weak, NOW), Ok(Observed::Weaker));
    let expected = KAPPA * 60 * 1_100 / 100_000;
    assert_eq!(scorer.verdict(&subject, NOW).score, expected);
    scorer
        .observe(
            &Report {
                behaviour: EXPLOIT,
                ..weak
            },
            NOW,
        )
        .unwrap();
    let verdict = scorer.verdict(&subject, NOW);
    assert_eq!((verdict.score, verdict.contributions.len()), (expected, 2));
}

#[test]
fn what_is_withdrawn_or_revoked_weighs_nothing() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(3).scorer();
    heard(&mut scorer, [1, 2, 3], &subject);
    scorer.retract(report(1, &subject).sighting);
    assert_eq!(scorer.verdict(&subject, NOW).score, 2 * KAPPA);
    assert_eq!(
        scorer.observe(&report(1, &subject), NOW),
        Err(ReportRefused::Retracted)
    );
    scorer.forget(org(2));
    assert_eq!(scorer.verdict(&subject, NOW).score, KAPPA);
    assert_eq!(scorer.named_by(org(3)), [subject]);
}

#[test]
fn withdrawals_are_swept_when_there_are_many() {
    let config = ScorerConfig {
        max_retracted: 1,
        ..crate::world::at_once()
    };
    let mut scorer = mesh(3).scorer_with(config);
    let (first, second) = (ip("9.9.9.9"), ip("9.9.9.8"));
    heard(&mut scorer, [1, 2], &first);
    heard(&mut scorer, [1], &second);
    for reporter in [1, 2] {
        scorer.retract(report(reporter, &first).sighting);
    }
    // Organisation 1 used one name for two sightings here, so both go.
    assert_eq!((scorer.size().subjects, scorer.size().contributions), (0, 0));
}

#[test]
fn another_choice_of_anchors_changes_every_score_at_once() {
    let subject = ip("9.9.9.9");
    let world = mesh(4);
    let mut scorer = world.scorer();
    heard(&mut scorer, [1, 2], &subject);
    assert!(scorer.dispute(org(3), &subject, NOW));
    let exposure = |number| scorer.exposure(org(number), NOW);
    assert_eq!(exposure(1), Exposure { near: 0, budget: 220 });
    assert_eq!(exposure(2), Exposure { near: 1, budget: 220 });
    let anchors = [org(1), org(3)];
    scorer.set_graph(TrustGraph::build(&anchors, &world.members, &world.vouches, NOW));
    let verdict = scorer.verdict(&subject, NOW);
    assert_eq!(
        (verdict.score, verdict.groups, verdict.threshold.dispute),
        (KAPPA, 1, 0)
    );
    assert!(
        !scorer.dispute(org(3), &subject, NOW),
        "it is the same organisation's dispute"
    );
    scorer.set_graph(world.graph());
    assert_eq!(scorer.verdict(&subject, NOW).score, 2 * KAPPA);
}

#[test]
fn a_network_is_shown_and_never_blocked() {
    let range = Indicator::Range("9.9.9.0/24".parse().unwrap());
    let mut scorer = mesh(9).scorer();
    heard(&mut scorer, 1..=9, &range);
    let verdict = scorer.verdict(&range, NOW);
    assert_eq!(
        (verdict.rung, verdict.reasons.contains(&Reason::Aggregate)),
        (Rung::Observe, true)
    );
}

#[test]
fn an_address_that_nobody_saw_for_three_days_is_not_blocked_afresh() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(4).scorer();
    for reporter in 1..=4 {
        let said = Report {
            behaviour: Behaviour(38),
            ..report(reporter, &subject)
        };
        scorer.observe(&said, NOW).unwrap();
    }
    assert!(scorer.verdict(&subject, after(71 * 3_600)).hard_block);
    let late = scorer.verdict(&subject, after(73 * 3_600));
    assert_eq!((late.hard_block, late.score > H_DEFAULT), (false, true));
    assert!(late.reasons.contains(&Reason::Stale));
}
