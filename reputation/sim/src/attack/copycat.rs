//! A10: echo what others report, a little later, to earn their credit; then strike.
//!
//! Deliberately absent: sensors of their own. All that these liars ever say is copied or false.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vigie_reputation::wire::Timestamp;

use super::campaign::{Campaign, Strike};
use super::{Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::Dice;
use crate::population::Population;
use crate::span::hours;
use crate::subject::{Org, Subject, number};

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copycat {
    /// The strike.
    pub strike: Strike,
    /// How long after the original.
    pub delay_seconds: f64,
    /// How many liars copy the first report of an attacker.
    pub copies: u32,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Copycats {
    attack: Copycat,
    campaign: Campaign,
    crew: Vec<Org>,
    copied: BTreeSet<u32>,
}

// === impl Copycats ===

impl Copycats {
    pub(super) fn new(attack: Copycat, population: &Population) -> Self {
        Self {
            attack,
            campaign: Campaign::new(attack.strike, population),
            crew: population.crew(0),
            copied: BTreeSet::new(),
        }
    }
}

impl Adversary for Copycats {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if !day.striking {
            return Vec::new();
        }
        self.campaign
            .strike((day.from, 24.0), &self.crew, day.population, dice)
    }

    fn hear(&mut self, claim: &Claim, _population: &Population, dice: &mut Dice) -> Vec<Claim> {
        let (Subject::Attacker(attacker), Word::Report(_)) = (claim.subject, claim.word) else {
            return Vec::new();
        };
        if self.crew.is_empty() || !self.copied.insert(attacker) {
            return Vec::new();
        }
        let at = claim.at + hours(self.attack.delay_seconds / 3_600.0);
        let first = dice.below(number(self.crew.len()));
        (0..self.attack.copies.min(number(self.crew.len())))
            .filter_map(|copy| {
                let place = (first + copy) % number(self.crew.len());
                self.crew.get(usize::try_from(place).ok()?)
            })
            .map(|liar| Claim::now(at, *liar, claim.subject, claim.word))
            .collect()
    }

    fn speaker(&self, _liar: Org, _now: Timestamp, _population: &Population) -> Option<Org> {
        None
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.campaign.framed)
    }
}

impl Default for Copycat {
    fn default() -> Self {
        Self {
            strike: Strike::default(),
            delay_seconds: 30.0,
            copies: 3,
        }
    }
}
