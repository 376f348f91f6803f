//! A11: bots of their own attack honest nodes, and colluders name each bot a minute before; then they strike.
//!
//! The hits are real, so the credit is real: what it buys is what matters. Deliberately absent: bots in the measures;
//! blocking one neither helps nor harms.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::campaign::{Campaign, Strike};
use super::{ACCUSATION, Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::{Dice, Weights};
use crate::population::Population;
use crate::span::hours;
use crate::subject::{Org, Subject, index};

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Farm {
    /// The strike.
    pub strike: Strike,
    /// Bots burnt in all, before the strike.
    pub bots: u32,
    /// Honest organisations that each attacks.
    pub victims: u32,
    /// Liars that name it first.
    pub prophets: u32,
    /// So long before its first hit.
    pub ahead_seconds: f64,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Farmers {
    attack: Farm,
    campaign: Campaign,
    victims: Weights,
    crew: Vec<Org>,
    turns: Weights,
    burnt: u32,
}

// === impl Farmers ===

impl Farmers {
    pub(super) fn new(attack: Farm, population: &Population) -> Self {
        let crew = population.crew(0);
        let organisations = population.organisations.iter();
        Self {
            campaign: Campaign::new(attack.strike, population),
            victims: Weights::new(organisations.map(|org| {
                if population.is_honest(org.org) {
                    org.visibility
                } else {
                    0.0
                }
            })),
            turns: Weights::new(crew.iter().map(|_| 1.0)),
            crew,
            burnt: 0,
            attack,
        }
    }

    fn burn(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        let bot = Subject::Bot(self.burnt);
        self.burnt += 1;
        let first = day.from + hours(1.0 + dice.unit() * 20.0);
        let ahead = hours(self.attack.ahead_seconds / 3_600.0);
        let mut deeds: Vec<Deed> = dice
            .pick_different(self.attack.prophets, &self.turns)
            .into_iter()
            .filter_map(|place| self.crew.get(index(place)))
            .map(|liar| Deed::Say(Claim::now(first - ahead, *liar, bot, Word::Report(ACCUSATION))))
            .collect();
        for victim in dice.pick_different(self.attack.victims, &self.victims) {
            deeds.push(Deed::Strike {
                at: first + hours(dice.unit() * 2.0),
                from: bot,
                victim: Org(victim),
                behaviour: ACCUSATION,
            });
        }
        deeds
    }
}

impl Adversary for Farmers {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if day.striking {
            return self
                .campaign
                .strike((day.from, 24.0), &self.crew, day.population, dice);
        }
        // A thirtieth a day: as long as the warming up at most.
        let today = (self.attack.bots / 30).max(1);
        let mut deeds = Vec::new();
        while self.burnt < self.attack.bots.min((day.number + 1) * today) {
            deeds.extend(self.burn(day, dice));
        }
        deeds
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.campaign.framed)
    }
}

impl Default for Farm {
    fn default() -> Self {
        Self {
            strike: Strike::default(),
            bots: 1_000,
            victims: 30,
            prophets: 3,
            ahead_seconds: 60.0,
        }
    }
}
