//! One run: the same for the same seed, refused by name, measured as defined.

use vigie_sim::{Attack, Recording, Scorers, Setup, course, generator, simulate};

use crate::world::{line, run, set, small};

#[test]
fn one_seed_gives_the_same_bytes_and_another_gives_others() {
    for scorer in [
        Scorers::Vigie,
        Scorers::EigenTrust,
        Scorers::DawidSkene,
        Scorers::FidesBest,
        Scorers::Beta,
    ] {
        let setup = small(scorer, "A04", 0.3);
        assert_eq!(line(&setup, 7), line(&setup, 7));
        assert_ne!(
            line(&setup, 7),
            line(&setup, 8).replace("\"seed\":8", "\"seed\":7")
        );
    }
}

#[test]
fn every_attack_can_be_run_again() {
    for name in Attack::names() {
        let mut setup = small(Scorers::Vigie, &name, 0.3);
        if &*name == "adaptive" {
            setup = set(
                setup,
                &["attack.tries=2", "attack.smaller=2", "attack.try_days=1"],
            );
        }
        assert_eq!(line(&setup, 3), line(&setup, 3), "{name}");
        let text = serde_json::to_string(&setup).unwrap();
        assert_eq!(serde_json::from_str::<Setup>(&text).unwrap(), setup);
    }
}

#[test]
fn two_runs_of_one_seed_differ_in_the_attack_alone() {
    let calm = run(&small(Scorers::Oracle, "none", 0.0), 5);
    let struck = run(&small(Scorers::Oracle, "A06", 0.0), 5);
    assert_eq!(calm.ttp50_hours, struck.ttp50_hours);
    assert_eq!(calm.prevented, struck.prevented);
}

#[test]
fn a_setup_is_refused_by_name() {
    let setup = small(Scorers::Count(5), "A04", 0.4);
    for (assignment, text) in [
        ("liars=1.0", "liars must be 0.95 at most"),
        ("liars=-0.1", "liars must be a share, 0 to 1"),
        ("strike_day=20", "strike_day must be before the last day"),
        ("orgs=1", "orgs must be 2 to 100000"),
        (
            "observers=60",
            "observers must be 1 at least, and no more than honest members that are not anchors",
        ),
        ("days=0", "days must be 1 to 3650"),
    ] {
        let refused = simulate(&set(setup.clone(), &[assignment]), &mut generator(1)).unwrap_err();
        assert_eq!(refused.to_string(), text);
    }
}

#[test]
fn in_a_world_without_attackers_and_mistakes_nothing_happens() {
    let setup = set(
        small(Scorers::Count(1), "none", 0.0),
        &[
            "traffic.attackers_per_org_day=0",
            "noise.slips_per_day=0",
            "noise.broken_share=0",
        ],
    );
    let outcome = run(&setup, 1);
    assert_eq!(
        (
            outcome.innocents_blocked,
            outcome.harm.to_bits(),
            outcome.prevented
        ),
        (0, 0, None)
    );
    assert_eq!((outcome.recovery_hours, outcome.ttp50_hours), (Some(0.0), None));
}

#[test]
fn one_lasting_block_is_all_the_harm_that_it_must_be() {
    // One innocent, known to everybody and never disputed, framed on the strike day by stolen anchors alone: count-1
    // blocks it for the three days that a claim lives, which are all that is measured, less the first hours.
    let setup = set(
        small(Scorers::Count(1), "A06", 0.0),
        &[
            "anchors_stolen=1",
            "bystanders.count=1",
            "bystanders.infrastructure_share=1",
            "acquainted.floor=1",
            "acquainted.ceiling=1",
            "acquainted.remembered=0",
            "traffic.attackers_per_org_day=0",
            "noise.slips_per_day=0",
            "noise.broken_share=0",
            "attack.strike.renew_hours=0",
        ],
    );
    let outcome = run(&setup, 1);
    assert_eq!((outcome.targets, outcome.framed_innocents), (1, 1));
    assert!((outcome.framed_share - 0.01).abs() < 1e-9);
    assert_eq!(
        (outcome.innocents_blocked, outcome.known_innocents_blocked),
        (1, 0)
    );
    assert!((0.9..=1.0).contains(&outcome.harm), "{outcome:?}");
}

#[test]
fn a_recording_drives_the_same_scorers() {
    let mut text = "minute,sensor,subject,events\n".to_owned();
    for subject in 0..200 {
        let first = subject * 40;
        for sensor in 0..4 {
            text.push_str(&format!("{},{sensor},{subject},1\n", first + sensor * 90));
        }
    }
    let mut rows: Vec<&str> = text.lines().skip(1).collect();
    rows.sort_by_key(|row| row.split(',').next().unwrap().parse::<u32>().unwrap());
    let text = format!("minute,sensor,subject,events\n{}\n", rows.join("\n"));
    let recording = Recording::honeypots(&text, 6).unwrap();
    let replayed = |scorer: Scorers| {
        let mut setup = small(scorer, "none", 0.0);
        recording.fit(&mut setup);
        setup.strike_day = Some(1);
        let mut days = 0;
        let course = course(&setup, Some(&recording), &mut generator(1), &mut |_| days += 1).unwrap();
        assert_eq!(days, setup.days);
        assert!(course.figure().ends_with("</svg>\n"));
        course.outcome
    };
    let (oracle, two) = (replayed(Scorers::Oracle), replayed(Scorers::Count(2)));
    assert_eq!(
        (oracle.orgs, oracle.observers, oracle.prevented),
        (10, 4, Some(1.0))
    );
    // At the observer reached second, count-2 is never in time; at the third for one hit of two, at the fourth for two
    // of three: 0.39 in the mean.
    assert!((0.37..0.41).contains(&two.prevented.unwrap()), "{two:?}");
}
