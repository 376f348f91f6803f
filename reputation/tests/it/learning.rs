//! Credit and strikes, from gold only.

use std::net::IpAddr;

use vigie_reputation::constants::{
    DAY, KAPPA, REFUTED_ALONE, REFUTED_CONTESTED, REFUTED_ONCE, REFUTED_WITHDRAWN,
};
use vigie_reputation::wire::{Indicator, Timestamp};
use vigie_reputation::{Learned, Partition, Report, Scorer, Tier};

use crate::world::{NOW, SSH, World, after, ip, labels, mesh, org, report};

fn address(last: u8) -> IpAddr {
    IpAddr::from([9, 9, 9, last])
}

/// All of them name an address that a user of ours has been coming from, and then he logs in again.
fn refute(scorer: &mut Scorer, reporters: &[u32], last: u8, at: Timestamp) {
    for days in [12, 9, 8] {
        let before = Timestamp::from_millis(at.as_millis() - days * DAY);
        scorer.remember(address(last), Tier::Authenticated, before);
    }
    let subject = ip(&address(last).to_string());
    for reporter in reporters {
        let mut said = report(*reporter, &subject);
        said.sighting.seq = u64::from(last);
        scorer
            .observe(
                &Report {
                    observed: at,
                    arrived: at,
                    ..said
                },
                at,
            )
            .unwrap();
    }
    scorer.remember(address(last), Tier::Authenticated, at);
}

#[test]
fn a_newcomer_gains_weight_by_days_of_activity() {
    let mut world = World::anchored();
    world.add(1, 0, labels(1));
    world.vouch(0, 1);
    let mut scorer = world.scorer();
    let mut weights = Vec::new();
    for day in 0..12 {
        let now = after(86_400 * day);
        let subject = ip(&address(u8::try_from(day).unwrap()).to_string());
        let said = Report {
            observed: now,
            arrived: now,
            ..report(1, &subject)
        };
        scorer.observe(&said, now).unwrap();
        scorer.observe(&said, now).unwrap();
        weights.push(scorer.weight(org(1), now));
    }
    assert_eq!(weights[..3], [363, 727, 1_090]);
    assert_eq!(weights[9..], [3_636, 3_636, 3_636]);
    assert_eq!(
        scorer.weight(org(1), after(86_400 * 400)),
        3_636,
        "days do not wear off"
    );
}

#[test]
fn the_first_to_say_so_is_credited_and_an_echo_is_not() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(3).scorer();
    for (reporter, seconds) in [(1, 0), (2, 30), (3, 90)] {
        let arrived = after(seconds);
        scorer
            .observe(
                &Report {
                    arrived,
                    ..report(reporter, &subject)
                },
                arrived,
            )
            .unwrap();
    }
    scorer.own_detection(&subject, SSH, after(60));
    scorer.own_detection(&subject, SSH, after(120));
    let confirmed: Vec<i64> = scorer
        .learned()
        .reporters
        .iter()
        .map(|one| one.confirmed)
        .collect();
    assert_eq!(
        confirmed,
        [1_000, 80, 0],
        "the third spoke after our own sensor did"
    );
}

#[test]
fn a_long_standing_reporter_survives_one_joint_mistake_and_not_two() {
    let mut scorer = mesh(3).scorer();
    refute(&mut scorer, &[1, 2], 1, NOW);
    assert!(!scorer.is_struck(org(1), NOW));
    scorer.remember(address(1), Tier::Authenticated, after(60));
    assert!(!scorer.is_struck(org(1), NOW), "the same claim is refuted once");
    refute(&mut scorer, &[1, 2], 2, after(180));
    assert!(scorer.is_struck(org(1), after(180)) && scorer.is_struck(org(2), after(180)));

    // All that were struck weigh as one group, for 45 days.
    let subject = ip("9.9.9.9");
    for reporter in [1, 2] {
        let now = after(240);
        scorer
            .observe(
                &Report {
                    observed: now,
                    arrived: now,
                    ..report(reporter, &subject)
                },
                now,
            )
            .unwrap();
    }
    let verdict = scorer.verdict(&subject, after(240));
    assert_eq!(
        (verdict.partition, verdict.hard_block),
        (Partition::Cluster, false)
    );
    assert!(verdict.score <= KAPPA);
    let later = Timestamp::from_millis(after(240).as_millis() + 45 * DAY);
    assert!(!scorer.is_struck(org(1), later));
}

