//! Packs changes that belong together into transactions of bounded size.

use std::collections::BTreeMap;

use crate::transaction::{Element, Op, Set, Transaction};

/// Changes that must take effect together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) set: Set,
    /// Put in although it should be there, because it may lapse at any time.
    pub(super) touch: Vec<Element>,
    pub(super) delete: Vec<Element>,
    pub(super) add: Vec<Element>,
}

// === impl Unit ===

impl Unit {
    fn weight(&self) -> usize {
        let elements = self
            .touch
            .len()
            .saturating_add(self.delete.len())
            .saturating_add(self.add.len());
        elements.saturating_mul(if self.set.kind.is_interval() { 2 } else { 1 })
    }

    /// Additions, then changes, then removals.
    const fn rank(&self) -> u8 {
        match (self.add.is_empty(), self.delete.is_empty()) {
            (false, true) => 0,
            (false, false) => 1,
            (true, _) => 2,
        }
    }
}

/// Transactions of at most `limit` list entries each; only a single unit that is larger exceeds it.
pub(super) fn pack(mut units: Vec<Unit>, limit: usize) -> Vec<Transaction> {
    units.sort_by_key(Unit::rank);
    let mut out = Vec::new();
    let mut open: Vec<Unit> = Vec::new();
    let mut weight: usize = 0;
    let mut rank = 0;
    for unit in units {
        let more = weight.saturating_add(unit.weight());
        if !open.is_empty() && (more > limit || unit.rank() != rank) {
            out.push(transaction(std::mem::take(&mut open)));
            weight = 0;
        }
        weight = weight.saturating_add(unit.weight());
        rank = unit.rank();
        open.push(unit);
    }
    if !open.is_empty() {
        out.push(transaction(open));
    }
    out
}

/// Within a transaction only its end is visible, so the order is the one that the kernel can follow: what lapses
/// is put in, all that goes is taken out, all that comes is put in.
fn transaction(units: Vec<Unit>) -> Transaction {
    let mut sets: BTreeMap<Set, Unit> = BTreeMap::new();
    for unit in units {
        let set = unit.set;
        let empty = || Unit {
            set,
            touch: Vec::new(),
            delete: Vec::new(),
            add: Vec::new(),
        };
        let all = sets.entry(set).or_insert_with(empty);
        all.touch.extend(unit.touch);
        all.delete.extend(unit.delete);
        all.add.extend(unit.add);
    }
    let mut ops = Vec::new();
    for (set, unit) in sets {
        if !unit.touch.is_empty() {
            ops.push(Op::AddElements(set, unit.touch));
        }
        if !unit.delete.is_empty() {
            ops.push(Op::DeleteElements(set, unit.delete));
        }
        if !unit.add.is_empty() {
            ops.push(Op::AddElements(set, unit.add));
        }
    }
    Transaction { ops }
}
