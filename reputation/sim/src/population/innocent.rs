//! Innocents: how popular they are, and what a wrong block would cut off.
//!
//! Deliberately absent: who knows them, which `acquaintance` says.

use vigie_reputation::Class;

use crate::dice::Dice;
use crate::setup::Bystanders;
use crate::subject::number;

/// As many as have an address of their own, with room.
pub(crate) const MAX_INNOCENTS: u32 = 262_144;

/// One innocent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Innocent {
    /// Against the mean of all: Zipf by rank.
    pub popularity: f64,
    /// What it is.
    pub class: Class,
    /// What the warning lists say that it is.
    pub listed: Class,
}

pub(super) fn draw(bystanders: &Bystanders, dice: &mut Dice) -> Vec<Innocent> {
    let count = bystanders.count;
    let weights: Vec<f64> = (0..count)
        .map(|rank| libm::pow(f64::from(rank + 1), -bystanders.zipf))
        .collect();
    let mean = weights.iter().sum::<f64>() / f64::from(count);
    let infrastructure = f64::from(count) * bystanders.infrastructure_share;
    weights
        .iter()
        .enumerate()
        .map(|(rank, weight)| {
            let shared = dice.chance(bystanders.shared_share);
            let known = dice.chance(bystanders.shared_listed);
            let (class, listed) = match () {
                () if f64::from(number(rank)) < infrastructure => (Class::Protected, Class::Protected),
                () if shared && known => (Class::SharedEgress, Class::SharedEgress),
                () if shared => (Class::SharedEgress, Class::Ordinary),
                () => (Class::Ordinary, Class::Ordinary),
            };
            Innocent {
                popularity: weight / mean,
                class,
                listed,
            }
        })
        .collect()
}
