//! T2, the quorum. On remote word alone nobody is blocked unless those who name him span `ceil(H / kappa)` groups in
//! every partition with the hard cap: voucher, operator, cluster. H is the whole threshold, with all that raised it.
//!
//! Why: a group weighs kappa at most in such a partition, and the score is the least sum over all partitions, so
//! `L >= H` needs that many. A block in force is held 1.5 nats below H, so there the number is asked for by itself.
//! Groups are counted here from the graph and the labels, not as the verdict counts them.
//!
//! A stolen anchor is one of these groups, together with everybody for whom its thief vouches: all newcomers whom trust
//! reaches through one anchor stand in its group, until they have been active for thirty days by this observer's count.
//! So whatever they say adds kappa at most. Members who were established before keep their groups, and a vouch of the
//! thief for them is not bounded here (docs/decisions/0013).

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{ESTABLISHED_DAYS, KAPPA};
use vigie_reputation::wire::{OrgId, RuleHash};
use vigie_reputation::{Report, Scorer, TrustGraph, Verdict};

use super::{adds_up, ask, cases, end, later, play, quorum, said, share, subject};
use crate::history::{Event, Kind, Player, history, world};
use crate::world::{EXPLOIT, NOW, World, ip, labels, org, report};

/// Those who name the subject and whom an anchor reaches.
fn voices<'a>(verdict: &'a Verdict, graph: &'a TrustGraph) -> impl Iterator<Item = OrgId> + 'a {
    let weighs = verdict.contributions.iter().filter(|one| one.uncapped > 0);
    let reached = |org: &OrgId| graph.place(*org).is_some_and(|place| place.group.is_some());
    weighs.map(|one| one.reporter).filter(reached)
}

/// Groups by voucher and by operator; all whose voucher attests no operator are one.
fn groups(verdict: &Verdict, graph: &TrustGraph) -> [usize; 2] {
    let vouchers: BTreeSet<_> = voices(verdict, graph)
        .map(|org| graph.place(org).unwrap().group)
        .collect();
    let operators: BTreeSet<_> = voices(verdict, graph)
        .map(|org| graph.place(org).unwrap().labels.operator)
        .collect();
    [vouchers.len(), operators.len()]
}

fn check(verdict: &Verdict, graph: &TrustGraph) {
    adds_up(verdict);
    if verdict.hard_block {
        let needed = quorum(verdict.threshold.total);
        assert!(needed >= 2 && verdict.quorum == needed);
        for found in groups(verdict, graph) {
            assert!(found >= needed, "{found} of {needed}: {verdict:?}");
        }
        assert!(verdict.groups >= needed);
    }
}

#[test]
fn the_generated_histories_block_often_enough() {
    let blocks = |(world, history): &(World, Vec<_>)| ask(&play(world, history), end(history)).hard_block;
    let found = share(&said(), blocks);
    assert!((15..=85).contains(&found), "{found} %");
    // Held blocks of which the number of groups decides, not the score, occur.
    let only_held = |((world, history), seconds): &((World, Vec<_>), i64)| {
        let scorer = play(world, history);
        let now = later(end(history), *seconds);
        scorer.review(&subject(), now).hard_block && !ask(&scorer, now).hard_block
    };
    let found = share(&(said(), 0_i64..90_000), only_held);
    assert!(found >= 1, "{found} %");
}

/// Anchors 0 and 1, of which the second is stolen. Members 2 to 5 of the first were there at genesis; `newcomers` from
/// number 100 on hang below the second, by its own vouches and by those among themselves.
fn theft(newcomers: u32, direct: &[u32], among: &[(u32, u32)]) -> World {
    let mut world = World {
        anchors: vec![org(0), org(1)],
        ..World::default()
    };
    world.add(0, 0, labels(0));
    world.add(1, 0, labels(1));
    for member in 2..6 {
        world.add(member, 30, labels(member));
        world.vouch(0, member);
    }
    for newcomer in 100..100 + newcomers {
        world.add(newcomer, 0, labels(newcomer));
    }
    world.vouch(1, 100);
    for newcomer in direct {
        world.vouch(1, 100 + newcomer % newcomers);
    }
    for (from, to) in among {
        world.vouch(100 + from % newcomers, 100 + to % newcomers);
    }
    world
}

fn name(scorer: &mut Scorer, who: impl IntoIterator<Item = u32>, day: i64) {
    let at = later(NOW, 86_400 * day);
    for number in who {
        let said = Report {
            behaviour: EXPLOIT,
            rule: RuleHash(u64::from(number).to_be_bytes()),
            observed: at,
            arrived: at,
            ..report(number, &subject())
        };
        scorer.observe(&said, at).unwrap();
    }
}

