//! What our table looks like, and how it is put there without a gap. Pure.
//!
//! Sets and counters that exist are kept with all they hold; chains are replaced within the same transaction,
//! so a changed priority takes effect and no packet meets a table without rules.

use crate::transaction::{Hook, Op, Set, Transaction};

/// The part of the layout that is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where to drop.
    pub hooks: Vec<Hook>,
    /// Earlier than the usual filter chains (0), later than connection tracking (-200).
    pub priority: i32,
}

// === impl Layout ===

impl Layout {
    /// Brings the table into this form. `chains` are ours that exist already.
    pub fn establish(&self, chains: &[Hook]) -> Transaction {
        let mut ops = vec![Op::AddTable];
        ops.extend(
            Set::ALL
                .into_iter()
                .flat_map(|set| [Op::AddSet(set), Op::AddCounter(set)]),
        );
        ops.extend(chains.iter().map(|hook| Op::DeleteChain(*hook)));
        for hook in &self.hooks {
            ops.push(Op::AddChain(*hook, self.priority));
            ops.extend(Set::ALL.into_iter().map(|set| Op::AddRule(*hook, set)));
        }
        Transaction { ops }
    }
}

/// Removes every trace of us.
pub fn removal() -> Transaction {
    // The table is added first, so that removing what is not there is no error.
    Transaction {
        ops: vec![Op::AddTable, Op::DeleteTable],
    }
}
