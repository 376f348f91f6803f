//! The bytes of the network: indicators, sightings, envelopes, certificates, signatures.
//!
//! One value has exactly one encoding, and `docs/protocol.md` is its normative description.
//! Deliberately absent: I/O, clocks, randomness and opinions. Time and salts come in as arguments.
#![warn(missing_docs)]

pub mod behaviour;
pub mod id;
pub mod indicator;
pub mod sighting;
pub mod time;

pub use behaviour::Behaviour;
pub use id::{HeaderHash, NetworkId, OrgId, PublisherId, RuleHash};
pub use indicator::Indicator;
pub use sighting::{Count, Sighting, SightingId};
pub use time::Timestamp;
