//! The guarantees as properties over generated graphs and histories.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{DISPUTE_CAP, KAPPA};
use vigie_reputation::wire::{Behaviour, Count, Indicator, RuleHash, Timestamp};
use vigie_reputation::{Labels, Partition, Report, Scorer, Tier, Verdict};

use crate::world::{NOW, World, after, ip, labels, mesh, org, report};

/// One generated statement: who, which behaviour, rule, count, confidence, how old.
type Said = (u32, u16, u8, u64, u8, i64);

/// Anchors among the first three; vouches anywhere; few labels, so that partitions differ.
fn world(orgs: u32) -> impl Strategy<Value = World> {
    let member = (0_u32..400, 0_u64..6, 0_u8..4, 0_u32..5);
    let members = vec(member, orgs as usize);
    let vouches = vec((0..orgs, 0..orgs), 0..60);
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
            world.add(
                number,
                history,
                Labels {
                    operator: operator.to_be_bytes(),
                    country,
                    asn,
                },
            );
        }
        for (from, to) in vouches {
            world.vouch(from, to);
        }
        world
    })
}

fn said(orgs: u32) -> impl Strategy<Value = Vec<Said>> {
    let behaviour = prop_oneof![Just(1_u16), Just(5), Just(9), Just(38), Just(41)];
    vec(
        (0..orgs, behaviour, 0_u8..4, 1_u64..40, 1_u8..=100, 0_i64..86_000),
        0..50,
    )
}

fn reports(said: &[Said], subject: &Indicator) -> Vec<Report> {
    (1..)
        .zip(said)
        .map(|(seq, (reporter, behaviour, rule, count, confidence, age))| {
            let mut one = report(*reporter, subject);
            one.sighting.seq = seq;
            one.behaviour = Behaviour(*behaviour);
            one.rule = RuleHash([*rule; 8]);
            one.count = Count::of(*count);
            one.confidence = *confidence;
            one.observed = after(-age);
            one.arrived = after(-age / 2);
            one
        })
        .collect()
}

fn hear(scorer: &mut Scorer, reports: &[Report]) {
    for one in reports {
        scorer.observe(one, NOW).unwrap();
    }
}

/// What must hold of every verdict (T2 and T8).
fn check(verdict: &Verdict) {
    let sum: i64 = verdict.contributions.iter().map(|one| one.value).sum();
    assert_eq!(sum, verdict.score, "contributions add up: {verdict:?}");
    let least = verdict.partitions.iter().map(|one| one.score).min();
    assert_eq!(least, Some(verdict.score));
    let parts = verdict.threshold;
    assert_eq!(
        parts.base + parts.visitor + parts.dispute + parts.own + parts.unanchored,
        parts.total
    );
    for one in &verdict.contributions {
        let product = one.weight * i64::from(one.confidence) * one.repetition * one.decay;
        assert_eq!(product / 100_000_000_000, one.uncapped);
        assert!((0..=one.uncapped).contains(&one.value));
    }
    for one in &verdict.partitions {
        let hard = matches!(
            one.partition,
            Partition::Voucher | Partition::Operator | Partition::Cluster
        );
        let groups = i64::try_from(one.groups).unwrap();
        assert!(!hard || one.score <= groups * KAPPA);
        if hard && verdict.hard_block {
            assert!(groups * KAPPA >= parts.total, "quorum: {verdict:?}");
        }
    }
}

/// `k` identities in a chain and a clique behind `g` vouches of honest members, and what they reach together.
fn sybils(k: u32, g: u32, below_anchor: bool) -> Verdict {
    let mut world = mesh(g);
    for number in 0..k {
        let sybil = 1_000 + number;
        world.add(sybil, 500, labels(sybil));
        world.vouch(if below_anchor { 0 } else { 1 + number % g }, sybil);
        world.vouch(sybil, 1_000 + (number + 1) % k);
    }
    let mut scorer = world.scorer();
    let subject = ip("9.9.9.9");
    for number in 0..k {
        let rule = RuleHash(u64::from(number + 1).to_be_bytes());
        scorer
            .observe(
                &Report {
                    rule,
                    ..report(1_000 + number, &subject)
                },
                NOW,
            )
            .unwrap();
    }
    scorer.verdict(&subject, NOW)
}

