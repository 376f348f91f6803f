//! Who may ask for decisions, and how far each of their instances has read.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::{Remediation, StoreError};

/// BLAKE3 of an API key. Keys are 32 random bytes, so no slow hash is needed.
pub type KeyHash = [u8; 32];

/// Cursors kept per bouncer; beyond, the one set longest ago goes, and its instance reads from the start again.
pub const MOST_CURSORS: u32 = 256;

/// One key and what it was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bouncer {
    /// Its name, unique.
    pub name: String,
    /// The hash of its key; the key itself is shown once and kept nowhere.
    #[serde(skip)]
    pub key_hash: KeyHash,
    /// What it is served. Others are left out, never escalated.
    pub remediations: Vec<Remediation>,
    /// On which scopes it is served decisions, in lower case; on any, if none is named.
    pub scopes: Vec<String>,
    /// When its key ends, if ever.
    pub expires: Option<Timestamp>,
    /// The key before this one, and until when that one is good.
    #[serde(skip)]
    pub former: Option<(KeyHash, Timestamp)>,
    /// When it was added.
    pub created_at: Timestamp,
    /// Last request, if any.
    pub last_seen: Option<Timestamp>,
    /// `name/version` of the program, as it said itself.
    pub agent: String,
    /// The address of its last request, empty over a unix socket.
    pub address: String,
}

// === impl Bouncer ===

impl Bouncer {
    /// Whether one of its keys has this hash and is good at that time.
    pub fn has_key(&self, key: &KeyHash, now: Timestamp) -> bool {
        let current = self.key_hash == *key && self.expires.is_none_or(|end| end > now);
        let former = self
            .former
            .is_some_and(|(former, end)| former == *key && end > now);
        current || former
    }
}

/// Reading and writing bouncers.
#[async_trait]
pub trait Bouncers {
    /// `false` if the name is taken.
    async fn add_bouncer(&self, bouncer: &Bouncer) -> Result<bool, StoreError>;

    /// All, by name.
    async fn bouncers(&self) -> Result<Vec<Bouncer>, StoreError>;

    /// By name.
    async fn bouncer(&self, name: &str) -> Result<Option<Bouncer>, StoreError>;

    /// By the hash of the key that came with a request, or of the key before it: whether that is good any more,
    /// [`Bouncer::has_key`] knows.
    async fn bouncer_by_key(&self, key: &KeyHash) -> Result<Option<Bouncer>, StoreError>;

    /// Gives it another key, which ends at `expires`. The one before is good until `overlap`, or its own end if that is
    /// earlier; the one before that is not. `false` if there is no such bouncer.
    async fn replace_key(
        &self,
        name: &str,
        key: &KeyHash,
        expires: Option<Timestamp>,
        overlap: Timestamp,
    ) -> Result<bool, StoreError>;

    /// How far the instance at this address has read the stream; `None` if it never did.
    async fn cursor(&self, name: &str, address: &str) -> Result<Option<Timestamp>, StoreError>;

    /// Notes how far it has read, after the whole answer went out.
    async fn set_cursor(&self, name: &str, address: &str, at: Timestamp) -> Result<(), StoreError>;
}
