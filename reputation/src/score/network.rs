//! From addresses to their network: a /24 of IPv4 or a /64 of IPv6, and only if nobody of ours is there.
//!
//! The rule: eight addresses or more are blocked each by itself, four independent groups or more name two or more of
//! them, no warning list names any part of the network, and nobody whom we remember came from it, by a memory that
//! remembers somebody. So the price of a network is four groups and eight true-looking attackers, and what we know of
//! our own traffic outweighs any number of them. A network that is blocked stays so while six are. Source: "aggregates"
//! of the design, its budget of legitimate traffic taken as nobody. Deliberately absent: systems (ASN), and larger networks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use vigie_wire::{Indicator, Timestamp};

use super::Scorer;
use crate::class::Class;
use crate::partition::{Group, Partition};

/// Blocked addresses that make a network.
const MEMBERS: usize = 8;
/// Blocked addresses that keep one.
const MEMBERS_HELD: usize = 6;
/// Independent groups that name two or more of them.
const GROUPS: usize = 4;
/// Addresses that each such group names.
const NAMED: usize = 2;
/// Users and visitors without whom a memory says nothing of who is not in it.
const REMEMBERED: usize = 100;
/// IPv4 and IPv6.
const LENGTHS: (u8, u8) = (24, 64);

/// A network in which many addresses are blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Which.
    pub net: IpNet,
    /// Blocked addresses in it.
    pub members: usize,
    /// Independent groups that name two or more of them: the fewest over voucher, anchor, operator and cluster.
    pub groups: usize,
    /// Why it is not blocked all the same.
    pub spared: Option<Spared>,
}

/// Why a network is not blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spared {
    /// A warning list names it, or a part of it.
    Listed(Class),
    /// Somebody whom we remember came from there.
    Known,
    /// We remember too few to know who is not there.
    Forgetful,
    /// Too few independent groups.
    FewGroups,
}

// === impl Scorer ===

impl Scorer {
    /// The networks with so many addresses among the `blocked` that all of them might be blocked, and those of `held`,
    /// which are blocked now, that may stay so. Costs a look at every statement on an address of such a network, and 256
    /// looks at the memory for each.
    pub fn networks(&self, blocked: &[IpAddr], held: &[IpNet], now: Timestamp) -> Vec<Network> {
        let mut members: BTreeMap<IpNet, BTreeSet<IpAddr>> = BTreeMap::new();
        for ip in blocked {
            if let Some(net) = network_of(ip.to_canonical()) {
                members.entry(net).or_default().insert(ip.to_canonical());
            }
        }
        let enough = |net: &IpNet| if held.contains(net) { MEMBERS_HELD } else { MEMBERS };
        members
            .iter()
            .filter(|(net, members)| members.len() >= enough(net))
            .map(|(net, members)| {
                let groups = self.groups_of(members, now);
                Network {
                    net: *net,
                    members: members.len(),
                    groups,
                    spared: self.spares(*net, groups, now),
                }
            })
            .collect()
    }

    fn spares(&self, net: IpNet, groups: usize, now: Timestamp) -> Option<Spared> {
        let class = (self.config.class)(&Indicator::Range(net));
        let (users, visitors) = self.memory.known();
        if class != Class::Ordinary {
            Some(Spared::Listed(class))
        } else if self.memory.knows_any_of(net, now) {
            Some(Spared::Known)
        } else if users + visitors < REMEMBERED {
            Some(Spared::Forgetful)
        } else {
            (groups < GROUPS).then_some(Spared::FewGroups)
        }
    }

    fn groups_of(&self, members: &BTreeSet<IpAddr>, now: Timestamp) -> usize {
        let mut named = Partition::HARD.map(|_| BTreeMap::<Group, usize>::new());
        for ip in members {
            let Some(subject) = self.subjects.get(&Indicator::ip(*ip)) else {
                continue;
            };
            let weighed = self.weigh(subject, now);
            let counting = || {
                weighed
                    .iter()
                    .filter(|one| one.uncapped > 0 && one.reporter.is_anchored())
            };
            for (partition, named) in Partition::HARD.into_iter().zip(&mut named) {
                let groups: BTreeSet<Group> =
                    counting().map(|one| self.group_of(partition, one, now)).collect();
                for group in groups {
                    *named.entry(group).or_default() += 1;
                }
            }
        }
        let counted = named.map(|named| named.values().filter(|times| **times >= NAMED).count());
        counted.into_iter().min().unwrap_or(0)
    }
}

fn network_of(ip: IpAddr) -> Option<IpNet> {
    let length = if ip.is_ipv4() { LENGTHS.0 } else { LENGTHS.1 };
    Some(IpNet::new(ip, length).ok()?.trunc())
}

impl fmt::Display for Spared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(class) => write!(f, "a warning list names a part of it ({class})"),
            Self::Known => f.write_str("somebody whom we remember came from there"),
            Self::Forgetful => write!(
                f,
                "fewer than {REMEMBERED} users and visitors are remembered, so nobody knows who is there"
            ),
            Self::FewGroups => write!(
                f,
                "fewer than {GROUPS} independent groups name two of its addresses"
            ),
        }
    }
}
