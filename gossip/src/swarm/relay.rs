//! Envelopes go on in bundles, to a few neighbours. Before this stop: `swarm/validate.rs`, or our own `swarm/publish.rs`.
//! After it: the neighbour's `swarm/relay/hearing.rs`.
//!
//! The core decides what leaves when and for whom; here are the clock and the streams. What is urgent is gossiped, and
//! everything is if somebody hears gossip and does not speak the relay's protocol, or if there is no neighbour at all.
//! Deliberately absent: repair. What a neighbour does not take is counted, and sync brings it.

mod hearing;
mod neighbours;

use std::collections::VecDeque;
use std::sync::Arc;

use libp2p::PeerId;
use libp2p::gossipsub::{IdentTopic, PublishError};
use tokio::time::Instant;
use vigie_gossip_core::relay::{Parcel, Relay};
use vigie_gossip_core::validate::{Admitted, Unverified, Verified};
use vigie_gossip_core::wire::{Bundle, Envelope, HeaderHash, Kind, Timestamp};

use super::Task;
use crate::behaviour::streams::Streams;
use crate::error::MeshError;
use crate::telemetry::Counted;

/// Second stories that were passed on: each goes on once.
const PASSED: usize = 256;

/// An envelope that goes on once it is stored.
#[derive(Debug, Clone)]
pub(super) struct Onward {
    hash: HeaderHash,
    bytes: Arc<[u8]>,
    kind: Kind,
    urgent: bool,
}

/// What waits for neighbours, and what came from them.
pub(super) struct Relaying {
    relay: Relay<PeerId>,
    /// The relay counts distances, so its clock runs evenly, whatever happens to the node's.
    started: (Instant, Timestamp),
    /// At most [`crate::limits::RELAY_UNJUDGED`] of each neighbour.
    frames: VecDeque<(PeerId, Vec<u8>)>,
    /// What was in the last frames and the node has not been given.
    inbox: VecDeque<(PeerId, Unverified)>,
    passed: VecDeque<HeaderHash>,
    /// Somebody hears gossip and is not known to speak the protocol.
    others: bool,
    neighbours: usize,
}

// === impl Onward ===

impl Onward {
    /// One that is sent again, such as after a restart.
    pub(super) fn again(envelope: &Envelope, bytes: Vec<u8>, urgent: bool) -> Self {
        Self {
            hash: envelope.header_hash(),
            bytes: bytes.into(),
            kind: envelope.header().kind,
            urgent,
        }
    }

    /// One that is signed, and is not admitted here.
    pub(super) fn second_story(verified: &Verified) -> Self {
        Self {
            hash: verified.header().hash(),
            bytes: verified.shared_bytes(),
            kind: verified.header().kind,
            urgent: false,
        }
    }

    pub(super) fn of(admitted: &Admitted) -> Self {
        Self {
            hash: admitted.envelope().header_hash(),
            bytes: admitted.shared_bytes(),
            kind: admitted.envelope().header().kind,
            urgent: admitted.urgent(),
        }
    }
}

// === impl Relaying ===

impl Relaying {
    pub(super) fn new(now: Instant, started: Timestamp) -> Self {
        Self {
            relay: Relay::default(),
            started: (now, started),
            frames: VecDeque::new(),
            inbox: VecDeque::new(),
            passed: VecDeque::new(),
            others: false,
            neighbours: 0,
        }
    }

    fn time(&self, now: Instant) -> Timestamp {
        self.started.1 + now.saturating_duration_since(self.started.0)
    }

    /// When something is to be sent next.
    pub(super) fn next_parcels(&self) -> Option<Instant> {
        let due = self.relay.next_deadline()?;
        Some(self.started.0 + due.since(self.started.1))
    }

    /// Whether what travels on the topic of sightings has to be gossiped too.
    pub(super) const fn gossips(&self) -> bool {
        self.others || self.neighbours == 0
    }

    /// This peer has this envelope: it need not be sent to him.
    pub(super) fn heard(&mut self, hash: HeaderHash, from: PeerId) {
        self.relay.heard(hash, from);
    }
}

impl Task {
    /// An own envelope, or one that came by the relay, goes on to everybody but whoever sent it.
    pub(super) fn pass_on(&mut self, onward: &Onward, from: Option<PeerId>) -> Result<(), MeshError> {
        let topic = self.topics.route(onward.kind, onward.urgent).clone();
        if topic.hash() != self.topics.sightings.hash() {
            return self.gossip_out(&topic, &onward.bytes);
        }
        self.relay_on(onward, from);
        if self.relaying.gossips() {
            return self.gossip_out(&topic, &onward.bytes);
        }
        Ok(())
    }

    /// One that came by gossip, which carries it further itself, goes to neighbours unless it is urgent.
    pub(super) fn relay_on(&mut self, onward: &Onward, from: Option<PeerId>) {
        let topic = self.topics.route(onward.kind, onward.urgent);
        if topic.hash() == self.topics.sightings.hash() {
            let now = self.relaying.time(Instant::now());
            let relay = &mut self.relaying.relay;
            let dropped = relay.dropped();
            relay.push(onward.hash, &onward.bytes, from.as_slice(), now);
            self.counters
                .add_many(Counted::RelayDropped, relay.dropped() - dropped);
        }
    }

    fn gossip_out(&mut self, topic: &IdentTopic, bytes: &[u8]) -> Result<(), MeshError> {
        let gossipsub = self.swarm.behaviour_mut().gossip.gossipsub();
        match gossipsub.publish(topic.hash(), bytes) {
            Ok(_) | Err(PublishError::Duplicate) => Ok(()),
            Err(PublishError::NoPeersSubscribedToTopic) => {
                self.counters.add(Counted::PublishUnheard);
                Ok(())
            }
            Err(PublishError::AllQueuesFull(_)) => {
                self.counters.add(Counted::PublishQueuesFull);
                Ok(())
            }
            Err(error) => Err(MeshError::Publish(error.to_string())),
        }
    }

    /// What the streams say; nothing where there are none.
    fn with_streams<T: Default>(&mut self, act: impl FnOnce(&mut Streams) -> T) -> T {
        let streams = self.swarm.behaviour_mut().streams.as_mut();
        streams.map(act).unwrap_or_default()
    }

    pub(super) fn send_parcels(&mut self) {
        let now = self.relaying.time(Instant::now());
        for Parcel { to, envelopes } in self.relaying.relay.poll(now) {
            let mut bundle = Bundle::new();
            let mut lost = 0;
            for (_, bytes) in &envelopes {
                lost += u64::from(bundle.push(bytes).is_err());
            }
            let frame = bundle.encode();
            let bytes = u64::try_from(frame.len()).unwrap_or(u64::MAX);
            if self.with_streams(|streams| streams.send(to, frame)) {
                self.counters.add(Counted::RelayFramesSent);
                self.counters.add_many(Counted::RelayBytesSent, bytes);
            } else {
                lost = u64::try_from(envelopes.len()).unwrap_or(u64::MAX);
            }
            self.counters.add_many(Counted::RelayDropped, lost);
        }
    }
}
