//! What is held for one value: seven bytes that matter, because there are half a million of them.

use std::collections::HashMap;
use std::hash::Hash;

use vigie_bouncer_origin::Origin;

use crate::moment::Moment;
use crate::term::Term;

/// A decision, as far as enforcing needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) until: Moment,
    pub(super) origin: Origin,
    /// Index of the remediation.
    pub(super) kind: u8,
    /// The full picture that named it last.
    pub(super) picture: u8,
}

// === impl Entry ===

impl Entry {
    /// How long, and by whose word. Held apart, as together the two take a byte more than there is room for.
    pub(super) const fn term(self) -> Term {
        Term {
            until: self.until,
            origin: self.origin,
        }
    }
}

/// Sets or forgets.
pub(super) fn store<K: Eq + Hash>(map: &mut HashMap<K, Entry>, key: K, entry: Option<Entry>) {
    match entry {
        Some(entry) => drop(map.insert(key, entry)),
        None => drop(map.remove(&key)),
    }
}
