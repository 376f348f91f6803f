//! The simulator as a whole: runs are repeatable, and the scorers are as far apart as they should be.
//!
//! Small populations, so that the whole file takes seconds without optimisation. Deliberately absent: the figures that
//! are published, which come from large runs.

use vigie_sim::{Attack, Outcome, Record, Scorers, Setup, generator, simulate};

fn small(scorer: Scorers, attack: &str, liars: f64) -> Setup {
    Setup {
        scorer,
        attack: attack.parse().unwrap(),
        liars,
        ..Setup::default()
    }
}

fn run(setup: &Setup, seed: u64) -> Outcome {
    simulate(setup, &mut generator(seed)).unwrap()
}
