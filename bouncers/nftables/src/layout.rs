//! What our table looks like, and how it is put there without a gap. Pure.
//!
//! Sets come in generations. What the sets of an earlier start hold is never asked for: sets of a new generation are put
//! into force beside them, and when these hold everything, the older ones go. Counters stay with what they have counted.
//! Chains are replaced within one transaction, so a changed priority takes effect and no packet meets a table without
//! rules.

use crate::transaction::{Counter, Generation, Hook, Op, Set, Transaction};

/// The part of the layout that is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where to drop.
    pub hooks: Vec<Hook>,
    /// Earlier than the usual filter chains (0), later than connection tracking (-200).
    pub priority: i32,
}

/// What the kernel has of ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Chains.
    pub chains: Vec<Hook>,
    /// Sets, of whatever generation.
    pub sets: Vec<Set>,
}

/// A new generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Puts it into force, empty.
    pub transaction: Transaction,
    /// Which it is.
    pub generation: Generation,
    /// Sets that stay in force beside it until it holds everything.
    pub older: Vec<Set>,
}

/// Most generations that stay beside a new one: the oldest is the last that was complete, the other holds what a start
/// that was killed had added to that. Starts that are killed again and again leave no more.
const MOST_OLDER: usize = 2;

// === impl Layout ===

impl Layout {
    /// Begins a new generation beside what is found.
    pub fn renew(&self, found: &Found) -> Renewal {
        let mut generations: Vec<Generation> = found.sets.iter().map(|set| set.generation).collect();
        generations.sort_unstable();
        generations.dedup();
        let generation = generations.last().copied().unwrap_or_default().next();
        generations.truncate(MOST_OLDER);
        let (older, left_over): (Vec<Set>, Vec<Set>) = found
            .sets
            .iter()
            .partition(|set| generations.contains(&set.generation));
        let mut ops = vec![Op::AddTable];
        ops.extend(Counter::all().map(Op::AddCounter));
        ops.extend(generation.sets().map(Op::AddSet));
        let in_force: Vec<Set> = older.iter().copied().chain(generation.sets()).collect();
        ops.extend(self.replace(&found.chains, &in_force, &left_over));
        Renewal {
            transaction: Transaction { ops },
            generation,
            older,
        }
    }

    /// Takes the older sets out: this generation holds everything.
    pub fn retire(&self, generation: Generation, older: &[Set]) -> Transaction {
        Transaction {
            ops: self.replace(&self.hooks, &generation.sets(), older).collect(),
        }
    }

    /// How many rules there are while so many sets are in force.
    pub const fn rules(&self, sets: usize) -> usize {
        self.hooks.len().saturating_mul(sets)
    }

    /// Chains anew, with rules for the sets that are to be in force; then those that no rule looks at any more can go.
    fn replace(&self, chains: &[Hook], in_force: &[Set], over: &[Set]) -> impl Iterator<Item = Op> {
        let rules = |hook: &Hook| {
            let hook = *hook;
            let chain = std::iter::once(Op::AddChain(hook, self.priority));
            chain.chain(in_force.iter().map(move |set| Op::AddRule(hook, *set)))
        };
        let gone = chains.iter().map(|hook| Op::DeleteChain(*hook));
        let over = over.iter().map(|set| Op::DeleteSet(*set));
        gone.chain(self.hooks.iter().flat_map(rules)).chain(over)
    }
}

/// Removes every trace of us.
pub fn removal() -> Transaction {
    // The table is added first, so that removing what is not there is no error.
    Transaction {
        ops: vec![Op::AddTable, Op::DeleteTable],
    }
}

#[cfg(test)]
mod tests;
