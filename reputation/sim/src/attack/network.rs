//! A14, A15, A21: attacks on the way that claims take. The mesh itself is simulated elsewhere; here stands what is left
//! of these attacks after it: who hears what, and when.
//!
//! Deliberately absent: gossip. A claim reaches an observer at once, late, or never.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vigie_reputation::wire::Timestamp;

use super::campaign::{Campaign, Strike};
use super::{Adversary, Day, Way};
use crate::claim::{Claim, Deed, Word};
use crate::dice::{Dice, mix, unit};
use crate::population::Population;
use crate::span::hours;
use crate::subject::{Org, Subject};

/// A14: its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivocate {
    /// The strike. One half of the observers hears it, the other half hears nothing.
    pub strike: Strike,
    /// After so many minutes the halves compare heads, the fork is proven, and the liar is out.
    pub proven_minutes: f64,
}

/// A15: its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eclipse {
    /// The strike.
    pub strike: Strike,
    /// Observers that are surrounded.
    pub eclipsed: f64,
    /// At these, the share of the unwelcome that their neighbours drop: disputes, and perhaps reports of true attackers.
    pub dropped: f64,
    /// After so many hours anti-entropy with an honest node brings what was dropped; 0 is never.
    pub healed_hours: f64,
    /// Whether reports of true attackers pass, so that fewer chains have gaps.
    pub disputes_only: bool,
}

/// A21: its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The strike, within the split.
    pub strike: Strike,
    /// The honest that are cut off from the others.
    pub cut_off: f64,
    /// For so long.
    pub hours: f64,
    /// Every so many days.
    pub period_days: u32,
}

/// What the three have in common: well-behaved liars that strike.
#[derive(Clone, Debug)]
struct Strikers {
    campaign: Campaign,
    crew: Vec<Org>,
}

/// A14: the liars.
#[derive(Clone, Debug)]
pub(super) struct Equivocators {
    attack: Equivocate,
    strikers: Strikers,
    burnt: BTreeSet<Org>,
}

/// A15: the liars.
#[derive(Clone, Debug)]
pub(super) struct Eclipsers {
    attack: Eclipse,
    strikers: Strikers,
    /// Since when they strike.
    since: Option<Timestamp>,
}

/// A21: the liars.
#[derive(Clone, Debug)]
pub(super) struct Splitters {
    attack: Split,
    strikers: Strikers,
    split: Option<(Timestamp, Timestamp)>,
}

// === impl Strikers ===

impl Strikers {
    fn new(strike: Strike, population: &Population) -> Self {
        Self {
            campaign: Campaign::new(strike, population),
            crew: population.crew(0),
        }
    }

    fn strike(&mut self, day: &Day<'_>, window: f64, dice: &mut Dice) -> Vec<Deed> {
        self.campaign
            .strike((day.from, window), &self.crew, day.population, dice)
    }
}

// === impl Equivocators ===

impl Equivocators {
    pub(super) fn new(attack: Equivocate, population: &Population) -> Self {
        Self {
            attack,
            strikers: Strikers::new(attack.strike, population),
            burnt: BTreeSet::new(),
        }
    }
}

impl Adversary for Equivocators {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if !day.striking {
            return Vec::new();
        }
        let burnt = &self.burnt;
        self.strikers.crew.retain(|liar| !burnt.contains(liar));
        let mut deeds = self.strikers.strike(day, 24.0, dice);
        let said: Vec<(Timestamp, Org)> = deeds
            .iter()
            .filter_map(|deed| match deed {
                Deed::Say(claim) => Some((claim.at, claim.by)),
                _ => None,
            })
            .collect();
        for (at, org) in said {
            if self.burnt.insert(org) {
                let at = at + hours(self.attack.proven_minutes / 60.0);
                deeds.push(Deed::Exposed { at, org });
            }
        }
        deeds
    }

    fn way(&self, claim: &Claim, place: u32, population: &Population) -> Way {
        let lie = matches!(claim.subject, Subject::Innocent(_)) && !population.is_honest(claim.by);
        if lie && !place.is_multiple_of(2) {
            Way::Lost
        } else {
            Way::Usual
        }
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.strikers.campaign.framed)
    }
}

