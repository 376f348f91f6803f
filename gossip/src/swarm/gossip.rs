//! What comes through the gate: messages to validate, and signs of trouble.

use libp2p::PeerId;
use libp2p::gossipsub::{Event, TopicHash};
use tokio::time::Instant;

use super::Task;
use crate::behaviour::gate::GateEvent;
use crate::event::MeshEvent;
use crate::limits;
use crate::telemetry::Counted;

impl Task {
    pub(super) fn on_gate_event(&mut self, event: GateEvent) {
        match event {
            GateEvent::Gossip(Event::Message {
                propagation_source,
                message_id,
                message,
            }) => {
                self.on_message(propagation_source, message_id, &message.topic, &message.data);
            }
            GateEvent::Gossip(Event::SlowPeer {
                peer_id,
                failed_messages,
            }) => {
                let failed = failed_messages
                    .priority
                    .saturating_add(failed_messages.non_priority);
                tracing::debug!(peer.id = %peer_id, failed, "peer does not keep up");
                self.counters.add(Counted::SlowPeers);
            }
            GateEvent::Gossip(Event::GossipsubNotSupported { peer_id }) => {
                tracing::info!(peer.id = %peer_id, "peer speaks no gossip: it gets what sync brings");
            }
            GateEvent::Gossip(Event::Subscribed { peer_id, topic }) => {
                self.on_subscribed(peer_id, &topic, true);
            }
            GateEvent::Gossip(Event::Unsubscribed { peer_id, topic }) => {
                self.on_subscribed(peer_id, &topic, false);
            }
            GateEvent::Noisy(peer) => self.blame(peer, 2.0 * limits::FAULTS),
        }
    }

    fn on_subscribed(&mut self, peer: PeerId, topic: &TopicHash, subscribed: bool) {
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        if *topic == self.topics.sightings.hash() && entry.subscribed != subscribed {
            entry.subscribed = subscribed;
            self.outbox.push(MeshEvent::Connected {
                peer: entry.describe(peer),
                new: false,
            });
            self.review_neighbours(Instant::now());
            if subscribed {
                self.sync_soon(peer);
            }
        }
    }
}