#[test]
fn t1_five_and_ten_thousand_identities_behind_five_edges_weigh_the_same() {
    let (few, many) = (sybils(5, 5, false), sybils(10_000, 5, false));
    assert_eq!((few.score, few.groups), (5 * KAPPA, 5));
    assert_eq!(
        (few.score, few.groups, few.rung),
        (many.score, many.groups, many.rung)
    );
    assert!(many.contributions.len() <= 64);
    check(&many);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// T1: whatever hangs behind g vouches weighs g caps at most.
    #[test]
    fn t1_sybil_bound(k in 1_u32..300, g in 1_u32..8) {
        let verdict = sybils(k, g, false);
        prop_assert!(verdict.score <= i64::from(g.min(k)) * KAPPA);
        check(&verdict);
    }

    /// T1 on any graph: nothing that those say who stand in a set of groups exceeds one cap for each of these groups.
    #[test]
    fn t1_any_graph(world in world(12), said in said(12)) {
        let subject = ip("9.9.9.9");
        let mut scorer = world.scorer();
        hear(&mut scorer, &reports(&said, &subject));
        let graph = world.graph();
        let mut groups: Vec<_> =
            said.iter().filter_map(|one| graph.place(org(one.0)).unwrap().group).collect();
        groups.sort_unstable();
        groups.dedup();
        let verdict = scorer.verdict(&subject, NOW);
        prop_assert!(verdict.score <= i64::try_from(groups.len()).unwrap() * KAPPA);
    }

    /// T2 and T8: the quorum is a floor in every hard partition, and every explanation adds up, now and later.
    #[test]
    fn t2_quorum_and_t8_sums(world in world(12), said in said(12), later in 0_i64..200_000) {
        let subject = ip("9.9.9.9");
        let mut scorer = world.scorer();
        hear(&mut scorer, &reports(&said, &subject));
        check(&scorer.verdict(&subject, NOW));
        check(&scorer.verdict(&subject, after(later)));
    }

    /// T3: an authenticated user of ours is never blocked on remote word, whoever and however many lie.
    #[test]
    fn t3_local_primacy(world in world(30), said in said(30), later in 0_i64..2_000_000, early in any::<bool>()) {
        let subject = ip("9.9.9.9");
        let address: IpAddr = "9.9.9.9".parse().unwrap();
        let mut scorer = world.scorer();
        if early {
            scorer.remember(address, Tier::Authenticated, NOW);
        }
        hear(&mut scorer, &reports(&said, &subject));
        scorer.remember(address, Tier::Authenticated, NOW);
        prop_assert!(!scorer.verdict(&subject, after(later)).hard_block);
        prop_assert!(!scorer.review(&subject, after(later)).hard_block);
    }

    /// T4: any number of disputers raises the threshold by three nats at most, and our own word not at all.
    #[test]
    fn t4_praise_bound(world in world(20), said in said(20), disputers in vec(0_u32..20, 0..40)) {
        let subject = ip("9.9.9.9");
        let mut scorer = world.scorer();
        hear(&mut scorer, &reports(&said, &subject));
        let before = scorer.verdict(&subject, NOW);
        for disputer in disputers {
            scorer.dispute(org(disputer), &subject, NOW);
        }
        let after = scorer.verdict(&subject, NOW);
        check(&after);
        prop_assert_eq!(before.score, after.score);
        prop_assert!((0..=DISPUTE_CAP).contains(&(after.threshold.total - before.threshold.total)));
        scorer.own_detection(&subject, Behaviour(9), NOW);
        prop_assert_eq!(scorer.verdict(&subject, NOW).threshold.dispute, 0);
    }

    /// T7: one more statement never lowers the score, nor the distance to the threshold, nor the rung. In order
    /// of arrival; and each reporter keeps to one rule, count and confidence here: whoever repeats himself otherwise moves
    /// to another rule's group, or says it more weakly than before.
    #[test]
    fn t7_monotone(world in world(12), said in said(12), disputers in vec(0_u32..12, 0..5)) {
        let subject = ip("9.9.9.9");
        let mut scorer = world.scorer();
        let mut before = None;
        let mut reports = reports(&said, &subject);
        reports.sort_by_key(|one| one.arrived);
        for mut one in reports {
            one.rule = RuleHash([one.reporter.0[3] % 4; 8]);
            one.confidence = 30 + 5 * one.reporter.0[3];
            one.count = Count::of(1 + u64::from(one.reporter.0[3] % 5));
            scorer.observe(&one, NOW).unwrap();
            let verdict = scorer.verdict(&subject, NOW);
            if let Some((score, margin, rung)) = before {
                prop_assert!(verdict.score >= score);
                prop_assert!(verdict.score - verdict.threshold.total >= margin);
                prop_assert!(verdict.rung >= rung);
            } else {
                for disputer in &disputers {
                    scorer.dispute(org(*disputer), &subject, NOW);
                }
            }
            let verdict = scorer.verdict(&subject, NOW);
            before = Some((verdict.score, verdict.score - verdict.threshold.total, verdict.rung));
        }
    }

    /// T8: the order of arrival does not change the verdict, also of a subject that is crowded.
    #[test]
    fn t8_order_free((said, shuffled) in said(12).prop_flat_map(|said| {
        let order: Vec<usize> = (0..said.len()).collect();
        (Just(said), Just(order).prop_shuffle())
    }), world in world(12), max in 1_usize..20) {
        let subject = ip("9.9.9.9");
        let config = vigie_reputation::ScorerConfig { max_contributions: max, ..Default::default() };
        let (mut one, mut other) = (world.scorer_with(config.clone()), world.scorer_with(config));
        let mut reports = reports(&said, &subject);
        for report in &mut reports {
            report.arrived = NOW;
        }
        hear(&mut one, &reports);
        for place in shuffled {
            other.observe(&reports[place], NOW).unwrap();
        }
        prop_assert_eq!(one.verdict(&subject, NOW), other.verdict(&subject, NOW));
    }

    /// However often the same repeat themselves, in other words too: it decays from when the last group joined.
    #[test]
    fn t6_repetition_renews_nothing(times in vec((1_u32..4, 0_usize..3, 0_i64..500_000), 0..40), joins in 0_i64..200_000) {
        let subject = ip("9.9.9.9");
        let mut scorer = mesh(4).scorer();
        let say = |scorer: &mut Scorer, reporter: u32, behaviour: u16, seconds: i64| {
            let mut one = report(reporter, &subject);
            one.sighting.seq = seconds.unsigned_abs();
            one.behaviour = Behaviour(behaviour);
            (one.observed, one.arrived) = (after(seconds), after(seconds));
            scorer.observe(&one, after(seconds)).unwrap();
        };
        for reporter in 1..4 {
            say(&mut scorer, reporter, 5, 0);
        }
        say(&mut scorer, 4, 5, joins);
        let mut times = times;
        times.sort_by_key(|(_, _, seconds)| *seconds);
        for (reporter, behaviour, seconds) in times {
            say(&mut scorer, reporter, [5, 9, 1][behaviour], joins + seconds);
        }
        let later = scorer.verdict(&subject, after(joins + 500_000));
        check(&later);
        prop_assert!(later.contributions.iter().all(|one| one.observed <= after(joins)));
        prop_assert!(!later.hard_block);
    }

    /// Scores never rise while nothing is said.
    #[test]
    fn silence_never_raises_a_score(world in world(12), said in said(12), steps in vec(0_i64..100_000, 1..6)) {
        let subject = ip("9.9.9.9");
        let mut scorer = world.scorer();
        hear(&mut scorer, &reports(&said, &subject));
        let (mut now, mut score) = (0, i64::MAX);
        for step in steps {
            now += step;
            let verdict = scorer.verdict(&subject, Timestamp::from_millis(NOW.as_millis() + 1_000 * now));
            prop_assert!(verdict.score <= score);
            score = verdict.score;
        }
    }
}
