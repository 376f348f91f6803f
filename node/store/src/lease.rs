//! Who of several processes publishes on a chain: one, for a time, under a token that only rises.
//!
//! Times make that somebody takes over when the holder is gone; that no two publish at once is the token's work alone. A
//! holder that slept through its time finds its token old in [`Envelopes::append_own`](crate::Envelopes::append_own),
//! whatever the clocks say. Deliberately absent: how long a lease should last.

use async_trait::async_trait;
use vigie_wire::{PublisherId, Timestamp};

use crate::StoreError;

/// Who wants a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder<'a> {
    /// One process; the same name after a restart, which need not wait for its own lease.
    pub instance: &'a str,
    /// One life of it, a random number: what an earlier life still sends is refused.
    pub life: u64,
}

/// The right to publish on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which chain.
    pub publisher: PublisherId,
    /// Rises whenever another holder takes the chain, or another life of the same.
    pub token: u64,
    /// From then on another may take it.
    pub until: Timestamp,
}

/// Taking and giving back.
#[async_trait]
pub trait Leases {
    /// Takes the chain until then, or goes on holding it. `None` while another instance holds it.
    async fn take_lease(
        &self,
        publisher: PublisherId,
        holder: Holder<'_>,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, StoreError>;

    /// Lets others take it from `now` on. `false` if another took it already.
    async fn give_lease_back(&self, lease: &Lease, now: Timestamp) -> Result<bool, StoreError>;
}
