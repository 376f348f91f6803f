//! Own envelopes leave here. Before this stop: the node's outbox, which has stored them. After it: the
//! neighbour's `swarm/validate.rs`.
//!
//! They are judged as a neighbour would judge them. That nobody is subscribed, or that every queue is full,
//! is not the publisher's trouble: the chain now says that the envelope exists, and anti-entropy brings it to
//! whoever missed it.

use vigie_gossip_core::validate::{Admitted, Ignored, Refusal, Unverified, asks_urgency};
use vigie_gossip_core::wire::Envelope;

use super::Task;
use crate::error::MeshError;

impl Task {
    pub(super) fn publish(&mut self, envelope: &Envelope) -> Result<(), MeshError> {
        let bytes = envelope.encode();
        let onward = match self.admit_own(&bytes) {
            Ok(admitted) => self.onward(&admitted, None),
            Err(Refusal::Ignored(Ignored::Duplicate)) => {
                self.onward_again(envelope, bytes.into(), asks_urgency(envelope.header()))
            }
            Err(refusal) => return Err(MeshError::OwnEnvelope(refusal)),
        };
        self.pass_on(&onward)
    }

    /// The node has stored it, so it counts as held at once.
    fn admit_own(&mut self, bytes: &[u8]) -> Result<Admitted, Refusal> {
        let now = self.now();
        let admitted = self.admit(Unverified::parse(bytes)?.verify(&self.directory, now)?)?;
        let header = admitted.envelope().header();
        if header.kind.is_chained() {
            let dropped = self.chains.record(header);
            self.drop_held(dropped);
        }
        Ok(admitted)
    }
}
