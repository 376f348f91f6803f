//! A sketch of who visited: two Bloom filters of fifteen days each, so a visit is remembered for 15 to 30 days.
//!
//! Beside each IPv4 visitor stands his /24, so that one look says whether anybody of a network was here: 256 looks at
//! single addresses would nearly always find a false hit. The whole sketch can be written down and taken up again.
//! Deliberately absent: any decision that rests on a hit alone; a hit raises a threshold by one group at most.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use bloomfilter::Bloom;
use vigie_wire::Timestamp;

use crate::constants::MEMORY_LIVE;

/// How long one generation lasts.
const GENERATION: i64 = MEMORY_LIVE / 2;
/// Bytes per hundred visitors: 10 bits for each and 10 for his network, for one false hit in a hundred.
const BYTES_PER_HUNDRED: usize = 250;
/// The first bytes of a sketch that was written down: what it is, and its version.
const MAGIC: [u8; 8] = *b"vigievs1";

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

/// Why a sketch that was written down is not taken up. Then visitors are learned anew, which takes days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSketch {
    /// It is no sketch of this version, or a part of one.
    #[error("it is no sketch of visitors that this version can read")]
    Unreadable,
    /// The configured number of visitors or the secret seed changed since.
    #[error("it was made for another number of visitors or by another node")]
    Foreign,
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

    /// Whether that changed anything.
    pub(super) fn insert(&mut self, ip: IpAddr, at: Timestamp) -> bool {
        let generation = generation_of(at);
        let current = *self.generation.get_or_insert(generation);
        if generation > current {
            self.rotate(generation - current);
            self.generation = Some(generation);
        }
        let host = Host::of(ip);
        let net = Host::net_of(ip);
        if generation + 1 == current {
            if let Some(net) = net {
                self.previous.set(&net);
            }
            return !self.previous.check_and_set(&host);
        }
        if generation < current || self.current.check(&host) {
            return false;
        }
        // A fuller sketch would remember everybody, which protects attackers more than visitors.
        if self.count >= self.max {
            self.dropped += 1;
            return false;
        }
        self.count += 1;
        self.current.set(&host);
        if let Some(net) = net {
            self.current.set(&net);
        }
        true
    }

    pub(super) fn contains(&self, ip: IpAddr, now: Timestamp) -> bool {
        self.holds(&Host::of(ip), now)
    }

    /// Whether anybody of the /24 of an IPv4 address was here. IPv6 hosts are remembered by networks anyway.
    pub(super) fn contains_net_of(&self, ip: IpAddr, now: Timestamp) -> bool {
        let key = Host::net_of(ip).unwrap_or_else(|| Host::of(ip));
        self.holds(&key, now)
    }

    /// How many are remembered of this generation: without any, the sketch says nothing of anybody.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The whole sketch, to be kept: magic, generation, count, then both filters.
    pub(super) fn write(&self) -> Vec<u8> {
        let (current, previous) = (self.current.as_slice(), self.previous.as_slice());
        let mut bytes = Vec::with_capacity(MAGIC.len() + 16 + current.len() + previous.len());
        bytes.extend(MAGIC);
        bytes.extend(self.generation.unwrap_or(i64::MIN).to_be_bytes());
        bytes.extend(u64::try_from(self.count).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend(current);
        bytes.extend(previous);
        bytes
    }

    /// Takes up what was kept, in the place of what there is.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), BadSketch> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(BadSketch::Unreadable)?;
        let (generation, rest) = rest.split_first_chunk::<8>().ok_or(BadSketch::Unreadable)?;
        let (count, rest) = rest.split_first_chunk::<8>().ok_or(BadSketch::Unreadable)?;
        let (current, previous) = rest
            .split_at_checked(self.current.as_slice().len())
            .ok_or(BadSketch::Foreign)?;
        let (current, previous) = (self.filter(current)?, self.filter(previous)?);
        let generation = i64::from_be_bytes(*generation);
        self.generation = (generation != i64::MIN).then_some(generation);
        self.count = usize::try_from(u64::from_be_bytes(*count)).unwrap_or(usize::MAX);
        (self.current, self.previous) = (current, previous);
        Ok(())
    }

    /// A filter of our size and seed. Bytes of another length are not even copied.
    fn filter(&self, bytes: &[u8]) -> Result<Bloom<Host>, BadSketch> {
        if bytes.len() != self.current.as_slice().len() {
            return Err(BadSketch::Foreign);
        }
        let filter: Bloom<Host> = Bloom::from_slice(bytes).map_err(|_| BadSketch::Unreadable)?;
        let same = filter.seed() == self.seed
            && filter.len() == self.current.len()
            && filter.number_of_hash_functions() == self.current.number_of_hash_functions();
        same.then_some(filter).ok_or(BadSketch::Foreign)
    }

    fn holds(&self, host: &Host, now: Timestamp) -> bool {
        let Some(current) = self.generation else {
            return false;
        };
        match generation_of(now) - current {
            1 => self.current.check(host),
            age if age > 1 => false,
            _ => self.current.check(host) || self.previous.check(host),
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
    Bloom::new_with_seed(bytes, 2 * max, seed).expect("invariant: sizes are above zero")
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

    /// The /24 of an IPv4 address, as no address is written.
    fn net_of(ip: IpAddr) -> Option<Self> {
        let IpAddr::V4(v4) = ip else { return None };
        let [a, b, c, _] = v4.octets();
        Some(Self([b'n', b'e', b't', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c]))
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
    fn a_sketch_is_written_down_and_taken_up_again() {
        let ip = |last: u8| IpAddr::from([9, 9, 9, last]);
        let mut visitors = Visitors::new(100, [1; 32]);
        assert!(visitors.insert(ip(1), day(14)));
        assert!(visitors.insert(ip(2), day(16)) && !visitors.insert(ip(2), day(17)));
        let bytes = visitors.write();
        let mut again = Visitors::new(100, [1; 32]);
        again.read(&bytes).unwrap();
        assert_eq!(again.write(), bytes);
        assert!(again.contains(ip(1), day(17)) && again.contains(ip(2), day(17)));
        assert!(!again.contains(ip(3), day(17)) && !again.contains(ip(1), day(30)));
        assert!(!again.insert(ip(2), day(17)));

        for mut other in [Visitors::new(100, [2; 32]), Visitors::new(1_000, [1; 32])] {
            assert_eq!(other.read(&bytes), Err(BadSketch::Foreign));
            assert!(!other.contains(ip(2), day(17)));
        }
        assert_eq!(again.read(&bytes[1..]), Err(BadSketch::Unreadable));
        assert_eq!(again.read(&bytes[..bytes.len() - 1]), Err(BadSketch::Foreign));
        assert!(again.contains(ip(2), day(17)), "what is refused changes nothing");
    }

    #[test]
    fn one_look_says_whether_anybody_of_a_network_was_here() {
        let mut visitors = Visitors::new(100, [1; 32]);
        visitors.insert(IpAddr::from([9, 9, 9, 7]), day(1));
        assert!(visitors.contains_net_of(IpAddr::from([9, 9, 9, 200]), day(1)));
        assert!(!visitors.contains_net_of(IpAddr::from([9, 9, 8, 7]), day(1)));
        assert!(!visitors.contains(IpAddr::from([9, 9, 9, 200]), day(1)));
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
