//! A04: good sensors until the strike; from then on a few of the liars at a time frame one victim after the other.
//!
//! Deliberately absent: a search for the smallest number that suffices; it is a parameter.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ACCUSATION, Adversary, Claim, Day, Targets, Word};
use crate::dice::{Dice, Weights};
use crate::population::Population;
use crate::span::hours;

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowPoison {
    /// Innocents framed a day, from the strike on.
    pub targets_per_day: u32,
    /// Liars that name one victim, drawn anew for each.
    pub liars_per_target: u32,
    /// Within so many hours all of them have named it.
    pub spread_hours: f64,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Poisoners {
    attack: SlowPoison,
    targets: Targets,
    liars: Weights,
}

// === impl Poisoners ===

impl Poisoners {
    pub(super) fn new(attack: SlowPoison, population: &Population) -> Self {
        Self {
            attack,
            targets: Targets::of(population),
            liars: Weights::new(population.liars().map(|_| 1.0)),
        }
    }
}

impl Adversary for Poisoners {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Claim> {
        if !day.striking || self.liars.total() < 1.0 {
            return Vec::new();
        }
        let mut claims = Vec::new();
        for subject in self.targets.next(self.attack.targets_per_day, dice) {
            let begin = day.from + hours(dice.unit() * (24.0 - self.attack.spread_hours).max(0.0));
            for liar in dice.pick_different(self.attack.liars_per_target, &self.liars) {
                claims.push(Claim {
                    at: begin + hours(dice.unit() * self.attack.spread_hours),
                    by: day.population.liar(liar),
                    subject,
                    word: Word::Report(ACCUSATION),
                });
            }
        }
        claims
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.targets.framed)
    }
}

impl Default for SlowPoison {
    fn default() -> Self {
        Self {
            targets_per_day: 20,
            liars_per_target: 6,
            spread_hours: 0.05,
        }
    }
}
