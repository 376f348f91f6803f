//! Whose connections are kept when there is no room for all: the most alike go first.
//!
//! Keys and names cost an attacker nothing, operators and networks do. So what is counted is how many incoming peers share
//! an organisation, an operator (nobody's label is one more of these), or a prefix: /16 of IPv4, /32 of IPv6. Of the most
//! crowded the youngest goes, since whoever was here first was not made for us. Nodes of anchors and seeds go last.

use std::collections::HashMap;
use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;
use vigie_gossip_core::wire::OrgId;

use super::Task;
use super::peers::Connected;
use super::reach::is_circuit;
use crate::behaviour::throttle::ip_of;
use crate::limits;

/// A network from which addresses come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Prefix {
    V4([u8; 2]),
    V6([u8; 4]),
}

/// An incoming connection with a member.
#[derive(Debug, Clone, Copy)]
struct Slot<P> {
    peer: P,
    org: OrgId,
    operator: [u8; 8],
    prefix: Option<Prefix>,
    guide: bool,
    since: Instant,
}

// === impl Prefix ===

impl Prefix {
    /// Of an address that has an IP address. That of a circuit is the seed's, and says nothing of who calls.
    pub(super) fn of(address: &Multiaddr) -> Option<Self> {
        if is_circuit(address) {
            return None;
        }
        Self::of_any(address)
    }

    /// The same, of a circuit the seed's: whom dialling it reaches.
    pub(super) fn of_any(address: &Multiaddr) -> Option<Self> {
        match ip_of(address)?.to_canonical() {
            IpAddr::V4(ip) => ip.octets().first_chunk().copied().map(Self::V4),
            IpAddr::V6(ip) => ip.octets().first_chunk().copied().map(Self::V6),
        }
    }
}

/// Which of them goes.
fn most_alike<P: Copy>(slots: &[Slot<P>]) -> Option<P> {
    let (mut orgs, mut operators, mut prefixes) = (HashMap::new(), HashMap::new(), HashMap::new());
    for slot in slots {
        *orgs.entry(slot.org).or_insert(0_usize) += 1;
        *operators.entry(slot.operator).or_insert(0_usize) += 1;
        *prefixes.entry(slot.prefix).or_insert(0_usize) += 1;
    }
    let crowd = |slot: &Slot<P>| {
        let counts = [
            orgs.get(&slot.org),
            operators.get(&slot.operator),
            slot.prefix.and_then(|prefix| prefixes.get(&Some(prefix))),
        ];
        counts.into_iter().flatten().max().copied()
    };
    let alike = slots
        .iter()
        .max_by_key(|slot| (!slot.guide, crowd(slot), slot.since));
    alike.map(|slot| slot.peer)
}

/// Of these, who shares least with those who are there already.
fn least_alike<P: Copy>(candidates: &[Slot<P>], there: &[Slot<P>]) -> Option<P> {
    let shared = |one: &Slot<P>| -> usize {
        let with = |other: &Slot<P>| {
            let prefix = one.prefix.is_some() && one.prefix == other.prefix;
            usize::from(one.org == other.org)
                + usize::from(one.operator == other.operator)
                + usize::from(prefix)
        };
        there.iter().map(with).sum()
    };
    let least = candidates.iter().min_by_key(|slot| shared(slot));
    least.map(|slot| slot.peer)
}

impl Task {
    /// Of these peers, who shares least with those; of several the first.
    pub(super) fn least_alike(&self, candidates: &[PeerId], there: &[PeerId]) -> Option<PeerId> {
        let slot = |peer: &PeerId| self.slot(*peer, self.peers.get(peer)?);
        let candidates: Vec<_> = candidates.iter().filter_map(slot).collect();
        let there: Vec<_> = there.iter().filter_map(slot).collect();
        least_alike(&candidates, &there)
    }

    /// Incoming connections that are taken now: a member's are as many as it dialled itself, beyond those that the network
    /// needs, since half of the nodes can be called by nobody.
    pub(super) fn room(&self) -> usize {
        let most = limits::inbound(self.config.seed) as usize;
        if self.config.seed {
            return most;
        }
        let dialled = self
            .peers
            .values()
            .filter(|peer| peer.outbound && peer.is_member());
        dialled.count().clamp(limits::INBOUND_IN_ANY_CASE, most)
    }

