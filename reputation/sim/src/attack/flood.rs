//! A12: from the strike on, as many subjects as possible that nobody else names, networks among them.
//!
//! It aims at memory: what a bounded table forgets to make room. Deliberately absent: the work of taking the flood in,
//! which benches measure.

use serde::{Deserialize, Serialize};

use super::{ACCUSATION, Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::Dice;
use crate::span::hours;
use crate::subject::{Org, Subject, index, number};

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flood {
    /// Sightings a day, of all liars together.
    pub sightings_per_day: u32,
    /// Of these, the share that names the /24 of some innocents.
    pub ranges: f64,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Flooders {
    attack: Flood,
    named: u32,
}

// === impl Flooders ===

impl Flooders {
    pub(super) fn new(attack: Flood) -> Self {
        Self { attack, named: 0 }
    }
}

impl Adversary for Flooders {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        let crew: Vec<Org> = day.population.crew(0);
        if !day.striking || crew.is_empty() {
            return Vec::new();
        }
        let ranges = number(day.population.innocents.len()) / 4;
        (0..self.attack.sightings_per_day)
            .filter_map(|_| {
                let subject = if dice.chance(self.attack.ranges) {
                    Subject::Range(dice.below(ranges))
                } else {
                    self.named = self.named.wrapping_add(1);
                    Subject::Nobody(self.named)
                };
                let liar = *crew.get(index(dice.below(number(crew.len()))))?;
                let at = day.from + hours(24.0 * dice.unit());
                Some(Deed::Say(Claim::now(at, liar, subject, Word::Report(ACCUSATION))))
            })
            .collect()
    }
}

impl Default for Flood {
    fn default() -> Self {
        Self {
            sightings_per_day: 20_000,
            ranges: 0.001,
        }
    }
}
