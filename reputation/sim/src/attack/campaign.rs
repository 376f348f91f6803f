//! The strike that most attacks end in: day by day some liars name some innocents together.
//!
//! Deliberately absent: what the liars do to be believed, which is each attack's own.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vigie_reputation::Class;
use vigie_reputation::wire::Timestamp;

use super::ACCUSATION;
use crate::claim::{Claim, Deed, Word};
use crate::dice::{Dice, Weights};
use crate::population::{Innocent, Population};
use crate::span::hours;
use crate::subject::{Org, Subject, index, number};

/// How long a renewed accusation is kept up, in hours.
const KEPT_UP: f64 = 7.0 * 24.0;

/// Whom to frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// By popularity.
    Popular,
    /// All alike.
    Even,
    /// The less popular, the rather: few know them.
    Obscure,
    /// Around the mean popularity.
    Medium,
    /// Many share the address.
    Shared,
    /// Resolvers and delivery networks only.
    Infrastructure,
}

/// A strike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strike {
    /// Innocents framed a day; nobody is framed twice.
    pub targets_per_day: u32,
    /// Innocents framed in all.
    pub max_targets: u32,
    /// Liars that name one victim; 0 is all of them.
    pub liars_per_target: u32,
    /// Within so many hours all of them have named it.
    pub spread_hours: f64,
    /// Whom to frame.
    pub choose: Choice,
    /// Whether the liars of one victim are taken from different groups as far as they go.
    pub distinct_groups: bool,
    /// Whether the liars that lied least go first; else they are drawn anew for each victim.
    pub rotate: bool,
    /// After so many hours the accusation is renewed, for a week; 0 is never.
    pub renew_hours: f64,
}

/// A strike under way.
#[derive(Clone, Debug)]
pub(super) struct Campaign {
    strike: Strike,
    weights: Weights,
    pub(super) framed: BTreeSet<u32>,
    lies: Vec<u32>,
}

// === impl Strike ===

impl Default for Strike {
    fn default() -> Self {
        Self {
            targets_per_day: 20,
            max_targets: 100_000,
            liars_per_target: 6,
            spread_hours: 0.05,
            choose: Choice::Popular,
            distinct_groups: false,
            rotate: false,
            renew_hours: 0.0,
        }
    }
}

// === impl Campaign ===

impl Campaign {
    pub(super) fn new(strike: Strike, population: &Population) -> Self {
        let weight = |innocent: &Innocent| strike.choose.weight(innocent);
        Self {
            weights: Weights::new(population.innocents.iter().map(weight)),
            strike,
            framed: BTreeSet::new(),
            lies: vec![0; population.organisations.len()],
        }
    }

    /// Only these may be framed from now on.
    pub(super) fn aim(&mut self, population: &Population, worth: impl Fn(u32) -> f64) {
        self.weights = Weights::new((0..number(population.innocents.len())).map(worth));
    }

    /// One day's strike by a crew, all of it within `window` hours from a moment on.
    pub(super) fn strike(
        &mut self,
        (from, window): (Timestamp, f64),
        crew: &[Org],
        population: &Population,
        dice: &mut Dice,
    ) -> Vec<Deed> {
        let strike = self.strike;
        let mut deeds = Vec::new();
        for subject in self.next_targets(dice) {
            let begin = from + hours(dice.unit() * (window - strike.spread_hours).max(0.0));
            for liar in self.speakers(crew, population, dice) {
                let first = begin + hours(dice.unit() * strike.spread_hours);
                let mut after = 0.0;
                loop {
                    let at = first + hours(after);
                    deeds.push(Deed::Say(Claim::now(at, liar, subject, Word::Report(ACCUSATION))));
                    after += strike.renew_hours;
                    if strike.renew_hours <= 0.0 || after > KEPT_UP {
                        break;
                    }
                }
            }
        }
        deeds
    }

    /// Innocents that were not framed before.
    pub(super) fn next_targets(&mut self, dice: &mut Dice) -> Vec<Subject> {
        let left = self.strike.max_targets.saturating_sub(number(self.framed.len()));
        let count = self.strike.targets_per_day.min(left);
        let mut found = Vec::new();
        for _ in 0..count.saturating_mul(20) {
            if number(found.len()) >= count {
                break;
            }
            if let Some(innocent) = dice
                .pick(&self.weights)
                .filter(|innocent| self.framed.insert(*innocent))
            {
                found.push(Subject::Innocent(innocent));
            }
        }
        found
    }

    /// Who names the next victim.
    fn speakers(&mut self, crew: &[Org], population: &Population, dice: &mut Dice) -> Vec<Org> {
        let wanted = match self.strike.liars_per_target {
            0 => crew.len(),
            some => index(some).min(crew.len()),
        };
        if wanted == crew.len() {
            return crew.to_vec();
        }
        // A random order first; then, if wished, by how often each lied.
        let mut order: Vec<(u32, u64, Org)> = crew
            .iter()
            .map(|org| {
                let lies = self.lies.get(org.index()).copied().unwrap_or(0);
                (if self.strike.rotate { lies } else { 0 }, dice.bits(), *org)
            })
            .collect();
        order.sort_unstable();
        let mut groups = BTreeSet::new();
        let (mut speakers, mut others) = (Vec::new(), Vec::new());
        for (_, _, org) in order {
            if speakers.len() >= wanted {
                break;
            }
            if !self.strike.distinct_groups || groups.insert(population.group(org)) {
                speakers.push(org);
            } else {
                others.push(org);
            }
        }
        others.truncate(wanted - speakers.len());
        speakers.extend(others);
        for org in &speakers {
            if let Some(lies) = self.lies.get_mut(org.index()) {
                *lies += 1;
            }
        }
        speakers
    }
}

// === impl Choice ===

impl Choice {
    fn weight(self, innocent: &Innocent) -> f64 {
        let popularity = innocent.popularity;
        let infrastructure = matches!(innocent.class, Class::Protected | Class::Infrastructure);
        let shared = innocent.class == Class::SharedEgress;
        let if_so = |holds: bool, weight: f64| if holds { weight } else { 0.0 };
        match self {
            Self::Popular => if_so(!infrastructure, popularity),
            Self::Even => if_so(!infrastructure, 1.0),
            Self::Obscure => if_so(!infrastructure, 1.0 / popularity.max(1e-9)),
            Self::Medium => if_so(!infrastructure && (0.5..2.0).contains(&popularity), 1.0),
            Self::Shared => if_so(shared, popularity),
            Self::Infrastructure => if_so(infrastructure, 1.0),
        }
    }
}
