//! Hole punching: two members that met in a circuit try to connect directly (libp2p's `DCUtR`), within bounds.
//!
//! The other end names the addresses that we then dial, which may be somebody else's. So an attempt has few addresses,
//! one peer few attempts, and all together few a minute; what is beyond is refused before a packet leaves.

use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId, dcutr};
use tokio::time::Instant;

use crate::limits::{self, TokenBucket};

/// `DCUtR`, rationed.
pub(crate) struct Punch {
    inner: dcutr::Behaviour,
    /// The dial that it asked for last, until it is decided.
    asked: Option<ConnectionId>,
    attempts: TokenBucket,
    refused: u64,
}

/// The other end wants too much dialled.
#[derive(Debug, thiserror::Error)]
#[error("too many hole punches, or too many addresses for one")]
struct TooMany;

// === impl Punch ===

impl Punch {
    pub(crate) fn new(own: PeerId, now: Instant) -> Self {
        Self {
            inner: dcutr::Behaviour::new(own),
            asked: None,
            attempts: TokenBucket::new(limits::PUNCHES, limits::PUNCHES / 60.0, now),
            refused: 0,
        }
    }

    /// Attempts refused since the last call.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    fn admits(&mut self, addresses: usize, now: Instant) -> bool {
        addresses <= limits::PUNCH_ADDRESSES && self.attempts.take(1.0, now)
    }
}

impl NetworkBehaviour for Punch {
    type ConnectionHandler = <dcutr::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = dcutr::Event;

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.asked == Some(connection) {
            self.asked = None;
            if !self.admits(addresses.len(), Instant::now()) {
                self.refused += 1;
                return Err(ConnectionDenied::new(TooMany));
            }
        }
        Ok(Vec::new())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let action = self.inner.poll(cx);
        if let Poll::Ready(ToSwarm::Dial { opts }) = &action {
            // The swarm decides on it before it polls again.
            self.asked = Some(opts.connection_id());
        }
        action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_attempts_are_rationed() {
        let now = Instant::now();
        let mut punch = Punch::new(PeerId::random(), now);
        assert!(!punch.admits(limits::PUNCH_ADDRESSES + 1, now));
        let admitted = (0..1_000).filter(|_| punch.admits(1, now)).count();
        assert!(admitted > 0 && admitted <= 64, "{admitted}");
        assert!(punch.admits(1, now + std::time::Duration::from_mins(1)));
    }
}
