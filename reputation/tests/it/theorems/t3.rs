//! T3, local primacy. Whoever logged in here within the last thirty days is not hard-blocked on remote word alone, by
//! whatever share of liars, up to all organisations there are and all our anchors among them; until our own sensor
//! catches him.
//!
//! Why: it is no sum. The rung of an authenticated user whom our sensor has not caught is a challenge at most, whatever
//! the score is; and what remembers him stands in a room of its own that nothing remote writes to.

use std::net::IpAddr;

use proptest::prelude::*;
use vigie_reputation::constants::MEMORY_LIVE;
use vigie_reputation::wire::{Indicator, Timestamp};
use vigie_reputation::{Rung, Scorer, ScorerConfig, Tier};

use super::{cases, later, share};
use crate::history::{Event, Player, REMOTE, history, world};
use crate::world::{NOW, SSH, World, mesh, org, report};

/// A household of ours: one IPv4 address, and any address in one IPv6 /64.
const OURS: [&str; 3] = ["9.9.9.9", "2606:4700:1:2::1", "2606:4700:1:2:9:8:7:6"];

fn logged_in(scorer: &mut Scorer, at: Timestamp) {
    for address in [OURS[0], OURS[1]] {
        scorer.remember(address.parse().unwrap(), Tier::Authenticated, at);
    }
}

fn hardest(scorer: &Scorer, subject: &Indicator, now: Timestamp) -> Rung {
    let verdict = scorer.verdict(subject, now);
    let review = scorer.review(subject, now);
    assert_eq!(
        (verdict.rung, review.rung),
        (scorer.rung(subject, now), scorer.review_rung(subject, now))
    );
    assert_eq!(verdict.hard_block, verdict.rung.is_hard());
    verdict.rung.max(review.rung)
}

/// Whether a history would have blocked one of ours, if we did not know him.
fn would_block((world, history): &(World, Vec<(Timestamp, Event)>)) -> bool {
    let mut player = Player::new(world, &ScorerConfig::default());
    history.iter().any(|(now, event)| {
        player.play(*now, event);
        OURS.iter()
            .any(|address| hardest(&player.scorer, &crate::world::ip(address), *now).is_hard())
    })
}

#[test]
fn the_generated_liars_would_block_a_stranger() {
    let found = share(&(world(30), history(&REMOTE, 30, &OURS, 80, 3_000)), would_block);
    assert!(found >= 40, "{found} %");
}

#[test]
fn a_thousand_organisations_and_every_anchor_block_no_user_of_ours() {
    let mut world = mesh(1_000);
    world.anchors.extend((1..=20).map(org));
    for remembered in [false, true] {
        let mut scorer = world.scorer();
        if remembered {
            logged_in(&mut scorer, NOW);
        }
        for address in OURS {
            let subject = crate::world::ip(address);
            for reporter in 0..=1_000 {
                scorer.observe(&report(reporter, &subject), NOW).unwrap();
            }
            let rung = hardest(&scorer, &subject, NOW);
            assert_eq!(rung, if remembered { Rung::Challenge } else { Rung::Ban24h });
        }
    }
}

#[test]
fn the_thirtieth_day_is_the_last_and_our_own_sensor_ends_it_at_once() {
    let address: IpAddr = OURS[0].parse().unwrap();
    let subject = Indicator::ip(address);
    let edge = Timestamp::from_millis(NOW.as_millis() + MEMORY_LIVE);
    let mut scorer = mesh(9).scorer();
    scorer.remember(address, Tier::Authenticated, NOW);
    for reporter in 1..=9 {
        let mut said = report(reporter, &subject);
        (said.observed, said.arrived) = (edge, edge);
        scorer.observe(&said, edge).unwrap();
    }
    let before = Timestamp::from_millis(edge.as_millis() - 1);
    assert!(!hardest(&scorer, &subject, before).is_hard());
    assert!(hardest(&scorer, &subject, edge).is_hard());
    scorer.own_detection(&subject, SSH, before);
    assert!(hardest(&scorer, &subject, before).is_hard());
}

proptest! {
    #![proptest_config(cases(1_024))]

    /// Whatever others say, withdraw and dispute, whichever anchors we choose, over restarts, for as long as the last
    /// login is not thirty days ago.
    #[test]
    fn no_history_of_remote_word_blocks_a_user_of_ours(
        world in world(30),
        history in history(&REMOTE, 30, &OURS, 80, 3_000),
        again in any::<u8>(),
        wait in 0_i64..2_000_000,
    ) {
        let mut player = Player::new(&world, &ScorerConfig::default());
        logged_in(&mut player.scorer, NOW);
        let mut now = NOW;
        for (at, event) in &history {
            now = *at;
            player.play(now, event);
            if at.as_millis().to_be_bytes()[7] < again / 8 {
                logged_in(&mut player.scorer, now);
            }
            for address in OURS {
                let rung = hardest(&player.scorer, &crate::world::ip(address), now);
                prop_assert!(rung <= Rung::Challenge);
            }
        }
        let now = later(now, wait);
        for address in OURS {
            prop_assert!(hardest(&player.scorer, &crate::world::ip(address), now) <= Rung::Challenge);
        }
    }
}
