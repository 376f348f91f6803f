//! Nodes in the same network segment, heard of by mDNS. Off unless the operator wants it.
//!
//! Anybody there can say anything, so a name heard is dialled only if an admitted member's record of addresses says that
//! this peer is a node of his; hello then asks for the proof, as ever. It is for members whose private addresses nobody
//! may be told of. Deliberately absent: finding members without having met the network at all.

use std::collections::HashMap;

use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, mdns};
use tokio::time::Instant;

use super::Task;
use super::dial::in_order;
use crate::limits;
use crate::telemetry::Counted;

/// Who was heard of, and where: bounded, whatever is shouted.
#[derive(Debug, Default)]
pub(crate) struct Nearby {
    heard: HashMap<PeerId, Vec<Multiaddr>>,
}

// === impl Nearby ===

impl Nearby {
    fn hear(&mut self, peer: PeerId, mut address: Multiaddr) {
        if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
            address.pop();
        }
        if self.heard.len() >= limits::NEARBY && !self.heard.contains_key(&peer) {
            return;
        }
        let addresses = self.heard.entry(peer).or_default();
        if addresses.len() < limits::NEARBY_ADDRESSES && !addresses.contains(&address) {
            addresses.push(address);
            in_order(addresses);
        }
    }

    fn forget(&mut self, peer: PeerId) {
        self.heard.remove(&peer);
    }
}

impl Task {
    pub(super) fn on_mdns_event(&mut self, event: mdns::Event) {
        match event {
            mdns::Event::Discovered(found) => {
                for (peer, address) in found {
                    self.nearby.hear(peer, address);
                }
            }
            mdns::Event::Expired(gone) => {
                for (peer, _) in gone {
                    self.nearby.forget(peer);
                }
            }
        }
    }

    /// Dials whoever was heard of and is a member's.
    pub(super) fn dial_nearby(&mut self, now: Instant) {
        let unmet = self
            .nearby
            .heard
            .iter()
            .filter(|(peer, _)| !self.peers.contains_key(*peer));
        let due: Vec<(PeerId, Vec<Multiaddr>)> = unmet
            .map(|(peer, addresses)| (*peer, addresses.clone()))
            .collect();
        for (peer, addresses) in due {
            let Some(publisher) = self.known_member_at(peer, now) else {
                continue;
            };
            let addresses = self.exchange.ration(publisher, addresses, now);
            if addresses.is_empty() {
                continue;
            }
            let options = DialOpts::peer_id(peer)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(addresses)
                .build();
            let connection = options.connection_id();
            if self.swarm.dial(options).is_ok() {
                self.counters.add(Counted::HintsDialled);
                self.exchange.dialling(connection, publisher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_heard_is_bounded() {
        let mut nearby = Nearby::default();
        let address = |host: usize| {
            format!("/ip4/10.0.{}.{}/tcp/1", host / 250, host % 250)
                .parse()
                .unwrap()
        };
        for host in 0..1_000 {
            nearby.hear(PeerId::random(), address(host));
        }
        assert_eq!(nearby.heard.len(), limits::NEARBY);
        let known = *nearby.heard.keys().next().unwrap();
        for host in 0..1_000 {
            nearby.hear(known, address(host));
        }
        assert_eq!(nearby.heard[&known].len(), limits::NEARBY_ADDRESSES);
        nearby.forget(known);
        nearby.hear(PeerId::random(), address(1));
        assert_eq!(nearby.heard.len(), limits::NEARBY);
    }
}
