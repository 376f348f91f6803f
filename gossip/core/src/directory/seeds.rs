//! Who the seeds are: those of the genesis file, changed by k of them at a time, in sequence.
//!
//! Changes count from 1 without holes, so that "the seeds before this change" is one list for everybody. Should k seeds
//! sign two changes of one sequence, the one with the lower id holds everywhere. Each holds from its own time on, and
//! those times do not run backwards: who is no seed any more was one, and what he admitted then stays.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::{Founder, Genesis, PublicKey, SeedAction, SeedChange, Statement, StatementId, Timestamp};

use super::intervals::Intervals;
use super::shelf::Shelf;

/// The seeds after all changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Seeds {
    pub(super) list: Vec<Founder>,
    /// The keys in force before each change: what its signatures count into. One more than there are changes.
    pub(super) before: Vec<Vec<PublicKey>>,
    /// Everybody who is or was a seed, and when.
    pub(super) terms: BTreeMap<PublicKey, Intervals>,
    /// The changes that k of the seeds before them signed, applied or not: what counts, and is told to peers.
    pub(super) signed: BTreeSet<StatementId>,
}

/// Applies the changes on the shelf to the seeds of the genesis file.
pub(super) fn resolve(genesis: &Genesis, shelf: &Shelf) -> Seeds {
    let mut changes: BTreeMap<u64, Vec<(StatementId, &SeedChange)>> = BTreeMap::new();
    for (id, statement) in shelf.iter() {
        if let Statement::SeedChange(change) = statement {
            changes.entry(change.sequence).or_default().push((*id, change));
        }
    }
    let founders = genesis.seeds.iter();
    let mut seeds = Seeds {
        list: genesis.seeds.clone(),
        before: Vec::new(),
        terms: founders.map(|seed| (seed.key, Intervals::always())).collect(),
        signed: BTreeSet::new(),
    };
    let mut since = Timestamp::ZERO;
    for sequence in 1_u64.. {
        let keys: Vec<PublicKey> = seeds.list.iter().map(|seed| seed.key).collect();
        let candidates = changes.get(&sequence).map(Vec::as_slice).unwrap_or_default();
        // In the order of their ids, as the shelf gives them.
        let signed: Vec<_> = candidates
            .iter()
            .filter(|(_, change)| change.verify(&keys, genesis.quorum).is_ok())
            .collect();
        seeds.signed.extend(signed.iter().map(|(id, _)| *id));
        let next = signed.into_iter().find_map(|(_, change)| {
            let list = apply(genesis.quorum, &seeds.list, &keys, change)?;
            (since <= change.at).then_some((list, *change))
        });
        seeds.before.push(keys);
        let Some((list, change)) = next else { break };
        since = change.at;
        seeds.note_term(change);
        seeds.list = list;
    }
    seeds
}

/// The seeds after a change, `None` if it does not apply: nobody to remove, somebody there already, or fewer seeds left
/// than the quorum needs.
fn apply(quorum: u8, seeds: &[Founder], keys: &[PublicKey], change: &SeedChange) -> Option<Vec<Founder>> {
    let mut list = seeds.to_vec();
    match &change.action {
        SeedAction::Add { key, name, labels } => {
            if keys.contains(key) {
                return None;
            }
            list.push(Founder {
                key: *key,
                name: name.clone(),
                labels: *labels,
                history: 0,
            });
        }
        SeedAction::Remove { key } => {
            let at = keys.iter().position(|seed| seed == key)?;
            if list.len() <= usize::from(quorum) {
                return None;
            }
            list.remove(at);
        }
    }
    Some(list)
}

// === impl Seeds ===

impl Seeds {
    fn note_term(&mut self, change: &SeedChange) {
        let (SeedAction::Add { key, .. } | SeedAction::Remove { key }) = &change.action;
        let term = self.terms.entry(*key).or_default();
        *term = match change.action {
            SeedAction::Add { .. } => Intervals::any(&[term.clone(), Intervals::from(change.at)]),
            SeedAction::Remove { .. } => term.until(change.at),
        };
    }

    /// When somebody is a seed.
    pub(super) fn term(&self, key: &PublicKey) -> Intervals {
        self.terms.get(key).cloned().unwrap_or_default()
    }
}
