//! What is held for one value: six bytes that matter, because there are half a million of them.

use std::collections::HashMap;
use std::hash::Hash;

use crate::moment::Moment;

/// A decision, as far as enforcing needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) until: Moment,
    /// Index of the remediation.
    pub(super) kind: u8,
    /// The full picture that named it last.
    pub(super) picture: u8,
}

/// Sets or forgets.
pub(super) fn store<K: Eq + Hash>(map: &mut HashMap<K, Entry>, key: K, entry: Option<Entry>) {
    match entry {
        Some(entry) => drop(map.insert(key, entry)),
        None => drop(map.remove(&key)),
    }
}
