//! The interface that all scorers share, and the list of scorers by name.
//!
//! A scorer sees what a node sees: claims of the mesh as they arrive, its own sensor, its own users. Deliberately
//! absent: who is honest. Only the oracle is built with that knowledge.

mod count;
mod oracle;
mod vigie;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vigie_reputation::wire::{Behaviour, Indicator, OrgId, Timestamp};
use vigie_reputation::{Report, Rung, Tier};

use crate::population::Population;
use crate::span::START;
use crate::subject::{Org, Subject};

/// One observer's scorer.
pub trait Baseline: fmt::Debug {
    /// A report of the mesh arrives.
    fn observe(&mut self, report: &Report, now: Timestamp);

    /// A dispute of the mesh arrives.
    fn dispute(&mut self, by: OrgId, subject: &Indicator, now: Timestamp);

    /// The observer's own sensor saw it.
    fn own_detection(&mut self, subject: &Indicator, behaviour: Behaviour, now: Timestamp);

    /// Legitimate traffic came from there, at a moment that may lie in the past. Most scorers have no memory of that.
    fn remember(&mut self, _ip: IpAddr, _tier: Tier, _at: Timestamp) {}

    /// What it decides now. `held`: the subject is hard-blocked at the moment.
    fn rung(&self, subject: &Indicator, now: Timestamp, held: bool) -> Rung;
}

/// A scorer by name: `vigie`, `count-1` to `count-99`, `oracle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scorers {
    /// Ours.
    Vigie,
    /// Block at so many reporters, less those who dispute.
    Count(u8),
    /// Block true attackers at the first report, and nobody else: what nobody can do better.
    Oracle,
}

/// A name that is no scorer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected vigie, oracle, or count-K with K from 1 to 99")]
pub struct ParseScorerError;

// === impl Scorers ===

impl Scorers {
    /// One for this observer.
    pub(crate) fn build(self, population: &Population, observer: Org) -> Box<dyn Baseline> {
        match self {
            Self::Vigie => Box::new(vigie::Vigie::new(
                population.graph(START),
                population.warning_lists(),
            )),
            Self::Count(needed) => Box::new(count::Count::new(usize::from(needed), observer.id())),
            Self::Oracle => Box::new(oracle::Oracle::new(Subject::is_attacker)),
        }
    }
}

impl FromStr for Scorers {
    type Err = ParseScorerError;
    fn from_str(text: &str) -> Result<Self, ParseScorerError> {
        match text {
            "vigie" => Ok(Self::Vigie),
            "oracle" => Ok(Self::Oracle),
            _ => {
                let needed = text.strip_prefix("count-").and_then(|needed| needed.parse().ok());
                needed
                    .filter(|needed| (1..=99).contains(needed))
                    .map(Self::Count)
                    .ok_or(ParseScorerError)
            }
        }
    }
}

impl fmt::Display for Scorers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vigie => f.write_str("vigie"),
            Self::Count(needed) => write!(f, "count-{needed}"),
            Self::Oracle => f.write_str("oracle"),
        }
    }
}

impl Serialize for Scorers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scorers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
