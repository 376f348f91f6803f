//! An ordered map whose parts its copies share: a change copies the path to it and nothing else.
//!
//! A tree of three levels that is never rebalanced but by cutting what is full and joining what is nearly empty: leaves
//! hold the rows side by side, so that a walk reads memory in order, and a copy is a pointer to each branch.
//! Deliberately absent: anything about decisions (`snapshot`).

use std::sync::Arc;

/// Most rows of a leaf.
const LEAF: usize = 64;
/// Most leaves of a branch.
const BRANCH: usize = 128;

type Leaf<K, V> = Vec<(K, V)>;
type Branch<K, V> = Vec<Arc<Leaf<K, V>>>;

/// Rows by key. No leaf and no branch is empty.
#[derive(Clone, Debug)]
pub(super) struct Ordered<K, V> {
    branches: Vec<Arc<Branch<K, V>>>,
}

// === impl Ordered ===

impl<K, V> Default for Ordered<K, V> {
    fn default() -> Self {
        Self { branches: Vec::new() }
    }
}

impl<K: Ord + Copy, V: Clone> Ordered<K, V> {
    /// The row of this key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let (branch, leaf) = self.place(key);
        let rows = self.branches.get(branch)?.get(leaf)?;
        let at = rows.binary_search_by_key(key, |row| row.0).ok()?;
        rows.get(at).map(|row| &row.1)
    }

    /// All rows from this key on, in order.
    pub(super) fn from(&self, key: &K) -> impl Iterator<Item = &(K, V)> + use<'_, K, V> {
        let (branch, leaf) = self.place(key);
        let first = self.branches.get(branch).and_then(|leaves| leaves.get(leaf));
        let at = first.map_or(0, |rows| rows.partition_point(|row| row.0 < *key));
        let branches = self.branches.iter().skip(branch).enumerate();
        let leaves =
            branches.flat_map(move |(nth, leaves)| leaves.iter().skip(if nth == 0 { leaf } else { 0 }));
        let leaves = leaves.enumerate();
        leaves.flat_map(move |(nth, rows)| rows.iter().skip(if nth == 0 { at } else { 0 }))
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.branches.is_empty()
    }

    /// All rows, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        let leaves = self.branches.iter().flat_map(|leaves| leaves.iter());
        leaves.flat_map(|rows| rows.iter())
    }

    /// Puts a row in, in the place of a former one of that key.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let (branch, leaf) = self.place(&key);
        // What is behind all others goes to the end of the last.
        let nth = branch.min(self.branches.len().saturating_sub(1));
        let Some(leaves) = self.branches.get_mut(nth) else {
            self.branches.push(Arc::new(vec![Arc::new(vec![(key, value)])]));
            return;
        };
        let leaves = Arc::make_mut(leaves);
        let leaf = if nth == branch {
            leaf
        } else {
            leaves.len().saturating_sub(1)
        };
        let Some(rows) = leaves.get_mut(leaf) else { return };
        let rows = Arc::make_mut(rows);
        match rows.binary_search_by_key(&key, |row| row.0) {
            Ok(at) => drop(rows.splice(at..=at, [(key, value)])),
            Err(at) => {
                rows.reserve_exact(1);
                rows.insert(at, (key, value));
            }
        }
        if let Some(tail) = cut(rows, LEAF) {
            leaves.insert(leaf + 1, Arc::new(tail));
        }
        if let Some(tail) = cut(leaves, BRANCH) {
            self.branches.insert(nth + 1, Arc::new(tail));
        }
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, key: &K) {
        let (nth, leaf) = self.place(key);
        let held = |rows: &Arc<Leaf<K, V>>| rows.binary_search_by_key(key, |row| row.0).ok();
        let Some(branch) = self.branches.get_mut(nth) else {
            return;
        };
        let Some(at) = branch.get(leaf).and_then(held) else {
            return;
        };
        let leaves = Arc::make_mut(branch);
        if let Some(rows) = leaves.get_mut(leaf) {
            Arc::make_mut(rows).remove(at);
        }
        join(leaves, leaf);
        if let Some(before) = leaf.checked_sub(1) {
            join(leaves, before);
        }
        leaves.retain(|rows| !rows.is_empty());
        if leaves.is_empty() {
            self.branches.remove(nth);
        }
    }

    /// Which leaf of which branch is the first whose last key is not before this one.
    fn place(&self, key: &K) -> (usize, usize) {
        let before = |rows: &Arc<Leaf<K, V>>| rows.last().is_some_and(|row| row.0 < *key);
        let branch = self
            .branches
            .partition_point(|leaves| leaves.last().is_some_and(before));
        let leaves = self.branches.get(branch);
        (branch, leaves.map_or(0, |leaves| leaves.partition_point(before)))
    }
}

