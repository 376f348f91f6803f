//! Local primacy: whom we know ourselves, in two tiers. This is what no remote word can take away.
//!
//! Authenticated users are exact, dated records. Visitors are a sketch of two rotating generations: it may err towards
//! remembering, and so it only raises a threshold. An IPv6 host is remembered by its /64, since it changes the rest
//! daily. Deliberately absent: who the users are; only addresses are kept.

mod visitors;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::constants::MEMORY_LIVE;
use visitors::Visitors;

/// How well we know an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// It fetched something.
    Visitor,
    /// Somebody logged in from there, or has been using a session for long.
    Authenticated,
}

/// Sizes of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryConfig {
    /// Addresses of authenticated users; the longest unseen is demoted to a visitor when one more comes.
    pub max_authenticated: usize,
    /// Visitors per generation of fifteen days; what comes above is not remembered, and counted.
    pub max_visitors: usize,
    /// Hash seed of the sketch. Secret, so that nobody can aim at false positives; kept over restarts.
    pub seed: [u8; 32],
}

/// Both tiers.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    authenticated: HashMap<IpAddr, Timestamp>,
    by_age: BTreeSet<(Timestamp, IpAddr)>,
    max_authenticated: usize,
    visitors: Visitors,
}

// === impl MemoryConfig ===

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            max_authenticated: 1_000_000,
            max_visitors: 1_000_000,
            seed: [0; 32],
        }
    }
}

// === impl Memory ===

impl Memory {
    pub(crate) fn new(config: &MemoryConfig) -> Self {
        Self {
            authenticated: HashMap::new(),
            by_age: BTreeSet::new(),
            max_authenticated: config.max_authenticated,
            visitors: Visitors::new(config.max_visitors, config.seed),
        }
    }

    pub(crate) fn remember(&mut self, ip: IpAddr, tier: Tier, at: Timestamp) {
        let host = host_of(ip);
        match tier {
            Tier::Visitor => self.visitors.insert(host, at),
            Tier::Authenticated => self.remember_authenticated(host, at),
        }
    }

    /// How well we know an address at `now`.
    pub(crate) fn tier(&self, ip: IpAddr, now: Timestamp) -> Option<Tier> {
        let host = host_of(ip);
        if self.authenticated.get(&host).is_some_and(|at| is_live(*at, now)) {
            return Some(Tier::Authenticated);
        }
        self.visitors.contains(host, now).then_some(Tier::Visitor)
    }

    pub(crate) fn authenticated(&self) -> impl Iterator<Item = (IpAddr, Timestamp)> {
        self.by_age.iter().map(|(at, ip)| (*ip, *at))
    }

    pub(crate) fn authenticated_at(&self, ip: IpAddr) -> Option<Timestamp> {
        self.authenticated.get(&host_of(ip)).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.authenticated.len()
    }

    pub(crate) fn visitors_dropped(&self) -> u64 {
        self.visitors.dropped()
    }

    fn remember_authenticated(&mut self, host: IpAddr, at: Timestamp) {
        if let Some(known) = self.authenticated.get_mut(&host) {
            if *known >= at {
                return;
            }
            self.by_age.remove(&(*known, host));
            *known = at;
            self.by_age.insert((at, host));
            return;
        }
        self.authenticated.insert(host, at);
        self.by_age.insert((at, host));
        while self.authenticated.len() > self.max_authenticated {
            let Some((at, oldest)) = self.by_age.pop_first() else {
                return;
            };
            self.authenticated.remove(&oldest);
            self.visitors.insert(oldest, at);
        }
    }
}

/// What is remembered of an address: itself, or the /64 of an IPv6 host.
fn host_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn is_live(at: Timestamp, now: Timestamp) -> bool {
    now.as_millis().saturating_sub(at.as_millis()) < MEMORY_LIVE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::DAY;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_millis(number * DAY)
    }

    fn small() -> Memory {
        Memory::new(&MemoryConfig {
            max_authenticated: 2,
            max_visitors: 100,
            seed: [7; 32],
        })
    }

    #[test]
    fn an_authenticated_user_is_remembered_for_thirty_days() {
        let mut memory = small();
        memory.remember(ip("8.8.8.8"), Tier::Authenticated, day(10));
        assert_eq!(
            memory.tier(ip("::ffff:8.8.8.8"), day(39)),
            Some(Tier::Authenticated)
        );
        assert_eq!(memory.tier(ip("8.8.8.8"), day(40)), None);
        assert_eq!(memory.tier(ip("8.8.8.9"), day(11)), None);
    }

    #[test]
    fn an_older_record_never_shortens_a_younger_one() {
        let mut memory = small();
        memory.remember(ip("8.8.8.8"), Tier::Authenticated, day(20));
        memory.remember(ip("8.8.8.8"), Tier::Authenticated, day(1));
        assert_eq!(memory.tier(ip("8.8.8.8"), day(49)), Some(Tier::Authenticated));
    }

    #[test]
    fn a_crowd_demotes_the_longest_unseen_and_forgets_nobody() {
        let mut memory = small();
        for (number, text) in (1..).zip(["8.8.8.1", "8.8.8.2", "8.8.8.3"]) {
            memory.remember(ip(text), Tier::Authenticated, day(number));
        }
        assert_eq!(memory.len(), 2);
        assert_eq!(memory.tier(ip("8.8.8.1"), day(4)), Some(Tier::Visitor));
        assert_eq!(memory.tier(ip("8.8.8.3"), day(4)), Some(Tier::Authenticated));
    }

    #[test]
    fn an_ipv6_household_is_one_user() {
        let mut memory = small();
        memory.remember(ip("2606:4700:1:2::1"), Tier::Authenticated, day(1));
        assert_eq!(
            memory.tier(ip("2606:4700:1:2:9::7"), day(2)),
            Some(Tier::Authenticated)
        );
        assert_eq!(memory.tier(ip("2606:4700:1:3::1"), day(2)), None);
    }
}
