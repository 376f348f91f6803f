//! A01 to A07 and A16: liars that name unused addresses to look alive, and innocents to harm them.
//!
//! One machine, since these differ in who the liars are, when they strike and whom. Deliberately absent: anything but
//! words.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::campaign::{Campaign, Choice, Strike};
use super::{ACCUSATION, Adversary, Day};
use crate::claim::{Claim, Deed, Word};
use crate::dice::Dice;
use crate::population::Population;
use crate::span::hours;
use crate::subject::Subject;

/// Its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framing {
    /// The strike.
    pub strike: Strike,
    /// Unused addresses that all liars name together, a day, from the first day on.
    pub decoys_per_day: u32,
    /// They strike every so many days.
    pub period_days: u32,
    /// And on such a day within so many hours.
    pub burst_hours: f64,
    /// A01, A02: members that were fooled into vouching for a Sybil.
    pub edges: u32,
    /// A16: anchors whose keys are stolen; the liars are newcomers for whom they vouch.
    pub anchors_stolen: u32,
}

/// The liars.
#[derive(Clone, Debug)]
pub(super) struct Framers {
    attack: Framing,
    campaign: Campaign,
    decoys: u32,
    strikes_since: u32,
}

// === impl Framing ===

impl Default for Framing {
    /// A04: good sensors until the strike; from then on six of them at a time.
    fn default() -> Self {
        Self {
            strike: Strike::default(),
            decoys_per_day: 0,
            period_days: 1,
            burst_hours: 24.0,
            edges: 5,
            anchors_stolen: 0,
        }
    }
}

impl Framing {
    fn by_all() -> Self {
        Self {
            strike: Strike {
                liars_per_target: 0,
                ..Strike::default()
            },
            ..Self::default()
        }
    }

    pub(super) fn sybil_flash() -> Self {
        Self::by_all()
    }

    pub(super) fn sybil_aged() -> Self {
        Self {
            decoys_per_day: 1,
            ..Self::by_all()
        }
    }

    pub(super) fn collude_open() -> Self {
        Self {
            decoys_per_day: 10,
            ..Self::by_all()
        }
    }

    pub(super) fn oscillate() -> Self {
        let strike = Strike {
            rotate: true,
            ..Strike::default()
        };
        Self {
            strike,
            period_days: 5,
            burst_hours: 6.0,
            ..Self::default()
        }
    }

    pub(super) fn infrastructure() -> Self {
        let strike = Strike {
            liars_per_target: 0,
            targets_per_day: 5,
            max_targets: 50,
            choose: Choice::Infrastructure,
            renew_hours: 24.0,
            ..Strike::default()
        };
        Self {
            strike,
            ..Self::default()
        }
    }

    pub(super) fn competitor() -> Self {
        let strike = Strike {
            liars_per_target: 0,
            targets_per_day: 1,
            max_targets: 1,
            choose: Choice::Medium,
            renew_hours: 12.0,
            ..Strike::default()
        };
        Self {
            strike,
            ..Self::default()
        }
    }

    pub(super) fn stolen_anchors() -> Self {
        Self {
            decoys_per_day: 1,
            anchors_stolen: 1,
            ..Self::by_all()
        }
    }
}

// === impl Framers ===

impl Framers {
    pub(super) fn new(attack: Framing, population: &Population) -> Self {
        Self {
            attack,
            campaign: Campaign::new(attack.strike, population),
            decoys: 0,
            strikes_since: 0,
        }
    }
}

impl Adversary for Framers {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        let crew = day.population.crew(0);
        let spread = self.attack.strike.spread_hours;
        let mut deeds = Vec::new();
        for _ in 0..self.attack.decoys_per_day {
            let subject = Subject::Nobody(self.decoys);
            self.decoys += 1;
            let begin = day.from + hours(dice.unit() * (24.0 - spread).max(0.0));
            deeds.extend(crew.iter().map(|liar| {
                let at = begin + hours(dice.unit() * spread);
                Deed::Say(Claim::now(at, *liar, subject, Word::Report(ACCUSATION)))
            }));
        }
        if day.striking {
            if self.strikes_since.is_multiple_of(self.attack.period_days.max(1)) {
                let window = (day.from, self.attack.burst_hours);
                deeds.extend(self.campaign.strike(window, &crew, day.population, dice));
            }
            self.strikes_since += 1;
        }
        deeds
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.campaign.framed)
    }
}
