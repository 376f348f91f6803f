//! What is known of each connected peer, and who is banned.
//!
//! One entry for each peer with a connection, so the connection limits bound the map.

use std::collections::HashMap;
use std::time::Duration;

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;
use vigie_gossip_core::directory::Standing;
use vigie_gossip_core::wire::PublisherId;

use crate::event::Peer;
use crate::limits::{self, TokenBucket};

/// A connected peer.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) connections: HashMap<ConnectionId, Multiaddr>,
    /// Where we dialled it.
    pub(crate) dialled: Option<Multiaddr>,
    /// When it was last asked for addresses.
    pub(crate) exchanged: Option<Instant>,
    /// When its connections changed.
    pub(crate) changed: Instant,
    pub(crate) outbound: bool,
    pub(crate) since: Instant,
    pub(crate) said_hello: Option<Instant>,
    pub(crate) incarnation: Option<u64>,
    pub(crate) publisher: Option<PublisherId>,
    pub(crate) standing: Option<Standing>,
    pub(crate) announced: bool,
    pub(crate) subscribed: bool,
    pub(crate) relay: Relayed,
    pub(crate) agent: Option<String>,
    pub(crate) round_trip: Option<Duration>,
    pub(crate) failed_pings: u8,
    pub(crate) skew_millis: Option<i64>,
    pub(crate) requests: TokenBucket,
    pub(crate) bytes: TokenBucket,
    /// Envelopes of its that did not verify, although that need not be its fault.
    pub(crate) doubts: TokenBucket,
    faults: TokenBucket,
}

/// What there is between a peer and us beside gossip.
#[derive(Debug, Default)]
pub(crate) struct Relayed {
    /// Whether it has told that it speaks the protocol.
    pub(crate) speaks: bool,
    /// It opened a stream before it was admitted.
    pub(crate) knocking: bool,
    pub(crate) neighbour: Option<Chosen>,
    /// It refused us, or we gave it up.
    pub(crate) not_before: Option<Instant>,
}

/// Who chose whom as a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    ByUs,
    ByPeer,
}

// === impl Relayed ===

impl Relayed {
    pub(crate) const fn is_neighbour(&self) -> bool {
        self.neighbour.is_some()
    }
}

// === impl Connected ===

impl Connected {
    pub(crate) fn new(outbound: bool, now: Instant) -> Self {
        Self {
            connections: HashMap::new(),
            dialled: None,
            exchanged: None,
            changed: now,
            outbound,
            since: now,
            said_hello: None,
            incarnation: None,
            publisher: None,
            standing: None,
            announced: false,
            subscribed: false,
            relay: Relayed::default(),
            agent: None,
            round_trip: None,
            failed_pings: 0,
            skew_millis: None,
            requests: TokenBucket::new(limits::REQUEST_BURST, limits::REQUEST_RATE, now),
            bytes: TokenBucket::new(limits::BYTES_BURST, limits::BYTES_RATE, now),
            doubts: TokenBucket::new(limits::RELAY_DOUBTS, limits::RELAY_DOUBT_RATE, now),
            faults: TokenBucket::new(limits::FAULTS, limits::FAULTS / 3_600.0, now),
        }
    }

    /// Where it can be called, as far as we found out ourselves.
    pub(crate) fn outbound_address(&self) -> Option<&Multiaddr> {
        self.dialled.as_ref()
    }

    /// Counts a fault of this weight. False when the patience is used up.
    pub(crate) fn forgive(&mut self, weight: f64, now: Instant) -> bool {
        self.faults.take(weight, now)
    }

    /// Admitted by the directory: may hear and say everything.
    pub(crate) fn is_member(&self) -> bool {
        self.standing.is_some_and(Standing::is_admitted)
    }

    pub(crate) fn is_seed(&self) -> bool {
        matches!(self.standing, Some(Standing::Seed))
    }

    /// The public view.
    pub(crate) fn describe(&self, id: PeerId) -> Peer {
        Peer {
            id: id.to_string(),
            address: self
                .connections
                .values()
                .next()
                .map(ToString::to_string)
                .unwrap_or_default(),
            outbound: self.outbound,
            publisher: self.publisher,
            standing: self.standing,
            subscribed: self.subscribed,
            neighbour: self.relay.is_neighbour(),
            agent: self.agent.clone(),
            round_trip: self.round_trip,
            skew_millis: self.skew_millis,
        }
    }
}

/// Peers that lost their connection by their own fault, for a while.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    until: HashMap<PeerId, Instant>,
}

// === impl Bans ===

impl Bans {
    pub(crate) fn add(&mut self, peer: PeerId, now: Instant) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() < limits::BANS {
            self.until.insert(peer, now + limits::BAN);
        }
    }

    pub(crate) fn holds(&self, peer: &PeerId, now: Instant) -> bool {
        self.until.get(peer).is_some_and(|until| *until > now)
    }
}

/// The median of the peers' clock differences, once it says anything: three peers, or one seed.
pub(crate) fn median_skew<'a>(peers: impl Iterator<Item = &'a Connected>) -> Option<i64> {
    let mut seeds = false;
    let mut skews: Vec<i64> = peers
        .filter(|peer| peer.is_member())
        .filter_map(|peer| {
            seeds |= peer.is_seed() && peer.skew_millis.is_some();
            peer.skew_millis
        })
        .collect();
    skews.sort_unstable();
    let median = skews.get(skews.len() / 2).copied();
    if seeds || skews.len() >= 3 { median } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(standing: Standing, skew: i64) -> Connected {
        let mut peer = Connected::new(false, Instant::now());
        (peer.standing, peer.skew_millis) = (Some(standing), Some(skew));
        peer
    }

    #[test]
    fn one_member_is_no_reason_to_doubt_the_own_clock() {
        let of = |peers: &[Connected]| median_skew(peers.iter());
        assert_eq!(of(&[peer(Standing::Member, 90_000)]), None);
        assert_eq!(of(&[peer(Standing::Seed, 90_000)]), Some(90_000));
        let three = [1_000, 90_000, 40_000].map(|skew| peer(Standing::Member, skew));
        assert_eq!(of(&three), Some(40_000));
    }

    #[test]
    fn patience_ends() {
        let now = Instant::now();
        let mut peer = Connected::new(false, now);
        assert!(peer.forgive(limits::FAULTS, now));
        assert!(!peer.forgive(1.0, now));
    }
}
