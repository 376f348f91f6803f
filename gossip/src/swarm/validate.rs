//! A neighbour's envelope is judged here. Before this stop: `swarm/publish.rs` at the neighbour. After it:
//! the node's ingest, as [`MeshEvent::Admitted`].
//!
//! Every gossip message is reported to gossipsub exactly once: at once when refused, otherwise when the node
//! has stored it or has not. An envelope counts as held, and is forwarded, only once it is stored.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use libp2p::PeerId;
use libp2p::gossipsub::{MessageAcceptance, MessageId, TopicHash};
use tokio::sync::oneshot;
use tokio::time::timeout;
use vigie_gossip_core::validate::{
    Acceptance, Admitted, Ignored, Penalty, Refusal, Unverified, Verified, outcome,
};
use vigie_gossip_core::wire::relay::{Name, Packed};
use vigie_gossip_core::wire::{Bundle, Header, Kind, Payload};

use super::Task;
use super::relay::Onward;
use crate::behaviour::gossip::GRAYLIST;
use crate::event::MeshEvent;
use crate::limits;
use crate::telemetry::Counted;

/// Where an envelope came from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    Gossip {
        id: MessageId,
        from: PeerId,
        /// Whether it may go on, on the topic on which it came.
        relay: bool,
    },
    Relay {
        from: PeerId,
        /// As it came.
        packed: Arc<Packed>,
    },
    Sync {
        from: PeerId,
    },
}

/// The node's answer to one envelope.
pub(super) struct Stored {
    header: Header,
    /// What is more than content: it changes what we know of publishers.
    payload: Option<Payload>,
    /// What goes on, unless sync brought it: then others have it already.
    onward: Option<Onward>,
    /// What neighbours call it.
    name: Name,
    origin: Origin,
    done: bool,
}

/// Envelopes at the node, waiting for its answer. They go on in the order in which they were admitted, whichever answer is
/// seen first: a neighbour restores an envelope from the one before it.
pub(super) type Storing = FuturesOrdered<BoxFuture<'static, Stored>>;

impl Task {
    pub(super) fn on_message(&mut self, from: PeerId, id: MessageId, topic: &TopicHash, bytes: &[u8]) {
        if Bundle::is_bundle(bytes) {
            return self.on_bundle(from, &id, bytes);
        }
        let judged = Unverified::parse(bytes).and_then(|unverified| {
            self.relaying.heard(unverified.name(), from);
            self.judge(unverified)
        });
        match judged {
            Ok(admitted) => {
                // What is not urgent is taken and does not overtake; and it goes to neighbours, and not to all, if it can.
                let others = *topic != self.topics.sightings.hash() || self.relaying.gossips();
                let relay = admitted.urgent() || *topic != self.topics.urgent.hash() && others;
                if admitted.envelope().header().kind.is_chained() {
                    self.store(admitted, Origin::Gossip { id, from, relay });
                } else {
                    self.note_end(admitted.envelope().header());
                    self.report(&id, from, verdict(relay));
                }
            }
            Err(refusal) => self.refuse(&id, from, refusal),
        }
    }

    fn refuse(&mut self, id: &MessageId, from: PeerId, refusal: Refusal) {
        let (acceptance, _) = outcome(&refusal);
        self.report(id, from, acceptance_of(acceptance));
        self.on_refusal(refusal, from);
        self.review_score(from);
    }

    /// The envelopes of a bundle are taken as if sync had brought them. The bundle itself goes no further: whoever made
    /// it gives it to his neighbours, and what is in it travels by itself.
    fn on_bundle(&mut self, from: PeerId, id: &MessageId, bytes: &[u8]) {
        let bundle = match Bundle::decode(bytes) {
            Ok(bundle) => bundle,
            Err(error) => return self.refuse(id, from, error.into()),
        };
        self.report(id, from, MessageAcceptance::Ignore);
        for bytes in bundle.envelopes() {
            match Unverified::parse(bytes) {
                Ok(envelope) => self.take_later(from, envelope),
                Err(refusal) => self.on_refusal(refusal, from),
            }
        }
        self.pump();
    }

    /// Gossipsub is deaf to whom it has graylisted; keeping the connection would only hide that.
    fn review_score(&mut self, peer: PeerId) {
        let score = self.swarm.behaviour_mut().gossip.gossipsub().peer_score(&peer);
        if score.is_some_and(|score| score < GRAYLIST) {
            self.blame(peer, 2.0 * limits::FAULTS);
        }
    }

    fn judge(&mut self, unverified: Unverified) -> Result<Admitted, Refusal> {
        let now = self.now();
        if unverified.is_held(&self.chains) {
            return Err(Ignored::Duplicate.into());
        }
        self.admit(unverified.verify(&self.directory, now)?)
    }

    pub(super) fn admit(&mut self, verified: Verified) -> Result<Admitted, Refusal> {
        let now = self.now();
        verified.admit(&self.directory, &mut self.chains, now)
    }

