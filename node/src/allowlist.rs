//! The allowlist as it was last read: each entry counts up to its own end, whenever somebody looks.
//!
//! Deliberately absent: where entries are kept (`store`), and our own addresses, which need no entry (`node`).

use std::sync::Arc;

use arc_swap::ArcSwap;
use ipnet::IpNet;
use vigie_store::Allowed;
use vigie_wire::Timestamp;

/// Entries in memory, also those whose time is over.
#[derive(Debug, Default)]
pub(crate) struct Listed(ArcSwap<Vec<Allowed>>);

// === impl Listed ===

impl Listed {
    /// These from now on.
    pub(crate) fn put(&self, entries: Vec<Allowed>) {
        self.0.store(Arc::new(entries));
    }

    /// Entries that count at that time, by network.
    pub(crate) fn at(&self, now: Timestamp) -> Vec<Allowed> {
        let entries = self.0.load();
        entries
            .iter()
            .filter(|entry| counts(entry, now))
            .cloned()
            .collect()
    }

    /// Their networks.
    pub(crate) fn nets(&self, now: Timestamp) -> Vec<IpNet> {
        let entries = self.0.load();
        let counting = entries.iter().filter(|entry| counts(entry, now));
        counting.map(|entry| entry.net).collect()
    }

    /// When the next entry ends: what was spared until then is looked at again.
    pub(crate) fn next_end(&self, now: Timestamp) -> Option<Timestamp> {
        let entries = self.0.load();
        let ends = entries.iter().filter_map(|entry| entry.expires);
        ends.filter(|end| *end > now).min()
    }
}

fn counts(entry: &Allowed, now: Timestamp) -> bool {
    entry.expires.is_none_or(|end| end > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_up_to_its_end() {
        let at = Timestamp::from_secs;
        let entry = |net: &str, expires| Allowed {
            net: net.parse().unwrap(),
            reason: "ours".to_owned(),
            author: "uid 0".to_owned(),
            created_at: at(1),
            expires,
        };
        let listed = Listed::default();
        listed.put(vec![
            entry("192.88.99.1/32", Some(at(10))),
            entry("192.88.99.2/32", None),
            entry("192.88.99.3/32", Some(at(20))),
        ]);
        let count = |now| (listed.at(at(now)).len(), listed.nets(at(now)).len());
        assert_eq!((count(9), listed.next_end(at(9))), ((3, 3), Some(at(10))));
        assert_eq!((count(10), listed.next_end(at(10))), ((2, 2), Some(at(20))));
        assert_eq!((count(20), listed.next_end(at(20))), ((1, 1), None));
    }
}
