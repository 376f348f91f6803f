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

/// Whose note it is: several processes of one organisation may share a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// All of them.
    Everybody,
    /// One, by the name of its instance: not empty, and the same after a restart.
    Process(&'a str),
}

/// What is older goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Envelopes dated before lose their body and their sightings; header and signature stay and hold. An envelope is
    /// dated by its signed time or by its arrival, whichever is earlier.
    pub bodies_before: Timestamp,
    /// Envelopes dated before go, and retractions that came before. The header of the highest place of every publisher
    /// stays, however old: who forgot his own would use it twice.
    pub headers_before: Timestamp,
    /// Alerts created before. That their detection was acted upon stays known.
    pub alerts_before: Timestamp,
    /// Detections of alerts that were created before and are gone: from then on they would be acted upon again.
    pub detections_before: Timestamp,
    /// Decisions that ended before.
    pub decisions_before: Timestamp,
    /// Memory records not refreshed since.
    pub memory_before: Timestamp,
}

/// Reading and writing notes.
#[async_trait]
pub trait Notes {
    /// Writes a note, replacing the former. Names are `kind/name`, such as `position/file:/var/log/auth.log`; each
    /// owner has his own.
    async fn put_note(&self, owner: Owner<'_>, name: &str, value: &str) -> Result<(), StoreError>;

    /// One note.
    async fn note(&self, owner: Owner<'_>, name: &str) -> Result<Option<String>, StoreError>;

    /// All notes of this owner whose name starts with `prefix`, by name.
    async fn notes(&self, owner: Owner<'_>, prefix: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// Removes a note. `false` if there was none.
    async fn delete_note(&self, owner: Owner<'_>, name: &str) -> Result<bool, StoreError>;

    /// Makes everybody's notes whose name starts with `prefix` those of this process, unless it has its own of that name:
    /// once, the notes were everybody's.
    async fn adopt_notes(&self, process: &str, prefix: &str) -> Result<(), StoreError>;

    /// How much is there, decisions counted as active at `now`.
    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError>;

    /// Forgets what is old enough, in batches, not in one transaction; gives how many rows went
    /// and how many bodies.
    async fn forget(&self, retention: &Retention) -> Result<u64, StoreError>;

    /// Writes a consistent copy of everything to `target`, for `vigie backup`. The target must not exist.
    async fn copy_to(&self, target: &std::path::Path) -> Result<(), StoreError>;
}
