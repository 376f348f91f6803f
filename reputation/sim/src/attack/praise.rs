//! A09: every liar disputes every true attacker, soon after somebody honest first reports it.
//!
//! From the strike on; before it their sensors are silent too, so that nothing is gained by listening to them.
//! Deliberately absent: framing anybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Adversary, Claim, Day, Word};
use crate::dice::Dice;
use crate::population::Population;
use crate::span::hours;
use crate::subject::Subject;

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Praise {
    /// Within so many hours of the first report all of them have disputed it.
    pub within_hours: f64,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Praisers {
    attack: Praise,
    striking: bool,
    praised: BTreeSet<u32>,
}

// === impl Praisers ===

impl Praisers {
    pub(super) fn new(attack: Praise) -> Self {
        Self {
            attack,
            striking: false,
            praised: BTreeSet::new(),
        }
    }
}

impl Adversary for Praisers {
    fn plan(&mut self, day: &Day<'_>, _dice: &mut Dice) -> Vec<Claim> {
        self.striking = day.striking;
        Vec::new()
    }

    fn hear(&mut self, claim: &Claim, population: &Population, dice: &mut Dice) -> Vec<Claim> {
        let (Subject::Attacker(attacker), Word::Report(_)) = (claim.subject, claim.word) else {
            return Vec::new();
        };
        if !self.striking || !self.praised.insert(attacker) {
            return Vec::new();
        }
        population
            .liars()
            .map(|liar| Claim {
                at: claim.at + hours(dice.unit() * self.attack.within_hours),
                by: liar.org,
                subject: claim.subject,
                word: Word::Dispute,
            })
            .collect()
    }

    fn senses(&self) -> bool {
        false
    }
}

impl Default for Praise {
    fn default() -> Self {
        Self { within_hours: 0.2 }
    }
}
