//! A neighbour's frames. Before this stop: the neighbour's `swarm/relay.rs`. After it: `swarm/validate.rs`, like everything.
//!
//! A neighbour made his frame himself, so one that does not decode costs him the connection; what is in it he only
//! passes on, and is judged as gossip is. A frame is opened when the node has room for what is in it, the neighbours
//! take turns, and the next is not read before: so whoever floods waits for himself.

use libp2p::PeerId;
use vigie_gossip_core::validate::{Acceptance, Ignored, Refusal, Unverified, outcome};
use vigie_gossip_core::wire::{Bundle, Class, HeaderHash};

use super::super::Task;
use super::super::validate::Origin;
use super::{Onward, PASSED};
use crate::limits;
use crate::telemetry::Counted;

impl Task {
    pub(super) fn on_frame(&mut self, from: PeerId, bytes: Vec<u8>) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.counters.add(Counted::RelayFramesHeard);
        self.counters.add_many(Counted::RelayBytesHeard, length);
        self.relaying.frames.push_back((from, bytes));
        self.pump();
    }

    /// Opens frames until so many envelopes are there as are verified together.
    pub(in super::super) fn open_frames(&mut self) {
        while self.relaying.inbox.len() < limits::BATCH {
            let Some((from, bytes)) = self.relaying.frames.pop_front() else {
                return;
            };
            self.open_frame(from, &bytes);
            self.with_streams(|streams| streams.taken(from));
        }
    }

    fn open_frame(&mut self, from: PeerId, bytes: &[u8]) {
        let bundle = match Bundle::decode(bytes) {
            Ok(bundle) => bundle,
            Err(error) => {
                tracing::info!(peer.id = %from, %error, "malformed frame");
                if error.class() != Class::Unknown {
                    self.blame(from, 2.0 * limits::FAULTS);
                }
                return;
            }
        };
        for bytes in bundle.envelopes() {
            match Unverified::parse(bytes) {
                Ok(envelope) => self.hear(from, envelope),
                Err(refusal) => self.on_refusal(refusal, from),
            }
        }
    }

    fn hear(&mut self, from: PeerId, envelope: Unverified) {
        self.relaying.heard(envelope.hash(), from);
        if envelope.is_held(&self.chains) || !envelope.header().kind.is_chained() {
            self.counters.add(Counted::RelayDuplicates);
        } else {
            self.relaying.inbox.push_back((from, envelope));
        }
    }

    /// What neighbours sent and the node can be given now.
    pub(in super::super) fn heard_of(&mut self, count: usize) -> Vec<(Origin, Unverified)> {
        let count = count.min(self.relaying.inbox.len());
        let envelopes = self.relaying.inbox.drain(..count);
        envelopes
            .map(|(from, envelope)| (Origin::Relay { from }, envelope))
            .collect()
    }

    /// How many wait.
    pub(in super::super) fn heard_count(&self) -> usize {
        self.relaying.inbox.len()
    }

    /// What came by the relay was not admitted. A second story goes on, once, so that whoever holds the first can prove it.
    pub(in super::super) fn refuse_heard(&mut self, refusal: Refusal, second: &Onward, from: PeerId) {
        let passed = |passed: &HeaderHash| *passed == second.hash;
        if matches!(refusal, Refusal::Ignored(Ignored::Duplicate)) {
            self.counters.add(Counted::RelayDuplicates);
        }
        if outcome(&refusal).0 == Acceptance::Accept && !self.relaying.passed.iter().any(passed) {
            self.relaying.passed.push_back(second.hash);
            if self.relaying.passed.len() > PASSED {
                self.relaying.passed.pop_front();
            }
            self.go_on(second, from);
        }
        self.on_refusal(refusal, from);
    }

    /// Passes on what others said. If gossip refuses it, that is no more than sync repairs.
    pub(in super::super) fn go_on(&mut self, onward: &Onward, from: PeerId) {
        if let Err(error) = self.pass_on(onward, Some(from)) {
            tracing::debug!(peer.id = %from, %error, "envelope not gossiped on");
        }
    }
}
