//! The hearing: when what is said without gold may block, and that nothing else waits.

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{DAY, HEARING};
use vigie_reputation::wire::{Indicator, Timestamp};
use vigie_reputation::{Observed, Reason, Report, Rung, Scorer, ScorerConfig};

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

    /// To hear less makes nobody block more, nor anybody wait for longer than a day.
    #[test]
    fn a_watermark_further_behind_never_blocks_more(
        voices in vec((1_u32..12, 0_i64..3 * 1_440), 1..12),
        asked in 0_i64..2 * 1_440,
        (behind, further) in (0_i64..2 * 1_440, 0_i64..2 * 1_440),
    ) {
        let subject = ip("9.9.9.9");
        let mut scorer = mesh(13).scorer_with(ScorerConfig::default());
        let mut voices = voices;
        voices.sort_unstable_by_key(|(_, minute)| *minute);
        for (reporter, minute) in &voices {
            said(&mut scorer, *reporter, &subject, after(60 * minute));
        }
        let now = 60 * (voices.last().unwrap().1 + asked);
        scorer.set_watermark(Some(after(now - 60 * behind)));
        let near = scorer.verdict(&subject, after(now));
        scorer.set_watermark(Some(after(now - 60 * (behind + further))));
        let far = scorer.verdict(&subject, after(now));
        prop_assert!(far.rung <= near.rung, "{near:?} {far:?}");
        prop_assert_eq!(far.score, near.score);
        let limit = now.saturating_mul(1_000) + 2 * DAY;
        prop_assert!(far.hearing.is_none_or(|at| at.as_millis() <= NOW.as_millis() + limit));
    }
}

/// What was whispered first counts from when it was said aloud: with no confidence, or fully and taken back at once.
#[test]
fn what_nobody_could_dispute_opens_no_hearing() {
    let victim = ip("9.9.9.9");
    let names = |reporter: u32, seq: u64, confidence: u8, at: Timestamp| {
        let mut said = Report {
            confidence,
            observed: at,
            arrived: at,
            ..report(reporter, &victim)
        };
        said.sighting.seq = seq;
        said
    };
    for (confidence, withdrawn) in [(0, false), (100, true)] {
        let mut scorer = mesh(3).scorer_with(ScorerConfig::default());
        for liar in [1, 2] {
            let whispered = names(liar, 1, confidence, NOW);
            scorer.observe(&whispered, NOW).unwrap();
            if withdrawn {
                scorer.withdraw(whispered.sighting, after(1));
            }
        }
        let aloud = later(HEARING);
        for liar in [1, 2] {
            let heard = scorer.observe(&names(liar, 2, 100, aloud), aloud);
            assert_eq!(heard, Ok(Observed::Stronger));
        }
        let waits = scorer.verdict(&victim, aloud);
        assert_eq!(
            (waits.rung, waits.hearing),
            (Rung::Throttle, Some(later(2 * HEARING))),
            "{confidence}"
        );
        assert!(scorer.rung(&victim, later(2 * HEARING)).is_hard());
    }
}

#[test]
fn when_it_was_said_does_not_depend_on_which_came_first() {
    let attacker = ip("9.9.9.9");
    let mut words = [(0_u8, NOW), (100, later(HEARING / 2))];
    for _ in 0..2 {
        words.reverse();
        let mut scorer = mesh(3).scorer_with(ScorerConfig::default());
        let now = later(HEARING);
        for (confidence, at) in words {
            let said = Report {
                confidence,
                observed: at,
                arrived: at,
                ..report(1, &attacker)
            };
            scorer.observe(&said, now).unwrap();
        }
        said(&mut scorer, 2, &attacker, now);
        assert_eq!(
            scorer.hearing_ends(&attacker, now),
            Some(later(HEARING / 2 + HEARING))
        );
    }
}

/// Who took back what he said, and sees it again a little weaker, is heard.
#[test]
fn what_was_taken_back_keeps_out_nothing_true() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(3).scorer();
    let mut one = report(1, &attacker);
    scorer.observe(&one, NOW).unwrap();
    scorer.withdraw(one.sighting, after(1));
    said(&mut scorer, 2, &attacker, after(60));
    one.sighting.seq = 2;
    one.confidence = 90;
    one.arrived = after(60);
    assert_eq!(scorer.observe(&one, after(60)), Ok(Observed::Stronger));
    assert!(scorer.verdict(&attacker, after(60)).hard_block);
}

