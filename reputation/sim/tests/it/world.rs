//! Small worlds.

use vigie_sim::{Outcome, Record, Scorers, Setup, generator, simulate};

/// 50 organisations, 7 days of which 3 are attacked, few innocents, so that every attack meets some again.
pub(crate) fn small(scorer: Scorers, attack: &str, liars: f64) -> Setup {
    let mut setup = Setup {
        scorer,
        attack: attack.parse().unwrap(),
        liars,
        orgs: 50,
        anchors: 6,
        days: 7,
        strike_day: Some(4),
        observers: 3,
        ..Setup::default()
    };
    setup.bystanders.count = 400;
    setup
}

pub(crate) fn run(setup: &Setup, seed: u64) -> Outcome {
    simulate(setup, &mut generator(seed)).unwrap()
}

pub(crate) fn line(setup: &Setup, seed: u64) -> String {
    let outcome = run(setup, seed);
    serde_json::to_string(&Record { seed, outcome }).unwrap()
}

pub(crate) fn set(mut setup: Setup, assignments: &[&str]) -> Setup {
    for assignment in assignments {
        setup.assign(assignment).unwrap();
    }
    setup
}
