//! Hello: from a connection to a publisher with a standing, or to an outsider.
//!
//! Whoever dials speaks first, both repeat it now and then. A member's gate is opened; an outsider's stays
//! shut, but statements are fetched from it once, since a newcomer brings its own certificate and vouches.
//! An incarnation that differs from an earlier one on a living connection means that the peer restarted and
//! that connection is a ghost: gossipsub would never tell the new process our topics, so all connections
//! with it are closed and made anew.

use libp2p::PeerId;
use libp2p::request_response::{Event, Message};
use tokio::time::Instant;
use vigie_gossip_core::directory::{Standing, Why};
use vigie_gossip_core::wire::PublisherId;

use super::Task;
use super::peers::Connected;
use crate::behaviour::gate::Gossipsub;
use crate::event::MeshEvent;
use crate::hello::{Hello, Proof};
use crate::limits;
use crate::telemetry::Counted;

/// Transport score that goes with a standing.
const SEED_SCORE: f64 = 30.0;
const MEMBER_SCORE: f64 = 10.0;
const NEWCOMER_SCORE: f64 = 0.0;

impl Task {
    pub(super) fn say_hello(&mut self, peer: PeerId, now: Instant) {
        if let Some(entry) = self.peers.get_mut(&peer)
            && entry.said_hello.is_some()
        {
            entry.said_hello = Some(now);
        }
        let hello = self.own_hello(peer);
        self.swarm.behaviour_mut().hello.send_request(&peer, hello);
    }

    fn own_hello(&self, peer: PeerId) -> Vec<u8> {
        let own = *self.swarm.local_peer_id();
        let node = self.config.own.as_ref().zip(self.certificate.clone());
        let proof = node.map(|(node, certificate)| Proof::sign(certificate, &node.key, own, peer));
        Hello {
            clock: self.now(),
            incarnation: self.incarnation,
            proof,
        }
        .encode()
    }

    pub(super) fn on_hello_event(&mut self, event: Event<Vec<u8>, Vec<u8>>) {
        match event {
            Event::Message {
                peer,
                message: Message::Request { request, channel, .. },
                ..
            } => {
                let entry = self.peers.get_mut(&peer);
                if !entry.is_some_and(|entry| entry.requests.take(1.0, Instant::now())) {
                    return self.counters.add(Counted::HelloRefused);
                }
                let hello = self.own_hello(peer);
                // An error says that the peer has gone meanwhile.
                drop(self.swarm.behaviour_mut().hello.send_response(channel, hello));
                self.on_hello(peer, &request);
            }
            Event::Message {
                peer,
                message: Message::Response { response, .. },
                ..
            } => {
                self.on_hello(peer, &response);
            }
            Event::OutboundFailure { peer, error, .. } => {
                tracing::debug!(peer.id = %peer, %error, "hello failed");
            }
            Event::InboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }

    fn on_hello(&mut self, peer: PeerId, bytes: &[u8]) {
        if !self.peers.contains_key(&peer) {
            return;
        }
        match Hello::decode(bytes) {
            Ok(hello) => self.on_decoded_hello(peer, &hello),
            Err(error) => {
                tracing::info!(peer.id = %peer, %error, "malformed hello");
                self.counters.add(Counted::HelloRefused);
                self.blame(peer, limits::FAULT_HIGH);
            }
        }
    }

    fn on_decoded_hello(&mut self, peer: PeerId, hello: &Hello) {
        let own_clock = self.now();
        let now = Instant::now();
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        if entry.incarnation.is_some_and(|known| known != hello.incarnation) {
            tracing::info!(peer.id = %peer, "peer restarted: connecting anew");
            return self.disconnect(peer);
        }
        entry.incarnation = Some(hello.incarnation);
        entry.said_hello = Some(now);
        entry.skew_millis = Some(hello.clock.as_millis().saturating_sub(own_clock.as_millis()));
        let (first, dialled) = (entry.standing.is_none(), entry.outbound);
        if let Some(proof) = &hello.proof {
            let Some(publisher) = self.proven(peer, proof) else {
                tracing::info!(peer.id = %peer, "hello with a wrong signature");
                self.counters.add(Counted::HelloRefused);
                return self.blame(peer, 2.0 * limits::FAULTS);
            };
            self.learn([proof.certificate.clone().into()], peer);
            if let Some(entry) = self.peers.get_mut(&peer) {
                entry.publisher = Some(publisher);
            }
        }
        self.place(peer);
        self.check_hint(peer);
        if self.is_one_too_many(peer) {
            tracing::info!(peer.id = %peer, "its organisation has its share of our connections");
            return self.disconnect(peer);
        }
        if first && !dialled {
            self.thin_out();
        }
        match (first, dialled) {
            (true, true) => self.sync_with(peer),
            (true, false) => self.sync_soon(peer),
            (false, _) => {}
        }
        self.review_clock();
    }

    /// Names of peers cost nothing, so members share by organisation what they take of our incoming connections.
    fn is_one_too_many(&self, peer: PeerId) -> bool {
        let incoming = |entry: &&Connected| !entry.outbound && entry.is_member();
        let org = |entry: &Connected| self.directory.org_of(entry.publisher?);
        let Some(newest) = self.peers.get(&peer).filter(incoming) else {
            return false;
        };
        let own = org(newest);
        let share = (self.room() / 8).max(limits::ORGANISATION_INBOUND);
        let others = self.peers.values().filter(incoming);
        own.is_some() && others.filter(|entry| org(entry) == own).count() > share
    }

    fn proven(&self, peer: PeerId, proof: &Proof) -> Option<PublisherId> {
        let key = proof.verify(self.network, *self.swarm.local_peer_id(), peer)?;
        Some(key.publisher_id())
    }

    /// Looks up where the directory places a peer that said hello, and acts on a change.
    pub(super) fn place(&mut self, peer: PeerId) {
        let now = self.now();
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        if entry.said_hello.is_none() {
            return;
        }
        let standing = match entry.publisher {
            Some(publisher) => self.directory.standing(publisher, now),
            None => Standing::Outsider(Why::Unknown),
        };
        if entry.standing.as_ref() == Some(&standing) {
            return;
        }
        let was_member = entry.is_member();
        entry.standing = Some(standing);
        let new = !std::mem::replace(&mut entry.announced, true);
        let (member, description) = (entry.is_member(), entry.describe(peer));
        if was_member && !member {
            tracing::info!(peer.id = %peer, "peer is no longer admitted: disconnected");
            self.disconnect(peer);
        }
        if member {
            self.admit_peer(peer, description.standing);
        }
        self.outbox.push(MeshEvent::Connected {
            peer: description,
            new,
        });
        if member && !was_member {
            self.sync_soon(peer);
            self.welcome(peer);
        }
    }

    fn admit_peer(&mut self, peer: PeerId, standing: Option<Standing>) {
        let score = match standing {
            Some(Standing::Seed) => SEED_SCORE,
            Some(Standing::Member) => MEMBER_SCORE,
            _ => NEWCOMER_SCORE,
        };
        let behaviour = self.swarm.behaviour_mut();
        if let Some(circuit) = behaviour.circuit.as_mut() {
            circuit.open(peer);
        }
        let gate = &mut behaviour.gossip;
        gate.open(peer);
        let gossipsub: &mut Gossipsub = gate.gossipsub();
        gossipsub.set_application_score(&peer, score);
    }

    /// The directory changed, or time passed: everybody's place is looked up again.
    pub(super) fn place_all(&mut self) {
        for peer in self.peers.keys().copied().collect::<Vec<_>>() {
            self.place(peer);
        }
    }
}
