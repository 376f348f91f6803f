//! Whom we know: addresses of our own authenticated users. This is what protects innocents, so it is never evicted early.

use std::net::IpAddr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::StoreError;

/// How well we know an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Somebody logged in from there.
    Authenticated,
    /// Used our services over a long time.
    LongLived,
}

/// One exact, dated record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The address.
    pub ip: IpAddr,
    /// How well we know it.
    pub tier: Tier,
    /// Last time.
    pub at: Timestamp,
}

/// Reading and writing the memory.
#[async_trait]
pub trait Memory {
    /// Notes or refreshes a record; of two, the later time stays, and `Authenticated` before `LongLived`.
    async fn remember(&self, record: &Remembered) -> Result<(), StoreError>;

    /// Records at or after `since`.
    async fn remembered(&self, since: Timestamp) -> Result<Vec<Remembered>, StoreError>;
}
