//! The decisions in memory: what the API answers from, without asking the database.
//!
//! Before this stop: `decide`. After it: `api/` (look-up and change stream for bouncers). Every change has a version
//! that stands in the snapshot itself, so that a reader who notes it can never miss a decision that was being written
//! while he read. Deliberately absent: persistence (the store is written first) and what a reader is served (`api`).

mod ordered;
mod snapshot;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tokio::sync::watch;
use vigie_store::{Decision, Words};
use vigie_wire::Timestamp;

pub(crate) use snapshot::Snapshot;

use crate::config::network;

/// Ended decisions are kept so long, for bouncers that come back after an outage.
pub(crate) const KEPT_AFTER_END: Duration = Duration::from_hours(24);
/// What was ended early, until it would have ended by itself, for whoever heard of it may enforce it until then; at most so
/// long, which is as long as CrowdSec keeps it.
pub(crate) const KEPT_AFTER_EARLY_END: Duration = Duration::from_hours(7 * 24);
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

/// The decision table. One writer at a time, readers never wait.
#[derive(Debug)]
pub(crate) struct Table {
    snapshot: ArcSwap<Snapshot>,
    writer: Mutex<Writer>,
    changed: watch::Sender<Version>,
}

/// What whoever writes holds.
#[derive(Debug)]
struct Writer {
    /// The highest version that a change has or a reader was told.
    highest: Version,
    /// Scopes, scenarios and reasons: many decisions have the same, and each is held once.
    words: Words,
}

// === impl Table ===

impl Table {
    /// With the decisions that the store holds.
    pub(crate) fn new(decisions: Vec<Decision>, now: Timestamp) -> Self {
        let mut snapshot = Snapshot::default();
        let mut words = Words::default();
        for mut held in decisions {
            share(&mut held, &mut words);
            let latest = if held.decision.until <= now {
                held.decision.until
            } else {
                held.decision.created_at
            };
            snapshot.put(now.min(latest + RESTART_SLACK), held, None);
        }
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            writer: Mutex::new(Writer { highest: now, words }),
            changed: watch::Sender::new(now),
        }
    }

    /// Takes in what was ended early before this start, with when it would have ended.
    pub(crate) fn recall(&self, early: Vec<(Decision, Timestamp)>, now: Timestamp) {
        let mut writer = self.writing();
        let mut snapshot = Snapshot::clone(&self.snapshot.load());
        for (mut held, planned) in early {
            share(&mut held, &mut writer.words);
            let end = held.decision.until;
            snapshot.put(
                now.min(end + RESTART_SLACK),
                held,
                Some(forgotten_at(end, planned)),
            );
        }
        self.snapshot.store(Arc::new(snapshot));
    }

    /// As it is now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// As it is now, and a version that every change after this moment exceeds, however its writer's clock was read:
    /// a reader that comes back with it misses nothing and hears no end by time twice.
    pub(crate) fn mark(&self, now: Timestamp) -> (Arc<Snapshot>, Version) {
        let mut writer = self.writing();
        writer.highest = now.max(writer.highest);
        (self.snapshot(), writer.highest)
    }

    /// Tells of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<Version> {
        self.changed.subscribe()
    }

    /// The version of the last change.
    pub(crate) fn version(&self) -> Version {
        *self.changed.borrow()
    }

    /// Takes new decisions in, or new ends of known ones, and forgets what ended long ago.
    pub(crate) fn put(&self, decisions: &[Decision], now: Timestamp) {
        if decisions.is_empty() {
            return;
        }
        let version = {
            let mut writer = self.writing();
            let version = now.max(writer.highest + Duration::from_millis(1));
            writer.highest = version;
            let mut snapshot = Snapshot::clone(&self.snapshot.load());
            snapshot.forget(now);
            for held in decisions {
                let end = held.decision.until;
                let planned = snapshot.get(held.id).map(|known| known.held.decision.until);
                // Ends only move to earlier: who made it may come here after who ended it.
                if planned.is_none_or(|planned| planned >= end) {
                    let mut held = held.clone();
                    share(&mut held, &mut writer.words);
                    let early = planned.filter(|planned| *planned > end);
                    let early = early.map(|planned| forgotten_at(end, planned));
                    snapshot.put(version, held, early);
                }
            }
            self.snapshot.store(Arc::new(snapshot));
            version
        };
        // A writer that came later may have said so already.
        self.changed.send_modify(|last| *last = version.max(*last));
    }

    /// Those on exactly this value, ended ones too.
    pub(crate) fn of_value(&self, value: &str) -> Vec<Arc<Decision>> {
        self.snapshot.load().of_value(value).cloned().collect()
    }

    /// Those on a value, and on the networks around it if it is an address or a network itself; ended ones too.
    pub(crate) fn around(&self, value: &str) -> Vec<Arc<Decision>> {
        let snapshot = self.snapshot.load();
        match network(value) {
            Some(target) => snapshot.holding(target).cloned().collect(),
            None => snapshot.of_value(value).cloned().collect(),
        }
    }

    /// Those that hold now.
    pub(crate) fn active(&self, now: Timestamp) -> Vec<Arc<Decision>> {
        self.snapshot.load().active(now).cloned().collect()
    }

    /// The strongest active decision on this address: a ban before milder ones, then the longest.
    pub(crate) fn strongest(&self, ip: IpAddr, now: Timestamp) -> Option<Arc<Decision>> {
        let snapshot = self.snapshot.load();
        let on_it = snapshot.holding(IpNet::from(ip.to_canonical()));
        on_it
            .filter(|held| held.decision.until > now && !held.decision.simulated)
            .max_by_key(|held| (held.decision.remediation, held.decision.until, held.id))
            .cloned()
    }

    fn writing(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When what was ended early is forgotten.
fn forgotten_at(end: Timestamp, planned: Timestamp) -> Timestamp {
    planned.clamp(end + KEPT_AFTER_END, end + KEPT_AFTER_EARLY_END)
}

fn share(held: &mut Decision, words: &mut Words) {
    let Decision { decision, .. } = held;
    for word in [&mut decision.scope, &mut decision.scenario, &mut decision.reason] {
        *word = words.share(word);
    }
}

/// Whether a decision's value, an address or a network, holds this address.
pub(crate) fn covers(value: &str, ip: IpAddr) -> bool {
    network(value).is_some_and(|net| net.contains(&ip.to_canonical()))
}
