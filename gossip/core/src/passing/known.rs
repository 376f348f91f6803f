//! What a node holds of late: its names, and for a while the envelopes, for neighbours who ask for them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::constants::{RELAY_KEPT, RELAY_KEPT_BYTES, RELAY_KNOWN};
use crate::wire::Timestamp;
use crate::wire::relay::{Name, Packed};

type Kept = (Arc<Packed>, Arc<[u8]>);

/// Names in two generations; envelopes by age.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    names: HashSet<Name>,
    before: HashSet<Name>,
    kept: HashMap<Name, Kept>,
    order: VecDeque<(Timestamp, Name)>,
    bytes: usize,
}

// === impl Known ===

impl Known {
    pub(super) fn contains(&self, name: Name) -> bool {
        self.names.contains(&name) || self.before.contains(&name)
    }

    pub(super) fn settle(&mut self, name: Name) {
        if self.names.len() >= RELAY_KNOWN {
            self.before = std::mem::take(&mut self.names);
        }
        self.names.insert(name);
    }

    /// `false` if it is known.
    pub(super) fn keep(&mut self, packed: &Arc<Packed>, bytes: &Arc<[u8]>, now: Timestamp) -> bool {
        let name = packed.name();
        if self.contains(name) {
            return false;
        }
        self.settle(name);
        self.bytes += bytes.len();
        self.kept.insert(name, (Arc::clone(packed), Arc::clone(bytes)));
        self.order.push_back((now, name));
        while let Some((came, oldest)) = self.order.front().copied()
            && (came + RELAY_KEPT < now || self.bytes > RELAY_KEPT_BYTES)
        {
            self.order.pop_front();
            if let Some((_, bytes)) = self.kept.remove(&oldest) {
                self.bytes -= bytes.len();
            }
        }
        true
    }

    pub(super) fn get(&self, name: Name) -> Option<&Kept> {
        self.kept.get(&name)
    }
}