/// Fresh voices, heard at once, and a watermark that stands still or is never set.
fn behind(until: Option<Timestamp>) -> (Scorer, Indicator) {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(8).scorer_with(ScorerConfig::default());
    scorer.set_watermark(until);
    for reporter in 1..=8 {
        said(&mut scorer, reporter, &attacker, NOW);
    }
    (scorer, attacker)
}

#[test]
fn a_hearing_runs_only_while_others_can_be_heard_and_a_day_later_at_the_latest() {
    let (mut scorer, attacker) = behind(Some(NOW));
    for hours in [1, 6, 23] {
        let now = later(HEARING + hours * 3_600_000);
        let waits = scorer.verdict(&attacker, now);
        assert_eq!(waits.rung, Rung::Throttle, "{hours}");
        assert!(waits.reasons.contains(&Reason::Deaf {
            minutes: 20 + hours * 60
        }));
        assert_eq!(
            waits.hearing,
            Some(Timestamp::from_millis(now.as_millis() + HEARING))
        );
    }
    assert!(!scorer.rung(&attacker, later(DAY + HEARING - 1)).is_hard());
    assert!(scorer.rung(&attacker, later(DAY + HEARING)).is_hard());
    // What was said in those twenty minutes is here after an hour: they are over.
    let now = later(3_600_000);
    scorer.set_watermark(Some(later(HEARING - 1)));
    assert!(!scorer.rung(&attacker, now).is_hard());
    scorer.set_watermark(Some(later(HEARING)));
    assert!(scorer.rung(&attacker, now).is_hard());
    scorer.set_watermark(None);
    assert!(scorer.rung(&attacker, now).is_hard());
}

#[test]
fn who_waits_for_no_hearing_waits_for_no_watermark() {
    let (mut scorer, attacker) = behind(Some(NOW));
    let now = after(120);
    assert!(!scorer.rung(&attacker, now).is_hard());
    // A block that stands, and our own sensor.
    assert!(scorer.review(&attacker, now).hard_block);
    scorer.own_detection(&attacker, SSH, now);
    assert!(scorer.rung(&attacker, now).is_hard());
    // Two anchors.
    let victim = ip("9.9.9.8");
    let mut anchored = mesh(8);
    anchored.anchors.push(org(2));
    let mut scorer = anchored.scorer_with(ScorerConfig::default());
    scorer.set_watermark(Some(NOW));
    said(&mut scorer, 0, &victim, now);
    assert!(!scorer.rung(&victim, now).is_hard());
    said(&mut scorer, 2, &victim, now);
    assert!(scorer.rung(&victim, now).is_hard());
    // A watermark ahead of us, by a clock that is wrong, is none.
    let (scorer, attacker) = behind(Some(later(DAY)));
    assert!(!scorer.rung(&attacker, later(HEARING - 1)).is_hard());
    assert!(scorer.rung(&attacker, later(HEARING)).is_hard());
}

#[test]
fn an_observer_without_hearings_needs_to_hear_nobody() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(3).scorer();
    scorer.set_watermark(Some(later(-DAY)));
    said(&mut scorer, 1, &attacker, NOW);
    said(&mut scorer, 2, &attacker, NOW);
    assert!(scorer.rung(&attacker, NOW).is_hard());
}

#[test]
fn anchors_and_the_confirmed_are_trusted_and_nobody_else() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(3).scorer_with(ScorerConfig::default());
    assert!(scorer.voice(org(1), NOW).is_none(), "it never spoke");
    said(&mut scorer, 1, &attacker, NOW);
    assert!(scorer.voice(org(1), NOW).is_none(), "nothing confirmed it");
    for octet in 1..=3 {
        let subject = ip(&format!("9.9.8.{octet}"));
        said(&mut scorer, 1, &subject, NOW);
        scorer.own_detection(&subject, SSH, after(60));
    }
    assert!(scorer.voice(org(1), after(120)).is_some());
    scorer.forget(org(1));
    assert!(scorer.voice(org(1), after(120)).is_none(), "revoked");
}
