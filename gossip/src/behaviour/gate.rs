//! Gossipsub behind a gate: what a peer sends, its subscriptions included, reaches gossipsub only once the
//! peer has proven to be an admitted publisher.
//!
//! Gossipsub sends messages only to peers whose subscription it knows, so an outsider hears nothing GREEN
//! however it behaves, and what it shouts is dropped unread. The first frames of a peer are kept and handed
//! over when the gate opens: a subscription is said only once. Once open, a gate stays open until the
//! connection ends; who loses membership loses the connection.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::gossipsub::{self, MaxCountSubscriptionFilter, WhitelistSubscriptionFilter};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use crate::limits;

/// Our gossipsub: topics from a fixed list.
pub(crate) type Gossipsub = gossipsub::Behaviour<
    gossipsub::IdentityTransform,
    MaxCountSubscriptionFilter<WhitelistSubscriptionFilter>,
>;

/// What the gate tells.
#[derive(Debug)]
pub(crate) enum GateEvent {
    /// From gossipsub.
    Gossip(gossipsub::Event),
    /// An unproven peer sent more than anyone has reason to.
    Noisy(PeerId),
}

enum Side {
    Waiting {
        kept: VecDeque<(ConnectionId, THandlerOutEvent<Gossipsub>)>,
        dropped: u32,
    },
    Open,
}

/// Gossipsub, for proven peers.
pub(crate) struct Gate {
    inner: Gossipsub,
    /// Bounded by the connection limits: one entry for each connected peer.
    sides: HashMap<PeerId, Side>,
    noisy: VecDeque<PeerId>,
    dropped: u64,
}

// === impl Side ===

impl Side {
    fn waiting() -> Self {
        Self::Waiting {
            kept: VecDeque::new(),
            dropped: 0,
        }
    }
}

// === impl Gate ===

impl Gate {
    pub(crate) fn new(inner: Gossipsub) -> Self {
        Self {
            inner,
            sides: HashMap::new(),
            noisy: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Gossipsub itself, to publish and report.
    pub(crate) fn gossipsub(&mut self) -> &mut Gossipsub {
        &mut self.inner
    }

    /// Lets a connected peer in, with what it said while waiting.
    pub(crate) fn open(&mut self, peer: PeerId) {
        let Some(side) = self.sides.get_mut(&peer) else {
            return;
        };
        let Side::Waiting { kept, .. } = std::mem::replace(side, Side::Open) else {
            return;
        };
        for (connection, event) in kept {
            self.inner.on_connection_handler_event(peer, connection, event);
        }
    }

    /// Frames dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = <Gossipsub as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = GateEvent;

    handlers_of_inner!();

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(established) => {
                self.sides
                    .entry(established.peer_id)
                    .or_insert_with(Side::waiting);
            }
            FromSwarm::ConnectionClosed(closed) if closed.remaining_established == 0 => {
                self.sides.remove(&closed.peer_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match self.sides.get_mut(&peer) {
            Some(Side::Open) => self.inner.on_connection_handler_event(peer, connection, event),
            Some(Side::Waiting { kept, .. }) if kept.len() < limits::GATE_FRAMES => {
                kept.push_back((connection, event));
            }
            Some(Side::Waiting { dropped, .. }) => {
                self.dropped += 1;
                *dropped = dropped.saturating_add(1);
                if *dropped == limits::GATE_DROPS {
                    self.noisy.push_back(peer);
                }
            }
            None => self.dropped += 1,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(peer) = self.noisy.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(GateEvent::Noisy(peer)));
        }
        self.inner
            .poll(cx)
            .map(|action| action.map_out(GateEvent::Gossip))
    }
}