    /// What follows from a refusal, wherever the envelope came from.
    pub(super) fn on_refusal(&mut self, refusal: Refusal, from: PeerId) {
        tracing::debug!(peer.id = %from, reason = refusal.name(), "envelope refused");
        match outcome(&refusal).1 {
            Penalty::None => {}
            Penalty::Low => self.blame(from, limits::FAULT_LOW),
            Penalty::High => self.blame(from, limits::FAULT_HIGH),
        }
        match refusal {
            Refusal::Ignored(Ignored::UnknownPublisher(_) | Ignored::Outsider(_)) => self.sync_soon(from),
            Refusal::Ignored(Ignored::Fork(suspicion)) => self.suspect(suspicion),
            _ => {}
        }
    }

    /// Hands an admitted envelope to the node, if it keeps up; else sync brings it again.
    pub(super) fn store(&mut self, admitted: Admitted, origin: Origin) {
        let header = *admitted.envelope().header();
        let name = Name::of(admitted.envelope().signature());
        if self.storing.len() >= limits::STORING || !self.outbox.is_clear() {
            self.counters.add(Counted::StoringFull);
            let refused = Stored {
                header,
                payload: None,
                onward: None,
                name,
                origin,
                done: false,
            };
            return self.on_stored(refused);
        }
        let telling = matches!(
            header.kind,
            Kind::Certificate | Kind::Vouch | Kind::Revocation | Kind::Proof
        );
        let payload = telling.then(|| admitted.envelope().payload().ok()).flatten();
        let onward = match &origin {
            Origin::Sync { .. } => None,
            Origin::Relay { packed, .. } => {
                let came = packed.borrows().then(|| Arc::clone(packed));
                Some(self.onward(&admitted, came))
            }
            Origin::Gossip { .. } => Some(self.onward(&admitted, None)),
        };
        let (stored, answer) = oneshot::channel();
        self.outbox.push(MeshEvent::Admitted { admitted, stored });
        self.storing.push_back(Box::pin(async move {
            let done = matches!(timeout(limits::STORING_TIMEOUT, answer).await, Ok(Ok(true)));
            Stored {
                header,
                payload,
                onward,
                name,
                origin,
                done,
            }
        }));
    }

    pub(super) fn on_stored(&mut self, answer: Stored) {
        let Stored {
            header,
            payload,
            onward,
            name,
            origin,
            done: stored,
        } = answer;
        let within_rate = if stored {
            let dropped = self.chains.record(&header);
            let within_rate = !dropped.iter().any(|held| held.is_at_or_behind(&header));
            self.drop_held(dropped);
            within_rate
        } else {
            self.counters.add(Counted::StoringRefused);
            self.chains.release(&header);
            false
        };
        if stored && onward.is_some() {
            self.note_gap(&header);
        }
        // Whoever fills a slot and goes on at lower places would be passed on without end, as each takes the room of one
        // behind it; so would be what lost its own place meanwhile. What of it stays sync brings.
        let onward = onward.filter(|_| within_rate);
        let from = match origin {
            Origin::Sync { from } => {
                if stored {
                    self.relaying.settle(name);
                }
                from
            }
            Origin::Relay { from, .. } => {
                if let Some(onward) = onward {
                    self.go_on(&onward, from);
                }
                from
            }
            Origin::Gossip { id, from, relay } => {
                if let Some(onward) = onward {
                    self.relay_on(&onward);
                }
                self.report(&id, from, verdict(within_rate && relay));
                from
            }
        };
        match payload.filter(|_| stored) {
            Some(Payload::Statements(statements)) => self.learn_quoted(statements),
            Some(Payload::Proof(proof)) => self.convict(*proof, Some(from)),
            _ => {}
        }
        self.pump();
    }

    /// Gossipsub forgets a message after ten heartbeats; what is reported later is not forwarded.
    fn report(&mut self, id: &MessageId, from: PeerId, verdict: MessageAcceptance) {
        self.counters.add(match verdict {
            MessageAcceptance::Accept => Counted::GossipAccepted,
            MessageAcceptance::Ignore => Counted::GossipIgnored,
            MessageAcceptance::Reject => Counted::GossipRejected,
        });
        let gossipsub = self.swarm.behaviour_mut().gossip.gossipsub();
        if !gossipsub.report_message_validation_result(id, &from, verdict) {
            self.counters.add(Counted::GossipReportLate);
        }
    }
}

const fn verdict(relay: bool) -> MessageAcceptance {
    if relay {
        MessageAcceptance::Accept
    } else {
        MessageAcceptance::Ignore
    }
}

const fn acceptance_of(acceptance: Acceptance) -> MessageAcceptance {
    match acceptance {
        Acceptance::Accept => MessageAcceptance::Accept,
        Acceptance::Ignore => MessageAcceptance::Ignore,
        Acceptance::Reject => MessageAcceptance::Reject,
    }
}