#[test]
fn a_lone_mistake_strikes_nobody() {
    let mut world = mesh(3);
    world.members[1].history = 1;
    let mut scorer = world.scorer();
    scorer.observe(&report(1, &ip("9.9.9.200")), NOW).unwrap();
    let before = scorer.weight(org(1), NOW);
    for last in 1..20 {
        refute(&mut scorer, &[1], last, NOW);
    }
    assert!(!scorer.is_struck(org(1), NOW));
    let fallen = scorer.weight(org(1), NOW);
    assert!(fallen < before / 2, "{fallen} of {before}");
    let weeks = Timestamp::from_millis(NOW.as_millis() + 35 * DAY);
    assert!(scorer.weight(org(1), weeks) > before * 9 / 10);
}

#[test]
fn a_gross_lie_strikes_at_once_whoever_is_not_long_standing() {
    let mut world = mesh(3);
    world.members[1].history = 1;
    let mut scorer = world.scorer();
    refute(&mut scorer, &[1, 2], 1, NOW);
    assert!(!scorer.is_struck(org(1), NOW), "two meet by chance");
    let mut scorer = world.scorer();
    refute(&mut scorer, &[1, 2, 3], 1, NOW);
    let struck = [1, 2, 3].map(|number| scorer.is_struck(org(number), NOW));
    assert_eq!(struck, [true, false, false]);
}

#[test]
fn who_logs_in_only_after_he_attacked_or_just_before_refutes_nobody() {
    let subject = ip("9.9.9.1");
    let mut scorer = mesh(3).scorer();
    let day = |days: i64| after(days * 86_400);
    let say = |scorer: &mut Scorer, reporter: u32, seq: u64, now: Timestamp| {
        let mut said = report(reporter, &subject);
        said.sighting.seq = seq;
        (said.observed, said.arrived) = (now, now);
        scorer.observe(&said, now).unwrap();
    };
    // Three days of logins, then an attack; he logs in on, and is seen attacking on.
    for hours in (0..72).step_by(6) {
        scorer.remember(address(1), Tier::Authenticated, after(hours * 3_600));
    }
    for days in 3_i64..20 {
        for reporter in [1, 2, 3] {
            say(&mut scorer, reporter, days.unsigned_abs(), day(days));
        }
        scorer.remember(address(1), Tier::Authenticated, day(days));
    }
    let refuted: i64 = scorer.learned().reporters.iter().map(|one| one.refuted).sum();
    assert_eq!(refuted, 0);
    assert!(
        !scorer.verdict(&subject, day(19)).hard_block,
        "he is a user all the same"
    );
    // Nobody names him for a week, while he comes daily: now his word counts again.
    for days in 20..34 {
        scorer.remember(address(1), Tier::Authenticated, day(days));
    }
    say(&mut scorer, 1, 34, day(34));
    scorer.remember(address(1), Tier::Authenticated, day(35));
    let refuted: Vec<i64> = scorer.learned().reporters.iter().map(|one| one.refuted).collect();
    assert_eq!(refuted, [200, 0, 0]);
}

#[test]
fn a_newcomer_is_struck_at_the_first_joint_refutation() {
    let mut world = mesh(3);
    world.add(4, 0, labels(4));
    world.vouch(0, 4);
    let mut scorer = world.scorer();
    refute(&mut scorer, &[1, 2, 4], 1, NOW);
    assert!(scorer.is_struck(org(4), NOW));
    assert!(!scorer.is_struck(org(1), NOW));
}

#[test]
fn what_the_store_replays_after_a_restart_teaches_nothing_twice() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(2).scorer();
    scorer.observe(&report(1, &subject), NOW).unwrap();
    scorer.own_detection(&subject, SSH, after(60));
    refute(&mut scorer, &[2], 1, after(60));
    let learned = scorer.learned();
    let mut restarted = mesh(2).scorer();
    restarted.restore(&learned);
    restarted.observe(&report(1, &subject), after(90)).unwrap();
    let accused = Report {
        arrived: after(60),
        ..report(2, &ip("9.9.9.1"))
    };
    restarted.observe(&accused, after(90)).unwrap();
    restarted.own_detection(&subject, SSH, after(120));
    restarted.remember(address(1), Tier::Authenticated, after(120));
    assert_eq!(restarted.learned().reporters, learned.reporters);
    assert!(restarted.verdict(&subject, after(120)).hard_block);
}

