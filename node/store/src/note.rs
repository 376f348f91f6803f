//! Small things by name (log positions, settings, snapshots), the counts people see, and what may be forgotten.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::StoreError;

/// How much is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Alerts.
    pub alerts: u64,
    /// Decisions active at the time asked.
    pub active_decisions: u64,
    /// Sightings, own and others'.
    pub sightings: u64,
    /// Envelopes.
    pub envelopes: u64,
    /// Organisations that published at least one of them.
    pub publishers: u64,
    /// Bouncers.
    pub bouncers: u64,
    /// Alerts that wait to be shared.
    pub pending_shares: u64,
}

/// What is older goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Envelopes and sightings that arrived before. The bytes of the highest place of every publisher stay, however
    /// old: who forgot his own would use it twice.
    pub envelopes_before: Timestamp,
    /// Alerts created before.
    pub alerts_before: Timestamp,
    /// Decisions that ended before.
    pub decisions_before: Timestamp,
    /// Memory records not refreshed since.
    pub memory_before: Timestamp,
}

/// Reading and writing notes.
#[async_trait]
pub trait Notes {
    /// Writes a note, replacing the former. Names are `kind/name`, such as `position/file:/var/log/auth.log`.
    async fn put_note(&self, name: &str, value: &str) -> Result<(), StoreError>;

    /// One note.
    async fn note(&self, name: &str) -> Result<Option<String>, StoreError>;

    /// All notes whose name starts with `prefix`, by name.
    async fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// Removes a note. `false` if there was none.
    async fn delete_note(&self, name: &str) -> Result<bool, StoreError>;

    /// How much is there, decisions counted as active at `now`.
    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError>;

    /// Forgets what is old enough, in batches, not in one transaction; gives how many rows went.
    async fn forget(&self, retention: &Retention) -> Result<u64, StoreError>;

    /// Writes a consistent copy of everything to `target`, for `vigie backup`. The target must not exist.
    async fn copy_to(&self, target: &std::path::Path) -> Result<(), StoreError>;
}
