//! A20: single reports, which cost little, show whom nobody defends; then these are struck.
//!
//! What defends is seen in public: disputes. Deliberately absent: a look into anybody's memory.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::campaign::{Campaign, Strike};
use super::{ACCUSATION, Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::Dice;
use crate::population::Population;
use crate::span::hours;
use crate::subject::{Org, Subject, index, number};

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The strike: its targets are taken from those probed, the least defended first.
    pub strike: Strike,
    /// Innocents probed, in all, before the strike.
    pub probes: u32,
    /// Of those probed, the share that is struck.
    pub struck: f64,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Probers {
    attack: Probe,
    campaign: Campaign,
    probing: Campaign,
    crew: Vec<Org>,
    defended: BTreeMap<u32, u32>,
}

// === impl Probers ===

impl Probers {
    pub(super) fn new(attack: Probe, population: &Population) -> Self {
        let probing = Strike {
            // A twentieth a day: done before a strike on the thirtieth.
            targets_per_day: attack.probes.div_ceil(20),
            max_targets: attack.probes,
            ..attack.strike
        };
        Self {
            campaign: Campaign::new(attack.strike, population),
            probing: Campaign::new(probing, population),
            crew: population.crew(0),
            defended: BTreeMap::new(),
            attack,
        }
    }

    fn probe(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        let targets = self.probing.next_targets(dice);
        let probes = targets.into_iter().filter_map(|subject| {
            let liar = *self.crew.get(index(dice.below(number(self.crew.len()))))?;
            let at = day.from + hours(20.0 * dice.unit());
            Some(Deed::Say(Claim::now(at, liar, subject, Word::Report(ACCUSATION))))
        });
        probes.collect()
    }

    /// From now on only the least defended are framed.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length; `as` saturates"
    )]
    fn aim(&mut self, population: &Population) {
        let defence = |innocent: &u32| self.defended.get(innocent).copied().unwrap_or(0);
        let mut probed: Vec<u32> = self.probing.framed.iter().copied().collect();
        probed.sort_by_key(defence);
        probed.truncate(index(
            (f64::from(number(probed.len())) * self.attack.struck) as u32,
        ));
        let chosen: BTreeSet<u32> = probed.into_iter().collect();
        self.campaign.aim(population, |innocent| {
            f64::from(u8::from(chosen.contains(&innocent)))
        });
    }
}

impl Adversary for Probers {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if !day.striking {
            return self.probe(day, dice);
        }
        if day.first_strike {
            self.aim(day.population);
        }
        self.campaign
            .strike((day.from, 24.0), &self.crew, day.population, dice)
    }

    fn hear(&mut self, claim: &Claim, _population: &Population, _dice: &mut Dice) -> Vec<Claim> {
        if let (Subject::Innocent(innocent), Word::Dispute) = (claim.subject, claim.word) {
            *self.defended.entry(innocent).or_default() += 1;
        }
        Vec::new()
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.campaign.framed)
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            strike: Strike::default(),
            probes: 1_000,
            struck: 0.5,
        }
    }
}
