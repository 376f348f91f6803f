//! The table: every attack against every scorer at several shares of liars, over several seeds.
//!
//! It says which runs there are and what becomes of their records; who runs them, and where records are kept, is the
//! caller's. Deliberately absent: files and threads.

mod measures;
mod page;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attack::{Attack, ParseAttackError};
use crate::baseline::Scorers;
use crate::outcome::Record;
use crate::setup::Setup;

pub use measures::{Measured, Worst};
pub use page::{Page, figures, page};

/// Which runs the table is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What all runs have in common.
    pub base: Setup,
    /// Names of attacks.
    pub attacks: Vec<Box<str>>,
    /// Scorers.
    pub scorers: Vec<Scorers>,
    /// Shares of liars.
    pub liars: Vec<f64>,
    /// Seeds.
    pub seeds: Vec<u64>,
}

/// One run of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The attack's name.
    pub attack: Box<str>,
    /// Whose opinion is measured.
    pub scorer: Scorers,
    /// The share of liars.
    pub liars: f64,
    /// The seed.
    pub seed: u64,
}

/// What is known of one attack, scorer and share of liars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The attack's name.
    pub attack: Box<str>,
    /// Whose opinion was measured.
    pub scorer: Scorers,
    /// The share of liars.
    pub liars: f64,
    /// How many seeds.
    pub seeds: usize,
    /// The middle one of each measure; `None` where it was never or not at all.
    pub median: BTreeMap<Measured, Option<f64>>,
    /// The worst of each.
    pub worst: BTreeMap<Measured, Option<f64>>,
}

// === impl Plan ===

impl Plan {
    /// The runs, seed by seed, so that a table that was interrupted is thin and not half.
    pub fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for seed in &self.seeds {
            for attack in &self.attacks {
                for liars in self.shares(attack) {
                    for scorer in &self.scorers {
                        cells.push(Cell {
                            attack: attack.clone(),
                            scorer: *scorer,
                            liars,
                            seed: *seed,
                        });
                    }
                }
            }
        }
        cells
    }

    /// The setup of one run.
    pub fn setup(&self, cell: &Cell) -> Result<Setup, ParseAttackError> {
        Ok(Setup {
            attack: cell.attack.parse::<Attack>()?,
            scorer: cell.scorer,
            liars: cell.liars,
            ..self.base.clone()
        })
    }

    /// An attack without liars is run once without any, and one that needs some only with some.
    fn shares(&self, attack: &str) -> Vec<f64> {
        if ["none", "A22", "A23"].contains(&attack) {
            return vec![0.0];
        }
        self.liars.iter().copied().filter(|share| *share > 0.0).collect()
    }
}

// === impl Cell ===

impl Cell {
    /// Whether this record came of it.
    pub fn is_of(&self, record: &Record) -> bool {
        let outcome = &record.outcome;
        self.seed == record.seed
            && self.scorer == outcome.scorer
            && self.attack == outcome.attack
            && (self.liars - outcome.liars).abs() < 1e-9
    }
}

/// The rows of a table, in the order in which their first records stand.
pub fn rows(records: &[Record]) -> Vec<Row> {
    let mut groups: Vec<Vec<&Record>> = Vec::new();
    for record in records {
        let same = |group: &&mut Vec<&Record>| {
            group.first().is_some_and(|first| {
                let (left, right) = (&first.outcome, &record.outcome);
                left.attack == right.attack
                    && left.scorer == right.scorer
                    && (left.liars - right.liars).abs() < 1e-9
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(record),
            None => groups.push(vec![record]),
        }
    }
    groups.iter().filter_map(|group| row(group)).collect()
}

fn row(records: &[&Record]) -> Option<Row> {
    let first = &records.first()?.outcome;
    let (mut median, mut worst) = (BTreeMap::new(), BTreeMap::new());
    for measured in Measured::ALL {
        let values: Vec<f64> = records
            .iter()
            .filter_map(|record| measured.of(&record.outcome))
            .collect();
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        median.insert(measured, finite(measured.median(&values)));
        worst.insert(measured, finite(measured.worst(&values)));
    }
    Some(Row {
        attack: first.attack.clone(),
        scorer: first.scorer,
        liars: first.liars,
        seeds: records.len(),
        median,
        worst,
    })
}

#[cfg(test)]
mod tests;