    /// One more member called us: if that is one too many, one goes.
    pub(super) fn thin_out(&mut self) {
        let incoming = |peer: &Connected| !peer.outbound && peer.is_member();
        let room = self.room();
        if self.peers.values().filter(|peer| incoming(peer)).count() <= room {
            return;
        }
        let slots: Vec<Slot<PeerId>> = self
            .peers
            .iter()
            .filter(|(_, peer)| incoming(peer))
            .filter_map(|(id, peer)| self.slot(*id, peer))
            .collect();
        if let Some(peer) = most_alike(&slots) {
            tracing::info!(peer.id = %peer, room, "no room for all who call: whoever is most like the others goes");
            self.disconnect(peer);
        }
    }

    fn slot(&self, peer: PeerId, entry: &Connected) -> Option<Slot<PeerId>> {
        let org = self.directory.org_of(entry.publisher?)?.org_id();
        let described = self.directory.organisation(org);
        Some(Slot {
            peer,
            org,
            operator: described.map_or([0; 8], |described| described.labels.operator),
            prefix: entry.connections.values().find_map(Prefix::of),
            guide: entry.is_seed() || self.anchors.contains(&org),
            since: entry.since,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn slot(peer: u8, org: u8, operator: u8, address: &str, age_secs: u64, start: Instant) -> Slot<u8> {
        Slot {
            peer,
            org: OrgId([org; 16]),
            operator: [operator; 8],
            prefix: Prefix::of(&address.parse().unwrap()),
            guide: false,
            since: start + Duration::from_secs(1_000 - age_secs),
        }
    }

    #[test]
    fn the_youngest_of_the_most_alike_goes() {
        let start = Instant::now();
        let slot = |peer, org, operator, address: &str, age| slot(peer, org, operator, address, age, start);
        let mixed = [
            slot(1, 1, 1, "/ip4/192.0.2.1/tcp/1", 10),
            slot(2, 2, 2, "/ip4/198.51.100.1/tcp/1", 5),
            slot(3, 3, 3, "/ip6/2001:db8::1/tcp/1", 1),
        ];
        assert_eq!(
            most_alike(&mixed),
            Some(3),
            "nobody is like another: the youngest"
        );
        for (what, more, goes) in [
            ("prefix", slot(4, 4, 4, "/ip4/192.0.99.1/tcp/1", 20), 1),
            (
                "prefix of IPv6",
                slot(4, 4, 4, "/ip6/2001:db8:ffff::1/udp/1/quic-v1", 0),
                4,
            ),
            ("organisation", slot(4, 2, 4, "/ip4/203.0.113.1/tcp/1", 20), 2),
            ("operator", slot(4, 4, 2, "/ip4/203.0.113.1/tcp/1", 20), 2),
        ] {
            let slots = [&mixed[..], &[more]].concat();
            assert_eq!(most_alike(&slots), Some(goes), "{what}");
        }
        let mut guides = mixed;
        (guides[2].guide, guides[1].guide) = (true, true);
        assert_eq!(most_alike(&guides), Some(1));
        assert_eq!(most_alike::<u8>(&[]), None);
    }

    #[test]
    fn a_neighbour_is_chosen_who_shares_least_with_the_others() {
        let start = Instant::now();
        let slot = |peer, org, operator, address: &str| slot(peer, org, operator, address, 0, start);
        let there = [slot(1, 1, 1, "/ip4/192.0.2.1/tcp/1")];
        let same_prefix = slot(2, 2, 2, "/ip4/192.0.99.1/tcp/1");
        let same_org = slot(3, 1, 1, "/ip4/198.51.100.1/tcp/1");
        let other = slot(4, 3, 3, "/ip4/203.0.113.1/tcp/1");
        for (candidates, chosen) in [
            (vec![same_org, same_prefix, other], Some(4)),
            (vec![same_org, same_prefix], Some(2)),
            (vec![same_org], Some(3)),
            (vec![], None),
        ] {
            assert_eq!(least_alike(&candidates, &there), chosen);
        }
    }
}
