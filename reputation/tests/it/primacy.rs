//! Whom we know ourselves, and what disputes may do.

use std::net::IpAddr;

use vigie_reputation::constants::{DISPUTE_CAP, H_LOW_HARM, KAPPA, VISITOR_RAISE};
use vigie_reputation::wire::Timestamp;
use vigie_reputation::{Class, Reason, Rung, ScorerConfig, Tier};

use crate::world::{NOW, SSH, after, ip, mesh, org, report};

fn before(days: i64) -> Timestamp {
    after(-86_400 * days)
}

fn address() -> IpAddr {
    "9.9.9.9".parse().unwrap()
}

#[test]
fn an_authenticated_user_is_challenged_at_most_until_our_own_sensor_sees_him() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(30).scorer();
    scorer.remember(address(), Tier::Authenticated, NOW);
    for reporter in 1..=30 {
        scorer.observe(&report(reporter, &subject), NOW).unwrap();
    }
    let verdict = scorer.verdict(&subject, NOW);
    assert_eq!((verdict.rung, verdict.hard_block), (Rung::Challenge, false));
    assert_eq!(verdict.reasons[0], Reason::AuthenticatedUser);
    assert_eq!(
        verdict.reasons[0].to_string(),
        "an authenticated user of ours: remote word alone never blocks it"
    );
    assert_eq!(scorer.review(&subject, NOW).rung, Rung::Challenge);
    scorer.own_detection(&subject, SSH, NOW);
    assert!(scorer.verdict(&subject, NOW).hard_block);
}

#[test]
fn a_visitor_takes_fresher_words_and_buys_no_immunity() {
    let (visitor, nobody) = (ip("9.9.9.9"), ip("9.9.9.10"));
    let mut scorer = mesh(4).scorer();
    scorer.remember(address(), Tier::Visitor, NOW);
    for (reporter, blocks) in [(1, false), (2, true)] {
        scorer.observe(&report(reporter, &visitor), NOW).unwrap();
        scorer.observe(&report(reporter, &nobody), NOW).unwrap();
        let verdict = scorer.verdict(&visitor, NOW);
        assert_eq!(verdict.threshold.visitor, VISITOR_RAISE);
        assert_eq!((verdict.quorum, verdict.hard_block), (2, blocks));
    }
    let later = after(6 * 3_600);
    assert!(!scorer.verdict(&visitor, later).hard_block);
    assert!(scorer.verdict(&nobody, later).hard_block);
}

#[test]
fn our_own_sensor_and_one_good_group_are_enough() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(4).scorer();
    scorer.own_detection(&subject, SSH, NOW);
    let alone = scorer.verdict(&subject, NOW);
    assert_eq!((alone.rung, alone.threshold.own), (Rung::Observe, -3_500));
    scorer.observe(&report(1, &subject), NOW).unwrap();
    let verdict = scorer.verdict(&subject, NOW);
    assert_eq!(
        (verdict.threshold.total, verdict.quorum, verdict.hard_block),
        (2_500, 1, true)
    );
    assert!(verdict.reasons.contains(&Reason::OwnDetection));
}

/// One of the two is mistaken, so neither decides: the mesh needs what it always needs.
#[test]
fn our_own_sensor_against_our_own_user_lifts_his_immunity_and_is_no_discount() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(8).scorer_with(ScorerConfig::default());
    for days in [9, 8, 7, 0] {
        scorer.remember(address(), Tier::Authenticated, before(days));
    }
    scorer.own_detection(&subject, SSH, NOW);
    scorer.observe(&report(1, &subject), NOW).unwrap();
    let echo = scorer.verdict(&subject, NOW);
    assert_eq!((echo.threshold.own, echo.quorum, echo.hard_block), (0, 2, false));
    for reporter in 2..=4 {
        scorer.observe(&report(reporter, &subject), NOW).unwrap();
    }
    let waits = scorer.verdict(&subject, NOW);
    assert_eq!(waits.hearing, Some(after(20 * 60)));
    assert!(scorer.verdict(&subject, after(20 * 60)).hard_block);
    // Those who know it are heard like others.
    for reporter in 5..=8 {
        scorer.dispute(org(reporter), &subject, after(60));
    }
    assert!(scorer.verdict(&subject, after(20 * 60)).threshold.dispute > 0);
}

/// A user whom our sensor takes for an attacker once is a user again after a day, unless it sees him again. Whoever became one
/// only after he was caught gains nothing by that.
#[test]
fn our_own_sensor_speaks_against_our_own_user_for_a_day() {
    let subject = ip("9.9.9.9");
    let blocks = |user_since: i64, caught_again: bool| {
        let mut scorer = mesh(8).scorer_with(ScorerConfig::default());
        scorer.remember(address(), Tier::Authenticated, after(user_since));
        scorer.own_detection(&subject, SSH, NOW);
        if caught_again {
            scorer.own_detection(&subject, SSH, after(2 * 3_600));
        }
        let late = after(25 * 3_600);
        for reporter in 1..=6 {
            let said = vigie_reputation::Report {
                observed: late,
                arrived: late,
                ..report(reporter, &subject)
            };
            scorer.observe(&said, late).unwrap();
        }
        scorer.verdict(&subject, after(25 * 3_600 + 20 * 60)).hard_block
    };
    assert!(!blocks(-86_400, false) && blocks(-86_400, true));
    assert!(blocks(60, false));
}

