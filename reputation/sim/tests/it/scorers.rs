//! The scorers against each other, in the same worlds.

use vigie_sim::Scorers;

use crate::world::{run, small};

#[test]
fn nobody_prevents_more_than_the_oracle_which_harms_nobody() {
    for attack in ["none", "A03"] {
        let oracle = run(&small(Scorers::Oracle, attack, 0.3), 5);
        assert_eq!((oracle.prevented, oracle.innocents_blocked), (Some(1.0), 0));
        assert!(oracle.ttp50_hours.unwrap() < 0.1, "{oracle:?}");
        for scorer in Scorers::ALL {
            let outcome = run(&small(scorer, attack, 0.3), 5);
            let prevented = outcome.prevented.unwrap();
            assert!((0.0..=1.0).contains(&prevented), "{outcome:?}");
            assert!(
                attack != "none" || scorer == Scorers::CrowdSec || prevented > 0.05,
                "{scorer} is asleep: {outcome:?}"
            );
        }
    }
}

#[test]
fn more_reporters_needed_is_less_prevented_and_later() {
    let count = |needed| run(&small(Scorers::Count(needed), "none", 0.0), 2);
    let (two, three, five) = (count(2), count(3), count(5));
    assert!(two.prevented > three.prevented && three.prevented > five.prevented);
    assert!(two.ttp50_hours < three.ttp50_hours, "{two:?} {three:?}");
}

#[test]
fn no_attack_no_innocent_blocked_by_ours() {
    let ours = run(&small(Scorers::Vigie, "none", 0.0), 1);
    assert_eq!((ours.innocents_blocked, ours.harm.to_bits()), (0, 0), "{ours:?}");
}

#[test]
fn nine_liars_in_ten_block_nobody_who_logged_in() {
    let attack = |scorer| run(&small(scorer, "A03", 0.9), 3);
    let ours = attack(Scorers::Vigie);
    assert_eq!((ours.known_innocents_blocked, ours.targets), (0, 60), "{ours:?}");
    // The attack is real: the same world defends nobody with count-2.
    let two = attack(Scorers::Count(2));
    assert!(two.known_innocents_blocked >= 20, "{two:?}");
}
