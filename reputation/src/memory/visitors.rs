//! A sketch of who visited: two Bloom filters of fifteen days each, so a visit is remembered for 15 to 30 days.
//!
//! Deliberately absent: any decision that rests on a hit alone; a hit raises a threshold by one group at most.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use bloomfilter::Bloom;
use vigie_wire::Timestamp;

use crate::constants::MEMORY_LIVE;

/// How long one generation lasts.
const GENERATION: i64 = MEMORY_LIVE / 2;
/// Bytes per hundred visitors: 10 bits each, for one false hit in a hundred.
const BYTES_PER_HUNDRED: usize = 125;

/// Two generations.
#[derive(Clone)]
pub(super) struct Visitors {
    current: Bloom<Host>,
    previous: Bloom<Host>,
    /// The number of the current generation since the epoch; `None` before the first visit.
    generation: Option<i64>,
    count: usize,
    max: usize,
    dropped: u64,
    seed: [u8; 32],
}

/// Sixteen bytes, hashed as they are: an array's own hash would depend on the width of a pointer.
#[derive(Clone)]
struct Host([u8; 16]);

// === impl Visitors ===

impl Visitors {
    pub(super) fn new(max: usize, seed: [u8; 32]) -> Self {
        let max = max.max(1);
        Self {
            current: sketch(max, &seed),
            previous: sketch(max, &seed),
            generation: None,
            count: 0,
            max,
            dropped: 0,
            seed,
        }
    }

    pub(super) fn insert(&mut self, ip: IpAddr, at: Timestamp) {
        let generation = generation_of(at);
        let current = *self.generation.get_or_insert(generation);
        if generation > current {
            self.rotate(generation - current);
            self.generation = Some(generation);
        }
        let host = Host::of(ip);
        if generation + 1 == current {
            self.previous.set(&host);
            return;
        }
        if generation < current || self.current.check(&host) {
            return;
        }
        // A fuller sketch would remember everybody, which protects attackers more than visitors.
        if self.count >= self.max {
            self.dropped += 1;
            return;
        }
        self.count += 1;
        self.current.set(&host);
    }

    pub(super) fn contains(&self, ip: IpAddr, now: Timestamp) -> bool {
        let Some(current) = self.generation else {
            return false;
        };
        let host = Host::of(ip);
        match generation_of(now) - current {
            1 => self.current.check(&host),
            age if age > 1 => false,
            _ => self.current.check(&host) || self.previous.check(&host),
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn rotate(&mut self, generations: i64) {
        std::mem::swap(&mut self.current, &mut self.previous);
        self.current = sketch(self.max, &self.seed);
        if generations > 1 {
            self.previous = sketch(self.max, &self.seed);
        }
        self.count = 0;
    }
}

impl fmt::Debug for Visitors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The seed stays out: who knows it can aim at false hits.
        f.debug_struct("Visitors")
            .field("count", &self.count)
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::expect_used,
    reason = "the crate's only refusal is a size of zero, which max(1) excludes"
)]
fn sketch(max: usize, seed: &[u8; 32]) -> Bloom<Host> {
    let bytes = (max / 100 + 1) * BYTES_PER_HUNDRED;
    Bloom::new_with_seed(bytes, max, seed).expect("invariant: sizes are above zero")
}

fn generation_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(GENERATION)
}

// === impl Host ===

impl Host {
    fn of(ip: IpAddr) -> Self {
        Self(match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        })
    }
}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::DAY;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_millis(number * DAY)
    }

    #[test]
    fn a_visit_is_remembered_for_fifteen_to_thirty_days() {
        let mut visitors = Visitors::new(100, [1; 32]);
        let ip: IpAddr = "9.9.9.9".parse().unwrap();
        visitors.insert(ip, day(14));
        assert!(visitors.contains(ip, day(14)));
        assert!(visitors.contains(ip, day(29)));
        assert!(!visitors.contains(ip, day(30)));
        visitors.insert("1.1.1.1".parse().unwrap(), day(16));
        assert!(visitors.contains(ip, day(29)));
        visitors.insert("1.1.1.1".parse().unwrap(), day(31));
        assert!(!visitors.contains(ip, day(31)));
    }

    #[test]
    fn a_full_sketch_counts_what_it_drops() {
        let mut visitors = Visitors::new(10, [1; 32]);
        for last in 0..50 {
            visitors.insert(IpAddr::from([9, 9, 9, last]), day(1));
        }
        assert!(visitors.dropped() >= 30);
        let strangers = (0..=255)
            .filter(|last| visitors.contains(IpAddr::from([7, 7, 7, *last]), day(1)))
            .count();
        assert!(strangers < 20, "{strangers} strangers are taken for visitors");
    }
}
