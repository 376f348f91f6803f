//! Who disputed rightly before: what such organisations may take back, and what they never may.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::{DAY, H_LOW_HARM, KAPPA};
use vigie_reputation::wire::Timestamp;
use vigie_reputation::{Report, Scorer, Tier};

use crate::world::{NOW, SSH, after, ip, mesh, org, report};

fn address(last: u8) -> IpAddr {
    IpAddr::from([9, 9, 9, last])
}

/// Twice one organisation slips, the disputers say so, and a regular user of ours comes from there.
fn prove(scorer: &mut Scorer, disputers: &std::ops::Range<u32>) {
    for last in [101, 102] {
        let subject = ip(&address(last).to_string());
        for days in [12, 9, 8] {
            let before = Timestamp::from_millis(NOW.as_millis() - days * DAY);
            scorer.remember(address(last), Tier::Authenticated, before);
        }
        scorer.observe(&report(40, &subject), NOW).unwrap();
        for disputer in disputers.clone() {
            assert!(scorer.dispute(org(disputer), &subject, after(60)));
        }
        scorer.remember(address(last), Tier::Authenticated, after(120));
    }
}

#[test]
fn our_users_record_refutes_before_and_after_he_comes_unless_he_is_new_or_gone_or_was_caught() {
    let mut scorer = mesh(3).scorer();
    let days_before = |days: i64| Timestamp::from_millis(NOW.as_millis() - days * DAY);
    let [regular, new, gone, caught, unheard] = [1, 2, 3, 4, 5].map(address);
    for ip in [regular, caught] {
        for days in [12, 9, 6] {
            scorer.remember(ip, Tier::Authenticated, days_before(days));
        }
    }
    for days in [45, 40, 31] {
        scorer.remember(gone, Tier::Authenticated, days_before(days));
    }
    scorer.remember(new, Tier::Authenticated, days_before(6));
    scorer.own_detection(&ip(&caught.to_string()), SSH, days_before(5));
    for subject in [regular, new, gone, caught] {
        for reporter in [1, 2] {
            let accusation = report(reporter, &ip(&subject.to_string()));
            scorer.observe(&accusation, NOW).unwrap();
        }
    }
    let theirs = [1, 2].map(|reporter| report(reporter, &ip("9.9.9.1")).sighting);
    for comes in [false, true, true] {
        if comes {
            for ip in [regular, new, gone, caught, unheard] {
                scorer.remember(ip, Tier::Authenticated, after(120));
            }
        }
        let refuted = scorer.refuted(after(180));
        assert_eq!(refuted.len(), 1, "{refuted:?}");
        assert_eq!((refuted[0].ip, &refuted[0].sightings[..]), (regular, &theirs[..]));
        for other in [new, gone, caught, unheard] {
            assert!(scorer.refuted_at(other, after(180)).is_empty());
        }
    }
    scorer.retract(theirs[0]);
    assert_eq!(scorer.refuted_at(regular, after(180)), [theirs[1]]);
    scorer.own_detection(&ip("9.9.9.1"), SSH, after(200));
    assert!(scorer.refuted(after(240)).is_empty());
}

#[test]
fn proven_disputers_end_what_voices_without_gold_say() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(40).scorer();
    prove(&mut scorer, &(20..28));
    let weight = scorer.weight(org(20), after(180));
    for reporter in 1..=6 {
        scorer.observe(&report(reporter, &subject), after(180)).unwrap();
    }
    for disputer in 20..28 {
        scorer.dispute(org(disputer), &subject, after(180));
    }
    let verdict = scorer.verdict(&subject, after(180));
    assert_eq!(verdict.threshold.dispute, verdict.score, "all is taken back");
    assert!(!scorer.review(&subject, after(180)).hard_block);
    assert_eq!(
        scorer.weight(org(20), after(180)),
        weight,
        "being right there earns no weight"
    );

    // Our own sensor catches one whom they defend: what they dispute counts for nothing from now on.
    let caught = ip("9.9.9.10");
    scorer.observe(&report(1, &caught), after(180)).unwrap();
    for disputer in 20..28 {
        scorer.dispute(org(disputer), &caught, after(180));
    }
    scorer.own_detection(&caught, SSH, after(240));
    let verdict = scorer.verdict(&subject, after(240));
    assert_eq!((verdict.threshold.dispute, verdict.hard_block), (0, true));
}

/// Two anchors and three others saw attacks from an address that eight organisations know as their users'.
#[test]
fn what_many_share_is_contested_also_against_anchors_until_our_own_sensor_speaks() {
    let subject = ip("9.9.9.9");
    let mut world = mesh(40);
    world.anchors.push(org(1));
    let mut scorer = world.scorer();
    prove(&mut scorer, &(20..28));
    for reporter in 0..5 {
        scorer.observe(&report(reporter, &subject), after(180)).unwrap();
    }
    assert!(scorer.verdict(&subject, after(180)).hard_block);
    for disputer in 30..38 {
        scorer.dispute(org(disputer), &subject, after(180));
    }
    assert!(
        scorer.verdict(&subject, after(180)).hard_block,
        "who is not proven takes nothing back"
    );
    for disputer in 20..28 {
        scorer.dispute(org(disputer), &subject, after(180));
    }
    let verdict = scorer.verdict(&subject, after(180));
    assert!(!verdict.hard_block && !scorer.review(&subject, after(180)).hard_block);
    scorer.own_detection(&subject, SSH, after(240));
    let verdict = scorer.verdict(&subject, after(240));
    assert_eq!((verdict.threshold.dispute, verdict.hard_block), (0, true));
}

