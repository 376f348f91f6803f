//! Decisions by number in a tree whose parts snapshots share: a change copies the path to it and nothing else.
//!
//! Numbers rise, so neighbours are made together and end together, and leaves by number stay full. Three levels of at
//! most 256: a change copies two nodes, however many decisions there are, and a snapshot is a pointer to each.
//! Deliberately absent: any order but that of numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_store::DecisionId;

use super::Entry;

/// Bits of a number that one level tells apart.
const BITS: u32 = 8;

type Leaf = BTreeMap<DecisionId, Entry>;
type Branch = BTreeMap<DecisionId, Arc<Leaf>>;

/// Decisions by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries {
    branches: BTreeMap<DecisionId, Arc<Branch>>,
}

// === impl Entries ===

impl Entries {
    /// The one with this number.
    pub(crate) fn get(&self, id: DecisionId) -> Option<&Entry> {
        self.branches
            .get(&(id >> (2 * BITS)))?
            .get(&(id >> BITS))?
            .get(&id)
    }

    /// All, by number.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Entry> {
        let leaves = self.branches.values().flat_map(|branch| branch.values());
        leaves.flat_map(|leaf| leaf.values())
    }

    /// Puts one in, in the place of a former one of that number.
    pub(super) fn insert(&mut self, id: DecisionId, entry: Entry) {
        let branch = Arc::make_mut(self.branches.entry(id >> (2 * BITS)).or_default());
        let leaf = Arc::make_mut(branch.entry(id >> BITS).or_default());
        leaf.insert(id, entry);
    }

    /// Keeps those that are wanted. Parts that lose none are shared on.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Entry) -> bool) {
        let all = |leaf: &Arc<Leaf>| leaf.values().all(&wanted);
        for branch in self.branches.values_mut() {
            if branch.values().all(all) {
                continue;
            }
            Arc::make_mut(branch).retain(|_, leaf| {
                if !all(leaf) {
                    Arc::make_mut(leaf).retain(|_, entry| wanted(entry));
                }
                !leaf.is_empty()
            });
        }
        self.branches.retain(|_, branch| !branch.is_empty());
    }
}

impl FromIterator<(DecisionId, Entry)> for Entries {
    fn from_iter<I: IntoIterator<Item = (DecisionId, Entry)>>(entries: I) -> Self {
        let mut all = Self::default();
        for (id, entry) in entries {
            all.insert(id, entry);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::decision;
    use vigie_wire::Timestamp;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn entry(id: DecisionId) -> (DecisionId, Entry) {
        (id, Entry::new(NOW, decision(id, "192.88.99.1", NOW)))
    }

    fn leaves(entries: &Entries) -> Vec<*const Leaf> {
        let leaves = entries.branches.values().flat_map(|branch| branch.values());
        leaves.map(Arc::as_ptr).collect()
    }

    #[test]
    fn a_change_copies_one_leaf_and_an_older_snapshot_stays_as_it_was() {
        // Numbers below zero stand for what waits for the disk.
        let before: Entries = (-3..70_000).map(entry).collect();
        let mut after = before.clone();
        let (id, mut changed) = entry(4_711);
        changed.version = NOW + std::time::Duration::from_secs(1);
        after.insert(id, changed);
        let (old, new) = (leaves(&before), leaves(&after));
        assert!(old.len() > 270);
        assert_eq!(old.iter().zip(&new).filter(|(old, new)| old != new).count(), 1);
        assert_eq!(before.get(4_711).unwrap().version, NOW);
        assert!(after.get(4_711).unwrap().version > NOW);
        let ids: Vec<_> = after.values().map(|entry| entry.held.id).collect();
        assert_eq!(ids, (-3..70_000).collect::<Vec<_>>());
    }

    #[test]
    fn what_goes_takes_empty_parts_with_it_and_leaves_the_others_alone() {
        let before: Entries = (0..1_000).map(entry).collect();
        let mut after = before.clone();
        after.retain(|entry| entry.held.id >= 256);
        assert_eq!(after.values().count(), 744);
        assert_eq!(leaves(&after), leaves(&before)[1..]);
        assert!(after.get(255).is_none() && before.get(255).is_some());
        after.retain(|_| false);
        assert!(after.branches.is_empty());
    }
}
