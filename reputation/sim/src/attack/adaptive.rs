//! The adaptive attacker: knows every parameter and every line of the scorer, tries strikes on smaller worlds like this
//! one, and uses the best.
//!
//! A budgeted search: the strikes of other attacks first, then drawn ones; the second half of the tries change one thing
//! of the best so far. Deliberately
//! absent: a look at the world that is measured; he tries on worlds of his own seeds.

use serde::{Deserialize, Serialize};

use super::campaign::{Choice, Strike};
use super::{Attack, Framing};
use crate::dice::{Dice, generator};
use crate::outcome::Outcome;
use crate::replay::Recording;
use crate::setup::{Setup, SetupRefused};

/// What he wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// That as large a part of those he frames as possible is blocked at half of the nodes; then harm.
    Share,
    /// As many framed at half of the nodes as possible.
    Framed,
    /// As much legitimate traffic kept out as possible.
    Harm,
}

/// His parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// The strike that he uses if he may try none.
    pub strike: Strike,
    /// What he wants.
    pub objective: Objective,
    /// How many strikes he tries.
    pub tries: u32,
    /// How much smaller the worlds are in which he tries, in organisations.
    pub smaller: u32,
    /// How long he strikes in them, in days.
    pub try_days: u32,
}

// === impl Adaptive ===

impl Adaptive {
    /// The best strike found.
    pub(crate) fn best(
        &self,
        setup: &Setup,
        recording: Option<&Recording>,
        key: u64,
    ) -> Result<Strike, SetupRefused> {
        let mut dice = Dice::of_seed(key);
        let mut best = (self.strike, f64::MIN);
        for number in 0..self.tries {
            let strike = match number {
                0 => self.strike,
                1..4 => starter(self.strike, number),
                _ if number * 2 < self.tries => drawn(&mut dice),
                _ => changed(best.0, &mut dice),
            };
            let trial = self.trial(setup, strike);
            let seed = dice.bits();
            let outcome =
                crate::simulation::course(&trial, recording, &mut generator(seed), &mut |_| ())?.outcome;
            let gain = self.objective.of(&outcome);
            if gain > best.1 {
                best = (strike, gain);
            }
        }
        Ok(best.0)
    }

    fn trial(&self, setup: &Setup, strike: Strike) -> Setup {
        let orgs = (setup.orgs / self.smaller.max(1)).max(setup.anchors + 1);
        let warm = setup.strike_day().min(20);
        let framing = Framing {
            strike,
            ..Framing::default()
        };
        Setup {
            attack: Attack::SlowPoison(framing),
            orgs,
            days: warm + self.try_days.max(1),
            strike_day: Some(warm),
            observers: setup.observers.min(3).min(orgs - setup.anchors),
            ..setup.clone()
        }
    }
}

impl Default for Adaptive {
    fn default() -> Self {
        Self {
            strike: Strike::default(),
            objective: Objective::Share,
            tries: 16,
            smaller: 3,
            try_days: 10,
        }
    }
}

// === impl Objective ===

impl Objective {
    fn of(self, outcome: &Outcome) -> f64 {
        let framed = f64::from(outcome.framed_innocents);
        match self {
            Self::Share => outcome.framed_share + outcome.harm,
            Self::Framed => framed + outcome.harm,
            Self::Harm => outcome.harm + 1e-9 * framed,
        }
    }
}

fn one_of<T: Copy>(values: &[T], dice: &mut Dice, otherwise: T) -> T {
    let place = dice.below(crate::subject::number(values.len()));
    values
        .get(crate::subject::index(place))
        .copied()
        .unwrap_or(otherwise)
}

/// What he tries before he draws: fresh liars for every victim, then fewer victims, then accusations kept up.
fn starter(strike: Strike, number: u32) -> Strike {
    let fresh = Strike {
        rotate: true,
        distinct_groups: true,
        ..strike
    };
    match number {
        1 => fresh,
        2 => Strike {
            targets_per_day: 4,
            ..fresh
        },
        _ => Strike {
            renew_hours: 24.0,
            ..fresh
        },
    }
}

fn drawn(dice: &mut Dice) -> Strike {
    let mut strike = Strike {
        distinct_groups: true,
        ..Strike::default()
    };
    for gene in 0..GENES {
        change(&mut strike, gene, dice);
    }
    strike
}

fn changed(strike: Strike, dice: &mut Dice) -> Strike {
    let mut strike = strike;
    let gene = dice.below(GENES);
    change(&mut strike, gene, dice);
    strike
}

/// Things that can be changed.
const GENES: u32 = 7;

fn change(strike: &mut Strike, gene: u32, dice: &mut Dice) {
    match gene {
        0 => strike.liars_per_target = one_of(&[2, 3, 4, 5, 6, 9, 15, 0], dice, 3),
        1 => strike.targets_per_day = one_of(&[2, 10, 20, 60], dice, 20),
        2 => strike.spread_hours = one_of(&[0.05, 1.0, 6.0, 12.0], dice, 0.05),
        3 => {
            let choices = [Choice::Popular, Choice::Even, Choice::Obscure, Choice::Shared];
            strike.choose = one_of(&choices, dice, Choice::Popular);
        }
        4 => strike.rotate = dice.chance(0.5),
        5 => strike.renew_hours = one_of(&[0.0, 24.0], dice, 0.0),
        _ => strike.distinct_groups = dice.chance(0.7),
    }
}
