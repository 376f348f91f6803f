//! A neighbour's frames. Before this stop: the neighbour's `swarm/relay.rs`. After it: `swarm/validate.rs`, like everything.
//!
//! A neighbour made his frame himself, so one that does not decode costs him the connection; what is in it he only
//! passes on, and is judged as gossip is. A frame is opened when the node has room for what is in it, the neighbours
//! take turns, and the next is not read before: so whoever floods waits for himself.

use std::sync::Arc;

use libp2p::PeerId;
use tokio::time::Instant;
use vigie_gossip_core::chain::Place;
use vigie_gossip_core::passing::Footing;
use vigie_gossip_core::validate::{Acceptance, Ignored, Refusal, Rejected, Unverified, Verified, outcome};
use vigie_gossip_core::wire::relay::{Ground, Packed, Parcel, Unrestored, restore_all};
use vigie_gossip_core::wire::{Class, HeaderHash, NetworkId, PublisherId};

use super::super::Task;
use super::super::validate::Origin;
use super::PASSED;
use crate::limits;
use crate::telemetry::Counted;

/// An envelope of a frame, restored.
pub(in super::super) struct Heard {
    from: PeerId,
    packed: Arc<Packed>,
    envelope: Unverified,
}

/// What is held, and what was restored and waits to be judged.
struct Ahead<'a> {
    held: Footing<'a>,
    waiting: &'a std::collections::VecDeque<Heard>,
}

