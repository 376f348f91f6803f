//! What is enforced: an indicator, a remediation and a time until which it holds.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::{AlertId, StoreError, Word};

/// A decision's number, rising, never reused.
pub type DecisionId = i64;

/// Where a decision comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Our own sensor saw it.
    Sensor,
    /// The scorer, from what the mesh says.
    Mesh,
    /// A person, by `vigie decisions add` or `cscli`.
    Manual,
    /// An imported list.
    Import,
}

/// The rungs of the ladder that are enforced, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remediation {
    /// Ask the client to prove something.
    Challenge,
    /// Serve it slowly.
    Throttle,
    /// Do not serve it.
    Ban,
}

/// What is written when a decision is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDecision {
    /// Where from.
    pub origin: Origin,
    /// What is done.
    pub remediation: Remediation,
    /// CrowdSec's scope: `Ip`, `Range`, ...
    pub scope: Word,
    /// What the scope names. Without room to grow: a table holds many of them.
    pub value: Box<str>,
    /// The scenario, or for a verdict of the mesh the behaviour.
    pub scenario: Word,
    /// From when.
    pub created_at: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
    /// In simulation: shown and counted, never served to a bouncer that does not ask for it.
    pub simulated: bool,
    /// Why, in one sentence for people.
    pub reason: Word,
}

/// A decision as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its number.
    pub id: DecisionId,
    /// The alert it came from.
    pub alert: Option<AlertId>,
    /// What was written; ending a decision early moves `until`.
    #[serde(flatten)]
    pub decision: NewDecision,
}

/// Which decisions; every field that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// This number only.
    pub id: Option<DecisionId>,
    /// Those of this alert only.
    pub alert: Option<AlertId>,
    /// Exact value.
    pub value: Option<String>,
    /// Exact scope.
    pub scope: Option<String>,
    /// This origin only.
    pub origin: Option<Origin>,
    /// `until` later than this: the active ones at that time.
    pub active_at: Option<Timestamp>,
    /// `until` at or after this: the active ones and those that ended since.
    pub ended_since: Option<Timestamp>,
    /// At most so many, newest first; zero means no limit.
    pub limit: u32,
}

/// A word that names no remediation or origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of {allowed}")]
pub struct UnknownWord {
    word: String,
    allowed: &'static str,
}

/// Reading and writing decisions.
#[async_trait]
pub trait Decisions {
    /// Writes one decision that no alert stands behind.
    async fn insert_decision(&self, decision: &NewDecision) -> Result<Decision, StoreError>;

    /// Decisions by filter, newest first.
    async fn decisions(&self, filter: &DecisionFilter) -> Result<Vec<Decision>, StoreError>;

    /// Ends the active ones among those that match at `at`; gives those that it ended, with their new `until`.
    async fn end_decisions(
        &self,
        filter: &DecisionFilter,
        at: Timestamp,
    ) -> Result<Vec<Decision>, StoreError>;

    /// Ends the active ones among these numbers at `at`, however many there are, in one transaction; gives those that it
    /// ended, with their new `until`.
    async fn end_these(&self, ids: &[DecisionId], at: Timestamp) -> Result<Vec<Decision>, StoreError>;

    /// Those that were ended at or after `since`, and would have held longer than until `at` if they had not been, each with
    /// when it would have ended.
    async fn ended_early(
        &self,
        since: Timestamp,
        at: Timestamp,
    ) -> Result<Vec<(Decision, Timestamp)>, StoreError>;
}

// === impl DecisionFilter ===

impl DecisionFilter {
    /// Whether a decision has the number, alert, value, scope and origin that it asks for; times are left to the store.
    pub fn names(&self, one: &Decision) -> bool {
        self.id.is_none_or(|id| id == one.id)
            && self.alert.is_none_or(|alert| one.alert == Some(alert))
            && self
                .value
                .as_ref()
                .is_none_or(|value| **value == *one.decision.value)
            && self
                .scope
                .as_ref()
                .is_none_or(|scope| **scope == *one.decision.scope)
            && self.origin.is_none_or(|origin| origin == one.decision.origin)
    }
}

// === impl Origin, Remediation ===

impl Origin {
    /// The word for it, in JSON, in the API and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sensor => "sensor",
            Self::Mesh => "mesh",
            Self::Manual => "manual",
            Self::Import => "import",
        }
    }
}

impl Remediation {
    /// The word for it, in JSON, in the API and on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Throttle => "throttle",
            Self::Ban => "ban",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Remediation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Origin {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        [Self::Sensor, Self::Mesh, Self::Manual, Self::Import]
            .into_iter()
            .find(|origin| origin.word() == word)
            .ok_or_else(|| UnknownWord {
                word: word.to_owned(),
                allowed: "sensor, mesh, manual, import",
            })
    }
}

impl FromStr for Remediation {
    type Err = UnknownWord;
    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        [Self::Challenge, Self::Throttle, Self::Ban]
            .into_iter()
            .find(|remediation| remediation.word() == word)
            .ok_or_else(|| UnknownWord {
                word: word.to_owned(),
                allowed: "challenge, throttle, ban",
            })
    }
}
