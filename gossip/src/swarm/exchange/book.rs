//! The records that we know, and what may be dialled on their word.
//!
//! A record is signed by a member, but what it says may be wrong or somebody else's address. So there is one of each node
//! and few of each organisation; dials are rationed by whoever signed, by target address and by target network, and what
//! does not answer is left alone for longer each time. Deliberately absent: the swarm, and randomness.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use libp2p::Multiaddr;
use tokio::time::Instant;
use vigie_gossip_core::wire::{OrgId, PublisherId, Timestamp};

use super::super::slots::Prefix;
use crate::addresses::Addresses;
use crate::behaviour::throttle::{Source, ip_of};
use crate::limits::{self, TokenBucket};

/// First pause after a dial that failed; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// After so many failures a record is good for nothing until a newer one comes.
const DEAD: u32 = 8;
/// Between two sweeps of what has expired.
const SWEEP: Duration = Duration::from_mins(1);

/// A record, and how it has done.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: Addresses,
    pub(super) org: OrgId,
    failures: u32,
    not_before: Instant,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    New,
    Known,
    Crowded,
}

/// The records by publisher.
#[derive(Debug)]
pub(super) struct Book {
    entries: BTreeMap<PublisherId, Entry>,
    by_org: Ration<OrgId>,
    by_source: Ration<Source>,
    by_prefix: Ration<Prefix>,
    all: TokenBucket,
    next_sweep: Instant,
}

/// Token buckets by key, in bounded number: who finds no room gets nothing.
#[derive(Debug)]
struct Ration<K> {
    buckets: HashMap<K, TokenBucket>,
    burst: f64,
    every: Duration,
}

// === impl Ration ===

impl<K: Hash + Eq> Ration<K> {
    fn new(burst: f64, every: Duration) -> Self {
        Self {
            buckets: HashMap::new(),
            burst,
            every,
        }
    }

    fn take(&mut self, key: K, now: Instant) -> bool {
        if self.buckets.len() >= limits::HINT_RATIONS && !self.buckets.contains_key(&key) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= limits::HINT_RATIONS {
                return false;
            }
        }
        let (burst, rate) = (self.burst, self.every.as_secs_f64().recip());
        let bucket = self.buckets.entry(key);
        bucket
            .or_insert_with(|| TokenBucket::new(burst, rate, now))
            .take(1.0, now)
    }
}

// === impl Book ===

impl Book {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            entries: BTreeMap::new(),
            by_org: Ration::new(limits::HINTS_OF_ORGANISATION, Duration::from_mins(5)),
            by_source: Ration::new(limits::HINTS_AT_ADDRESS, Duration::from_mins(10)),
            by_prefix: Ration::new(limits::HINTS_INTO_NETWORK, Duration::from_mins(1)),
            all: TokenBucket::new(limits::HINTS_A_MINUTE, limits::HINTS_A_MINUTE / 60.0, now),
            next_sweep: now + SWEEP,
        }
    }

    /// Takes the record of a member of `org`, if it is later than the one that is held.
    pub(super) fn take(&mut self, record: Addresses, org: OrgId, now: Instant) -> Taken {
        let publisher = record.publisher();
        match self.entries.get_mut(&publisher) {
            Some(held) if held.record.issued >= record.issued => return Taken::Known,
            Some(held) => {
                // Signing the same again brings nobody a new chance to have it dialled.
                if held.record.addresses != record.addresses {
                    held.failures = held.failures.min(DEAD / 2);
                }
                (held.record, held.org) = (record, org);
                return Taken::New;
            }
            None => {}
        }
        let of_org = self.entries.values().filter(|entry| entry.org == org).count();
        if of_org >= limits::RECORDS_OF_ORGANISATION || self.entries.len() >= limits::RECORDS {
            return Taken::Crowded;
        }
        let entry = Entry {
            record,
            org,
            failures: 0,
            not_before: now,
        };
        self.entries.insert(publisher, entry);
        Taken::New
    }

    /// Drops what has expired, and whoever `admitted` denies; once a minute.
    pub(super) fn sweep(&mut self, at: Timestamp, now: Instant, admitted: impl Fn(PublisherId) -> bool) {
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.entries
                .retain(|publisher, entry| entry.record.holds(at) && admitted(*publisher));
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&PublisherId, &Entry)> {
        self.entries.iter()
    }

    pub(super) fn forget(&mut self, publisher: PublisherId) {
        self.entries.remove(&publisher);
    }

    /// Of these addresses of a record those that may be dialled now; it counts as dialled.
    pub(super) fn ration(
        &mut self,
        publisher: PublisherId,
        addresses: Vec<Multiaddr>,
        now: Instant,
    ) -> Vec<Multiaddr> {
        let Some(entry) = self.entries.get_mut(&publisher) else {
            return Vec::new();
        };
        entry.not_before = now + FIRST_PAUSE;
        // Or one organisation's many records would use up what all have together.
        if !self.by_org.take(entry.org, now) || !self.all.take(1.0, now) {
            return Vec::new();
        }
        let mut allowed = addresses;
        allowed.retain(|address| {
            let Some(source) = ip_of(address).map(Source::of) else {
                // A name, which only seeds may give.
                return true;
            };
            let Some(source) = source else { return true };
            let network = Prefix::of_any(address).is_none_or(|prefix| self.by_prefix.take(prefix, now));
            network && self.by_source.take(source, now)
        });
        allowed
    }

    /// It did not answer: `jitter` is drawn from 0..1.
    pub(super) fn failed(&mut self, publisher: PublisherId, now: Instant, jitter: f64) {
        if let Some(entry) = self.entries.get_mut(&publisher) {
            let pause = FIRST_PAUSE.saturating_mul(1 << entry.failures.min(16));
            entry.failures = entry.failures.saturating_add(1);
            entry.not_before = now + pause.mul_f64(0.5 + jitter.clamp(0.0, 1.0));
        }
    }

    /// What lay between us and others is over: it may be why these did not answer. The rations hold all the same.
    pub(super) fn hurry(&mut self, now: Instant) {
        for entry in self.entries.values_mut().filter(|entry| entry.failures > 0) {
            entry.failures = entry.failures.min(DEAD / 2);
            entry.not_before = now;
        }
    }

    /// It answered, and was who it should be.
    pub(super) fn proven(&mut self, publisher: PublisherId) {
        if let Some(entry) = self.entries.get_mut(&publisher) {
            entry.failures = 0;
        }
    }
}

