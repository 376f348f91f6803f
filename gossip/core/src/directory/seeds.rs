//! Who the seeds are: those of the genesis file, changed by k of them at a time, in sequence.
//!
//! Changes count from 1 without holes, so that "the seeds before this change" is one list for everybody. Should k seeds
//! sign two changes of one sequence, the one with the lower id holds everywhere.

use std::collections::BTreeMap;

use crate::wire::{Founder, Genesis, PublicKey, SeedAction, SeedChange, Statement};

use super::shelf::Shelf;

/// The seeds after all changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Seeds {
    pub(super) list: Vec<Founder>,
    /// The keys in force before each change: what its signatures count into. One more than there are changes.
    pub(super) before: Vec<Vec<PublicKey>>,
}

/// Applies the changes on the shelf to the seeds of the genesis file.
pub(super) fn resolve(genesis: &Genesis, shelf: &Shelf) -> Seeds {
    let mut changes: BTreeMap<u64, Vec<&SeedChange>> = BTreeMap::new();
    for (_, statement) in shelf.iter() {
        if let Statement::SeedChange(change) = statement {
            changes.entry(change.sequence).or_default().push(change);
        }
    }
    let mut seeds = Seeds {
        list: genesis.seeds.clone(),
        before: Vec::new(),
    };
    for sequence in 1_u64.. {
        let keys: Vec<PublicKey> = seeds.list.iter().map(|seed| seed.key).collect();
        let candidates = changes.get(&sequence).map(Vec::as_slice).unwrap_or_default();
        // In the order of their ids, as the shelf gives them.
        let next = candidates
            .iter()
            .find_map(|change| apply(genesis.quorum, &seeds.list, &keys, change));
        seeds.before.push(keys);
        let Some(list) = next else { break };
        seeds.list = list;
    }
    seeds
}

/// The seeds after a change, `None` if it does not hold: too few signatures, nobody to remove, somebody there already, or
/// fewer seeds left than the quorum needs.
fn apply(quorum: u8, seeds: &[Founder], keys: &[PublicKey], change: &SeedChange) -> Option<Vec<Founder>> {
    change.verify(keys, quorum).ok()?;
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
