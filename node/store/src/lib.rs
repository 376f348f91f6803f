//! What a node keeps: rows, traits, and the SQL behind them. Databases and their drivers stand in `store-sqlite` and
//! `store-postgres`.
//!
//! Contract of every method that writes: when it returns `Ok`, the row survives a kill -9 at the next instruction.
//! "Not found" is `Ok(None)`, "already there" is a value, never an error. Deliberately absent: drivers, clocks, policy.
#![warn(missing_docs)]

use async_trait::async_trait;

pub use vigie_wire as wire;

mod alert;
mod allow;
mod bouncer;
mod client;
mod columns;
mod decision;
mod envelope;
mod error;
mod lease;
mod machine;
mod memory;
mod note;
mod sighting;
pub mod sql;
mod statement;
#[cfg(feature = "testing")]
pub mod testing;
mod word;

pub use alert::{Alert, AlertFilter, AlertId, Alerts, NewAlert, Share};
pub use allow::{Allowed, Allowlist};
pub use bouncer::{Bouncer, Bouncers, KeyHash, MOST_CURSORS};
pub use client::{Client, Clients, Report};
pub use decision::{Decision, DecisionFilter, DecisionId, Decisions, NewDecision, Origin, Remediation};
pub use envelope::{Appended, Envelopes, Held, HeldEnvelope, NewEnvelope};
pub use error::StoreError;
pub use lease::{Holder, Lease, Leases};
pub use machine::{Machine, Machines};
pub use memory::{Memory, Remembered, Tier};
pub use note::{Counts, Notes, Owner, Retention};
pub use sighting::{SightingFilter, SightingRow, Sightings};
pub use statement::Statements;
pub use word::{Word, Words};

/// Everything together, as the node holds it: `Arc<dyn Store>`.
#[async_trait]
pub trait Store:
    Envelopes
    + Sightings
    + Statements
    + Alerts
    + Decisions
    + Bouncers
    + Machines
    + Clients
    + Allowlist
    + Memory
    + Leases
    + Notes
    + Send
    + Sync
    + std::fmt::Debug
{
    /// Waits for what is under way and closes the database; every later call fails. Whoever ends without it loses
    /// nothing: it only leaves a database in one piece, for whoever copies its file.
    async fn close(&self);
}
