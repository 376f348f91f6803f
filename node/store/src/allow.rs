//! Addresses and networks that no decision may touch.

use async_trait::async_trait;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::StoreError;

/// One entry of the allowlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// What is allowed; a single address is a network of one.
    pub net: IpNet,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub author: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when; `None` for always.
    pub expires: Option<Timestamp>,
}

/// Reading and writing the allowlist.
#[async_trait]
pub trait Allowlist {
    /// Adds an entry, or replaces the one for the same network. Host bits are dropped: `10.1.2.3/8` is `10.0.0.0/8`.
    async fn allow(&self, entry: &Allowed) -> Result<(), StoreError>;

    /// All entries, also expired ones, by network.
    async fn allowed(&self) -> Result<Vec<Allowed>, StoreError>;

    /// `false` if there was none.
    async fn disallow(&self, net: IpNet) -> Result<bool, StoreError>;
}
