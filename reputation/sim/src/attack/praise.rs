//! A09: every liar disputes every true attacker, soon after somebody honest first reports it.
//!
//! From the strike on; before it their sensors are silent too, so that nothing is gained by listening to them.
//! Deliberately absent: framing anybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vigie_reputation::wire::Timestamp;

use super::{Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::Dice;
use crate::population::Population;
use crate::span::hours;
use crate::subject::{Org, Subject};

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Praise {
    /// Within so many hours of the first report all of them have disputed it.
    pub within_hours: f64,
    /// Whether they report what their own sensors see before the strike, so that they weigh something.
    pub sense_before: bool,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Praisers {
    attack: Praise,
    striking: bool,
    praised: BTreeSet<u32>,
    crew: Vec<Org>,
}

// === impl Praisers ===

impl Praisers {
    pub(super) fn new(attack: Praise) -> Self {
        Self {
            attack,
            striking: false,
            praised: BTreeSet::new(),
            crew: Vec::new(),
        }
    }
}

impl Adversary for Praisers {
    fn plan(&mut self, day: &Day<'_>, _dice: &mut Dice) -> Vec<Deed> {
        self.striking = day.striking;
        self.crew = day.population.crew(0);
        Vec::new()
    }

    fn hear(&mut self, claim: &Claim, _population: &Population, dice: &mut Dice) -> Vec<Claim> {
        let (Subject::Attacker(attacker), Word::Report(_)) = (claim.subject, claim.word) else {
            return Vec::new();
        };
        if !self.striking || !self.praised.insert(attacker) {
            return Vec::new();
        }
        let praise = |liar: &Org| {
            let at = claim.at + hours(dice.unit() * self.attack.within_hours);
            Claim::now(at, *liar, claim.subject, Word::Dispute)
        };
        self.crew.iter().map(praise).collect()
    }

    fn speaker(&self, liar: Org, _now: Timestamp, _population: &Population) -> Option<Org> {
        (self.attack.sense_before && !self.striking).then_some(liar)
    }
}

impl Default for Praise {
    fn default() -> Self {
        Self {
            within_hours: 0.2,
            sense_before: true,
        }
    }
}
