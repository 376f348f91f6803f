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
use vigie_gossip_core::passing::{Counts, Footing, Passing};
use vigie_gossip_core::validate::Admitted;
use vigie_gossip_core::wire::relay::{Name, Packed};
use vigie_gossip_core::wire::{Envelope, HeaderHash, Kind, Timestamp};

use super::Task;
use crate::behaviour::streams::Streams;
use crate::error::MeshError;
use crate::telemetry::Counted;
use hearing::Heard;

/// Second stories that were passed on: each goes on once.
const PASSED: usize = 256;

/// An envelope that goes on once it is stored.
#[derive(Debug, Clone)]
pub(super) struct Onward {
    packed: Arc<Packed>,
    bytes: Arc<[u8]>,
    kind: Kind,
    urgent: bool,
}

/// What waits for neighbours, and what came from them.
pub(super) struct Relaying {
    passing: Passing<PeerId>,
    /// Of what happened, how much has been counted.
    counted: Counts,
    /// The relay counts distances, so its clock runs evenly, whatever happens to the node's.
    started: (Instant, Timestamp),
    /// At most [`crate::limits::RELAY_UNJUDGED`] of each neighbour.
    frames: VecDeque<(PeerId, Vec<u8>)>,
    /// What was in the last frames and the node has not been given.
    inbox: VecDeque<Heard>,
    passed: VecDeque<HeaderHash>,
    /// Somebody hears gossip and is not known to speak the protocol.
    others: bool,
    neighbours: usize,
}

// === impl Onward ===

impl Onward {
    fn name(&self) -> Name {
        self.packed.name()
    }
}

// === impl Relaying ===

impl Relaying {
    pub(super) fn new(now: Instant, started: Timestamp) -> Self {
        Self {
            passing: Passing::default(),
            counted: Counts::default(),
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
        let due = self.passing.next_deadline()?;
        Some(self.started.0 + due.since(self.started.1))
    }

    /// Whether what travels on the topic of sightings has to be gossiped too.
    pub(super) const fn gossips(&self) -> bool {
        self.others || self.neighbours == 0
    }

    /// This peer has this envelope: it need not be sent to him.
    pub(super) fn heard(&mut self, name: Name, from: PeerId) {
        self.passing.heard(name, from);
    }

    /// It came another way than by neighbours, and is not passed on to them.
    pub(super) fn settle(&mut self, name: Name) {
        self.passing.settle(name);
    }
}

impl Task {
    /// What an envelope that was admitted needs to go on: as it came, if a neighbour sent it packed, else packed anew.
    pub(super) fn onward(&self, admitted: &Admitted, came: Option<Arc<Packed>>) -> Onward {
        let bytes = admitted.shared_bytes();
        let packed = came.unwrap_or_else(|| self.pack(admitted.envelope(), &bytes));
        Onward {
            packed,
            bytes,
            kind: admitted.envelope().header().kind,
            urgent: admitted.urgent(),
        }
    }

    /// One that is sent again, such as after a restart, or a second story.
    pub(super) fn onward_again(&self, envelope: &Envelope, bytes: Arc<[u8]>, urgent: bool) -> Onward {
        Onward {
            packed: self.pack(envelope, &bytes),
            bytes,
            kind: envelope.header().kind,
            urgent,
        }
    }

    fn pack(&self, envelope: &Envelope, bytes: &Arc<[u8]>) -> Arc<Packed> {
        let footing = Footing {
            directory: &self.directory,
            index: &self.chains,
        };
        Arc::new(Packed::of(envelope, bytes, &footing))
    }

    /// An own envelope, or one that came by the relay, goes on to everybody who has not shown that he has it.
    pub(super) fn pass_on(&mut self, onward: &Onward) -> Result<(), MeshError> {
        let topic = self.topics.route(onward.kind, onward.urgent).clone();
        self.relay_on(onward);
        let gossips = topic.hash() != self.topics.sightings.hash() || self.relaying.gossips();
        if gossips {
            return self.gossip_out(&topic, &onward.bytes);
        }
        Ok(())
    }

    /// One that came by gossip, which carries it further itself, goes to neighbours unless it is urgent.
    pub(super) fn relay_on(&mut self, onward: &Onward) {
        let topic = self.topics.route(onward.kind, onward.urgent);
        if topic.hash() == self.topics.sightings.hash() {
            let now = self.relaying.time(Instant::now());
            let passing = &mut self.relaying.passing;
            passing.push(&onward.packed, &onward.bytes, false, now);
        } else {
            self.relaying.settle(onward.name());
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
        for departure in self.relaying.passing.poll(now) {
            let frame = departure.parcel.encode();
            let bytes = u64::try_from(frame.len()).unwrap_or(u64::MAX);
            if self.with_streams(|streams| streams.send(departure.to, frame)) {
                self.counters.add(Counted::RelayFramesSent);
                self.counters.add_many(Counted::RelayBytesSent, bytes);
            } else {
                self.counters.add(Counted::RelayFramesUnsent);
                self.relaying.passing.unsent(&departure, now);
            }
        }
    }

    /// What the core has counted since the last time.
    pub(super) fn count_passing(&mut self) {
        let (now, before) = (self.relaying.passing.counts(), self.relaying.counted);
        self.relaying.counted = now;
        for (what, count) in [
            (Counted::RelayDropped, now.dropped - before.dropped),
            (Counted::RelayDuplicates, now.repeated - before.repeated),
            (Counted::RelayAsked, now.asked - before.asked),
            (Counted::RelayForgotten, now.forgotten - before.forgotten),
            (Counted::RelayUnrestored, now.unrestored - before.unrestored),
        ] {
            self.counters.add_many(what, count);
        }
    }
}
