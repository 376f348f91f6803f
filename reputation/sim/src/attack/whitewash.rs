//! A19: behave for some days, strike, drop the keys, and come back as newcomers over the same vouches.
//!
//! Deliberately absent: new vouches. Who vouched once is asked no second time.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vigie_reputation::wire::Timestamp;

use super::campaign::{Campaign, Strike};
use super::{Adversary, Day};
use crate::claim::Deed;
use crate::dice::Dice;
use crate::population::Population;
use crate::span::{START, days};
use crate::subject::Org;

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whitewash {
    /// The strike.
    pub strike: Strike,
    /// Days from one rebirth to the next.
    pub cycle_days: u32,
    /// Of these, the last so many are used to strike.
    pub strike_days: u32,
    /// Rebirths in all.
    pub times: u32,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Whitewashers {
    attack: Whitewash,
    campaign: Campaign,
}

// === impl Whitewashers ===

impl Whitewashers {
    pub(super) fn new(attack: Whitewash, population: &Population) -> Self {
        Self {
            attack,
            campaign: Campaign::new(attack.strike, population),
        }
    }

    fn generation(&self, at: Timestamp) -> u32 {
        let cycle = days(self.attack.cycle_days.max(1)).as_millis();
        let lived = at.since(START).as_millis() / cycle;
        u32::try_from(lived).unwrap_or(u32::MAX).min(self.attack.times)
    }
}

impl Adversary for Whitewashers {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        let cycle = self.attack.cycle_days.max(1);
        let in_cycle = day.number % cycle;
        if !day.striking || in_cycle + self.attack.strike_days < cycle {
            return Vec::new();
        }
        let crew = day.population.crew(self.generation(day.from));
        self.campaign
            .strike((day.from, 24.0), &crew, day.population, dice)
    }

    fn speaker(&self, liar: Org, now: Timestamp, population: &Population) -> Option<Org> {
        if liar.0 < population.honest {
            return Some(liar);
        }
        let later = self.generation(now).checked_mul(population.liars)?;
        liar.0.checked_add(later).map(Org)
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.campaign.framed)
    }
}

impl Default for Whitewash {
    fn default() -> Self {
        Self {
            strike: Strike::default(),
            cycle_days: 14,
            strike_days: 4,
            times: 6,
        }
    }
}