#[test]
fn one_right_dispute_is_no_proof_and_a_restart_proves_nothing_twice() {
    let subject = ip(&address(101).to_string());
    let mut scorer = mesh(40).scorer();
    for days in [12, 9, 8] {
        let before = Timestamp::from_millis(NOW.as_millis() - days * DAY);
        scorer.remember(address(101), Tier::Authenticated, before);
    }
    scorer.observe(&report(40, &subject), NOW).unwrap();
    scorer.dispute(org(1), &subject, after(60));
    scorer.remember(address(101), Tier::Authenticated, after(120));
    scorer.remember(address(101), Tier::Authenticated, after(180));
    let learned = scorer.learned();
    let right = |learned: &vigie_reputation::Learned| {
        learned
            .reporters
            .iter()
            .map(|one| one.disputes_right)
            .collect::<Vec<_>>()
    };
    assert_eq!(right(&learned), [0, 1]);
    let mut restarted = mesh(40).scorer();
    restarted.restore(&learned);
    restarted.observe(&report(40, &subject), after(200)).unwrap();
    restarted.dispute(org(1), &subject, after(60));
    restarted.remember(address(101), Tier::Authenticated, after(240));
    assert_eq!(right(&restarted.learned()), [0, 1]);
}

/// Of a hundred who praise one attacker 32 count; a catch that judged only these would leave the others free to praise the next.
#[test]
fn everybody_who_praises_an_attacker_answers_for_it_and_only_those_who_count_earn_by_it() {
    let [innocent, attacker, next] = [101, 9, 10].map(|last| ip(&address(last).to_string()));
    let mut scorer = mesh(120).scorer();
    for days in [12, 9, 8] {
        let before = Timestamp::from_millis(NOW.as_millis() - days * DAY);
        scorer.remember(address(101), Tier::Authenticated, before);
    }
    let dispute = |scorer: &mut Scorer, subject| {
        scorer.observe(&report(1, subject), NOW).unwrap();
        for disputer in 10..110 {
            scorer.dispute(org(disputer), subject, after(60));
        }
    };
    dispute(&mut scorer, &innocent);
    scorer.remember(address(101), Tier::Authenticated, after(120));
    let right = |scorer: &Scorer| {
        let reporters = scorer.learned().reporters;
        reporters.iter().filter(|one| one.disputes_right > 0).count()
    };
    assert_eq!(right(&scorer), 32);

    dispute(&mut scorer, &attacker);
    scorer.own_detection(&attacker, SSH, after(180));
    assert_eq!(right(&scorer), 0);
    dispute(&mut scorer, &next);
    for reporter in 2..4 {
        scorer.observe(&report(reporter, &next), after(180)).unwrap();
    }
    let verdict = scorer.verdict(&next, after(240));
    assert_eq!((verdict.threshold.dispute, verdict.hard_block), (0, true));
}

#[test]
fn who_disputes_what_only_our_sensor_said_is_heard_once_others_repeat_it() {
    let [disputed, undisputed] = [9, 10].map(|last| ip(&address(last).to_string()));
    let said = after(180);
    for (later, hours) in [(after(3_600 * 40), 40), (after(3_600 * 73), 73)] {
        let mut world = mesh(40);
        world.anchors.push(org(1));
        let mut scorer = world.scorer();
        prove(&mut scorer, &(20..28));
        for subject in [&disputed, &undisputed] {
            scorer.own_detection(subject, SSH, said);
        }
        for disputer in 20..28 {
            assert!(!scorer.dispute(org(disputer), &disputed, after(240)));
        }
        let repeated = |scorer: &mut Scorer, subject| {
            // One of our anchors, and one who was never right here.
            for reporter in [1, 3] {
                let fresh = Report {
                    observed: later,
                    arrived: later,
                    ..report(reporter, subject)
                };
                scorer.observe(&fresh, later).unwrap();
            }
            scorer.verdict(subject, later)
        };
        assert!(repeated(&mut scorer, &undisputed).hard_block, "{hours} hours");
        let verdict = repeated(&mut scorer, &disputed);
        let raise = if hours < 72 { verdict.score } else { 0 };
        assert_eq!(
            (verdict.threshold.dispute, verdict.hard_block),
            (raise, raise == 0)
        );
    }
}

proptest! {
    /// T4: against anchors each proven group takes back its own weight at most, and nobody more than was said.
    #[test]
    fn t4_proven_disputers_take_back_no_more_than_was_said(
        anchors in 1_u32..4,
        voices in vec(0_u32..20, 0..20),
        disputers in 0_u32..20,
    ) {
        let subject = ip("9.9.9.9");
        let mut world = mesh(40);
        world.anchors.extend((1..anchors).map(org));
        let mut scorer = world.scorer();
        prove(&mut scorer, &(20..20 + disputers));
        for reporter in 0..anchors {
            scorer.observe(&report(reporter, &subject), after(180)).unwrap();
        }
        let alone = scorer.verdict(&subject, after(180));
        for reporter in &voices {
            scorer.observe(&report(*reporter, &subject), after(180)).unwrap();
        }
        for disputer in 20..20 + disputers {
            scorer.dispute(org(disputer), &subject, after(180));
        }
        let verdict = scorer.verdict(&subject, after(180));
        let parts = verdict.threshold;
        prop_assert_eq!(parts.base + parts.visitor + parts.dispute + parts.own + parts.unanchored, parts.total);
        prop_assert!(parts.dispute <= i64::from(disputers) * 2 * KAPPA);
        prop_assert!(parts.dispute <= verdict.score);
        prop_assert!(verdict.score - parts.total >= alone.score - H_LOW_HARM - i64::from(disputers) * KAPPA);
        prop_assert!(verdict.hard_block >= (alone.hard_block && disputers == 0));
    }
}