// === impl Entry ===

impl Entry {
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.failures < DEAD && self.not_before <= now
    }
}

#[cfg(test)]
mod tests {
    use vigie_gossip_core::wire::{NetworkId, SecretKey};

    use super::*;

    fn record(node: u16, addresses: &[String], issued: i64) -> Addresses {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&node.to_le_bytes());
        let transport = libp2p::identity::Keypair::ed25519_from_bytes(seed).unwrap();
        let transport = transport.public().try_into_ed25519().unwrap().to_bytes();
        let addresses: Vec<Multiaddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
        let times = (Timestamp::from_secs(issued), Timestamp::from_secs(issued + 3_600));
        let key = SecretKey::from_seed(seed);
        Addresses::sign(NetworkId([1; 16]), &key, transport, &addresses, times).unwrap()
    }

    fn org(number: u16) -> OrgId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_le_bytes());
        OrgId(id)
    }

    /// What is dialled in an hour by a book that holds these.
    fn dialled_in_an_hour(book: &mut Book, start: Instant) -> Vec<Multiaddr> {
        let mut dialled = Vec::new();
        for second in 0..3_600 {
            let now = start + Duration::from_secs(second);
            let due: Vec<(PublisherId, Vec<Multiaddr>)> = book
                .entries()
                .filter(|(_, entry)| entry.is_due(now))
                .map(|(publisher, entry)| (*publisher, entry.record.addresses.clone()))
                .collect();
            for (publisher, addresses) in due {
                dialled.extend(book.ration(publisher, addresses, now));
                book.failed(publisher, now, 0.5);
            }
        }
        dialled
    }

    #[test]
    fn a_node_has_one_record_and_an_organisation_few() {
        let now = Instant::now();
        let mut book = Book::new(now);
        let address = ["/ip4/9.9.9.9/tcp/1".to_owned()];
        assert_eq!(book.take(record(1, &address, 100), org(1), now), Taken::New);
        assert_eq!(book.take(record(1, &address, 100), org(1), now), Taken::Known);
        assert_eq!(book.take(record(1, &address, 99), org(1), now), Taken::Known);
        assert_eq!(book.take(record(1, &[], 101), org(1), now), Taken::New);
        let taken = (2..100)
            .filter(|node| book.take(record(*node, &address, 100), org(1), now) == Taken::New)
            .count();
        assert_eq!(taken, limits::RECORDS_OF_ORGANISATION - 1);
        assert_eq!(book.take(record(200, &address, 100), org(2), now), Taken::New);
        let later = now + SWEEP;
        book.sweep(Timestamp::from_secs(200), later, |publisher| {
            publisher == record(200, &[], 1).publisher()
        });
        assert_eq!(book.entries().count(), 1);
        book.sweep(Timestamp::from_secs(9_999), later + SWEEP, |_| true);
        assert_eq!(book.entries().count(), 0);
    }

    #[test]
    fn a_victim_is_called_a_few_times_an_hour_however_many_members_name_it() {
        let now = Instant::now();
        let mut book = Book::new(now);
        for node in 0..500 {
            let victim: Vec<String> = (1..=8).map(|port| format!("/ip4/9.9.9.9/tcp/{port}")).collect();
            assert_eq!(book.take(record(node, &victim, 100), org(node), now), Taken::New);
        }
        let dialled = dialled_in_an_hour(&mut book, now);
        assert!((3..=9).contains(&dialled.len()), "{}", dialled.len());
    }

    #[test]
    fn a_network_is_called_once_a_minute_and_one_organisation_has_little_to_say() {
        let now = Instant::now();
        let mut book = Book::new(now);
        for node in 0..200_u16 {
            let hosts: Vec<String> = (0..8)
                .map(|host| format!("/ip4/9.9.{node}.{host}/tcp/1"))
                .collect();
            book.take(record(node, &hosts, 100), org(node), now);
        }
        let dialled = dialled_in_an_hour(&mut book, now);
        assert!((40..=76).contains(&dialled.len()), "{}", dialled.len());

        let mut book = Book::new(now);
        for node in 0..16_u16 {
            let hosts: Vec<String> = (0..8)
                .map(|host| format!("/ip4/9.{node}.{host}.1/tcp/1"))
                .collect();
            book.take(record(node, &hosts, 100), org(1), now);
        }
        let dialled = dialled_in_an_hour(&mut book, now).len();
        assert!(dialled <= 8 * 18, "{dialled}");
    }

    #[test]
    fn a_few_organisations_with_many_records_do_not_keep_others_from_being_dialled() {
        let start = Instant::now();
        let mut book = Book::new(start);
        let each = u16::try_from(limits::RECORDS_OF_ORGANISATION).unwrap();
        let address = |node: u16| vec![format!("/ip4/9.{node}.9.9/tcp/1")];
        let crowd: Vec<Addresses> = (0..3 * each)
            .map(|node| record(node, &address(node), 100))
            .collect();
        for (node, record) in (0..).zip(&crowd) {
            book.take(record.clone(), org(node / each), start);
        }
        let other = record(99, &address(99), 100);
        book.take(other.clone(), org(99), start);
        // Every quarter of a second one of those who may be dialled, and the crowd is preferred.
        let dialled = (0..1_200).any(|tick| {
            let now = start + tick * Duration::from_millis(250);
            let due = |one: &&Addresses| book.entries[&one.publisher()].is_due(now);
            let Some(next) = crowd.iter().chain([&other]).find(due) else {
                return false;
            };
            let allowed = book.ration(next.publisher(), next.addresses.clone(), now);
            next.publisher() == other.publisher() && !allowed.is_empty()
        });
        assert!(dialled, "not in five minutes");
    }

    #[test]
    fn who_never_answers_is_forgotten_until_he_says_something_else() {
        let now = Instant::now();
        let mut book = Book::new(now);
        book.take(record(1, &["/ip4/9.9.9.9/tcp/1".to_owned()], 100), org(1), now);
        let publisher = record(1, &[], 100).publisher();
        for _ in 0..DEAD {
            book.failed(publisher, now, 0.5);
        }
        let far = now + Duration::from_hours(1_000);
        let due = |book: &Book| book.entries().any(|(_, entry)| entry.is_due(far));
        assert!(!due(&book));
        book.take(record(1, &["/ip4/9.9.9.9/tcp/1".to_owned()], 101), org(1), now);
        assert!(!due(&book));
        book.take(record(1, &["/ip4/9.9.9.9/tcp/2".to_owned()], 102), org(1), now);
        assert!(due(&book));
        // Or until an outage is over that may have been the cause.
        for _ in 0..DEAD {
            book.failed(publisher, now, 0.5);
        }
        assert!(!due(&book));
        book.hurry(now);
        assert!(book.entries().any(|(_, entry)| entry.is_due(now)));
    }
}
