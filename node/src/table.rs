//! The decisions in memory: what the API answers from, without asking the database.
//!
//! Before this stop: `decide`. After it: `api/` (snapshot and change stream for bouncers). Every change has a version
//! that stands in the snapshot itself, so that a reader who notes it can never miss a decision that was being written
//! while he read. Deliberately absent: persistence (the store is written first) and longest-match.

mod entries;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::sync::watch;
use vigie_store::{Decision, DecisionId};
use vigie_wire::Timestamp;

pub(crate) use entries::Entries;

/// Ended decisions are kept so long, for bouncers that come back after an outage.
pub(crate) const KEPT_AFTER_END: Duration = Duration::from_hours(24);
/// Between two looks for those.
const SWEEP: Duration = Duration::from_mins(1);
/// After a restart a decision counts as this much younger: a bouncer may hear of it twice, never not at all.
const RESTART_SLACK: Duration = Duration::from_secs(10);

/// When the table changed: milliseconds since the epoch, but always rising.
pub(crate) type Version = Timestamp;

/// A decision and the change that brought it or ended it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) version: Version,
    pub(crate) held: Arc<Decision>,
    /// Its value, read: an address is the network that holds only itself. `None` for other scopes.
    pub(crate) net: Option<IpNet>,
}

/// All decisions at one moment, by number. Never changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) entries: Entries,
}

/// The decision table. One writer at a time, readers never wait.
#[derive(Debug)]
pub(crate) struct Table {
    snapshot: ArcSwap<Snapshot>,
    /// Who writes holds it.
    writing: Mutex<Writing>,
    changed: watch::Sender<Version>,
}

/// What only writers change.
#[derive(Debug, Default)]
struct Writing {
    /// The highest version that a change has or a reader was told.
    highest: Version,
    /// Where the decisions on a value are.
    by_value: HashMap<String, Vec<DecisionId>>,
    /// No decision ends before this.
    earliest: Option<Timestamp>,
    /// When what ended long ago was last forgotten.
    swept_at: Timestamp,
}

// === impl Entry ===

impl Entry {
    fn new(version: Version, held: Decision) -> Self {
        let scope = held.decision.scope.as_str();
        let addressed = ["ip", "range"].iter().any(|one| scope.eq_ignore_ascii_case(one));
        Self {
            version,
            net: addressed.then(|| read(&held.decision.value)).flatten(),
            held: Arc::new(held),
        }
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// When the next decision ends by time.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let ends = self.entries.values().map(|entry| entry.held.decision.until);
        ends.filter(|until| *until > now).min()
    }
}

// === impl Writing ===

impl Writing {
    fn index(&mut self, id: DecisionId, held: &Decision) {
        let until = held.decision.until;
        self.earliest = Some(self.earliest.map_or(until, |earliest| earliest.min(until)));
        match self.by_value.get_mut(&held.decision.value) {
            Some(ids) if ids.contains(&id) => {}
            Some(ids) => ids.push(id),
            None => {
                self.by_value.insert(held.decision.value.clone(), vec![id]);
            }
        }
    }