/// What is too much. Keys mostly rise, so what is left is nearly full.
fn cut<T>(full: &mut Vec<T>, most: usize) -> Option<Vec<T>> {
    (full.len() > most).then(|| full.split_off(most - most / 8))
}

/// Joins a leaf and the next if one of them is nearly empty and both fit.
fn join<K: Copy, V: Clone>(leaves: &mut Branch<K, V>, leaf: usize) {
    let (Some(one), Some(two)) = (leaves.get(leaf), leaves.get(leaf + 1)) else {
        return;
    };
    if one.len().min(two.len()) < LEAF / 8 && one.len() + two.len() <= LEAF {
        let two = leaves.remove(leaf + 1);
        if let Some(one) = leaves.get_mut(leaf) {
            Arc::make_mut(one).extend(two.iter().cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn filled(keys: impl Iterator<Item = u32>) -> Ordered<u32, u32> {
        let mut map = Ordered::default();
        for key in keys {
            map.insert(key, key);
        }
        map
    }

    fn leaves(map: &Ordered<u32, u32>) -> Vec<*const Leaf<u32, u32>> {
        let leaves = map.branches.iter().flat_map(|branch| branch.iter());
        leaves.map(Arc::as_ptr).collect()
    }

    #[test]
    fn a_change_copies_one_leaf_and_an_older_copy_stays_as_it_was() {
        let before = filled(0..70_000);
        let mut after = before.clone();
        after.insert(4_711, 0);
        let (old, new) = (leaves(&before), leaves(&after));
        assert!(
            (1_000..1_300).contains(&old.len()),
            "rising keys fill {} leaves",
            old.len()
        );
        assert_eq!(old.iter().zip(&new).filter(|(old, new)| old != new).count(), 1);
        assert_eq!((before.get(&4_711), after.get(&4_711)), (Some(&4_711), Some(&0)));
    }

    #[test]
    fn what_goes_takes_its_room_with_it() {
        let mut map = filled(0..70_000);
        for key in (0..70_000).filter(|key| key % 1_000 != 0) {
            map.remove(&key);
        }
        assert_eq!(map.iter().count(), 70);
        assert!(leaves(&map).len() <= 20, "{}", leaves(&map).len());
        for key in (0..70_000).step_by(1_000) {
            map.remove(&key);
        }
        assert!(map.branches.is_empty());
    }

    proptest! {
        #[test]
        fn it_is_a_map(changes in prop::collection::vec((0..3_000_u32, 0..4_u8), 1..4_000), from in 0..3_000_u32) {
            let (mut map, mut naive) = (Ordered::default(), BTreeMap::new());
            for (key, what) in changes {
                if what == 0 {
                    map.remove(&key);
                    naive.remove(&key);
                } else {
                    map.insert(key, what);
                    naive.insert(key, what);
                }
            }
            let all: Vec<_> = map.iter().copied().collect();
            prop_assert_eq!(all, naive.clone().into_iter().collect::<Vec<_>>());
            let tail: Vec<_> = map.from(&from).copied().collect();
            prop_assert_eq!(tail, naive.range(from..).map(|(k, v)| (*k, *v)).collect::<Vec<_>>());
            prop_assert_eq!(map.get(&from), naive.get(&from));
        }
    }
}
