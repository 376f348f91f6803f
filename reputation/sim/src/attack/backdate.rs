//! A13: dates that lie. Echoes dated before the original, accusations dated into the future and renewed for ever, and
//! old sightings of honest organisations delivered again.
//!
//! Deliberately absent: a forged signature. What is delivered again is what its author wrote, date and all.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::campaign::{Campaign, Strike};
use super::{Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::Dice;
use crate::population::Population;
use crate::span::hours;
use crate::subject::{Org, Subject, index, number};

/// Honest mistakes that are kept for later.
const KEPT: usize = 2_000;

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backdate {
    /// The strike.
    pub strike: Strike,
    /// Accusations are dated so far ahead.
    pub ahead_minutes: f64,
    /// Echoes of attackers are dated so far back.
    pub back_hours: f64,
    /// How many liars echo each attacker.
    pub echoes: u32,
    /// Old false reports of honest organisations delivered again, a day.
    pub replays_per_day: u32,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Backdaters {
    attack: Backdate,
    campaign: Campaign,
    crew: Vec<Org>,
    echoed: BTreeSet<u32>,
    mistakes: Vec<Claim>,
}

// === impl Backdaters ===

impl Backdaters {
    pub(super) fn new(attack: Backdate, population: &Population) -> Self {
        Self {
            attack,
            campaign: Campaign::new(attack.strike, population),
            crew: population.crew(0),
            echoed: BTreeSet::new(),
            mistakes: Vec::new(),
        }
    }

    fn ahead(&self, deed: Deed) -> Deed {
        match deed {
            Deed::Say(claim) => Deed::Say(Claim {
                observed: claim.at + hours(self.attack.ahead_minutes / 60.0),
                ..claim
            }),
            other => other,
        }
    }
}

impl Adversary for Backdaters {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if !day.striking {
            return Vec::new();
        }
        let strike = self
            .campaign
            .strike((day.from, 24.0), &self.crew, day.population, dice);
        let mut deeds: Vec<Deed> = strike.into_iter().map(|deed| self.ahead(deed)).collect();
        for _ in 0..self.attack.replays_per_day {
            let place = index(dice.below(number(self.mistakes.len())));
            if let Some(old) = self.mistakes.get(place) {
                let at = day.from + hours(24.0 * dice.unit());
                deeds.push(Deed::Say(Claim { at, ..*old }));
            }
        }
        deeds
    }

    fn hear(&mut self, claim: &Claim, population: &Population, dice: &mut Dice) -> Vec<Claim> {
        let fresh = claim.observed == claim.at;
        match (claim.subject, claim.word) {
            (Subject::Innocent(_), Word::Report(_)) if fresh && population.is_honest(claim.by) => {
                if self.mistakes.len() < KEPT {
                    self.mistakes.push(*claim);
                }
                Vec::new()
            }
            (Subject::Attacker(attacker), Word::Report(_)) if self.echoed.insert(attacker) => {
                let echo = |_| {
                    let liar = *self.crew.get(index(dice.below(number(self.crew.len()))))?;
                    let at = claim.at + hours(0.01);
                    Some(Claim {
                        observed: claim.at - hours(self.attack.back_hours),
                        ..Claim::now(at, liar, claim.subject, claim.word)
                    })
                };
                (0..self.attack.echoes).filter_map(echo).collect()
            }
            _ => Vec::new(),
        }
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.campaign.framed)
    }
}

impl Default for Backdate {
    fn default() -> Self {
        Self {
            strike: Strike {
                renew_hours: 12.0,
                ..Strike::default()
            },
            ahead_minutes: 2.0,
            back_hours: 1.0,
            echoes: 2,
            replays_per_day: 50,
        }
    }
}
