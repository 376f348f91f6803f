//! Attackers, a day at a time: when they start, how broad they go, whom they reach and when.
//!
//! The honest victims come from one stream and the liars' sensors from another, so the honest see the same attackers
//! however many lie. Deliberately absent: what follows from a visit.

use vigie_reputation::wire::{Behaviour, Timestamp};

use super::Population;
use crate::dice::{Dice, Weights};
use crate::setup::{Setup, Traffic};
use crate::span::{DAY, hours};
use crate::subject::{Org, index};

/// What attackers do, with how many in a hundred do it: brute force, scans, exploits, spam.
const BEHAVIOURS: &[(u32, u16)] = &[(45, 5), (70, 7), (80, 4), (92, 9), (97, 17), (100, 11)];

/// One attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attacker {
    /// His number, if a recording gives him one; else he is the next.
    pub number: Option<u32>,
    /// When it begins.
    pub start: Timestamp,
    /// How many honest organisations it visits.
    pub breadth: u32,
    /// What it does.
    pub behaviour: Behaviour,
}

/// Where attackers come from.
#[derive(Clone, Debug)]
pub(crate) struct Attackers {
    traffic: Traffic,
    per_day: u32,
    honest: Weights,
    liars: Weights,
    honest_count: u32,
    dice: Dice,
    liars_dice: Dice,
}

/// One visit of one attacker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) at: Timestamp,
    pub(crate) victim: Org,
    /// Whether the victim's sensor notices.
    pub(crate) noticed: bool,
}

// === impl Attackers ===

impl Attackers {
    pub(crate) fn new(setup: &Setup, population: &Population, dice: Dice, liars_dice: Dice) -> Self {
        Self {
            traffic: setup.traffic.clone(),
            per_day: setup.attackers_per_day(),
            honest: Weights::new(
                population
                    .organisations
                    .iter()
                    .take(index(population.honest))
                    .map(|org| org.visibility),
            ),
            liars: Weights::new(
                population
                    .liars()
                    .take(index(population.liars))
                    .map(|org| org.visibility),
            ),
            honest_count: population.honest,
            dice,
            liars_dice,
        }
    }

    /// The attackers of the day that begins at `from`, each with its visits in no order.
    pub(crate) fn of_day(&mut self, from: Timestamp) -> Vec<(Attacker, Vec<Visit>)> {
        (0..self.per_day)
            .map(|_| {
                let attacker = self.attacker(from);
                (attacker, self.visits(&attacker))
            })
            .collect()
    }

    fn attacker(&mut self, from: Timestamp) -> Attacker {
        let start = from + hours(self.dice.unit() * 24.0).min(DAY);
        let percent = self.dice.below(100);
        let behaviour = BEHAVIOURS.iter().find(|(up_to, _)| percent < *up_to);
        Attacker {
            number: None,
            start,
            breadth: self.breadth(),
            behaviour: Behaviour(behaviour.map_or(5, |(_, number)| *number)),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and the cap is below the number of organisations"
    )]
    fn breadth(&mut self) -> u32 {
        if self.dice.chance(self.traffic.single_share) {
            return 1;
        }
        let pareto = 2.0 * libm::pow(1.0 - self.dice.unit(), -1.0 / self.traffic.breadth_exponent);
        let cap = (f64::from(self.honest_count) * self.traffic.breadth_cap).max(2.0);
        pareto.min(cap) as u32
    }

    fn visits(&mut self, attacker: &Attacker) -> Vec<Visit> {
        let traffic = &self.traffic;
        let visit = |dice: &mut Dice, victim: u32| Visit {
            at: attacker.start + hours(dice.exponential(traffic.hours_to_victim)),
            victim: Org(victim),
            noticed: dice.chance(traffic.detected),
        };
        let mut visits = Vec::new();
        for victim in self.dice.pick_different(attacker.breadth, &self.honest) {
            visits.push(visit(&mut self.dice, victim));
        }
        let share = self.liars.total() / self.honest.total();
        let more = self.liars_dice.poisson(f64::from(attacker.breadth) * share);
        for victim in self.liars_dice.pick_different(more, &self.liars) {
            visits.push(visit(&mut self.liars_dice, self.honest_count + victim));
        }
        visits
    }
}
