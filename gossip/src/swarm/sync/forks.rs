//! Two envelopes at one place: the half that the store has is asked for, and the two are a proof.

use libp2p::PeerId;
use vigie_gossip_core::chain::Suspicion;
use vigie_gossip_core::sync::Wanted;
use vigie_gossip_core::wire::{Envelope, EquivocationProof};

use super::super::Task;
use super::reading::Purpose;
use crate::event::MeshEvent;

impl Task {
    /// Asks the node for what is held at the place of a fork, unless it is on its way there and so at hand.
    pub(in super::super) fn suspect(&mut self, suspicion: Box<Suspicion>) {
        if let Some(proof) = suspicion.proof() {
            return self.convict(proof, None);
        }
        let (publisher, epoch, seq) = suspicion.at();
        let wanted = Wanted {
            publisher,
            epoch,
            from: seq,
            to: seq,
            max_bytes: usize::from(u16::MAX),
        };
        self.read(vec![wanted], Purpose::Proof(suspicion));
    }

    /// The node's half has come.
    pub(super) fn prove(&mut self, suspicion: &Suspicion, envelopes: &[Vec<u8>]) {
        let halves = envelopes.iter().filter_map(|bytes| Envelope::decode(bytes).ok());
        if let Some(proof) = halves.into_iter().find_map(|half| suspicion.prove(&half)) {
            self.convict(proof, None);
        }
    }

    /// A proof of our own making, or a peer's.
    pub(in super::super) fn convict(&mut self, proof: EquivocationProof, from: Option<PeerId>) {
        let publisher = proof.first().header().publisher;
        let known = self.chains.proof(publisher, proof.first().header().epoch) == Some(&proof);
        let now = self.now();
        match self.chains.convict(proof.clone(), &self.directory, now) {
            Ok(_) if known => {}
            Ok(dropped) => {
                // A better one may stand already.
                let epoch = proof.first().header().epoch;
                if self.chains.proof(publisher, epoch) == Some(&proof) {
                    tracing::warn!(publisher.id = %publisher, "a publisher forked its chain");
                    self.outbox.push(MeshEvent::Fork(Box::new(proof)));
                }
                self.drop_held(dropped);
            }
            Err(error) => tracing::debug!(peer.id = ?from, %error, "proof not taken"),
        }
    }
}