/// They name what nobody asks about, once a day.
fn active(scorer: &mut Scorer, who: std::ops::Range<u32>, days: i64) {
    for day in 0..days {
        let at = later(NOW, 86_400 * day);
        for number in who.clone() {
            let said = Report {
                observed: at,
                arrived: at,
                ..report(number, &ip("11.0.0.1"))
            };
            scorer.observe(&said, at).unwrap();
        }
    }
}

#[test]
fn newcomers_of_one_anchor_are_one_group_for_thirty_days_and_then_their_own() {
    let direct: Vec<u32> = (0..9).collect();
    let mut scorer = theft(9, &direct, &[]).scorer();
    active(&mut scorer, 100..109, ESTABLISHED_DAYS - 1);
    let mut later = scorer.clone();
    name(&mut scorer, 100..109, ESTABLISHED_DAYS - 2);
    let verdict = ask(&scorer, super::later(NOW, 86_400 * (ESTABLISHED_DAYS - 2)));
    assert_eq!(
        (verdict.score, verdict.groups, verdict.hard_block),
        (KAPPA, 1, false)
    );
    // With one who was there before them they are two.
    name(&mut scorer, [2], ESTABLISHED_DAYS - 2);
    assert_eq!(
        ask(&scorer, super::later(NOW, 86_400 * (ESTABLISHED_DAYS - 2))).groups,
        2
    );
    name(&mut later, 100..109, ESTABLISHED_DAYS);
    assert_eq!(
        ask(&later, super::later(NOW, 86_400 * ESTABLISHED_DAYS)).groups,
        9
    );
}

proptest! {
    #![proptest_config(cases(96))]

    /// Whatever the thief signs, and however long he waits within a month: what is said through a stolen anchor weighs one
    /// cap in all, among any other voices.
    #[test]
    fn a_stolen_anchor_is_one_group(
        newcomers in 1_u32..30,
        direct in vec(0_u32..30, 0..60),
        among in vec((0_u32..30, 0_u32..30), 0..60),
        days in 0..ESTABLISHED_DAYS,
        others in vec(2_u32..6, 0..4),
        speaks in any::<bool>(),
    ) {
        let world = theft(newcomers, &direct, &among);
        let mut scorer = world.scorer();
        active(&mut scorer, 100..100 + newcomers, days);
        let day = (days - 1).max(0);
        let now = later(NOW, 86_400 * day);
        name(&mut scorer, others.iter().copied(), day);
        let without = ask(&scorer, now);
        name(&mut scorer, 100..100 + newcomers, day);
        if speaks {
            name(&mut scorer, [1], day);
        }
        let with = ask(&scorer, now);
        adds_up(&with);
        prop_assert!(with.score <= without.score + KAPPA, "{} after {}", with.score, without.score);
        prop_assert!(with.groups <= without.groups + 1);
        if others.is_empty() {
            prop_assert!(!with.hard_block && with.groups <= 1);
        }
    }
}

proptest! {
    #![proptest_config(cases(1_024))]

    /// Now and later, for who is blocked and for who is not.
    #[test]
    fn a_block_spans_its_quorum_in_every_hard_partition((world, history) in said(), wait in 0_i64..90_000) {
        let (scorer, graph) = (play(&world, &history), world.graph());
        for now in [end(&history), later(end(&history), wait)] {
            check(&ask(&scorer, now), &graph);
            check(&scorer.review(&subject(), now), &graph);
        }
    }

    /// Also where others dispute, and where the subject visited us: what raises H raises the number.
    #[test]
    fn what_raises_the_threshold_raises_the_quorum(
        world in world(12),
        history in history(
            &[Kind::Heard, Kind::Heard, Kind::Heard, Kind::Heard, Kind::Disputed, Kind::Visited],
            12, &[super::SUBJECT], 50, 2_000,
        ),
    ) {
        let graph = world.graph();
        let mut player = Player::new(&world, &vigie_reputation::ScorerConfig::default());
        for (now, event) in &history {
            player.play(*now, event);
            check(&ask(&player.scorer, *now), &graph);
            check(&player.scorer.review(&subject(), *now), &graph);
            prop_assert!(!matches!(event, Event::Caught(..)));
        }
    }

    /// Whoever is in one learned cluster is one group there, whatever their vouchers and operators.
    #[test]
    fn one_cluster_blocks_nobody((world, history) in said()) {
        let mut scorer = play(&world, &history);
        for number in 0..12 {
            scorer.set_cluster(crate::world::org(number), Some(7));
        }
        let verdict = ask(&scorer, end(&history));
        prop_assert!(!verdict.hard_block);
        prop_assert!(verdict.score <= vigie_reputation::constants::KAPPA);
    }
}
