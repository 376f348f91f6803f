//! Hole punching: two members that met in a circuit try to connect directly (libp2p's `DCUtR`), within bounds.
//!
//! The other end names the addresses that we then dial, which may be somebody else's. So an attempt has few addresses,
//! one peer few attempts, and all together few a minute; what is beyond is refused before a packet leaves, and so is what
//! names an address that no record of addresses may name. Who was reached so was not chosen by us: it is told apart.

use std::collections::HashSet;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{Multiaddr, PeerId, dcutr};
use tokio::time::Instant;

use crate::addresses::is_shareable;
use crate::limits::{self, TokenBucket};

/// `DCUtR`, rationed.
pub(crate) struct Punch {
    inner: dcutr::Behaviour,
    /// The dial that it asked for last, until it is decided.
    asked: Option<ConnectionId>,
    /// Attempts on their way: the limit of pending connections bounds them.
    pending: HashSet<ConnectionId>,
    /// Whether the network lives on private addresses.
    private: bool,
    attempts: TokenBucket,
    refused: u64,
}

/// The other end wants too much dialled.
#[derive(Debug, thiserror::Error)]
#[error(
    "too many hole punches, too many addresses for one, or one that is not to be dialled on another's word"
)]
struct Refused;

// === impl Punch ===

impl Punch {
    pub(crate) fn new(own: PeerId, private: bool, now: Instant) -> Self {
        Self {
            inner: dcutr::Behaviour::new(own),
            asked: None,
            pending: HashSet::new(),
            private,
            attempts: TokenBucket::new(limits::PUNCHES, limits::PUNCHES / 60.0, now),
            refused: 0,
        }
    }

    /// Attempts refused since the last call.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Whether this connection was a hole punch: a dial, but to whoever called us. It is answered once.
    pub(crate) fn take_punched(&mut self, connection: ConnectionId) -> bool {
        self.pending.remove(&connection)
    }

    fn admits(&mut self, addresses: &[Multiaddr], now: Instant) -> bool {
        addresses.len() <= limits::PUNCH_ADDRESSES
            && addresses.iter().all(|address| is_target(address, self.private))
            && self.attempts.take(1.0, now)
    }
}

/// Whether it is an address to punch at: one that anybody may be told of, and not through a seed.
fn is_target(address: &Multiaddr, private: bool) -> bool {
    let mut address = address.clone();
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    let direct = !address.iter().any(|part| part == Protocol::P2pCircuit);
    direct && is_shareable(&address, private, false)
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
            if !self.admits(addresses, Instant::now()) {
                self.refused += 1;
                return Err(ConnectionDenied::new(Refused));
            }
            self.pending.insert(connection);
        }
        Ok(Vec::new())
    }

    handlers_of_inner!();

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::DialFailure(failure) => {
                self.pending.remove(&failure.connection_id);
            }
            // One address that the other end may not dial would cost us the whole attempt.
            FromSwarm::NewExternalAddrCandidate(seen) if !is_target(seen.addr, self.private) => return,
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
        let mut punch = Punch::new(PeerId::random(), false, now);
        let one: Multiaddr = "/ip4/9.9.9.9/udp/1/quic-v1".parse().unwrap();
        assert!(!punch.admits(&vec![one.clone(); limits::PUNCH_ADDRESSES + 1], now));
        let one = [one];
        let admitted = (0..1_000).filter(|_| punch.admits(&one, now)).count();
        assert!(admitted > 0 && admitted <= 64, "{admitted}");
        assert!(punch.admits(&one, now + std::time::Duration::from_mins(1)));
    }

    #[test]
    fn nobody_has_us_dial_ourselves_or_our_neighbours() {
        let now = Instant::now();
        let peer = PeerId::random();
        let good: Multiaddr = format!("/ip4/9.9.9.9/tcp/1/p2p/{peer}").parse().unwrap();
        let admits = |address: &str, private| {
            let addresses = [good.clone(), address.parse().unwrap()];
            Punch::new(peer, private, now).admits(&addresses, now)
        };
        for (address, expected) in [
            (format!("/ip4/9.9.9.10/udp/1/quic-v1/p2p/{peer}"), [true, true]),
            ("/ip4/127.0.0.1/tcp/1".to_owned(), [false, true]),
            (format!("/ip4/10.0.0.1/udp/1/quic-v1/p2p/{peer}"), [false, true]),
            ("/dns4/victim.example/tcp/1".to_owned(), [false, false]),
            (
                format!("/ip4/9.9.9.9/tcp/1/p2p/{peer}/p2p-circuit"),
                [false, false],
            ),
        ] {
            assert_eq!(
                [false, true].map(|private| admits(&address, private)),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn a_dial_that_another_asked_for_is_told_from_our_own() {
        let mut punch = Punch::new(PeerId::random(), false, Instant::now());
        let [own, punched, failed] = [1, 2, 3].map(ConnectionId::new_unchecked);
        let target: [Multiaddr; 1] = ["/ip4/9.9.9.9/tcp/1".parse().unwrap()];
        for (connection, asked) in [(own, None), (punched, Some(punched)), (failed, Some(failed))] {
            punch.asked = asked;
            let pending =
                punch.handle_pending_outbound_connection(connection, None, &target, Endpoint::Dialer);
            assert!(pending.is_ok());
        }
        punch.on_swarm_event(FromSwarm::DialFailure(libp2p::swarm::behaviour::DialFailure {
            peer_id: None,
            error: &libp2p::swarm::DialError::Aborted,
            connection_id: failed,
        }));
        assert_eq!(
            [own, punched, failed].map(|id| punch.take_punched(id)),
            [false, true, false]
        );
        assert!(punch.pending.is_empty());
    }
}
