//! Own envelopes leave here. Before this stop: the node's outbox, which has stored them. After it: the
//! neighbour's `swarm/validate.rs`.
//!
//! They are judged as a neighbour would judge them. That nobody is subscribed, or that every queue is full,
//! is not the publisher's trouble: the chain now says that the envelope exists, and anti-entropy brings it to
//! whoever missed it.

use libp2p::gossipsub::PublishError;
use vigie_gossip_core::validate::{Ignored, Refusal, Unverified, asks_urgency};
use vigie_gossip_core::wire::Envelope;

use super::Task;
use crate::error::MeshError;
use crate::telemetry::Counted;

impl Task {
    pub(super) fn publish(&mut self, envelope: &Envelope) -> Result<(), MeshError> {
        let bytes = envelope.encode();
        let header = envelope.header();
        let urgent = match self.admit_own(&bytes) {
            Ok(urgent) => urgent,
            Err(Refusal::Ignored(Ignored::Duplicate)) => asks_urgency(header),
            Err(refusal) => return Err(MeshError::OwnEnvelope(refusal)),
        };
        let topic = self.topics.route(header.kind, urgent).hash();
        match self
            .swarm
            .behaviour_mut()
            .gossip
            .gossipsub()
            .publish(topic, bytes)
        {
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

    /// The node has stored it, so it counts as held at once. Says whether it may travel as urgent.
    fn admit_own(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let now = self.now();
        let admitted = self.admit(Unverified::parse(bytes)?.verify(&self.directory, now)?)?;
        let header = admitted.envelope().header();
        if header.kind.is_chained() {
            let dropped = self.chains.record(header);
            self.drop_held(dropped);
        }
        Ok(admitted.urgent())
    }
}
