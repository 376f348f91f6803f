//! The measures of the table: their names, which way is worse, and how they are written.
//!
//! Deliberately absent: their definitions, which stand with [`Outcome`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// One number of an outcome. Named as its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the field of `Outcome` of the same name")]
pub enum Measured {
    KnownInnocentsBlocked,
    InnocentsBlocked,
    FramedShare,
    Harm,
    SoftHarm,
    Prevented,
    SoftPrevented,
    Ttp50Hours,
    HonestStruckShare,
    HonestDaysDown,
    LiarsStruckShare,
    RecoveryHours,
}

/// Which way is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worst {
    /// The most.
    Most,
    /// The least.
    Least,
}

// === impl Measured ===

impl Measured {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::KnownInnocentsBlocked,
        Self::InnocentsBlocked,
        Self::FramedShare,
        Self::Harm,
        Self::SoftHarm,
        Self::Prevented,
        Self::SoftPrevented,
        Self::Ttp50Hours,
        Self::HonestStruckShare,
        Self::HonestDaysDown,
        Self::LiarsStruckShare,
        Self::RecoveryHours,
    ];

    /// Its value; infinite for "never", `None` where there was nothing to measure.
    pub fn of(self, outcome: &Outcome) -> Option<f64> {
        let never = |value: Option<f64>| Some(value.unwrap_or(f64::INFINITY));
        match self {
            Self::KnownInnocentsBlocked => Some(f64::from(outcome.known_innocents_blocked)),
            Self::InnocentsBlocked => Some(f64::from(outcome.innocents_blocked)),
            Self::FramedShare => Some(outcome.framed_share),
            Self::Harm => Some(outcome.harm),
            Self::SoftHarm => Some(outcome.soft_harm),
            Self::Prevented => outcome.prevented,
            Self::SoftPrevented => outcome.soft_prevented,
            Self::Ttp50Hours => never(outcome.ttp50_hours),
            Self::HonestStruckShare => Some(outcome.honest_struck_share),
            Self::HonestDaysDown => outcome.honest_days_down,
            Self::LiarsStruckShare => Some(outcome.liars_struck_share),
            Self::RecoveryHours => never(outcome.recovery_hours),
        }
    }

    /// Which way is worse.
    pub fn worse(self) -> Worst {
        match self {
            Self::Prevented | Self::SoftPrevented | Self::LiarsStruckShare => Worst::Least,
            _ => Worst::Most,
        }
    }

    /// The worst of some values.
    pub fn worst(self, values: &[f64]) -> Option<f64> {
        let ordered = values.iter().copied();
        match self.worse() {
            Worst::Most => ordered.max_by(f64::total_cmp),
            Worst::Least => ordered.min_by(f64::total_cmp),
        }
    }

    /// The middle of some values: of two middle ones the worse.
    pub fn median(self, values: &[f64]) -> Option<f64> {
        let mut ordered = values.to_vec();
        ordered.sort_unstable_by(f64::total_cmp);
        if self.worse() == Worst::Least {
            ordered.reverse();
        }
        ordered.get(ordered.len() / 2).copied()
    }

    /// As people read it.
    pub fn text(self, value: Option<f64>) -> String {
        let Some(value) = value else {
            return match self {
                Self::Ttp50Hours | Self::RecoveryHours => "never".to_owned(),
                _ => "-".to_owned(),
            };
        };
        match self {
            Self::KnownInnocentsBlocked | Self::InnocentsBlocked => format!("{value:.0}"),
            Self::Harm | Self::SoftHarm if value == 0.0 => "0".to_owned(),
            Self::Harm | Self::SoftHarm => format!("{value:.1e}"),
            Self::Ttp50Hours | Self::RecoveryHours | Self::HonestDaysDown => format!("{value:.1}"),
            Self::FramedShare
            | Self::Prevented
            | Self::SoftPrevented
            | Self::HonestStruckShare
            | Self::LiarsStruckShare => format!("{:.1} %", 100.0 * value),
        }
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KnownInnocentsBlocked => "known_innocents_blocked",
            Self::InnocentsBlocked => "innocents_blocked",
            Self::FramedShare => "framed_share",
            Self::Harm => "harm",
            Self::SoftHarm => "soft_harm",
            Self::Prevented => "prevented",
            Self::SoftPrevented => "soft_prevented",
            Self::Ttp50Hours => "ttp50_hours",
            Self::HonestStruckShare => "honest_struck_share",
            Self::HonestDaysDown => "honest_days_down",
            Self::LiarsStruckShare => "liars_struck_share",
            Self::RecoveryHours => "recovery_hours",
        })
    }
}
