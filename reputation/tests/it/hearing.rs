//! The hearing: when what is said without gold may block, and that nothing else waits.

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{DAY, HEARING};
use vigie_reputation::wire::{Indicator, Timestamp};
use vigie_reputation::{Reason, Report, Rung, Scorer, ScorerConfig};

use crate::world::{NOW, SSH, after, ip, mesh, org, report};

fn said(scorer: &mut Scorer, reporter: u32, subject: &Indicator, at: Timestamp) {
    let said = Report {
        observed: at,
        arrived: at,
        ..report(reporter, subject)
    };
    scorer.observe(&said, at).unwrap();
}

fn later(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

#[test]
fn those_who_speak_at_once_wait_and_are_throttled_meanwhile() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(3).scorer_with(ScorerConfig::default());
    said(&mut scorer, 1, &attacker, NOW);
    said(&mut scorer, 2, &attacker, after(60));
    let waits = scorer.verdict(&attacker, after(60));
    assert_eq!(
        (waits.rung, waits.hearing),
        (Rung::Throttle, Some(later(HEARING)))
    );
    assert_eq!(waits.reasons, [Reason::Hearing]);
    assert_eq!(scorer.rung(&attacker, later(HEARING - 1)), Rung::Throttle);
    assert_eq!(scorer.rung(&attacker, later(HEARING)), Rung::Ban1h);
    // A block that stands is not taken back for this.
    assert!(scorer.review(&attacker, after(60)).hard_block);
}

#[test]
fn one_accusation_opens_the_hearing_for_a_day() {
    let attacker = ip("9.9.9.9");
    for (apart, blocks) in [
        (HEARING - 1, false),
        (HEARING, true),
        (HEARING + DAY - 1, true),
        (HEARING + DAY, false),
    ] {
        let mut scorer = mesh(8).scorer_with(ScorerConfig::default());
        said(&mut scorer, 1, &attacker, NOW);
        for reporter in 2..=8 {
            said(&mut scorer, reporter, &attacker, later(apart));
        }
        assert_eq!(
            scorer.verdict(&attacker, later(apart)).hard_block,
            blocks,
            "{apart}"
        );
    }
}

#[test]
fn gold_and_anchors_and_our_own_sensor_wait_for_nobody() {
    let attacker = ip("9.9.9.9");
    let mut world = mesh(3);
    world.anchors.push(org(1));
    let mut anchors = world.scorer_with(ScorerConfig::default());
    said(&mut anchors, 0, &attacker, NOW);
    said(&mut anchors, 1, &attacker, NOW);
    assert!(anchors.verdict(&attacker, NOW).hard_block);

    let mut caught = mesh(3).scorer_with(ScorerConfig::default());
    caught.own_detection(&attacker, SSH, NOW);
    said(&mut caught, 1, &attacker, NOW);
    assert!(caught.verdict(&attacker, NOW).hard_block);

    // Two whom our own sensor confirmed twice each.
    let mut proven = mesh(3).scorer_with(ScorerConfig::default());
    for place in 1..=40_u32 {
        let seen = Indicator::ip(std::net::Ipv4Addr::from_bits(0x0b00_0000 + place).into());
        said(&mut proven, 1 + place % 2, &seen, NOW);
        proven.own_detection(&seen, SSH, after(1));
    }
    said(&mut proven, 1, &attacker, after(60));
    said(&mut proven, 2, &attacker, after(60));
    assert!(proven.verdict(&attacker, after(60)).hard_block);
}

proptest! {
    /// Another organisation's voice never prolongs a hearing, and never lowers the rung.
    #[test]
    fn another_voice_never_makes_anybody_wait_longer(
        voices in vec((1_u32..12, 0_i64..3 * 1_440), 1..12),
        another in 0_i64..3 * 1_440,
        asked in 0_i64..1_440,
    ) {
        let subject = ip("9.9.9.9");
        let mut few = mesh(13).scorer_with(ScorerConfig::default());
        let mut voices: Vec<_> = voices.into_iter().chain([(13, another)]).collect();
        let extra = voices.len() - 1;
        let mut order: Vec<usize> = (0..voices.len()).collect();
        order.sort_unstable_by_key(|place| voices[*place].1);
        let mut more = few.clone();
        for place in order {
            let (reporter, minute) = voices[place];
            if place != extra {
                said(&mut few, reporter, &subject, after(60 * minute));
            }
            said(&mut more, reporter, &subject, after(60 * minute));
        }
        voices.sort_unstable_by_key(|(_, minute)| *minute);
        let now = after(60 * (voices[extra].1 + asked));
        let (few, more) = (few.verdict(&subject, now), more.verdict(&subject, now));
        prop_assert!(more.rung >= few.rung, "{few:?} {more:?}");
        prop_assert_eq!(more.contributions.iter().map(|one| one.value).sum::<i64>(), more.score);
    }
}