#[test]
fn a_record_survives_a_restart_and_a_member_who_left() {
    let mut scorer = mesh(3).scorer();
    refute(&mut scorer, &[1, 2], 1, NOW);
    refute(&mut scorer, &[1, 2], 2, NOW);
    let text = serde_json::to_string(&scorer.learned()).unwrap();
    let learned: Learned = serde_json::from_str(&text).unwrap();
    let mut restarted = mesh(0).scorer();
    restarted.restore(&learned);
    assert_eq!(restarted.learned(), scorer.learned());
    restarted.set_graph(mesh(3).graph());
    assert!(restarted.is_struck(org(1), NOW));
    assert_eq!(restarted.weight(org(1), NOW), scorer.weight(org(1), NOW));
    assert_eq!(restarted.remembers(address(1), NOW), Some(Tier::Authenticated));
}

/// Organisations 1 to `liars` name a regular of ours, take it back a minute later, and an hour later he comes.
fn lie_and_withdraw(scorer: &mut Scorer, liars: u32, regular: &str, at: i64) {
    let address: IpAddr = regular.parse().unwrap();
    for day in 1..=12 {
        scorer.remember(address, Tier::Authenticated, after(at - 86_400 * (13 - day)));
    }
    for liar in 1..=liars {
        let mut one = report(liar, &ip(regular));
        (one.observed, one.arrived) = (after(at), after(at));
        one.sighting.seq = at.unsigned_abs();
        scorer.observe(&one, after(at)).unwrap();
        scorer.withdraw(one.sighting, after(at + 60));
    }
    assert_eq!(scorer.verdict(&ip(regular), after(at + 60)).score, 0);
    scorer.remember(address, Tier::Authenticated, after(at + 3_600));
}

#[test]
fn who_takes_back_a_slip_pays_nothing_and_who_makes_it_a_habit_together_is_struck() {
    let mut scorer = mesh(3).scorer();
    lie_and_withdraw(&mut scorer, 1, "9.9.9.1", 100_000);
    assert_eq!(
        scorer.learned_of(org(1)).unwrap().refuted,
        0,
        "alone it harmed nobody"
    );
    lie_and_withdraw(&mut scorer, 3, "9.9.9.2", 200_000);
    for liar in 1..=3 {
        assert_eq!(
            scorer.learned_of(org(liar)).unwrap().refuted,
            500,
            "less than what stands"
        );
        assert!(!scorer.is_struck(org(liar), after(210_000)));
    }
    lie_and_withdraw(&mut scorer, 3, "9.9.9.3", 300_000);
    assert!((1..=3).all(|liar| scorer.is_struck(org(liar), after(310_000))));
}

#[test]
fn whoever_came_later_refutes_nothing_that_was_taken_back_and_many_withdrawals_hide_none() {
    // A user of three days is no regular: what was said of him and taken back costs nobody anything.
    let mut scorer = mesh(3).scorer();
    let regular: IpAddr = "9.9.9.9".parse().unwrap();
    let said = |scorer: &mut Scorer| {
        for liar in 1..=3 {
            scorer.observe(&report(liar, &ip("9.9.9.9")), NOW).unwrap();
            scorer.withdraw(report(liar, &ip("9.9.9.9")).sighting, after(60));
        }
    };
    said(&mut scorer);
    for day in 1..4 {
        scorer.remember(regular, Tier::Authenticated, after(86_400 * day));
    }
    assert_eq!(scorer.learned_of(org(1)).unwrap().refuted, 0);
    // A thousand more withdrawals make the table forget, but not what gold may still refute.
    let config = vigie_reputation::ScorerConfig {
        max_retracted: 100,
        ..crate::world::at_once()
    };
    let mut scorer = mesh(3).scorer_with(config);
    for day in (1..=12).rev() {
        scorer.remember(regular, Tier::Authenticated, after(-86_400 * day));
    }
    said(&mut scorer);
    for number in 0..1_000_u32 {
        let lone = Indicator::ip(std::net::Ipv4Addr::from(0x0b00_0000 + number).into());
        let mut one = report(1, &lone);
        one.sighting.seq = 1_000 + u64::from(number);
        scorer.observe(&one, NOW).unwrap();
        scorer.withdraw(one.sighting, after(61));
    }
    assert!(scorer.size().subjects < 200);
    scorer.remember(regular, Tier::Authenticated, after(3_600));
    assert_eq!(scorer.learned_of(org(2)).unwrap().refuted, 500);
}

