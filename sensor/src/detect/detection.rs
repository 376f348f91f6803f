//! What comes out of a bucket that overflowed: who did what, when, how often.
//!
//! Before: `detect`. After: the node's policy on sharing and its decisions. The id is a function of the rule, the
//! partition and the lines alone, so whoever reads the same lines again makes the same detection, and handling it
//! twice can be avoided. Deliberately absent: the lines themselves.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vigie_wire::{Behaviour, RuleHash, Timestamp};

use crate::line::Position;

/// Name of a detection: the first 16 bytes of a BLAKE3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DetectionId(pub [u8; 16]);

/// Digits that are no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 hexadecimal digits")]
pub struct ParseDetectionIdError;

/// What enrichment knew of an address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Its range; empty if it is not known, as all of these.
    pub range: String,
    /// Number of its autonomous system.
    pub as_number: String,
    /// Name of that.
    pub as_name: String,
    /// Code of its country.
    pub country: String,
    /// Degrees.
    pub latitude: f32,
    /// Degrees.
    pub longitude: f32,
}

/// A scenario found what it looks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// The same for the same lines under the same scenario.
    pub id: DetectionId,
    /// The scenario's name.
    pub scenario: String,
    /// Its version.
    pub scenario_version: String,
    /// Hash of the scenario's text.
    pub rule: RuleHash,
    /// The behaviour it is labelled with, if the network has a number for it.
    pub behaviour: Option<Behaviour>,
    /// Of what `value` is: `Ip`, `Range`, or what the scenario names.
    pub scope: String,
    /// Who.
    pub value: String,
    /// The address behind it.
    pub ip: Option<IpAddr>,
    /// What is known of it, where rules look that up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Time of the first event.
    pub first: Timestamp,
    /// Time of the last event.
    pub last: Timestamp,
    /// How many events were poured, also those not kept.
    pub events_count: u32,
    /// The scenario's capacity.
    pub capacity: i32,
    /// The scenario's leak speed as written.
    pub leakspeed: String,
    /// The events kept, oldest first.
    pub events: Vec<DetectionEvent>,
    /// One sentence in the form that `CrowdSec` uses.
    pub message: String,
    /// Whether the scenario asks for a remedy.
    pub remediation: bool,
    /// Whether the scenario is only being tried.
    pub simulated: bool,
    /// Whether this happens now, and is not read from history.
    pub live: bool,
    /// The scenario's labels.
    pub labels: BTreeMap<String, String>,
}

/// One event of a detection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectionEvent {
    /// When.
    pub at: Timestamp,
    /// What the parsers said of it, sorted by name.
    pub meta: Vec<(String, String)>,
}

// === impl DetectionId ===

impl DetectionId {
    /// Of a partition (which includes the scenario), one of its sources, and its first and last line.
    pub(crate) fn of(partition: u128, value: &str, first: &Position, last: &Position) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("vigie/detection/v1");
        hasher.update(&partition.to_le_bytes());
        hasher.update(&(value.len() as u64).to_le_bytes());
        hasher.update(value.as_bytes());
        for position in [first, last] {
            match position {
                Position::File { file, offset } => {
                    hasher.update(&[0]);
                    hasher.update(&file.to_le_bytes());
                    hasher.update(&offset.to_le_bytes());
                }
                Position::Cursor(cursor) => {
                    hasher.update(&[1]);
                    hasher.update(&(cursor.len() as u64).to_le_bytes());
                    hasher.update(cursor.as_bytes());
                }
            }
        }
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

impl fmt::Display for DetectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for DetectionId {
    type Err = ParseDetectionIdError;
    fn from_str(text: &str) -> Result<Self, ParseDetectionIdError> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id).map_err(|_| ParseDetectionIdError)?;
        Ok(Self(id))
    }
}

impl Serialize for DetectionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DetectionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
