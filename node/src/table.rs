//! The decisions in memory: what the API answers from, without asking the database.
//!
//! Before this stop: `decide`. After it: `api/` (snapshot and change stream for bouncers). Every change has a version
//! that stands in the snapshot itself, so that a reader who notes it can never miss a decision that was being written
//! while he read. Deliberately absent: persistence (the store is written first) and longest-match.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::sync::watch;
use vigie_store::{Decision, DecisionId};
use vigie_wire::Timestamp;

/// Ended decisions are kept so long, for bouncers that come back after an outage.
pub(crate) const KEPT_AFTER_END: Duration = Duration::from_secs(24 * 3_600);
/// After a restart a decision counts as this much younger: a bouncer may hear of it twice, never not at all.
const RESTART_SLACK: Duration = Duration::from_secs(10);

/// When the table changed: milliseconds since the epoch, but always rising.
pub(crate) type Version = Timestamp;

/// A decision and the change that brought it or ended it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) version: Version,
    pub(crate) held: Arc<Decision>,
}

/// All decisions at one moment, by number. Never changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) entries: BTreeMap<DecisionId, Entry>,
}

/// The decision table. One writer at a time, readers never wait.
#[derive(Debug)]
pub(crate) struct Table {
    snapshot: ArcSwap<Snapshot>,
    /// The highest version that a change has or a reader was told; who writes holds it.
    writing: Mutex<Version>,
    changed: watch::Sender<Version>,
}

// === impl Table ===

impl Table {
    /// With the decisions that the store holds.
    pub(crate) fn new(decisions: Vec<Decision>, now: Timestamp) -> Self {
        let entry = |held: Decision| {
            let latest = if held.decision.until <= now {
                held.decision.until
            } else {
                held.decision.created_at
            };
            (
                held.id,
                Entry {
                    version: now.min(latest + RESTART_SLACK),
                    held: Arc::new(held),
                },
            )
        };
        let snapshot = Snapshot {
            entries: decisions.into_iter().map(entry).collect(),
        };
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            writing: Mutex::new(now),
            changed: watch::Sender::new(now),
        }
    }

    /// As it is now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// As it is now, and a version that every change after this moment exceeds, however its writer's clock was read:
    /// a reader that comes back with it misses nothing and hears no end by time twice.
    pub(crate) fn mark(&self, now: Timestamp) -> (Arc<Snapshot>, Version) {
        let mut highest = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        *highest = now.max(*highest);
        (self.snapshot(), *highest)
    }

    /// Tells of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<Version> {
        self.changed.subscribe()
    }

    /// Takes new decisions in, or new ends of known ones, and forgets what ended long ago.
    pub(crate) fn put(&self, decisions: &[Decision], now: Timestamp) {
        if decisions.is_empty() {
            return;
        }
        let version = {
            let mut highest = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
            let old = self.snapshot.load();
            let version = now.max(*highest + Duration::from_millis(1));
            *highest = version;
            let mut entries = old.entries.clone();
            entries.retain(|_, entry| entry.held.decision.until > now - KEPT_AFTER_END);
            entries.extend(decisions.iter().map(|held| {
                (
                    held.id,
                    Entry {
                        version,
                        held: Arc::new(held.clone()),
                    },
                )
            }));
            self.snapshot.store(Arc::new(Snapshot { entries }));
            version
        };
        self.changed.send_replace(version);
    }

    /// Those on exactly this value, ended ones too.
    pub(crate) fn of_value(&self, value: &str) -> Vec<Arc<Decision>> {
        self.select(|held| held.decision.value == value)
    }

    /// Those that hold now.
    pub(crate) fn active(&self, now: Timestamp) -> Vec<Arc<Decision>> {
        self.select(|held| held.decision.until > now)
    }

    fn select(&self, wanted: impl Fn(&Decision) -> bool) -> Vec<Arc<Decision>> {
        let snapshot = self.snapshot.load();
        let held = snapshot.entries.values().map(|entry| &entry.held);
        held.filter(|held| wanted(held)).cloned().collect()
    }

    /// The strongest active decision on this address: a ban before milder ones, then the longest.
    pub(crate) fn strongest(&self, ip: IpAddr, now: Timestamp) -> Option<Arc<Decision>> {
        let mut hits = self.active(now);
        hits.retain(|held| !held.decision.simulated && covers(&held.decision.value, ip));
        hits.into_iter()
            .max_by_key(|held| (held.decision.remediation, held.decision.until))
    }
}

/// Whether a decision's value, an address or a network, holds this address.
pub(crate) fn covers(value: &str, ip: IpAddr) -> bool {
    match value.parse::<IpNet>() {
        Ok(net) => net.contains(&ip.to_canonical()),
        Err(_) => value
            .parse::<IpAddr>()
            .is_ok_and(|own| own.to_canonical() == ip.to_canonical()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::decision;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    #[test]
    fn versions_rise_even_if_the_clock_does_not() {
        let table = Table::new(Vec::new(), NOW);
        table.put(&[decision(1, "192.88.99.1", NOW)], NOW);
        let first = table.mark(NOW).1;
        table.put(&[decision(2, "192.88.99.2", NOW)], NOW - Duration::from_secs(60));
        assert!(first > NOW && table.mark(NOW).1 > first);
    }

    #[test]
    fn a_change_by_a_writer_who_read_the_clock_before_a_reader_came_is_still_news_to_him() {
        let table = Table::new(Vec::new(), NOW);
        let (snapshot, mark) = table.mark(NOW + Duration::from_secs(5));
        assert!(snapshot.entries.is_empty() && mark == NOW + Duration::from_secs(5));
        table.put(&[decision(1, "192.88.99.1", NOW)], NOW + Duration::from_secs(4));
        assert!(table.snapshot().entries[&1].version > mark);
    }

    #[test]
    fn a_network_covers_its_addresses_and_a_mapped_address_is_its_own() {
        let ip = |text: &str| text.parse().unwrap();
        assert!(covers("192.88.99.0/24", ip("192.88.99.7")));
        assert!(covers("192.88.99.7", ip("::ffff:192.88.99.7")));
        assert!(!covers("192.88.99.0/24", ip("2001:db8::1")));
        assert!(!covers("FR", ip("192.88.99.7")));
    }

    #[test]
    fn the_strongest_comes_first_and_ended_ones_are_forgotten_after_a_day() {
        let table = Table::new(Vec::new(), NOW);
        let mut soft = decision(1, "192.88.99.7", NOW);
        soft.decision.remediation = vigie_store::Remediation::Throttle;
        soft.decision.until = NOW + Duration::from_secs(90_000);
        table.put(&[soft, decision(2, "192.88.99.0/24", NOW)], NOW);
        let at = |now| {
            table
                .strongest("192.88.99.7".parse().unwrap(), now)
                .map(|held| held.id)
        };
        assert_eq!(at(NOW), Some(2));
        assert_eq!(at(NOW + Duration::from_secs(4_000)), Some(1));
        table.put(
            &[decision(3, "192.88.99.9", NOW)],
            NOW + Duration::from_secs(3_600) + KEPT_AFTER_END,
        );
        assert!(!table.snapshot().entries.contains_key(&2));
    }
}
