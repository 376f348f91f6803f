//! The bytes of the network: indicators, sightings, envelopes, certificates, signatures.
//!
//! One value has exactly one encoding, and `docs/protocol.md` is its normative description.
//! Deliberately absent: I/O, clocks, randomness and opinions. Time, salts and entropy come in as arguments.
#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod behaviour;
pub mod bundle;
mod codec;
pub mod domain;
pub mod envelope;
pub mod error;
pub mod genesis;
pub mod id;
pub mod indicator;
pub mod key;
pub mod payload;
pub mod proof;
pub mod relay;
pub mod sighting;
pub mod statement;
pub mod time;
pub mod tlp;

pub use behaviour::Behaviour;
pub use bundle::Bundle;
pub use codec::{MAX_NAME_BYTES, is_name};
pub use envelope::{
    Draft, Envelope, Form, Header, Kind, MAX_ENVELOPE_BYTES, MAX_ROWS, MAX_UNKNOWN_BYTES, SealError,
    SignedHeader, VERSION,
};
pub use error::{Class, DecodeError, Reason};
pub use genesis::{Founder, Genesis, GenesisError};
pub use id::{HeaderHash, NetworkId, OrgId, PublisherId, RuleHash, StatementId};
pub use indicator::Indicator;
pub use key::{Claim, KeyError, PublicKey, SecretKey, Signature, SignatureError, verify_batch};
pub use payload::{Dispute, DisputeReason, Payload, Retracted};
pub use proof::{EquivocationProof, NotEquivocal};
pub use sighting::{Count, Sighting, SightingId};
pub use statement::{
    Continues, Labels, NodeCertificate, Revocation, RevocationTarget, SeedAction, SeedChange, Signed,
    Statement, StatementError, Vouch, Withdrawal,
};
pub use time::Timestamp;
pub use tlp::Tlp;