/// Gold confirms what somebody stood for: naming every address with no confidence would earn a record for nothing, and take
/// from the others what they foretold.
#[test]
fn what_is_said_with_no_confidence_earns_nothing() {
    let subject = ip("9.9.9.9");
    let mut scorer = mesh(2).scorer();
    for (reporter, confidence, seconds) in [(1, 0, 0), (2, 100, 30)] {
        let said = Report {
            confidence,
            arrived: after(seconds),
            ..report(reporter, &subject)
        };
        scorer.observe(&said, after(seconds)).unwrap();
    }
    scorer.own_detection(&subject, SSH, after(60));
    let confirmed = [1, 2].map(|number| scorer.learned_of(org(number)).unwrap().confirmed);
    assert_eq!(confirmed, [0, 1_000]);
}

/// A whisper costs as little as it is believed, so it earns as little, and leaves the rest to who says it aloud.
#[test]
fn credit_grows_with_confidence() {
    let attacker = ip("9.9.9.9");
    let mut scorer = mesh(3).scorer();
    for (reporter, confidence) in [(1, 1), (2, 50), (3, 100)] {
        let said = Report {
            confidence,
            ..report(reporter, &attacker)
        };
        scorer.observe(&said, NOW).unwrap();
    }
    scorer.own_detection(&attacker, SSH, after(60));
    let earned = |reporter| scorer.learned_of(org(reporter)).unwrap().confirmed;
    let (whisper, half, aloud) = (earned(1), earned(2), earned(3));
    assert_eq!(whisper, 10);
    assert!((450..=500).contains(&half), "{half}");
    assert!(aloud > 450, "{aloud}");
}

/// Who whispers everything, to repeat aloud what others find, found nothing.
#[test]
fn the_first_is_who_says_it_aloud_first() {
    let attacker = ip("9.9.9.9");
    let mut words = [(1, 1, 1_u8, 0), (2, 1, 100, 600), (1, 2, 100, 605)];
    for _ in 0..3 {
        words.rotate_left(1);
        let mut scorer = mesh(3).scorer();
        for (reporter, seq, confidence, seconds) in words {
            let mut said = report(reporter, &attacker);
            said.sighting.seq = seq;
            (said.confidence, said.observed, said.arrived) = (confidence, after(seconds), after(seconds));
            scorer.observe(&said, after(700)).unwrap();
        }
        scorer.own_detection(&attacker, SSH, after(800));
        let earned = [1, 2].map(|number| scorer.learned_of(org(number)).unwrap().confirmed);
        assert_eq!(earned[1], 1_000, "{words:?}");
        assert!(earned[0] < 100, "{words:?} {earned:?}");
    }
}

#[test]
fn a_whisper_renews_nobody() {
    let attacker = ip("9.9.9.9");
    let later = |hours: i64| after(hours * 3_600);
    let score = |confidence: u8, withdrawn: bool| {
        let mut scorer = mesh(3).scorer();
        let say = |scorer: &mut Scorer, reporter: u32, seq: u64, confidence: u8, at: Timestamp| {
            let mut said = report(reporter, &attacker);
            said.sighting.seq = seq;
            (said.confidence, said.observed, said.arrived) = (confidence, at, at);
            scorer.observe(&said, at).unwrap();
            said.sighting
        };
        say(&mut scorer, 1, 1, 100, NOW);
        let other = say(&mut scorer, 2, 1, confidence, later(10));
        if withdrawn {
            scorer.withdraw(other, later(10));
        }
        say(&mut scorer, 1, 2, 100, later(11));
        let verdict = scorer.verdict(&attacker, later(12));
        let first = verdict.contributions.iter().find(|one| one.reporter == org(1));
        first.unwrap().value
    };
    let alone = score(0, false);
    assert_eq!(score(49, false), alone);
    assert_eq!(score(100, true), alone);
    assert!(score(100, false) > alone);
}

