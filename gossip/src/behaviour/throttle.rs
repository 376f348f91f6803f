//! How many handshakes one address may begin: each costs us a key exchange before we know anything of who calls.
//!
//! IPv6 is counted by /64, which is what one customer has. Loopback is not counted. Who finds the table full shares one
//! allowance with all others who do, so that no flood of addresses makes us remember more, or turn everybody away.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
    ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;

use crate::limits::{self, TokenBucket};

/// Between two looks who is quiet by now.
const SWEEP: Duration = Duration::from_secs(1);

/// Refuses connections before their handshake.
#[derive(Debug)]
pub(crate) struct Throttle {
    sources: HashMap<Source, TokenBucket>,
    /// Of all who found no room in the table.
    others: TokenBucket,
    next_sweep: Instant,
    refused: u64,
}

/// What is counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    V4([u8; 4]),
    V6([u8; 8]),
}

/// Its address began too many handshakes.
#[derive(Debug, thiserror::Error)]
#[error(
    "more handshakes from this address than {} in a minute",
    limits::HANDSHAKES_PER_MINUTE
)]
struct TooMany;

// === impl Throttle ===

impl Throttle {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            sources: HashMap::new(),
            others: bucket(limits::HANDSHAKES_OF_OTHERS, now),
            next_sweep: now,
            refused: 0,
        }
    }

    /// Handshakes refused since the last call.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    fn admits(&mut self, from: IpAddr, now: Instant) -> bool {
        let Some(source) = Source::of(from) else {
            return true;
        };
        if let Some(bucket) = self.sources.get_mut(&source) {
            return bucket.take(1.0, now);
        }
        // A walk over the table is for once a second, not for every handshake of a flood.
        if self.sources.len() >= limits::HANDSHAKE_SOURCES && now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.sources.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.sources.len() >= limits::HANDSHAKE_SOURCES {
            return self.others.take(1.0, now);
        }
        let fresh = self
            .sources
            .entry(source)
            .or_insert_with(|| bucket(limits::HANDSHAKES_PER_MINUTE, now));
        fresh.take(1.0, now)
    }
}

/// So many in a minute, and as many at once.
fn bucket(in_a_minute: f64, now: Instant) -> TokenBucket {
    TokenBucket::new(in_a_minute, in_a_minute / 60.0, now)
}

// === impl Source ===

impl Source {
    /// None of loopback.
    pub(crate) fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(Self::V4(ip.octets())),
            IpAddr::V6(ip) => ip.octets().first_chunk().copied().map(Self::V6),
        }
    }
}

/// The IP address of a multiaddress.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    })
}

impl NetworkBehaviour for Throttle {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let now = Instant::now();
        // Who calls through a seed has no address here; all who do share what those share that are not counted one by one.
        let admitted = match ip_of(remote) {
            Some(ip) => self.admits(ip, now),
            None => self.others.take(1.0, now),
        };
        if !admitted {
            self.refused += 1;
            return Err(ConnectionDenied::new(TooMany));
        }
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(throttle: &mut Throttle, from: &str, times: usize, now: Instant) -> usize {
        let from = from.parse().unwrap();
        (0..times).filter(|_| throttle.admits(from, now)).count()
    }

    #[test]
    fn one_address_has_its_allowance_and_a_neighbour_another() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start);
        for (from, times, expected) in [
            ("192.0.2.1", 100, 32),
            ("::ffff:192.0.2.1", 5, 0),
            ("192.0.2.2", 100, 32),
            ("2001:db8:0:1::1", 20, 20),
            ("2001:db8:0:1:ffff::2", 20, 12),
            ("2001:db8:0:2::1", 20, 20),
            ("127.0.0.1", 100, 100),
            ("::1", 100, 100),
        ] {
            assert_eq!(admitted(&mut throttle, from, times, start), expected, "{from}");
        }
        let later = start + Duration::from_mins(1);
        assert_eq!(admitted(&mut throttle, "192.0.2.1", 100, later), 32);
    }

    #[test]
    fn a_flood_of_addresses_is_remembered_up_to_a_bound_and_shares_what_is_left() {
        let start = Instant::now();
        let mut throttle = Throttle::new(start);
        let flood = |throttle: &mut Throttle, now: Instant| {
            let all = (0..20_000_u32).map(|number| IpAddr::V4((0x0A00_0000 + number).into()));
            all.filter(|from| throttle.admits(*from, now)).count()
        };
        assert_eq!(flood(&mut throttle, start), limits::HANDSHAKE_SOURCES + 256);
        assert_eq!(throttle.sources.len(), limits::HANDSHAKE_SOURCES);
        // Once they are quiet there is room again.
        let later = start + Duration::from_mins(2);
        assert_eq!(admitted(&mut throttle, "192.0.2.1", 1, later), 1);
        assert_eq!(throttle.sources.len(), 1);
    }
}
