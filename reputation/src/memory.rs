//! Local primacy: whom we know ourselves, in two tiers. This is what no remote word can take away.
//!
//! Authenticated users are exact, dated records. Visitors are a sketch of two rotating generations: it may err towards
//! remembering, and so it only raises a threshold. An IPv6 host is remembered by its /64, since it changes the rest
//! daily. Deliberately absent: who the users are; only addresses are kept.

mod visitors;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hashbrown::HashMap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use vigie_wire::Timestamp;

use crate::constants::{DAY, GOLD_AGE, GOLD_DAYS, MEMORY_LIVE};
pub use visitors::BadSketch;
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

/// The record of one address whose users log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Since when, without a pause of thirty days; or since somebody accused it when it was not a regular yet.
    pub first: Timestamp,
    /// Until when.
    pub last: Timestamp,
    /// On how many different days since; 255 is that or more.
    pub days: u8,
}

/// Both tiers.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    authenticated: HashMap<IpAddr, Known>,
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

    /// Whether the sketch changed: then whoever keeps it over a restart has something to note.
    pub(crate) fn remember(&mut self, ip: IpAddr, tier: Tier, at: Timestamp) -> bool {
        let host = host_of(ip);
        match tier {
            Tier::Visitor => self.visitors.insert(host, at),
            Tier::Authenticated => {
                self.remember_authenticated(host, at);
                false
            }
        }
    }

    /// Whether anybody of a network was here: one of its addresses is that of a user, or its /24 that of a visitor.
    /// Looks at 256 addresses at most: larger networks are always known.
    pub(crate) fn knows_any_of(&self, net: IpNet, now: Timestamp) -> bool {
        let is_user = |ip: IpAddr| self.tier(ip, now) == Some(Tier::Authenticated);
        match net {
            IpNet::V4(v4) if v4.prefix_len() >= 24 => {
                self.visitors.contains_net_of(net.addr(), now)
                    || (v4.network().to_bits()..=v4.broadcast().to_bits())
                        .any(|bits| is_user(Ipv4Addr::from_bits(bits).into()))
            }
            IpNet::V6(v6) if v6.prefix_len() >= 64 => self.tier(net.addr(), now).is_some(),
            IpNet::V4(_) | IpNet::V6(_) => true,
        }
    }

    /// How many users are remembered, and how many visitors of the present fifteen days.
    pub(crate) fn known(&self) -> (usize, usize) {
        (self.authenticated.len(), self.visitors.count())
    }

    /// The sketch, to be kept over a restart.
    pub(crate) fn write_sketch(&self) -> Vec<u8> {
        self.visitors.write()
    }

    /// Takes up the sketch that was kept.
    pub(crate) fn read_sketch(&mut self, bytes: &[u8]) -> Result<(), BadSketch> {
        self.visitors.read(bytes)
    }

    /// How well we know an address at `now`.
    pub(crate) fn tier(&self, ip: IpAddr, now: Timestamp) -> Option<Tier> {
        let host = host_of(ip);
        if self.is_user(ip, now) {
            return Some(Tier::Authenticated);
        }
        self.visitors.contains(host, now).then_some(Tier::Visitor)
    }

    /// Whether a user of ours is remembered there.
    pub(crate) fn is_user(&self, ip: IpAddr, now: Timestamp) -> bool {
        self.authenticated
            .get(&host_of(ip))
            .is_some_and(|known| is_live(known.last, now))
    }

    /// Whether a user of ours is remembered there who was one before `moment`.
    pub(crate) fn was_user(&self, ip: IpAddr, moment: Timestamp, now: Timestamp) -> bool {
        self.authenticated
            .get(&host_of(ip))
            .is_some_and(|known| is_live(known.last, now) && known.first < moment)
    }

    /// Whether it was a regular before `moment`: known for a week, and seen on three days.
    pub(crate) fn is_regular(&self, ip: IpAddr, moment: Timestamp) -> bool {
        self.authenticated.get(&host_of(ip)).is_some_and(|known| {
            let known_for = moment.as_millis().saturating_sub(known.first.as_millis());
            known_for >= GOLD_AGE && known.days >= GOLD_DAYS
        })
    }

    /// Makes a user of ours a regular one before a moment.
    pub(crate) fn make_regular(&mut self, ip: IpAddr, moment: Timestamp) {
        if let Some(known) = self.authenticated.get_mut(&host_of(ip)) {
            let first = Timestamp::from_millis(moment.as_millis().saturating_sub(GOLD_AGE));
            known.first = known.first.min(first);
            known.days = known.days.max(GOLD_DAYS);
        }
    }

    /// What was there counts for nothing but protection: the record begins with the last visit.
    pub(crate) fn begin_anew(&mut self, ip: IpAddr) {
        if let Some(known) = self.authenticated.get_mut(&host_of(ip)) {
            *known = Known::at(known.last);
        }
    }

    pub(crate) fn authenticated(&self) -> impl Iterator<Item = (IpAddr, Known)> {
        self.by_age
            .iter()
            .filter_map(|(_, ip)| Some((*ip, *self.authenticated.get(ip)?)))
    }

    /// Takes up an exported record, unless there is one already.
    pub(crate) fn import(&mut self, ip: IpAddr, known: Known) {
        let host = host_of(ip);
        if !self.authenticated.contains_key(&host) {
            self.remember_authenticated(host, known.last);
            if let Some(fresh) = self.authenticated.get_mut(&host) {
                fresh.first = known.first.min(known.last);
                fresh.days = known.days.max(1);
            }
        }
    }

    pub(crate) fn authenticated_at(&self, ip: IpAddr) -> Option<Timestamp> {
        self.authenticated.get(&host_of(ip)).map(|known| known.last)
    }

    pub(crate) fn len(&self) -> usize {
        self.authenticated.len()
    }

    pub(crate) fn visitors_dropped(&self) -> u64 {
        self.visitors.dropped()
    }

    fn remember_authenticated(&mut self, host: IpAddr, at: Timestamp) {
        if let Some(known) = self.authenticated.get_mut(&host) {
            let last = known.last;
            known.see(at);
            if known.last != last {
                self.by_age.remove(&(last, host));
                self.by_age.insert((known.last, host));
            }
            return;
        }
        self.authenticated.insert(host, Known::at(at));
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

// === impl Known ===

impl Known {
    fn at(at: Timestamp) -> Self {
        Self {
            first: at,
            last: at,
            days: 1,
        }
    }

    fn see(&mut self, at: Timestamp) {
        if at < self.first || at.as_millis().saturating_sub(self.last.as_millis()) >= MEMORY_LIVE {
            // Older than the record: nothing of it is certain. After a long pause: somebody else, perhaps.
            if at > self.last {
                *self = Self::at(at);
            }
            return;
        }
        if day_of(at) > day_of(self.last) {
            self.days = self.days.saturating_add(1);
        }
        self.last = self.last.max(at);
    }
}

/// What an address is remembered by: itself, or the /64 of an IPv6 host, which changes the rest at will.
pub fn host_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY)
}

fn is_live(at: Timestamp, now: Timestamp) -> bool {
    now.as_millis().saturating_sub(at.as_millis()) < MEMORY_LIVE
}

#[cfg(test)]
mod tests {
    use super::*;

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
