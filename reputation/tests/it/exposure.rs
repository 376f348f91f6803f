//! The exposure budget: how many may be blocked at once on the word of groups that gold never confirmed, and that the busy
//! are not muted by it.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{DAY, EXPOSED_HEARING, EXPOSURE_BASE, PRIOR_ANCHOR};
use vigie_reputation::verify::{Checked, Export};
use vigie_reputation::wire::{Indicator, Timestamp};
use vigie_reputation::{Exposure, Reason, Report, Rung, Scorer, ScorerConfig};

use crate::world::{EXPLOIT, NOW, SSH, World, labels, mesh, org, report};

fn address(number: u32) -> Indicator {
    Indicator::ip(std::net::Ipv4Addr::from(0x0b00_0000 + number).into())
}

fn later(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

fn says(scorer: &mut Scorer, reporter: u32, number: u32, at: Timestamp) {
    let said = Report {
        observed: at,
        arrived: at,
        ..report(reporter, &address(number))
    };
    scorer.observe(&said, at).unwrap();
}

/// Members of one anchor, each a group of its own, with no gold and as much history as makes them weigh.
fn liars(groups: u32, identities: u32) -> World {
    let mut world = mesh(groups);
    for number in 0..identities {
        world.add(1_000 + number, 1, labels(1_000 + number));
        world.vouch(1 + number % groups, 1_000 + number);
    }
    for member in &mut world.members {
        member.history = member.history.min(1);
    }
    world
}

fn blocked(scorer: &Scorer, count: u32, at: Timestamp) -> usize {
    (0..count)
        .filter(|number| scorer.verdict(&address(*number), at).hard_block)
        .count()
}

#[test]
fn two_groups_that_name_a_thousand_block_what_their_purses_hold_and_the_rest_waits() {
    let mut scorer = liars(2, 0).scorer();
    for number in 0..1_000 {
        says(&mut scorer, 1, number, NOW);
        says(&mut scorer, 2, number, NOW);
    }
    // The second of the two pays: what genesis granted it, its purse, and what genesis granted whom it follows.
    let covered = usize::try_from(EXPOSURE_BASE + 2).unwrap();
    assert_eq!(blocked(&scorer, 1_000, NOW), covered);
    assert_eq!(scorer.exposure(org(1), NOW), Exposure { near: 0, budget: 21 });
    assert_eq!(scorer.exposure(org(2), NOW), Exposure { near: 21, budget: 21 });
    let waits = scorer.verdict(&address(999), NOW);
    assert_eq!(
        (waits.rung, waits.hearing),
        (Rung::Throttle, Some(later(EXPOSED_HEARING)))
    );
    assert_eq!(waits.reasons, [Reason::Exposed]);
    assert!(waits.contributions.iter().any(|one| one.exposed));
    // Nobody was muted: it blocks when those who know it had their time, and at once with a third who stakes his own.
    assert_eq!(blocked(&scorer, 1_000, later(EXPOSED_HEARING - 1)), covered);
    assert_eq!(blocked(&scorer, 1_000, later(EXPOSED_HEARING)), 1_000);
    // A block in force is not taken back for it.
    assert!(scorer.review(&address(999), NOW).hard_block);
}

#[test]
fn a_third_group_covers_what_the_second_could_not() {
    let mut scorer = liars(3, 0).scorer();
    for number in 0..100 {
        says(&mut scorer, 1, number, NOW);
        says(&mut scorer, 2, number, NOW);
    }
    assert!(!scorer.verdict(&address(99), NOW).hard_block);
    says(&mut scorer, 3, 99, NOW);
    assert!(scorer.verdict(&address(99), NOW).hard_block);
    assert_eq!(scorer.exposure(org(3), NOW).near, 1);
    // And on what is covered already it is free.
    says(&mut scorer, 3, 0, NOW);
    assert_eq!(scorer.exposure(org(3), NOW).near, 1);
}

#[test]
fn what_waits_is_the_same_elsewhere() {
    let mut scorer = liars(2, 0).scorer_with(ScorerConfig::default());
    for number in 0..100 {
        says(&mut scorer, 1, number, NOW);
        says(&mut scorer, 2, number, NOW);
    }
    for number in [0, 99] {
        for at in [NOW, later(DAY / 24), later(EXPOSED_HEARING)] {
            let export = Export::of(&scorer, &address(number), at, false).unwrap();
            assert_eq!(export.check().unwrap(), Checked::Same);
        }
    }
}

/// Two thousand attackers a day, of which most are met by nobody else, four in ten by one more. Our own sensor meets one
/// in fifty of them, later.
#[test]
fn an_organisation_that_meets_two_thousand_attackers_a_day_is_not_muted() {
    const DAYS: u32 = 15;
    let mut scorer = liars(12, 0).scorer_with(ScorerConfig::default());
    let mut kept = Vec::new();
    for day in 0..DAYS {
        let (mut met, mut blocked) = (0, 0);
        for number in 0..2_000 {
            let (number, at) = (
                2_000 * day + number,
                later(i64::from(day) * DAY + i64::from(number) * 43_000),
            );
            says(&mut scorer, 1, number, at);
            assert_eq!(
                scorer.exposure(org(1), at).near,
                0,
                "alone and first it pays nothing"
            );
            if number % 5 < 2 {
                let half_an_hour = Timestamp::from_millis(at.as_millis() + DAY / 48);
                says(&mut scorer, 2 + number % 10, number, half_an_hour);
                met += 1;
                blocked += u32::from(scorer.verdict(&address(number), half_an_hour).hard_block);
            }
            if number % 50 == 0 {
                let caught = Timestamp::from_millis(at.as_millis() + DAY / 24);
                scorer.own_detection(&address(number), SSH, caught);
            }
        }
        kept.push(100 * blocked / met);
    }
    // The others, who follow it 80 times a day each, are covered by their purses and by what gold confirmed of it.
    assert!(kept[14] >= 70, "{kept:?}");
    // And it itself, where it follows: its own record covers what it says, at once.
    let now = later(i64::from(DAYS) * DAY);
    let budget = scorer.exposure(org(1), now).budget;
    assert!(budget >= 400, "{budget}");
    for number in 1_000_000..1_000_400 {
        says(&mut scorer, 2, number, now);
        says(
            &mut scorer,
            1,
            number,
            Timestamp::from_millis(now.as_millis() + DAY / 48),
        );
    }
    let now = Timestamp::from_millis(now.as_millis() + DAY / 48);
    let hard = (1_000_000..1_000_400).filter(|number| scorer.rung(&address(*number), now).is_hard());
    assert_eq!(hard.count(), 400);
}

/// Liars: identity, target, minutes since the one before.
fn lies() -> impl Strategy<Value = Vec<(u32, u32, i64)>> {
    vec((0_u32..24, 0_u32..150, 0_i64..2), 200..900)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Within the hours that what is uncovered waits, F groups block F purses at most, and what genesis granted each of
    /// those who speak, whoever says what in which order, however many they are.
    #[test]
    fn groups_without_gold_block_as_many_at_once_as_their_purses_hold(
        groups in 2_u32..5,
        lies in lies(),
        exploit in any::<bool>(),
    ) {
        let mut scorer = liars(groups, 24).scorer();
        let (mut minutes, mut framed) = (0, BTreeSet::new());
        let mut speakers = BTreeSet::new();
        for (who, target, gap) in lies {
            minutes += gap;
            let at = later(60_000 * minutes);
            if 60_000 * minutes >= EXPOSED_HEARING {
                break;
            }
            let said = Report {
                behaviour: if exploit { EXPLOIT } else { SSH },
                observed: at,
                arrived: at,
                ..report(1_000 + who, &address(target))
            };
            scorer.observe(&said, at).unwrap();
            speakers.insert(who);
            if scorer.verdict(&address(target), at).hard_block {
                framed.insert(target);
            }
        }
        let refilled = EXPOSURE_BASE + EXPOSURE_BASE * minutes * 60_000 / DAY + 1;
        let granted = i64::try_from(speakers.len()).unwrap() * 2;
        let bound = i64::from(groups) * refilled + granted;
        prop_assert!(i64::try_from(framed.len()).unwrap() <= bound, "{} of {bound}", framed.len());
    }
}

fn names(scorer: &mut Scorer, reporter: u32, number: u32, seq: u64, confidence: u8, at: Timestamp) -> Report {
    let mut said = Report {
        confidence,
        observed: at,
        arrived: at,
        ..report(reporter, &address(number))
    };
    said.sighting.seq = seq;
    scorer.observe(&said, at).unwrap();
    said
}

#[test]
fn who_stakes_nothing_spends_nobodys_purse_and_lies_in_wait_for_nothing() {
    for withdraws in [false, true] {
        let mut scorer = liars(3, 0).scorer();
        let confidence = if withdraws { 100 } else { 0 };
        for number in 0..200 {
            let said = names(&mut scorer, 3, number, u64::from(number), confidence, NOW);
            if withdraws {
                scorer.withdraw(said.sighting, NOW);
            }
            // The first who says so aloud, whoever whispered before him.
            says(&mut scorer, 1, number, later(2_000));
        }
        let now = later(2_000);
        assert_eq!(scorer.exposure(org(1), now).near, 0);
        // Who was before him pays once he says it aloud too.
        for number in 0..200 {
            names(&mut scorer, 3, number, 1_000 + u64::from(number), 100, now);
        }
        assert_eq!(scorer.exposure(org(3), now).near, 21);
        assert_eq!(
            blocked(&scorer, 200, now),
            usize::try_from(EXPOSURE_BASE + 2).unwrap()
        );
    }
}

/// A second who says it with no confidence pays nothing, neither does whom he follows; it is charged when he means it.
#[test]
fn a_whisper_is_charged_when_it_becomes_a_word() {
    let mut scorer = liars(3, 0).scorer();
    for number in 0..200 {
        says(&mut scorer, 1, number, NOW);
        names(&mut scorer, 2, number, 1, 0, NOW);
    }
    assert_eq!(scorer.exposure(org(2), NOW).near, 0);
    for number in 0..200 {
        names(&mut scorer, 2, number, 2, 100, NOW);
    }
    assert_eq!(scorer.exposure(org(2), NOW).near, 21);
    assert_eq!(
        blocked(&scorer, 200, NOW),
        usize::try_from(EXPOSURE_BASE + 2).unwrap()
    );
}

/// Whoever holds an anchor's key vouches for as many as he likes: they share the anchor's purse.
#[test]
fn the_newcomers_of_an_anchor_have_one_purse() {
    const CHILDREN: u32 = 20;
    let mut world = World::anchored();
    world.anchors.push(org(50));
    world.add(50, 0, labels(50));
    world.add(51, 1, labels(51));
    world.vouch(50, 51);
    for child in 100..100 + CHILDREN {
        world.add(child, 0, labels(child));
        world.vouch(0, child);
    }
    let mut scorer = world.scorer();
    for number in 0..400 {
        says(&mut scorer, 51, number, NOW);
        says(&mut scorer, 100 + number % CHILDREN, number, NOW);
        says(&mut scorer, 0, number, NOW);
    }
    // The purse, what the choice of an anchor is worth, and what genesis granted whom they follow.
    let bound = EXPOSURE_BASE + PRIOR_ANCHOR / 1_000 + 1;
    assert_eq!(blocked(&scorer, 400, NOW), usize::try_from(bound).unwrap());
}

/// Two in one group name what they like and pay nothing: nobody is blocked on it. When the graph makes two groups of them,
/// or reaches one whom it did not, it waits as if nothing covered it.
#[test]
fn who_is_another_group_later_has_not_paid_before() {
    // 11 stands below 1, and below 2 one vouch further; 12 below 1; 13 is reached by nobody yet.
    let mut world = liars(3, 0);
    for liar in [11, 12, 13] {
        world.add(liar, 1, labels(liar));
    }
    world.add(20, 1, labels(20));
    for (from, to) in [(2, 20), (20, 11), (1, 12)] {
        world.vouch(from, to);
    }
    let after_it = {
        let mut world = world.clone();
        world.vouch(3, 13);
        world.graph()
    };
    world.vouch(1, 11);
    let mut scorer = world.scorer();
    for number in 0..200 {
        says(&mut scorer, 12, number, NOW);
        says(&mut scorer, 11, number, NOW);
        says(&mut scorer, 13, 1_000 + number, NOW);
        says(&mut scorer, 12, 1_000 + number, NOW);
    }
    assert_eq!(blocked(&scorer, 1_200, NOW), 0);
    scorer.set_graph(after_it);
    assert_eq!(blocked(&scorer, 1_200, later(EXPOSED_HEARING - 1)), 0);
    // Who says it again pays for it.
    says(&mut scorer, 11, 0, later(60_000));
    assert_eq!(blocked(&scorer, 1_200, later(60_000)), 1);
    assert_eq!(scorer.exposure(org(11), later(60_000)).near, 1);
    assert_eq!(blocked(&scorer, 1_200, later(EXPOSED_HEARING)), 400);
    // Who speaks when that is over is the second, or the third, and nobody's first.
    for number in 0..200 {
        says(&mut scorer, 3, number, later(EXPOSED_HEARING));
    }
    assert_eq!(scorer.exposure(org(3), later(EXPOSED_HEARING)).near, 0);
}

/// Who chooses other anchors, and then those of before, decides as before.
#[test]
fn an_own_choice_of_anchors_makes_nobody_wait() {
    let world = liars(4, 0);
    let mut scorer = world.scorer();
    for reporter in [3, 2] {
        says(&mut scorer, reporter, 0, NOW);
    }
    assert_eq!(blocked(&scorer, 1, NOW), 1);
    let mut without = world.clone();
    without.anchors.clear();
    scorer.set_graph(without.graph());
    assert_eq!(blocked(&scorer, 1, NOW), 0);
    scorer.set_graph(world.graph());
    assert_eq!(blocked(&scorer, 1, NOW), 1);
}

/// An unchanged graph, built anew, changes nothing.
#[test]
fn who_stays_in_his_group_waits_for_nothing() {
    let world = liars(4, 0);
    let mut scorer = world.scorer();
    for reporter in [3, 2] {
        says(&mut scorer, reporter, 0, NOW);
    }
    let mut larger = world.clone();
    larger.add(99, 1, labels(99));
    larger.vouch(1, 99);
    scorer.set_graph(larger.graph());
    assert_eq!(blocked(&scorer, 1, NOW), 1);
}