/// To guess a password at last, or to have an account besides, unblocks nobody.
#[test]
fn who_logs_in_after_he_was_caught_gains_nothing() {
    let subject = ip("9.9.9.9");
    for user_for in [None, Some(6)] {
        let mut scorer = mesh(8).scorer_with(ScorerConfig::default());
        if let Some(days) = user_for {
            scorer.remember(address(), Tier::Authenticated, before(days));
        }
        scorer.own_detection(&subject, SSH, NOW);
        scorer.observe(&report(1, &subject), NOW).unwrap();
        assert!(scorer.verdict(&subject, NOW).hard_block);
        scorer.remember(address(), Tier::Authenticated, after(60));
        let still = scorer.verdict(&subject, after(60));
        assert_eq!(still.threshold.own, -3_500);
        assert!(still.hard_block && scorer.review(&subject, after(60)).hard_block);
    }
}

#[test]
fn a_visitor_whom_our_own_sensor_catches_is_a_visitor_still() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(4).scorer();
    scorer.remember(address(), Tier::Visitor, NOW);
    scorer.own_detection(&subject, SSH, NOW);
    for (reporter, blocks) in [(1, false), (2, true)] {
        scorer.observe(&report(reporter, &subject), NOW).unwrap();
        assert_eq!(scorer.verdict(&subject, NOW).hard_block, blocks);
    }
}

#[test]
fn what_stands_on_a_warning_list_is_never_blocked() {
    let subject = ip("9.9.9.9");
    let class: vigie_reputation::ClassLookup = std::sync::Arc::new(|_| Class::Protected);
    let mut scorer = mesh(30).scorer_with(ScorerConfig {
        class,
        ..crate::world::at_once()
    });
    for reporter in 1..=30 {
        scorer.observe(&report(reporter, &subject), NOW).unwrap();
    }
    scorer.own_detection(&subject, SSH, NOW);
    assert_eq!(scorer.verdict(&subject, NOW).rung, Rung::Observe);
}

#[test]
fn every_class_has_its_hardest_rung_whoever_speaks_and_ours_besides() {
    for (class, hardest) in [
        (Class::Ordinary, Rung::Ban24h),
        (Class::Infrastructure, Rung::Ban24h),
        (Class::Hosting, Rung::Ban1h),
        (Class::SharedEgress, Rung::Challenge),
        (Class::CarrierNat, Rung::Challenge),
        (Class::Cdn, Rung::Challenge),
        (Class::Resolver, Rung::Observe),
        (Class::Protected, Rung::Observe),
    ] {
        let subject = ip("9.9.9.9");
        let mut scorer = mesh(30).scorer_with(ScorerConfig {
            class: std::sync::Arc::new(move |_| class),
            ..crate::world::at_once()
        });
        for reporter in 1..=30 {
            let rule = vigie_reputation::wire::RuleHash([u8::try_from(reporter).unwrap(); 8]);
            let said = vigie_reputation::Report {
                rule,
                ..report(reporter, &subject)
            };
            scorer.observe(&said, NOW).unwrap();
        }
        let rung = scorer.rung(&subject, NOW);
        assert_eq!(rung, hardest, "{class}");
        assert_eq!(rung, class.hardest());
        assert_eq!(scorer.review_rung(&subject, NOW), hardest, "{class}");
        scorer.own_detection(&subject, SSH, NOW);
        assert_eq!(scorer.rung(&subject, NOW), hardest, "{class}");
        let reasons = scorer.verdict(&subject, NOW).reasons;
        let named = reasons.iter().filter(|reason| {
            !matches!(
                reason,
                Reason::Reached | Reason::OwnDetection | Reason::Below { .. }
            )
        });
        assert_eq!(
            named.count(),
            usize::from(class != Class::Ordinary),
            "{reasons:?}"
        );
    }
}

#[test]
fn disputes_raise_the_threshold_by_three_nats_and_two_more_groups_overcome_them() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(40).scorer();
    assert!(!scorer.dispute(org(10), &subject, NOW), "nobody names it yet");
    for reporter in [1, 2] {
        scorer.observe(&report(reporter, &subject), NOW).unwrap();
    }
    for disputer in 10..40 {
        assert!(scorer.dispute(org(disputer), &subject, NOW));
    }
    assert!(!scorer.dispute(org(10), &subject, NOW), "once is enough");
    let verdict = scorer.verdict(&subject, NOW);
    assert_eq!(
        (verdict.threshold.dispute, verdict.hard_block),
        (DISPUTE_CAP, false)
    );
    scorer.observe(&report(3, &subject), NOW).unwrap();
    assert!(scorer.verdict(&subject, NOW).hard_block);
}

#[test]
fn the_word_of_an_anchor_and_our_own_are_immune_to_disputes() {
    let subject = ip("9.9.9.9");
    let mut world = mesh(9);
    world.anchors.push(org(1));
    let mut scorer = world.scorer();
    for reporter in [0, 1] {
        scorer.observe(&report(reporter, &subject), NOW).unwrap();
    }
    for disputer in 2..=9 {
        scorer.dispute(org(disputer), &subject, NOW);
    }
    let verdict = scorer.verdict(&subject, NOW);
    assert_eq!((verdict.threshold.total, verdict.hard_block), (H_LOW_HARM, true));
    assert_eq!(verdict.score, 2 * KAPPA);

    let other = ip("9.9.9.8");
    scorer.observe(&report(2, &other), NOW).unwrap();
    scorer.dispute(org(3), &other, NOW);
    scorer.own_detection(&other, SSH, NOW);
    assert_eq!(scorer.verdict(&other, NOW).threshold.dispute, 0);
}
