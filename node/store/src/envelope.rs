//! The chains, as bytes: what this node published and what it admitted from others.

use async_trait::async_trait;
use vigie_wire::{HeaderHash, OrgId, PublisherId, Sighting, SightingId, Timestamp};

use crate::{AlertId, Lease, StoreError};

/// One place of one chain that this node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// Whose chain.
    pub publisher: PublisherId,
    /// Which of his epochs.
    pub epoch: u32,
    /// Which place.
    pub seq: u64,
    /// What stands there.
    pub hash: HeaderHash,
}

/// An envelope that is ready to be kept: verified and admitted, or sealed by ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEnvelope {
    /// Its place.
    pub held: Held,
    /// The organisation behind the publisher.
    pub org: OrgId,
    /// The kind's number.
    pub kind: u8,
    /// The time base of its header.
    pub time_base: Timestamp,
    /// The rows that its header counts, erased ones too.
    pub rows: u16,
    /// Whether it asks to be urgent.
    pub urgent: bool,
    /// The whole envelope as it came.
    pub bytes: Vec<u8>,
    /// Its sightings, empty for other kinds.
    pub sightings: Vec<(SightingId, Sighting)>,
    /// When it arrived here.
    pub received_at: Timestamp,
}

/// What is known of an envelope that is held, without its content: what rates and retention are counted by,
/// and which envelopes are read again at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldEnvelope {
    /// Its place.
    pub held: Held,
    /// The kind's number.
    pub kind: u8,
    /// Its signed time.
    pub time_base: Timestamp,
    /// Its rows.
    pub rows: u16,
    /// Whether it asks to be urgent.
    pub urgent: bool,
}

/// What became of an envelope that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is kept, durably.
    New,
    /// It was kept already.
    Known,
    /// Another envelope stands at its place; nothing changed.
    Conflict(HeaderHash),
}

/// Reading and writing chains.
#[async_trait]
pub trait Envelopes {
    /// Keeps an envelope of another publisher, with its sightings.
    async fn keep_envelope(&self, envelope: &NewEnvelope) -> Result<Appended, StoreError>;

    /// Keeps several in one transaction, with one sync of the disk; tells what became of each, in order.
    async fn keep_envelopes(&self, envelopes: &[NewEnvelope]) -> Result<Vec<Appended>, StoreError>;

    /// Keeps an envelope of our own, synced to disk before this returns, and in the same transaction notes
    /// which alerts left with which sighting. Nothing may leave this node before. [`StoreError::Fenced`] if another
    /// process has taken the lease since: then nothing was written.
    async fn append_own(
        &self,
        lease: &Lease,
        envelope: &NewEnvelope,
        shared: &[(AlertId, SightingId)],
    ) -> Result<Appended, StoreError>;

    /// Every place held, in order. Called once at start.
    async fn held(&self) -> Result<Vec<HeldEnvelope>, StoreError>;

    /// The highest place of one publisher: highest epoch, then highest seq.
    async fn head_of(&self, publisher: PublisherId) -> Result<Option<Held>, StoreError>;

    /// Bytes of the envelopes `from..=to` of one chain, newest first, until `max_bytes` are reached (at least one). Old ones
    /// come without their body.
    async fn range(
        &self,
        publisher: PublisherId,
        epoch: u32,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Drops these envelopes with their sightings, where they stand as named: after a proven fork, or because the rules
    /// that all nodes share no longer admit them. Gives how many went.
    async fn drop_envelopes(&self, dropped: &[Held]) -> Result<u64, StoreError>;

    /// Replaces the bytes of an envelope by those of its erased form and drops the erased rows' sightings. `false` if it
    /// is not here, or has no body any more.
    async fn replace_bytes(
        &self,
        held: &Held,
        bytes: &[u8],
        erased: &[SightingId],
    ) -> Result<bool, StoreError>;
}
