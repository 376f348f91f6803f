//! Who was seen, doing what, when and how often. Never the log line.
//!
//! Before this stop: `node/src/share.rs`. After it: `envelope`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Behaviour, Indicator, PublisherId, RuleHash, Timestamp};

/// One row of an envelope: what one organisation says it saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sighting {
    /// Who.
    pub indicator: Indicator,
    /// What.
    pub behaviour: Behaviour,
    /// Seen by which rule; all zero if unknown.
    pub rule: RuleHash,
    /// When, cut to the minute.
    pub at: Timestamp,
    /// How often, as a power of two.
    pub count: Count,
    /// The publisher's own confidence, 0..=100 percent.
    pub confidence: u8,
}

/// How often, rounded down to a power of two: the exponent, 0..=63.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Count(u8);

/// The name of a sighting in the whole network: publisher / epoch / seq / row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SightingId {
    /// Whose chain.
    pub publisher: PublisherId,
    /// Which of his epochs.
    pub epoch: u32,
    /// Which envelope.
    pub seq: u64,
    /// Which row, 0..=255.
    pub row: u8,
}

/// A sighting's name that is not `publisher/epoch/seq/row`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected publisher/epoch/seq/row, the publisher in 32 hexadecimal digits")]
pub struct ParseSightingIdError;

// === impl Count ===

impl Count {
    /// Once.
    pub const ONE: Self = Self(0);

    /// Of a number of events; zero counts as one.
    pub fn of(events: u64) -> Self {
        Self(u8::try_from(events.max(1).ilog2()).unwrap_or(63))
    }

    /// From the exponent, `None` above 63.
    pub const fn from_log2(log2: u8) -> Option<Self> {
        if log2 <= 63 { Some(Self(log2)) } else { None }
    }

    /// The exponent, 0..=63.
    pub const fn log2(self) -> u8 {
        self.0
    }

    /// At least so many events.
    pub const fn at_least(self) -> u64 {
        1 << self.0
    }
}

// === impl SightingId ===

impl fmt::Display for SightingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.publisher, self.epoch, self.seq, self.row)
    }
}

impl FromStr for SightingId {
    type Err = ParseSightingIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or(ParseSightingIdError);
        let (publisher, epoch, seq, row) = (next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(ParseSightingIdError);
        }
        Ok(Self {
            publisher: publisher.parse().map_err(|_| ParseSightingIdError)?,
            epoch: epoch.parse().map_err(|_| ParseSightingIdError)?,
            seq: seq.parse().map_err(|_| ParseSightingIdError)?,
            row: row.parse().map_err(|_| ParseSightingIdError)?,
        })
    }
}

impl Serialize for SightingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SightingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
