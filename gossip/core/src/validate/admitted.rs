//! An envelope of somebody who has a say, within his rate: it may be stored, scored and relayed.

use std::sync::Arc;

use crate::directory::Standing;
use crate::wire::{Envelope, PublicKey};

/// An envelope that may be stored, scored and relayed. Only admission makes one.
#[derive(Clone, Debug)]
pub struct Admitted {
    envelope: Arc<Envelope>,
    bytes: Arc<[u8]>,
    terms: Terms,
}

/// On which terms it was admitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) org: PublicKey,
    pub(super) standing: Standing,
    pub(super) urgent: bool,
    pub(super) fresh: bool,
    pub(super) completes: bool,
}

// === impl Admitted ===

impl Admitted {
    pub(super) const fn new(envelope: Arc<Envelope>, bytes: Arc<[u8]>, terms: Terms) -> Self {
        Self {
            envelope,
            bytes,
            terms,
        }
    }

    /// The envelope.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Its bytes, as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, to be kept beside others who keep them.
    pub fn shared_bytes(&self) -> std::sync::Arc<[u8]> {
        self.bytes.clone()
    }

    /// The organisation that it speaks for.
    pub const fn org(&self) -> PublicKey {
        self.terms.org
    }

    /// Its publisher's standing at its signed time.
    pub const fn standing(&self) -> Standing {
        self.terms.standing
    }

    /// Whether it may travel as urgent: it asks to, it is of the last day, and its publisher's urgent budget is not
    /// used up at lower places of its slot.
    pub const fn urgent(&self) -> bool {
        self.terms.urgent
    }

    /// Whether it takes the place of a copy of itself that lacks rows.
    pub const fn completes(&self) -> bool {
        self.terms.completes
    }

    /// Whether it is of the last day: news, rather than history that sync brought.
    pub const fn fresh(&self) -> bool {
        self.terms.fresh
    }
}
