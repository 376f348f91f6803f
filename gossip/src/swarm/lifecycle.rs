//! Connections come and go: listening, dialling, limits, liveness, and what is due at each tick.

use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, core::ConnectedPoint, identify, ping};
use tokio::time::Instant;

use super::Task;
use super::dial::Whom;
use super::peers::{Connected, median_skew};
use super::reach::is_circuit;
use crate::behaviour::BehaviourEvent;
use crate::event::MeshEvent;
use crate::limits;
use crate::telemetry::Counted;
use crate::topic::relay_protocol;

impl Task {
    pub(super) fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            SwarmEvent::NewListenAddr { address, listener_id } => {
                self.on_listening(listener_id, &address);
                let own = *self.swarm.local_peer_id();
                let address = address.with_p2p(own).unwrap_or_else(|address| address);
                tracing::info!(%address, "listening");
                self.outbox.push(MeshEvent::Listening(address.to_string()));
            }
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.on_connected(peer_id, connection_id, &endpoint, now);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                num_established,
                ..
            } => {
                self.on_closed(peer_id, connection_id, num_established, now);
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id, error, ..
            } => {
                self.on_dial_failed(connection_id, &error, now);
            }
            SwarmEvent::ListenerError { listener_id, error } if self.reach.holds(listener_id) => {
                tracing::debug!(%error, "a reservation has trouble");
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener has trouble"),
            SwarmEvent::ListenerClosed {
                listener_id, reason, ..
            } if self.reach.holds(listener_id) => self.on_reservation_over(listener_id, reason, now),
            SwarmEvent::ListenerClosed {
                reason: Err(error),
                addresses,
                ..
            } => {
                tracing::error!(%error, ?addresses, "a listener closed: nobody can reach us there any more");
            }
            _ => {}
        }
    }

    fn on_behaviour_event(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Gossip(event) => self.on_gate_event(event),
            BehaviourEvent::Streams(event) => self.on_relay_event(event),
            BehaviourEvent::Hello(event) => self.on_hello_event(event),
            BehaviourEvent::Sync(event) => self.on_sync_event(event),
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                let relay = relay_protocol(self.network);
                if let Some(peer) = self.peers.get_mut(&peer_id) {
                    // It is shown on terminals and in logs.
                    let visible = info.agent_version.chars().filter(|char| !char.is_control());
                    peer.agent = Some(visible.take(64).collect());
                }
                self.note_relay(peer_id, info.protocols.contains(&relay));
            }
            BehaviourEvent::Ping(event) => self.on_ping(&event),
            BehaviourEvent::Exchange(event) => self.on_exchange_event(event),
            BehaviourEvent::Mdns(event) => self.on_mdns_event(event),
            BehaviourEvent::Circuit(event) => self.on_circuit_event(&event),
            BehaviourEvent::Punch(event) => Self::on_punch(&event),
            BehaviourEvent::Identify(_) | BehaviourEvent::Reservations(_) => {}
        }
    }

    fn on_connected(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
        now: Instant,
    ) {
        self.dialer.answered(connection, endpoint.get_remote_address());
        if self.dialer.up(connection, peer, now) {
            self.exchange.hurry(now);
        }
        self.exchange.dialled(connection, peer);
        // In a hole punch both ends dial, at addresses that the other one names: whoever called us has still called us.
        let punched = self.swarm.behaviour_mut().punch.take_punched(connection);
        if self.bans.holds(&peer, now) {
            self.disconnect(peer);
            return;
        }
        let outbound = endpoint.is_dialer() && !punched;
        let entry = self
            .peers
            .entry(peer)
            .or_insert_with(|| Connected::new(outbound, now));
        let through_circuit = entry.connections.values().any(is_circuit);
        entry.connections.insert(connection, seen_at(endpoint));
        entry.outbound |= outbound;
        entry.changed = now;
        if outbound && !endpoint.is_relayed() {
            entry.dialled = Some(endpoint.get_remote_address().clone());
        }
        self.reach
            .note_connection(endpoint, through_circuit, Instant::now());
        if endpoint.is_dialer() {
            self.say_hello(peer, now);
        }
        if !outbound {
            self.make_room(peer);
        }
    }

    /// Who is no member has a quarter of the incoming connections: the oldest goes, never one of a member.
    fn make_room(&mut self, newest: PeerId) {
        let limit = limits::inbound(self.config.seed);
        let strangers = || {
            self.peers
                .iter()
                .filter(|(_, peer)| !peer.outbound && !peer.is_member())
        };
        if strangers().count() <= limit as usize / 4 {
            return;
        }
        let others = strangers().filter(|(id, _)| **id != newest);
        if let Some(oldest) = others.min_by_key(|(_, peer)| peer.since).map(|(id, _)| *id) {
            self.disconnect(oldest);
        }
    }

    fn on_closed(&mut self, peer: PeerId, connection: ConnectionId, remaining: u32, now: Instant) {
        if remaining > 0 {
            if let Some(entry) = self.peers.get_mut(&peer) {
                entry.connections.remove(&connection);
            }
            return;
        }
        self.dialer.down(peer, now, rand::random());
        self.sync.forget_peer(peer);
        self.exchange.forget_peer(peer);
        let Some(entry) = self.peers.remove(&peer) else {
            return;
        };
        if entry.announced {
            self.outbox.push(MeshEvent::Disconnected {
                peer: entry.describe(peer),
            });
        }
        self.review_neighbours(now);
    }

    fn on_dial_failed(&mut self, connection: ConnectionId, error: &DialError, now: Instant) {
        match error {
            DialError::LocalPeerId { .. } => {
                tracing::warn!("one of the addresses to dial is our own");
                self.dialer.forget(connection);
            }
            error => {
                let ours = self.dialer.failed(connection, now, rand::random())
                    || self.exchange.dial_failed(connection, now, rand::random());
                if ours {
                    self.counters.add(Counted::DialsFailed);
                    tracing::debug!(%error, "dial failed");
                }
            }
        }
    }

    /// Libp2p only tells of failed pings; a line that is dead by all appearances is for us to cut.
    fn on_ping(&mut self, event: &ping::Event) {
        let Some(peer) = self.peers.get_mut(&event.peer) else {
            return;
        };
        match &event.result {
            Ok(round_trip) => {
                peer.round_trip = Some(*round_trip);
                peer.failed_pings = 0;
            }
            Err(ping::Failure::Unsupported) => {}
            Err(_) => peer.failed_pings = peer.failed_pings.saturating_add(1),
        }
        if peer.failed_pings >= 2 {
            self.swarm.close_connection(event.connection);
        }
    }

    pub(super) fn dial_due(&mut self, now: Instant) {
        let alone = !self.peers.values().any(|peer| peer.outbound && peer.is_member());
        for whom in self.dialer.due(now, alone) {
            let options = dial_options(&whom, self.dialer.addresses(&whom));
            let connection = options.connection_id();
            match self.swarm.dial(options) {
                Ok(()) => self.dialer.dialling(&whom, connection, now),
                Err(DialError::DialPeerConditionFalse(_)) => match whom {
                    Whom::Peer(peer) if self.swarm.is_connected(&peer) => {
                        self.dialer.up(connection, peer, now);
                    }
                    whom => self.dialer.refused(&whom, now, rand::random()),
                },
                Err(error) => {
                    tracing::debug!(%error, "address cannot be dialled");
                    self.counters.add(Counted::DialsFailed);
                    self.dialer.refused(&whom, now, rand::random());
                }
            }
        }
    }

    pub(super) fn on_tick(&mut self, now: Instant) {
        self.dial_due(now);
        let dropped = self.swarm.behaviour_mut().gossip.take_dropped();
        self.counters.add_many(Counted::GateDropped, dropped);
        let refused = self.swarm.behaviour_mut().throttle.take_refused();
        self.counters.add_many(Counted::HandshakesRefused, refused);
        self.reach_due(now);
        self.exchange_due(now);
        self.dial_nearby(now);
        self.review_peers(now);
        self.part_with_stalled(now);
        self.count_passing();
        self.review_neighbours(now);
        self.review_clock();
        self.sync_due(now);
    }

    /// Hellos that are due or overdue, and outsiders that have had their time.
    fn review_peers(&mut self, now: Instant) {
        let timing = self.config.timing.clone();
        let age = |peer: &Connected| now.saturating_duration_since(peer.since);
        let mut hello = Vec::new();
        let mut silent = Vec::new();
        let mut over = Vec::new();
        for (id, peer) in &self.peers {
            if peer
                .said_hello
                .is_some_and(|at| now.saturating_duration_since(at) >= timing.hello_every)
            {
                hello.push(*id);
            }
            if peer.said_hello.is_none() && age(peer) >= timing.hello_timeout {
                silent.push(*id);
            }
            // Libp2p dials the seed of a circuit by itself, and whoever's record names the circuit chooses that seed.
            let leased = !peer.outbound || !self.dialer.wants(*id);
            if !peer.is_member() && leased && age(peer) >= timing.outsider_lease {
                over.push(*id);
            }
        }
        for peer in hello {
            self.say_hello(peer, now);
        }
        for peer in silent.into_iter().chain(over) {
            self.disconnect(peer);
        }
    }

    pub(super) fn review_clock(&mut self) {
        let median = median_skew(self.peers.values());
        let skewed = median.is_some_and(|millis| millis.unsigned_abs() > limits::SKEW_LIMIT_MILLIS);
        if let (Some(millis), true) = (median, skewed != self.skewed) {
            self.skewed = skewed;
            tracing::warn!(
                skew_ms = millis,
                skewed,
                "difference between our clock and our peers'"
            );
            self.outbox.push(MeshEvent::ClockSkew { millis });
        }
    }

    pub(super) fn disconnect(&mut self, peer: PeerId) {
        if self.swarm.disconnect_peer_id(peer).is_err() {
            tracing::trace!(peer.id = %peer, "already gone");
        }
    }

    /// A fault of this weight; patience is bounded, and its end costs the connection for a while.
    pub(super) fn blame(&mut self, peer: PeerId, weight: f64) {
        let now = Instant::now();
        let patient = self
            .peers
            .get_mut(&peer)
            .is_none_or(|entry| entry.forgive(weight, now));
        if !patient {
            tracing::warn!(peer.id = %peer, "peer sends garbage: disconnected");
            self.counters.add(Counted::PeersBanned);
            self.bans.add(peer, now);
            self.disconnect(peer);
        }
    }
}

/// Where the other end is, for people and for counting networks: of a call through a seed the seed's address, as the
/// caller's is not known.
fn seen_at(endpoint: &ConnectedPoint) -> Multiaddr {
    match endpoint {
        ConnectedPoint::Listener { local_addr, .. } if is_circuit(local_addr) => local_addr.clone(),
        endpoint => endpoint.get_remote_address().clone(),
    }
}

fn dial_options(whom: &Whom, addresses: Vec<Multiaddr>) -> DialOpts {
    match whom {
        Whom::Peer(peer) => DialOpts::peer_id(*peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .build(),
        Whom::At(address) => DialOpts::unknown_peer_id().address(address.clone()).build(),
    }
}
