//! The simulator as a whole: runs are repeatable, and the scorers are as far apart as they should be.
//!
//! Small populations, so that the whole file takes seconds without optimisation. Deliberately absent: the figures that
//! are published, which come from large runs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its own input should stop there"
)]

use vigie_sim::{Attack, ColludeOpen, Outcome, Record, Scorers, Setup, Traffic, Trust, generator, simulate};

/// 200 organisations, 20 days, one observer, a quarter of the usual attackers.
fn setup(scorer: Scorers, attack: &str, liars: f64) -> Setup {
    Setup {
        scorer,
        attack: attack.parse().unwrap(),
        liars,
        traffic: Traffic {
            attackers_per_day: 40,
            ..Traffic::default()
        },
        ..Setup::default()
    }
}

/// Fewer of everything, for runs with many liars or observers.
fn tiny(scorer: Scorers, attack: &str, liars: f64) -> Setup {
    Setup {
        orgs: 30,
        anchors: 6,
        days: 6,
        strike_day: 4,
        ..setup(scorer, attack, liars)
    }
}

fn run(setup: &Setup, seed: u64) -> Outcome {
    simulate(setup, &mut generator(seed)).unwrap()
}

fn line(setup: &Setup, seed: u64) -> String {
    let outcome = run(setup, seed);
    serde_json::to_string(&Record { seed, outcome }).unwrap()
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_gives_others() {
    for attack in ["A04", "A09"] {
        let setup = Setup {
            observers: 2,
            ..tiny(Scorers::Vigie, attack, 0.3)
        };
        assert_eq!(line(&setup, 7), line(&setup, 7));
        assert_ne!(
            line(&setup, 7),
            line(&setup, 8).replace("\"seed\":8", "\"seed\":7")
        );
    }
}

#[test]
fn no_attack_no_innocent_blocked_and_more_prevented_than_three_reports_would() {
    // Members that genesis knows; newcomers of so quiet a network would still be in probation.
    let peace = |scorer| Setup {
        trust: Trust {
            history: 25,
            ..Trust::default()
        },
        ..setup(scorer, "none", 0.0)
    };
    let ours = run(&peace(Scorers::Vigie), 1);
    assert_eq!((ours.innocents_blocked, ours.harm.to_bits()), (0, 0), "{ours:?}");
    let three = run(&peace(Scorers::Count(3)), 1);
    assert!(ours.prevented > three.prevented, "{ours:?} {three:?}");
}

#[test]
fn colluders_frame_far_fewer_with_ours_than_with_two_reports() {
    let strike = |scorer| Setup {
        days: 13,
        ..setup(scorer, "A03", 0.1)
    };
    let framed = |scorer| run(&strike(scorer), 2).framed_innocents;
    let (ours, two) = (framed(Scorers::Vigie), framed(Scorers::Count(2)));
    assert!(two >= 45 && ours * 3 < two, "ours {ours}, count-2 {two}");
}

#[test]
fn nine_liars_in_ten_block_nobody_who_logged_in() {
    let attack = |scorer| Setup {
        attack: Attack::ColludeOpen(ColludeOpen {
            targets_per_day: 6,
            decoys_per_day: 0,
            ..ColludeOpen::default()
        }),
        ..tiny(scorer, "none", 0.9)
    };
    let ours = run(&attack(Scorers::Vigie), 3);
    assert_eq!((ours.known_innocents_blocked, ours.targets), (0, 12), "{ours:?}");
    // The attack is real: the same world defends nobody with count-2.
    let two = run(&attack(Scorers::Count(2)), 3);
    assert!(two.known_innocents_blocked >= 3, "{two:?}");
}

#[test]
fn praise_silences_a_count_and_not_ours() {
    let prevented = |scorer, liars| run(&tiny(scorer, "A09", liars), 4).prevented.unwrap();
    assert!(prevented(Scorers::Count(2), 0.4) < 0.1);
    assert!(prevented(Scorers::Vigie, 0.4) > prevented(Scorers::Vigie, 0.0) - 0.05);
}

#[test]
fn the_oracle_prevents_all_that_can_be_prevented_and_harms_nobody() {
    let oracle = run(&tiny(Scorers::Oracle, "A04", 0.3), 5);
    assert_eq!((oracle.prevented, oracle.innocents_blocked), (Some(1.0), 0));
    assert!(oracle.ttp50_hours.unwrap() < 0.01, "{oracle:?}");
}

#[test]
fn a_setup_is_read_back_as_it_is_written_and_refused_by_name() {
    let setup = setup(Scorers::Count(5), "A04", 0.4);
    let text = serde_json::to_string(&setup).unwrap();
    assert_eq!(serde_json::from_str::<Setup>(&text).unwrap(), setup);
    let partial: Setup = serde_json::from_str(r#"{"attack":{"id":"A03","targets_per_day":3}}"#).unwrap();
    assert_eq!(partial.attack.id(), "A03");
    for (wrong, text) in [
        (
            Setup {
                liars: 1.0,
                ..setup.clone()
            },
            "liars must be 0.95 at most",
        ),
        (
            Setup {
                liars: f64::NAN,
                ..setup.clone()
            },
            "liars must be a share, 0 to 1",
        ),
        (
            Setup {
                strike_day: 20,
                ..setup.clone()
            },
            "strike_day must be before the last day",
        ),
    ] {
        let refused = simulate(&wrong, &mut generator(1)).unwrap_err();
        assert_eq!(refused.to_string(), text);
    }
}
