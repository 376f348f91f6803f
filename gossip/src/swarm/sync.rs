//! Anti-entropy: what gossip lost, sync brings.

mod forks;
mod reading;

use libp2p::PeerId;
use libp2p::request_response::Event;
use tokio::time::Instant;
use vigie_gossip_core::wire::Header;

use super::Task;
use reading::{Purpose, Read, Reading};

/// Sessions, and what is being read for others.
pub(super) struct Sync {
    reading: Reading,
}

// === impl Sync ===

impl Sync {
    pub(super) fn new(_now: Instant) -> Self {
        Self { reading: Reading::default() }
    }

    pub(super) fn is_reading(&self) -> bool {
        !self.reading.is_empty()
    }

    pub(super) async fn next_read(&mut self) -> Option<Read> {
        self.reading.next().await
    }

    pub(super) fn forget_peer(&mut self, _peer: PeerId) {}
}

impl Task {
    pub(super) fn on_read(&mut self, read: Read) {
        match read.purpose {
            Purpose::Proof(suspicion) => self.prove(&suspicion, &read.envelopes),
            Purpose::Serve { .. } => {}
        }
    }

    pub(super) fn sync_with(&mut self, _peer: PeerId) {}
    pub(super) fn sync_with_all(&mut self) {}
    pub(super) fn sync_soon(&mut self, _peer: PeerId) {}
    pub(super) fn sync_due(&mut self, _now: Instant) {}
    pub(super) fn note_gap(&mut self, _header: &Header) {}
    pub(super) fn on_sync_event(&mut self, _event: Event<Vec<u8>, Vec<u8>>) {}
}
