//! Who vouches answers for it, and who says two things at one place is heard no more.

use std::net::IpAddr;

use vigie_reputation::constants::{DAY, KAPPA, VOID_FOR};
use vigie_reputation::wire::Timestamp;
use vigie_reputation::{Learned, Scorer, Tier};

use crate::world::{NOW, after, ip, labels, mesh, org, report};

/// Two members of the anchor; 1 vouches for 11 to 13, 2 for nobody. All have spoken long enough to weigh.
fn world() -> Scorer {
    let mut world = mesh(3);
    for liar in 11..14 {
        world.add(liar, 20, labels(liar));
        world.vouch(1, liar);
    }
    for member in &mut world.members {
        member.history = member.history.min(1);
    }
    world.scorer()
}

/// All of them name a regular of ours, who then comes again.
fn lie(scorer: &mut Scorer, liars: &[u32], regular: &str, at: i64) {
    let address: IpAddr = regular.parse().unwrap();
    for day in 1..=12 {
        scorer.remember(address, Tier::Authenticated, after(at - 86_400 * (13 - day)));
    }
    for liar in liars {
        let mut one = report(*liar, &ip(regular));
        (one.observed, one.arrived) = (after(at), after(at));
        one.sighting.seq = at.unsigned_abs();
        scorer.observe(&one, after(at)).unwrap();
    }
    scorer.remember(address, Tier::Authenticated, after(at + 1));
}

#[test]
fn what_gold_strikes_costs_the_struck_alone() {
    let mut scorer = world();
    for speaker in [0, 1, 2, 11, 12, 13] {
        scorer.observe(&report(speaker, &ip("8.8.8.8")), NOW).unwrap();
    }
    let before = [0, 1, 2].map(|number| scorer.weight(org(number), after(2)));
    // With 3, a group of its own, they could have blocked; a second time strikes.
    lie(&mut scorer, &[11, 12, 3], "9.9.9.9", 0);
    lie(&mut scorer, &[11, 12, 3], "9.9.9.8", 90_000);
    assert!(scorer.is_struck(org(11), after(90_002)) && scorer.is_struck(org(12), after(90_002)));
    let now = after(90_002);
    assert_eq!([0, 1, 2].map(|number| scorer.weight(org(number), now)), before);
}

#[test]
fn a_voucher_pays_a_quarter_of_a_strike_for_each_of_his_that_equivocates() {
    let mut scorer = world();
    for speaker in [1, 11, 12, 13] {
        scorer.observe(&report(speaker, &ip("8.8.8.8")), NOW).unwrap();
    }
    let before = scorer.weight(org(1), NOW);
    assert!(scorer.equivocated(org(11), NOW) && scorer.equivocated(org(12), NOW));
    assert_eq!(scorer.learned_of(org(1)).unwrap().refuted, 2 * 1_000);
    assert!(scorer.weight(org(1), NOW) < before);
    assert!(!scorer.is_struck(org(1), NOW), "he did not say it");
    // Within three weeks most of it is forgiven.
    assert!(scorer.weight(org(1), after(21 * 86_400)) * 10 >= before * 8);
}

#[test]
fn who_equivocates_weighs_nothing_for_half_a_year_also_after_a_restart() {
    let mut scorer = world();
    for speaker in [1, 2, 11] {
        scorer.observe(&report(speaker, &ip("8.8.8.8")), NOW).unwrap();
    }
    let before = scorer.weight(org(1), NOW);
    assert!(scorer.equivocated(org(11), NOW));
    assert!(!scorer.equivocated(org(11), NOW), "once is enough");
    assert_eq!(scorer.weight(org(11), NOW), 0);
    assert!(scorer.weight(org(1), NOW) < before, "who vouched for it answers");
    let verdict = scorer.verdict(&ip("8.8.8.8"), NOW);
    assert_eq!(verdict.groups, 2);
    assert!(verdict.score <= 2 * KAPPA);
    let told: Learned = serde_json::from_str(&serde_json::to_string(&scorer.learned()).unwrap()).unwrap();
    let mut again = world();
    again.restore(&told);
    assert_eq!(again.weight(org(11), NOW), 0);
    let over = Timestamp::from_millis(NOW.as_millis() + VOID_FOR);
    assert_eq!(
        again.weight(org(11), Timestamp::from_millis(over.as_millis() - DAY)),
        0
    );
    assert!(again.weight(org(11), over) > 0);
    // An anchor is the operator's choice: nobody vouches for it, and it is void as well.
    assert!(scorer.equivocated(org(0), NOW));
    assert_eq!(scorer.weight(org(0), NOW), 0);
}
