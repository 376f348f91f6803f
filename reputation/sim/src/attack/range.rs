//! A17: many lies inside one /24, to have all of it blocked: unused neighbours of an innocent, then the network itself.
//!
//! Deliberately absent: a claim on the innocent himself; that is every other attack.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::campaign::{Campaign, Strike};
use super::{ACCUSATION, Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::Dice;
use crate::population::Population;
use crate::span::hours;
use crate::subject::{INNOCENTS_PER_RANGE, Org, Subject};

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeCreep {
    /// The strike: its targets are the innocents of the networks.
    pub strike: Strike,
    /// Unused addresses named in each network.
    pub addresses: u32,
    /// Whether the network is named too.
    pub network_too: bool,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Creepers {
    attack: RangeCreep,
    campaign: Campaign,
    crew: Vec<Org>,
}

// === impl Creepers ===

impl Creepers {
    pub(super) fn new(attack: RangeCreep, population: &Population) -> Self {
        Self {
            attack,
            campaign: Campaign::new(attack.strike, population),
            crew: population.crew(0),
        }
    }

    fn named(&self, innocent: u32) -> Vec<Subject> {
        let range = innocent / INNOCENTS_PER_RANGE;
        let hosts = (0..=u8::MAX).filter(|host| !host.is_multiple_of(64));
        let hosts = hosts.take(usize::try_from(self.attack.addresses).unwrap_or(usize::MAX));
        let mut named: Vec<Subject> = hosts.map(|host| Subject::Neighbour(range, host)).collect();
        if self.attack.network_too {
            named.push(Subject::range_of(innocent));
        }
        named
    }
}

impl Adversary for Creepers {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if !day.striking {
            return Vec::new();
        }
        let strike = self
            .campaign
            .strike((day.from, 24.0), &self.crew, day.population, dice);
        let mut deeds = Vec::new();
        for deed in strike {
            let Deed::Say(claim) = deed else { continue };
            let Subject::Innocent(innocent) = claim.subject else {
                continue;
            };
            for subject in self.named(innocent) {
                let at = claim.at + hours(dice.unit() * self.attack.strike.spread_hours);
                deeds.push(Deed::Say(Claim::now(
                    at,
                    claim.by,
                    subject,
                    Word::Report(ACCUSATION),
                )));
            }
        }
        deeds
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.campaign.framed)
    }
}

impl Default for RangeCreep {
    fn default() -> Self {
        Self {
            strike: Strike {
                targets_per_day: 5,
                liars_per_target: 12,
                ..Strike::default()
            },
            addresses: 32,
            network_too: true,
        }
    }
}