/// What gold may still refute outlives a flood of withdrawals: of what one group says to itself, of what nobody comes from, and
/// of as many addresses as two groups like.
#[test]
fn no_flood_of_withdrawals_drives_out_what_gold_may_refute() {
    let regular: IpAddr = "9.9.9.9".parse().unwrap();
    let names = |number: u32, is_domain: bool| {
        if is_domain {
            Indicator::Domain(format!("d{number}.example").into())
        } else {
            Indicator::ip(std::net::Ipv4Addr::from(0x0b00_0000 + number).into())
        }
    };
    for (is_domain, [one, other]) in [(true, [1, 3]), (false, [3, 13]), (false, [1, 3])] {
        let mut world = mesh(3);
        world.add(13, 20, labels(13));
        world.vouch(3, 13);
        let mut scorer = world.scorer_with(vigie_reputation::ScorerConfig {
            max_retracted: 100,
            ..crate::world::at_once()
        });
        for day in (1..=12).rev() {
            scorer.remember(regular, Tier::Authenticated, after(-86_400 * day));
        }
        let mut takes_back = |reporter: u32, subject: &Indicator, seq: u64| {
            let mut said = report(reporter, subject);
            said.sighting.seq = seq;
            scorer.observe(&said, NOW).unwrap();
            scorer.withdraw(said.sighting, after(60));
        };
        for liar in [1, 2] {
            takes_back(liar, &ip("9.9.9.9"), 1);
        }
        for number in 0..500_u32 {
            for reporter in [one, other] {
                takes_back(reporter, &names(number, is_domain), 2 + u64::from(number));
            }
        }
        scorer.remember(regular, Tier::Authenticated, after(3_600));
        assert_eq!(
            scorer.learned_of(org(2)).unwrap().refuted,
            500,
            "{is_domain} {one} {other}"
        );
        assert!(scorer.size().contributions <= 220);
    }
}

/// Two organisations of no gold name a regular of ours at `NOW`, beyond what covers the second if `exposed`.
fn heard(exposed: bool) -> Scorer {
    let mut world = mesh(4);
    for member in &mut world.members {
        member.history = member.history.min(1);
    }
    let mut scorer = world.scorer_with(vigie_reputation::ScorerConfig::default());
    for day in (1..=12).rev() {
        scorer.remember(address(9), Tier::Authenticated, after(-86_400 * day));
    }
    let before = if exposed { 30_u32 } else { 0 };
    let others =
        (0..before).map(|number| Indicator::ip(std::net::Ipv4Addr::from(0x0b00_0000 + number).into()));
    for subject in others.chain([ip("9.9.9.9")]) {
        for liar in [1, 2] {
            scorer.observe(&report(liar, &subject), NOW).unwrap();
        }
    }
    scorer
}

#[test]
fn what_is_disputed_or_taken_back_while_it_waits_harmed_nobody() {
    let refuted = |scorer: &Scorer| [1, 2].map(|liar| scorer.learned_of(org(liar)).unwrap().refuted);
    let hour = 3_600;
    // What nothing covers waits six hours, not as long as the one whose hearing ends first.
    for (exposed, disputed, costs) in [
        (true, 3, REFUTED_CONTESTED),
        (false, 3, REFUTED_ONCE),
        (true, 7, REFUTED_ONCE),
    ] {
        let mut scorer = heard(exposed);
        assert!(scorer.dispute(org(3), &ip("9.9.9.9"), after(disputed * hour)));
        scorer.remember(address(9), Tier::Authenticated, after(8 * hour));
        assert_eq!(refuted(&scorer), [costs; 2], "{exposed} {disputed}");
    }
    // One takes it back before anybody could be blocked: the other was alone. After that both answer for it.
    for (minutes, costs) in [(10, [0, REFUTED_ALONE]), (30, [REFUTED_WITHDRAWN, REFUTED_ONCE])] {
        let mut scorer = heard(false);
        let mut taken = report(1, &ip("9.9.9.9"));
        taken.sighting.seq = 1;
        scorer.withdraw(taken.sighting, after(60 * minutes));
        scorer.remember(address(9), Tier::Authenticated, after(hour));
        assert_eq!(refuted(&scorer), costs, "{minutes}");
    }
}