    /// Forgets what ended long ago. Looks at every decision only if there is one, and now and then.
    fn sweep(&mut self, entries: &mut Entries, now: Timestamp) {
        let gone = now - KEPT_AFTER_END;
        let nothing = self.earliest.is_none_or(|earliest| earliest > gone);
        if nothing || now.since(self.swept_at) < SWEEP {
            return;
        }
        self.swept_at = now;
        entries.retain(|entry| entry.held.decision.until > gone);
        self.by_value.clear();
        self.earliest = None;
        for entry in entries.values() {
            self.index(entry.held.id, &entry.held);
        }
    }
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
            (held.id, Entry::new(now.min(latest + RESTART_SLACK), held))
        };
        let snapshot = Snapshot {
            entries: decisions.into_iter().map(entry).collect(),
        };
        let mut writing = Writing {
            highest: now,
            ..Writing::default()
        };
        for entry in snapshot.entries.values() {
            writing.index(entry.held.id, &entry.held);
        }
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            writing: Mutex::new(writing),
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
        let mut writing = self.writing();
        writing.highest = now.max(writing.highest);
        (self.snapshot(), writing.highest)
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
            let mut writing = self.writing();
            let version = now.max(writing.highest + Duration::from_millis(1));
            writing.highest = version;
            let mut entries = self.snapshot.load().entries.clone();
            writing.sweep(&mut entries, now);
            for held in decisions {
                // Ends only move to earlier: who made it may come here after who ended it.
                let until = held.decision.until;
                if entries
                    .get(held.id)
                    .is_some_and(|known| known.held.decision.until < until)
                {
                    continue;
                }
                writing.index(held.id, held);
                entries.insert(held.id, Entry::new(version, held.clone()));
            }
            self.snapshot.store(Arc::new(Snapshot { entries }));
            version
        };
        self.changed.send_replace(version);
    }

    /// Those on exactly this value, ended ones too.
    pub(crate) fn of_value(&self, value: &str) -> Vec<Arc<Decision>> {
        let (snapshot, ids) = {
            let writing = self.writing();
            (
                self.snapshot(),
                writing.by_value.get(value).cloned().unwrap_or_default(),
            )
        };
        let held = |id| Some(Arc::clone(&snapshot.entries.get(id)?.held));
        ids.into_iter().filter_map(held).collect()
    }

    /// Those on a value, and on the networks around it if it is an address; ended ones too.
    pub(crate) fn around(&self, value: &str) -> Vec<Arc<Decision>> {
        let mut found = self.of_value(value);
        if let Ok(ip) = value.parse::<IpAddr>() {
            let ip = ip.to_canonical();
            let most = if ip.is_ipv4() { 32 } else { 128 };
            let networks = (0..=most).filter_map(|length| IpNet::new(ip, length).ok());
            for network in networks {
                found.extend(self.of_value(&network.trunc().to_string()));
            }
        }
        found
    }

    /// Those that hold now.
    pub(crate) fn active(&self, now: Timestamp) -> Vec<Arc<Decision>> {
        let snapshot = self.snapshot.load();
        let held = snapshot.entries.values().map(|entry| &entry.held);
        held.filter(|held| held.decision.until > now).cloned().collect()
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The strongest active decision on this address: a ban before milder ones, then the longest.
    pub(crate) fn strongest(&self, ip: IpAddr, now: Timestamp) -> Option<Arc<Decision>> {
        let ip = ip.to_canonical();
        let snapshot = self.snapshot.load();
        let on_it = snapshot.entries.values().filter(|entry| {
            let decision = &entry.held.decision;
            decision.until > now && !decision.simulated && entry.net.is_some_and(|net| net.contains(&ip))
        });
        on_it
            .map(|entry| &entry.held)
            .max_by_key(|held| (held.decision.remediation, held.decision.until))
            .cloned()
    }
}

/// Whether a decision's value, an address or a network, holds this address.
pub(crate) fn covers(value: &str, ip: IpAddr) -> bool {
    read(value).is_some_and(|net| net.contains(&ip.to_canonical()))
}

/// An address or network, if the value is one.
fn read(value: &str) -> Option<IpNet> {
    let net = value.parse::<IpNet>().ok();
    net.or_else(|| Some(IpNet::from(value.parse::<IpAddr>().ok()?.to_canonical())))
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
        assert!(snapshot.entries.values().next().is_none() && mark == NOW + Duration::from_secs(5));
        table.put(&[decision(1, "192.88.99.1", NOW)], NOW + Duration::from_secs(4));
        assert!(table.snapshot().entries.get(1).unwrap().version > mark);
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
    fn an_address_is_found_in_the_networks_around_it() {
        let values = [
            "192.88.99.7",
            "192.88.99.0/24",
            "192.88.99.7/32",
            "192.88.98.0/24",
            "FR",
        ];
        let all = (1..).zip(values);
        let table = Table::new(all.map(|(id, value)| decision(id, value, NOW)).collect(), NOW);
        let around = |value: &str| -> Vec<_> { table.around(value).iter().map(|held| held.id).collect() };
        assert_eq!(around("192.88.99.7"), [1, 2, 3]);
        assert_eq!(around("192.88.99.8"), [2]);
        assert_eq!(around("FR"), [5]);
        assert_eq!(around("2001:db8::1"), Vec::<i64>::new());
    }

    #[test]
    fn a_value_is_found_with_its_newest_word_and_the_next_end_is_known() {
        let table = Table::new(vec![decision(1, "192.88.99.1", NOW)], NOW);
        let mut ended = decision(1, "192.88.99.1", NOW);
        ended.decision.until = NOW;
        table.put(&[ended, decision(2, "192.88.99.1", NOW)], NOW);
        let found = table.of_value("192.88.99.1");
        let ends: Vec<_> = found.iter().map(|held| (held.id, held.decision.until)).collect();
        let hour = NOW + Duration::from_secs(3_600);
        assert_eq!(ends, [(1, NOW), (2, hour)]);
        assert!(table.of_value("192.88.99.2").is_empty());
        assert_eq!(table.snapshot().next_end(NOW), Some(hour));
        assert_eq!(table.snapshot().next_end(hour), None);
    }

    #[test]
    fn an_end_that_came_before_its_decision_stands() {
        let table = Table::new(Vec::new(), NOW);
        let mut ended = decision(1, "192.88.99.1", NOW);
        ended.decision.until = NOW;
        table.put(&[ended], NOW);
        table.put(&[decision(1, "192.88.99.1", NOW)], NOW);
        assert!(table.active(NOW).is_empty());
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
        assert!(table.snapshot().entries.get(2).is_none());
        assert!(table.of_value("192.88.99.0/24").is_empty());
    }
}
