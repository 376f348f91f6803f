//! Circuits through a seed: members that nobody can call are called through it.
//!
//! This is libp2p's circuit relay v2 behind a gate: what a peer asks before it has proven to be an admitted publisher is
//! dropped unread, and its stream with it. Limits are those of the configuration, per member and in all. Deliberately
//! absent: what is inside a circuit, which is encrypted between its ends.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId, relay};

use crate::config::RelayLimits;
use crate::limits;

const MINUTE: Duration = Duration::from_mins(1);

/// The relay, for proven members.
pub(crate) struct Circuit {
    inner: relay::Behaviour,
    /// Bounded by the connection limits.
    members: HashSet<PeerId>,
    refused: u64,
}

// === impl Circuit ===

impl Circuit {
    pub(crate) fn new(own: PeerId, limits: &RelayLimits) -> Self {
        let config = relay::Config {
            max_reservations: limits.reservations,
            // One more than this is let through.
            max_reservations_per_peer: 1,
            reservation_duration: limits::RESERVATION,
            reservation_rate_limiters: Vec::new(),
            max_circuits: limits.circuits,
            max_circuits_per_peer: limits.circuits_per_member.saturating_sub(1),
            max_circuit_duration: limits.circuit_duration,
            max_circuit_bytes: limits.circuit_bytes,
            circuit_src_rate_limiters: Vec::new(),
        }
        .reservation_rate_per_peer(rate(limits::RESERVATIONS_PER_MEMBER), MINUTE)
        .circuit_src_per_peer(rate(limits::CIRCUITS_PER_MEMBER), MINUTE);
        let mut inner = relay::Behaviour::new(own, config);
        inner.set_status(Some(relay::Status::Enable));
        Self {
            inner,
            members: HashSet::new(),
            refused: 0,
        }
    }

    /// Lets a connected peer ask.
    pub(crate) fn open(&mut self, peer: PeerId) {
        self.members.insert(peer);
    }

    /// What strangers asked since the last call.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }
}

/// So many at once; each comes back after a minute.
fn rate(at_once: u32) -> NonZeroU32 {
    NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN)
}

impl NetworkBehaviour for Circuit {
    type ConnectionHandler = <relay::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = relay::Event;

    handlers_of_inner!();

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionClosed(closed) = &event
            && closed.remaining_established == 0
        {
            self.members.remove(&closed.peer_id);
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        if self.members.contains(&peer) {
            self.inner.on_connection_handler_event(peer, connection, event);
        } else {
            self.refused += 1;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}
