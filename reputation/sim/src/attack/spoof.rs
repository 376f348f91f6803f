//! A08 and A18: traffic that honest sensors rightly report and that comes, or seems to come, from innocents.
//!
//! A08 attacks from behind addresses that many share: the sightings are true, the harm is to the others behind them.
//! A18 forges the source, so that honest organisations accuse innocents and lose their standing. Deliberately absent:
//! a false word by anybody honest.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::campaign::{Campaign, Choice, Strike};
use super::{ACCUSATION, Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::{Dice, Weights};
use crate::population::Population;
use crate::span::hours;
use crate::subject::{Org, Subject, index};

/// Their parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spoof {
    /// From whose addresses: targets a day, and who. Liars name none of them.
    pub strike: Strike,
    /// Honest sensors that each target is made to hit.
    pub sensors: u32,
    /// A18: the same few organisations are hit every time; 0 is whomever it happens to be.
    pub victims: u32,
    /// Whether all liars dispute what the victims then report.
    pub dispute: bool,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Spoofers {
    attack: Spoof,
    campaign: Campaign,
    sensors: Weights,
    victims: Vec<Org>,
}

// === impl Spoof ===

impl Spoof {
    pub(super) fn shared() -> Self {
        Self {
            strike: Strike {
                targets_per_day: 5,
                choose: Choice::Shared,
                ..Strike::default()
            },
            sensors: 5,
            victims: 0,
            dispute: false,
        }
    }

    pub(super) fn slander() -> Self {
        Self {
            strike: Strike {
                targets_per_day: 5,
                ..Strike::default()
            },
            sensors: 3,
            victims: 20,
            dispute: true,
        }
    }
}

// === impl Spoofers ===

impl Spoofers {
    pub(super) fn new(attack: Spoof, population: &Population) -> Self {
        let organisations = population.organisations.iter();
        let weight = |org: &crate::population::Organisation| {
            if population.is_honest(org.org) {
                org.visibility
            } else {
                0.0
            }
        };
        Self {
            attack,
            campaign: Campaign::new(attack.strike, population),
            sensors: Weights::new(organisations.map(weight)),
            victims: Vec::new(),
        }
    }

    /// Whose sensors the next target hits.
    fn reached(&mut self, dice: &mut Dice) -> Vec<Org> {
        let orgs = |picked: Vec<u32>| picked.into_iter().map(Org).collect::<Vec<_>>();
        if self.attack.victims == 0 {
            return orgs(dice.pick_different(self.attack.sensors, &self.sensors));
        }
        if self.victims.is_empty() {
            self.victims = orgs(dice.pick_different(self.attack.victims, &self.sensors));
        }
        let places = Weights::new(self.victims.iter().map(|_| 1.0));
        let picked = dice.pick_different(self.attack.sensors, &places);
        let victim = |place: u32| self.victims.get(index(place)).copied();
        picked.into_iter().filter_map(victim).collect()
    }
}

impl Adversary for Spoofers {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if !day.striking {
            return Vec::new();
        }
        let mut deeds = Vec::new();
        for subject in self.campaign.next_targets(dice) {
            let begin = day.from + hours(20.0 * dice.unit());
            for victim in self.reached(dice) {
                deeds.push(Deed::Strike {
                    at: begin + hours(4.0 * dice.unit()),
                    from: subject,
                    victim,
                    behaviour: ACCUSATION,
                });
            }
        }
        deeds
    }

    fn hear(&mut self, claim: &Claim, population: &Population, dice: &mut Dice) -> Vec<Claim> {
        let spoofed = matches!(claim.subject, Subject::Innocent(one) if self.campaign.framed.contains(&one));
        let reported = matches!(claim.word, Word::Report(_)) && population.is_honest(claim.by);
        if !self.attack.dispute || !spoofed || !reported {
            return Vec::new();
        }
        let dispute = |liar: Org| {
            let at = claim.at + hours(0.2 * dice.unit());
            Claim::now(at, liar, claim.subject, Word::Dispute)
        };
        population.crew(0).into_iter().map(dispute).collect()
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.campaign.framed)
    }
}
