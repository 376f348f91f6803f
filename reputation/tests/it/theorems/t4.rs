//! T4, the praise bound. However many dispute, the threshold rises by `DISPUTE_CAP` at most, so
//! `ceil(DISPUTE_CAP / kappa)` further independent groups of full weight restore every block; the word of our anchors and
//! that of our own sensor is not delayed at all.
//!
//! Why: disputes are summed under the caps of reporters, that sum is capped again, and it never exceeds what others than
//! our anchors added to the score; with an own detection it is not asked for. The one exception takes gold: who disputed
//! rightly before takes back what was said, twice his weight of what stands on no gold and once of the rest, never more
//! than that, and nothing any more once our own sensor catches somebody whom he defended (`disputes`).

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{DISPUTE_CAP, KAPPA};
use vigie_reputation::wire::{Behaviour, RuleHash, Timestamp};
use vigie_reputation::{Report, Scorer, Verdict};

use super::{adds_up, ask, cases, end, play, said, share, subject};
use crate::history::Event;
use crate::world::{World, labels, org, report};

/// Organisations of the world; those who come to help have higher numbers.
const HELPERS: u32 = 100;

/// Anchors of ours and a child of each, who share nothing with anybody.
fn with_helpers(mut world: World) -> World {
    for helper in 0..further() {
        let (anchor, child) = (HELPERS + 2 * helper, HELPERS + 2 * helper + 1);
        world.anchors.push(org(anchor));
        world.add(anchor, 0, labels(anchor));
        world.add(child, 1_000, labels(child));
        world.vouch(anchor, child);
    }
    world
}

/// So many groups make up for all disputes.
fn further() -> u32 {
    u32::try_from((DISPUTE_CAP + KAPPA - 1) / KAPPA).unwrap()
}

fn dispute(scorer: &mut Scorer, disputers: &[u32], now: Timestamp) {
    for disputer in disputers {
        scorer.dispute(org(*disputer), &subject(), now);
    }
}

fn say(scorer: &mut Scorer, reporter: u32, now: Timestamp) {
    let said = Report {
        rule: RuleHash(u64::from(reporter).to_be_bytes()),
        observed: now,
        arrived: now,
        ..report(reporter, &subject())
    };
    scorer.observe(&said, now).unwrap();
}

/// Before the disputes, and after.
fn disputed((world, history, disputers): &Drawn) -> (Scorer, Verdict, Verdict) {
    let now = end(history);
    let mut scorer = play(world, history);
    let before = ask(&scorer, now);
    dispute(&mut scorer, disputers, now);
    let after = ask(&scorer, now);
    (scorer, before, after)
}

type Drawn = (World, Vec<(Timestamp, Event)>, Vec<u32>);

fn drawn() -> impl Strategy<Value = Drawn> {
    (said(), vec(0_u32..12, 0..40))
        .prop_map(|((world, history), disputers)| (with_helpers(world), history, disputers))
}

#[test]
fn the_generated_disputes_do_delay_blocks() {
    let delays = |drawn: &Drawn| {
        let (_, before, after) = disputed(drawn);
        before.hard_block && !after.hard_block
    };
    let found = share(&drawn(), delays);
    assert!(found >= 3, "{found} %");
    let full = |drawn: &Drawn| disputed(drawn).2.threshold.dispute == DISPUTE_CAP;
    let found = share(&drawn(), full);
    assert!(found >= 5, "{found} %: the cap is reached");
}

proptest! {
    #![proptest_config(cases(1_024))]

    #[test]
    fn disputes_raise_the_threshold_by_their_cap_at_most(drawn in drawn()) {
        let (_, before, after) = disputed(&drawn);
        adds_up(&after);
        prop_assert_eq!(before.score, after.score);
        prop_assert!((0..=DISPUTE_CAP).contains(&(after.threshold.total - before.threshold.total)));
        prop_assert!(after.rung <= before.rung);
    }

    #[test]
    fn a_further_group_or_two_restore_every_block(drawn in drawn()) {
        let (mut scorer, before, _) = disputed(&drawn);
        let now = end(&drawn.1);
        for helper in 0..further() {
            say(&mut scorer, HELPERS + 2 * helper + 1, now);
        }
        let after = ask(&scorer, now);
        adds_up(&after);
        prop_assert!(after.score - after.threshold.total >= before.score - before.threshold.total);
        prop_assert!(after.hard_block || !before.hard_block);
    }

    #[test]
    fn nobody_delays_what_our_anchors_say(drawn in drawn()) {
        let (world, history, disputers) = drawn;
        let now = end(&history);
        let anchors: Vec<_> = history
            .into_iter()
            .filter(|(_, event)| matches!(event, Event::Heard(said) if world.anchors.contains(&said.reporter)))
            .collect();
        let mut scorer = play(&world, &anchors);
        let before = ask(&scorer, now);
        dispute(&mut scorer, &disputers, now);
        prop_assert_eq!(ask(&scorer, now).threshold, before.threshold);
        prop_assert_eq!(ask(&scorer, now).rung, before.rung);
    }

    #[test]
    fn nobody_delays_what_our_own_sensor_sees(drawn in drawn(), behaviour in 5_u16..10) {
        let (world, history, disputers) = drawn;
        let now = end(&history);
        let (mut quiet, mut loud) = (play(&world, &history), play(&world, &history));
        dispute(&mut loud, &disputers, now);
        for scorer in [&mut quiet, &mut loud] {
            scorer.own_detection(&subject(), Behaviour(behaviour), now);
        }
        let (quiet, loud) = (ask(&quiet, now), ask(&loud, now));
        prop_assert_eq!((quiet.score, quiet.threshold, quiet.rung), (loud.score, loud.threshold, loud.rung));
    }
}
