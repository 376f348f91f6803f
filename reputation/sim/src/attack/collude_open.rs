//! A03: all liars name the same unused addresses, to corroborate each other, and from the strike on the same victims.
//!
//! Their sensors work and report. Deliberately absent: any stealth; see `slow_poison`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ACCUSATION, Adversary, Claim, Day, Targets, Word};
use crate::dice::Dice;
use crate::population::Population;
use crate::span::hours;
use crate::subject::Subject;

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColludeOpen {
    /// Innocents framed a day, from the strike on.
    pub targets_per_day: u32,
    /// Unused addresses named a day, from the first day on.
    pub decoys_per_day: u32,
    /// Within so many hours everybody has named a target.
    pub spread_hours: f64,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Colluders {
    attack: ColludeOpen,
    targets: Targets,
    decoys: u32,
}

// === impl Colluders ===

impl Colluders {
    pub(super) fn new(attack: ColludeOpen, population: &Population) -> Self {
        Self {
            attack,
            targets: Targets::of(population),
            decoys: 0,
        }
    }
}

impl Adversary for Colluders {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Claim> {
        let decoys = self.decoys..self.decoys + self.attack.decoys_per_day;
        self.decoys = decoys.end;
        let mut named: Vec<Subject> = decoys.map(Subject::Nobody).collect();
        if day.striking {
            named.extend(self.targets.next(self.attack.targets_per_day, dice));
        }
        let mut claims = Vec::new();
        for subject in named {
            let begin = day.from + hours(dice.unit() * (24.0 - self.attack.spread_hours).max(0.0));
            claims.extend(day.population.liars().map(|liar| Claim {
                at: begin + hours(dice.unit() * self.attack.spread_hours),
                by: liar.org,
                subject,
                word: Word::Report(ACCUSATION),
            }));
        }
        claims
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.targets.framed)
    }
}

impl Default for ColludeOpen {
    fn default() -> Self {
        Self {
            targets_per_day: 20,
            decoys_per_day: 10,
            spread_hours: 0.05,
        }
    }
}
