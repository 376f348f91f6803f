//! T2, the quorum. On remote word alone nobody is blocked unless those who name him span `ceil(H / kappa)` groups in
//! every partition with the hard cap: voucher, operator, cluster. H is the whole threshold, with all that raised it.
//!
//! Why: a group weighs kappa at most in such a partition, and the score is the least sum over all partitions, so
//! `L >= H` needs that many. A block in force is held 1.5 nats below H, so there the number is asked for by itself.
//! Groups are counted here from the graph and the labels, not as the verdict counts them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use vigie_reputation::wire::OrgId;
use vigie_reputation::{TrustGraph, Verdict};

use super::{adds_up, ask, cases, end, later, play, quorum, said, share, subject};
use crate::history::{Event, Kind, Player, history, world};
use crate::world::World;

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