impl Ground for Ahead<'_> {
    fn network(&self) -> NetworkId {
        self.held.network()
    }

    fn publisher(&self, short: [u8; 4]) -> Option<PublisherId> {
        self.held.publisher(short)
    }

    fn hash_at(&self, publisher: PublisherId, epoch: u32, seq: u64) -> Option<HeaderHash> {
        let waits = |heard: &&Heard| {
            let header = heard.envelope.header();
            (header.publisher, header.epoch, header.seq) == (publisher, epoch, seq)
        };
        let waiting = || self.waiting.iter().find(waits);
        let held = self.held.hash_at(publisher, epoch, seq);
        held.or_else(|| waiting().map(|heard| heard.envelope.hash()))
    }
}

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
        let parcel = match Parcel::decode(bytes) {
            Ok(parcel) => parcel,
            Err(error) => {
                tracing::info!(peer.id = %from, %error, "malformed frame");
                if error.class() != Class::Unknown {
                    self.blame(from, 2.0 * limits::FAULTS);
                }
                return;
            }
        };
        let now = self.relaying.time(Instant::now());
        let new = self.relaying.passing.receive(from, &parcel, now);
        let ahead = Ahead {
            held: Footing {
                directory: &self.directory,
                index: &self.chains,
            },
            waiting: &self.relaying.inbox,
        };
        let restored = restore_all(&new, &ahead);
        for (packed, restored) in new.into_iter().zip(restored) {
            match restored {
                Ok(envelope) => self.hear(from, packed, Unverified::restored(envelope)),
                Err(Unrestored::Publisher | Unrestored::Ancestor) => {
                    self.relaying.passing.unrestored(packed.name(), from, now);
                }
                Err(Unrestored::Malformed(error)) => {
                    self.relaying.passing.useless(packed.name(), from, now);
                    self.on_refusal(error.into(), from);
                }
            }
        }
    }

    /// Nothing is settled here: a name is no more than what stands in a signature, and that has not been looked at.
    fn hear(&mut self, from: PeerId, packed: Arc<Packed>, envelope: Unverified) {
        if !envelope.header().kind.is_chained() {
            // No node sends these to neighbours.
            let now = self.relaying.time(Instant::now());
            self.relaying.passing.useless(packed.name(), from, now);
            self.blame(from, limits::FAULT_LOW);
        } else if envelope.is_held(&self.chains) {
            self.counters.add(Counted::RelayDuplicates);
            self.relaying.passing.put_aside(packed.name(), from);
        } else {
            self.relaying.inbox.push_back(Heard {
                from,
                packed,
                envelope,
            });
        }
    }

    /// What neighbours sent and the node can be given now.
    pub(in super::super) fn heard_of(&mut self, count: usize) -> Vec<(Origin, Unverified)> {
        let count = count.min(self.relaying.inbox.len());
        let origin = |heard: Heard| {
            let Heard {
                from,
                packed,
                envelope,
            } = heard;
            (Origin::Relay { from, packed }, envelope)
        };
        self.relaying.inbox.drain(..count).map(origin).collect()
    }

    /// How many wait.
    pub(in super::super) fn heard_count(&self) -> usize {
        self.relaying.inbox.len()
    }

    /// A neighbour's envelope has been verified, or has not.
    pub(in super::super) fn take_heard(
        &mut self,
        from: PeerId,
        packed: Arc<Packed>,
        result: Result<Verified, Refusal>,
    ) {
        let verified = match result {
            Ok(verified) => verified,
            // Not what he sent need be wrong: we may hold another story of what it was restored from.
            Err(Refusal::Rejected(Rejected::Signature(_))) if packed.borrows() => {
                return self.doubt(&packed, from);
            }
            Err(refusal) => {
                let now = self.relaying.time(Instant::now());
                self.relaying.passing.useless(packed.name(), from, now);
                return self.on_refusal(refusal, from);
            }
        };
        match self.admit(verified.clone()) {
            Ok(admitted) => {
                self.counters.add(Counted::RelayAdmitted);
                self.store(admitted, Origin::Relay { from, packed });
            }
            Err(refusal) => self.refuse_heard(refusal, &verified, &packed, from),
        }
    }

    /// A signature that does not hold need not be the sender's fault, but it costs us one to find out: who brings many of
    /// these is no neighbour for a while.
    fn doubt(&mut self, packed: &Packed, from: PeerId) {
        let now = Instant::now();
        let Some(entry) = self.peers.get_mut(&from).filter(|peer| peer.relay.is_neighbour()) else {
            return;
        };
        if entry.doubts.take(1.0, now) {
            let now = self.relaying.time(now);
            self.relaying.passing.unrestored(packed.name(), from, now);
        } else {
            tracing::info!(peer.id = %from, "neighbour sends what does not verify");
            self.relaying.frames.retain(|(peer, _)| *peer != from);
            self.relaying.inbox.retain(|heard| heard.from != from);
            self.part(from, now + self.config.timing.relay_backoff);
        }
    }

    /// It was not admitted. A second story goes on, once, so that whoever holds the first can prove it.
    fn refuse_heard(&mut self, refusal: Refusal, verified: &Verified, packed: &Packed, from: PeerId) {
        let hash = verified.envelope().header_hash();
        let header = verified.envelope().header();
        let held = self.chains.hash_at(header.publisher, Place::of(header)) == Some(hash);
        let duplicate = matches!(refusal, Refusal::Ignored(Ignored::Duplicate));
        if duplicate {
            self.counters.add(Counted::RelayDuplicates);
        }
        if outcome(&refusal).0 == Acceptance::Accept && !self.relaying.passed.contains(&hash) {
            self.relaying.passed.push_back(hash);
            if self.relaying.passed.len() > PASSED {
                self.relaying.passed.pop_front();
            }
            let second = self.onward_again(verified.envelope(), verified.shared_bytes(), false);
            self.go_on(&second, from);
        } else if duplicate && !held {
            // On its way to the store, and passed on from there.
            self.relaying.passing.put_aside(packed.name(), from);
        } else if !matches!(refusal, Refusal::Ignored(Ignored::Busy)) {
            self.relaying.settle(packed.name());
        }
        self.on_refusal(refusal, from);
    }

    /// Passes on what others said. If gossip refuses it, that is no more than sync repairs.
    pub(in super::super) fn go_on(&mut self, onward: &super::Onward, from: PeerId) {
        if let Err(error) = self.pass_on(onward) {
            tracing::debug!(peer.id = %from, %error, "envelope not gossiped on");
        }
    }
}