// === impl Eclipsers ===

impl Eclipsers {
    pub(super) fn new(attack: Eclipse, population: &Population) -> Self {
        Self {
            attack,
            strikers: Strikers::new(attack.strike, population),
            since: None,
        }
    }

    fn surrounds(&self, place: u32) -> bool {
        unit(mix(0x0a15, place, 0)) < self.attack.eclipsed
    }
}

impl Adversary for Eclipsers {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if !day.striking {
            return Vec::new();
        }
        self.since.get_or_insert(day.from);
        self.strikers.strike(day, 24.0, dice)
    }

    fn way(&self, claim: &Claim, place: u32, population: &Population) -> Way {
        let surrounded = self.since.is_some() && self.surrounds(place);
        let unwelcome = population.is_honest(claim.by)
            && (claim.word == Word::Dispute
                || matches!(claim.subject, Subject::Attacker(_)) && !self.attack.disputes_only);
        let moment = claim.at.as_millis().unsigned_abs();
        let dropped = unit(mix(moment, claim.by.0, place)) < self.attack.dropped;
        match self.attack.healed_hours {
            _ if !(surrounded && unwelcome && dropped) => Way::Usual,
            healed if healed > 0.0 => Way::Held(hours(healed)),
            _ => Way::Lost,
        }
    }

    /// Nobody but them can be reached, and they are no anchors.
    fn cut_off_since(&self, place: u32, now: Timestamp) -> Option<Timestamp> {
        let since = self.since.filter(|_| self.surrounds(place))?;
        Some(match self.attack.healed_hours {
            healed if healed > 0.0 => since.max(now - hours(healed)),
            _ => since,
        })
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.strikers.campaign.framed)
    }
}

// === impl Splitters ===

impl Splitters {
    pub(super) fn new(attack: Split, population: &Population) -> Self {
        Self {
            attack,
            strikers: Strikers::new(attack.strike, population),
            split: None,
        }
    }

    fn is_cut_off(&self, org: Org) -> bool {
        unit(mix(0x0a21, org.0, 0)) < self.attack.cut_off
    }

    /// The split that keeps an organisation's word from an observer then. Liars have keys on both sides.
    fn between(
        &self,
        org: Org,
        place: u32,
        population: &Population,
        at: Timestamp,
    ) -> Option<(Timestamp, Timestamp)> {
        let split = self.split.filter(|(begin, end)| (*begin..*end).contains(&at))?;
        let observer = population.observers().get(crate::subject::index(place));
        let here = observer.is_some_and(|observer| self.is_cut_off(*observer));
        (population.is_honest(org) && here != self.is_cut_off(org)).then_some(split)
    }
}

impl Adversary for Splitters {
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Deed> {
        if !day.striking || !day.number.is_multiple_of(self.attack.period_days.max(1)) {
            return Vec::new();
        }
        self.split = Some((day.from, day.from + hours(self.attack.hours)));
        self.strikers.strike(day, self.attack.hours, dice)
    }

    fn way(&self, claim: &Claim, place: u32, population: &Population) -> Way {
        match self.between(claim.by, place, population, claim.at) {
            Some((_, end)) => Way::Held(end.since(claim.at)),
            None => Way::Usual,
        }
    }

    fn silent_since(
        &self,
        org: Org,
        place: u32,
        population: &Population,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let (begin, _) = self.between(org, place, population, now)?;
        Some(begin)
    }

    fn targets(&self) -> Option<&BTreeSet<u32>> {
        Some(&self.strikers.campaign.framed)
    }
}

impl Default for Equivocate {
    fn default() -> Self {
        Self {
            strike: Strike {
                rotate: true,
                ..Strike::default()
            },
            proven_minutes: 10.0,
        }
    }
}

impl Default for Eclipse {
    fn default() -> Self {
        Self {
            strike: Strike::default(),
            eclipsed: 0.5,
            dropped: 1.0,
            healed_hours: 6.0,
            disputes_only: true,
        }
    }
}

impl Default for Split {
    fn default() -> Self {
        Self {
            strike: Strike::default(),
            cut_off: 0.3,
            hours: 6.0,
            period_days: 5,
        }
    }
}
