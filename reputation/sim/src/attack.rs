//! Attacks: what the liars say, and when. Each attack is one file; the list of names is here.
//!
//! An adversary knows everything: the population, the parameters, and each public claim the moment it is made.
//! Deliberately absent: what only the mesh can suffer (eclipses, equivocation), until the mesh is simulated.

mod collude_open;
mod praise;
mod slow_poison;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use vigie_reputation::Class;
use vigie_reputation::wire::{Behaviour, Timestamp};

pub use collude_open::ColludeOpen;
pub use praise::Praise;
pub use slow_poison::SlowPoison;

use crate::dice::{Dice, Weights};
use crate::population::Population;
use crate::subject::{Org, Subject};

/// What liars say of their victims: the behaviour that takes the least evidence.
const ACCUSATION: Behaviour = Behaviour(5);

/// What somebody says of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It did this.
    Report(Behaviour),
    /// It did not.
    Dispute,
}

/// A public claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// When it is made.
    pub at: Timestamp,
    /// Who makes it.
    pub by: Org,
    /// Of whom.
    pub subject: Subject,
    /// What.
    pub word: Word,
}

/// Which attack, with its parameters. By name: `none`, `A03`, `A04`, `A09`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "id", deny_unknown_fields)]
pub enum Attack {
    /// The liars behave as the honest do.
    #[serde(rename = "none")]
    None,
    /// Collude openly.
    #[serde(rename = "A03")]
    ColludeOpen(ColludeOpen),
    /// Behave well, then strike with few.
    #[serde(rename = "A04")]
    SlowPoison(SlowPoison),
    /// Dispute every true attacker.
    #[serde(rename = "A09")]
    Praise(Praise),
}

/// A name that is no attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected none, A03, A04 or A09")]
pub struct ParseAttackError;

/// The liars, acting together.
pub trait Adversary: fmt::Debug {
    /// What they decide at the start of a day. Claims may lie in the future, never in the past.
    fn plan(&mut self, day: &Day<'_>, dice: &mut Dice) -> Vec<Claim>;

    /// What they answer to a claim that somebody makes.
    fn hear(&mut self, _claim: &Claim, _population: &Population, _dice: &mut Dice) -> Vec<Claim> {
        Vec::new()
    }

    /// Whether their own sensors report what they see.
    fn senses(&self) -> bool {
        true
    }

    /// The innocents that they framed so far.
    fn targets(&self) -> Option<&BTreeSet<u32>> {
        None
    }
}

/// The start of one day, as the adversary sees it.
#[derive(Clone, Copy, Debug)]
pub struct Day<'a> {
    /// When it begins.
    pub from: Timestamp,
    /// Whether it is the day of the strike or a later one.
    pub striking: bool,
    /// Everybody.
    pub population: &'a Population,
}

/// Liars that behave as the honest do.
#[derive(Clone, Copy, Debug)]
struct Peace;

/// Innocents to frame: drawn by popularity, each once. Infrastructure is another attack's target.
#[derive(Clone, Debug)]
struct Targets {
    weights: Weights,
    framed: BTreeSet<u32>,
}

// === impl Attack ===

impl Attack {
    /// Its name.
    pub fn id(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ColludeOpen(_) => "A03",
            Self::SlowPoison(_) => "A04",
            Self::Praise(_) => "A09",
        }
    }

    pub(crate) fn adversary(&self, population: &Population) -> Box<dyn Adversary> {
        match self {
            Self::None => Box::new(Peace),
            Self::ColludeOpen(attack) => Box::new(collude_open::Colluders::new(*attack, population)),
            Self::SlowPoison(attack) => Box::new(slow_poison::Poisoners::new(*attack, population)),
            Self::Praise(attack) => Box::new(praise::Praisers::new(*attack)),
        }
    }
}

impl FromStr for Attack {
    type Err = ParseAttackError;
    fn from_str(text: &str) -> Result<Self, ParseAttackError> {
        match text {
            "none" => Ok(Self::None),
            "A03" => Ok(Self::ColludeOpen(ColludeOpen::default())),
            "A04" => Ok(Self::SlowPoison(SlowPoison::default())),
            "A09" => Ok(Self::Praise(Praise::default())),
            _ => Err(ParseAttackError),
        }
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

// === impl Peace ===

impl Adversary for Peace {
    fn plan(&mut self, _day: &Day<'_>, _dice: &mut Dice) -> Vec<Claim> {
        Vec::new()
    }
}

// === impl Targets ===

impl Targets {
    fn of(population: &Population) -> Self {
        let weight = |innocent: &crate::population::Innocent| match innocent.class {
            Class::Protected | Class::Infrastructure => 0.0,
            Class::Ordinary | Class::SharedEgress => innocent.popularity,
        };
        Self {
            weights: Weights::new(population.innocents.iter().map(weight)),
            framed: BTreeSet::new(),
        }
    }

    /// Up to `count` that were not framed before.
    fn next(&mut self, count: u32, dice: &mut Dice) -> Vec<Subject> {
        let mut found = Vec::new();
        for _ in 0..count.saturating_mul(20) {
            if u32::try_from(found.len()).is_ok_and(|have| have >= count) {
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
}
