//! Machines: who may push alerts, and read and end decisions as `cscli` does.
//!
//! Deliberately absent: how passwords are hashed and tokens signed, which is the API's.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::StoreError;

/// One machine.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name, unique.
    pub name: String,
    /// The slow hash of its password, in the PHC string format.
    #[serde(skip)]
    pub password: String,
    /// What its tokens are signed with: they end when the row goes.
    #[serde(skip)]
    pub secret: [u8; 32],
    /// Whether somebody accepted it.
    pub validated: bool,
    /// Whether its detections may be shared as our own.
    pub publish: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// Last login or heartbeat, if any.
    pub last_seen: Option<Timestamp>,
    /// `name/version` of the program, as it said itself.
    pub agent: String,
    /// The address of its last login, empty over a unix socket.
    pub address: String,
}

/// Reading and writing machines.
#[async_trait]
pub trait Machines {
    /// `false` if the name is taken.
    async fn add_machine(&self, machine: &Machine) -> Result<bool, StoreError>;

    /// All, by name.
    async fn machines(&self) -> Result<Vec<Machine>, StoreError>;

    /// By name.
    async fn machine(&self, name: &str) -> Result<Option<Machine>, StoreError>;

    /// Accepts it. `false` if there is none.
    async fn validate_machine(&self, name: &str) -> Result<bool, StoreError>;

    /// Says whether its detections may be shared. `false` if there is none.
    async fn grant_machine(&self, name: &str, publish: bool) -> Result<bool, StoreError>;

    /// Forgets those that came before this time and that nobody accepted; gives how many.
    async fn lapse_machines(&self, before: Timestamp) -> Result<u64, StoreError>;
}

// === impl Machine ===

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("name", &self.name)
            .field("validated", &self.validated)
            .field("publish", &self.publish)
            .finish_non_exhaustive()
    }
}
