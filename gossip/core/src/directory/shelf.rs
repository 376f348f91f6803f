//! The statements that are kept, with bounds that do not depend on the order of arrival.
//!
//! Of each signer and kind the first so many in that kind's own order stay; which those are depends on the set only. A
//! signer who floods thus displaces nothing but his own. Statements of strangers wait in a small pool, oldest out
//! first, since a vouch that admits them may arrive later. Deliberately absent: what statements mean (`derive`).

use std::collections::{BTreeMap, BTreeSet};

use crate::constants::{
    SEED_CHANGES_PER_SEQUENCE, STATEMENTS, STATEMENTS_OF_STRANGERS, STATEMENTS_PER_SIGNER,
    STATEMENTS_PER_STRANGER, STATEMENTS_THAT_END, VOUCHES_PER_SIGNER,
};
use crate::wire::{PublicKey, RevocationTarget, Statement, StatementId};

/// Which bound a statement falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Certificate,
    Vouch,
    Withdrawal,
    Revocation,
    Continues,
    SeedChange,
}

/// Whose, of which kind, and a part of it: the sequence of a change of the seeds, which is nobody's alone, or whether a
/// revocation is that of the whole organisation.
type Bin = (Option<PublicKey>, Kind, u64);

/// The place of a statement in its bin: those that come first stay.
type Rank = (i64, StatementId);

#[derive(Clone, Debug)]
struct Kept {
    statement: Statement,
    arrival: u64,
}

/// All statements that are kept.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    kept: BTreeMap<StatementId, Kept>,
    bins: BTreeMap<Bin, BTreeSet<Rank>>,
    /// Statements of each signer.
    signers: BTreeMap<PublicKey, usize>,
    arrivals: u64,
    /// How many are kept, and how many more of those that end something.
    room: (usize, usize),
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelved {
    Kept,
    /// The signer has enough that come before it.
    Crowded,
    /// There are enough of all.
    Full,
}

// === impl Shelf ===

impl Default for Shelf {
    fn default() -> Self {
        Self {
            kept: BTreeMap::new(),
            bins: BTreeMap::new(),
            signers: BTreeMap::new(),
            arrivals: 0,
            room: (STATEMENTS, STATEMENTS_THAT_END),
        }
    }
}

impl Shelf {
    pub(super) fn contains(&self, id: &StatementId) -> bool {
        self.kept.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn get(&self, id: &StatementId) -> Option<&Statement> {
        self.kept.get(id).map(|kept| &kept.statement)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&StatementId, &Statement)> {
        self.kept.iter().map(|(id, kept)| (id, &kept.statement))
    }

    /// Keeps a verified statement, if it is among the first of its bin. A stranger's bins are smaller.
    pub(super) fn insert(&mut self, statement: Statement, stranger: bool) -> Shelved {
        if !self.make_room(&statement) {
            return Shelved::Full;
        }
        let signer = statement.signer();
        if let Some(signer) = signer.filter(|_| stranger)
            && self
                .signers
                .get(&signer)
                .is_some_and(|count| *count >= STATEMENTS_PER_STRANGER)
        {
            return Shelved::Crowded;
        }
        let (bin, rank) = place(&statement);
        let id = rank.1;
        let ranks = self.bins.entry(bin).or_default();
        ranks.insert(rank);
        if ranks.len() > capacity(bin.1)
            && let Some(last) = ranks.last().copied()
        {
            if last == rank {
                ranks.remove(&rank);
                return Shelved::Crowded;
            }
            self.remove(&last.1);
        }
        self.arrivals += 1;
        self.kept.insert(
            id,
            Kept {
                statement,
                arrival: self.arrivals,
            },
        );
        if let Some(signer) = signer {
            *self.signers.entry(signer).or_default() += 1;
        }
        Shelved::Kept
    }

    /// Whether there is room. What ends something has a reserve; when that is full too, a revocation takes the place of
    /// something that its own signer said.
    fn make_room(&mut self, statement: &Statement) -> bool {
        let ends = matches!(statement, Statement::Revocation(_) | Statement::Withdrawal(_));
        let (all, more) = self.room;
        let limit = if ends { all + more } else { all };
        if self.kept.len() < limit {
            return true;
        }
        let (Statement::Revocation(_), Some(signer)) = (statement, statement.signer()) else {
            return false;
        };
        let least = [Kind::Continues, Kind::Vouch, Kind::Withdrawal, Kind::Certificate]
            .into_iter()
            .find_map(|kind| self.bins.get(&(Some(signer), kind, 0))?.last().copied());
        let Some((_, id)) = least else { return false };
        self.remove(&id);
        true
    }

    /// Lets the oldest statements of strangers go until few enough are left.
    pub(super) fn evict_strangers(&mut self, known: impl Fn(&PublicKey) -> bool) {
        let mut strangers: Vec<(u64, StatementId)> = self
            .kept
            .iter()
            .filter(|(_, kept)| kept.statement.signer().is_some_and(|signer| !known(&signer)))
            .map(|(id, kept)| (kept.arrival, *id))
            .collect();
        strangers.sort_unstable();
        // An eighth more than needed, so that a flood does not make this run for every statement.
        let room = STATEMENTS_OF_STRANGERS - STATEMENTS_OF_STRANGERS / 8;
        for (_, id) in strangers.iter().take(strangers.len().saturating_sub(room)) {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: &StatementId) {
        let Some(kept) = self.kept.remove(id) else { return };
        let (bin, rank) = place(&kept.statement);
        if let Some(ranks) = self.bins.get_mut(&bin) {
            ranks.remove(&rank);
            if ranks.is_empty() {
                self.bins.remove(&bin);
            }
        }
        if let Some(signer) = kept.statement.signer()
            && let Some(count) = self.signers.get_mut(&signer)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.signers.remove(&signer);
            }
        }
    }
}

const fn capacity(kind: Kind) -> usize {
    match kind {
        Kind::Vouch | Kind::Withdrawal => VOUCHES_PER_SIGNER,
        Kind::Certificate | Kind::Revocation | Kind::Continues => STATEMENTS_PER_SIGNER,
        Kind::SeedChange => SEED_CHANGES_PER_SEQUENCE,
    }
}

/// Latest first for what expires, so that old ones make room; earliest first for what must not be pushed out.
fn place(statement: &Statement) -> (Bin, Rank) {
    let (kind, order, sequence) = match statement {
        Statement::NodeCertificate(certificate) => {
            (Kind::Certificate, !certificate.not_before.as_millis(), 0)
        }
        Statement::Vouch(vouch) => (Kind::Vouch, !vouch.issued.as_millis(), 0),
        Statement::Withdrawal(withdrawal) => (Kind::Withdrawal, !withdrawal.at.as_millis(), 0),
        Statement::Revocation(revocation) => {
            let whole = matches!(revocation.target, RevocationTarget::Organisation);
            (
                Kind::Revocation,
                revocation.compromised_since.as_millis(),
                u64::from(whole),
            )
        }
        Statement::Continues(continues) => (Kind::Continues, continues.at.as_millis(), 0),
        Statement::SeedChange(change) => (Kind::SeedChange, 0, change.sequence),
    };
    ((statement.signer(), kind, sequence), (order, statement.id()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Labels, Revocation, SecretKey, Timestamp, Vouch};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn key(number: u8) -> SecretKey {
        SecretKey::from_seed([number; 32])
    }

    fn vouch(from: u8, to: u8) -> Statement {
        let terms = Vouch {
            network: crate::wire::NetworkId([1; 16]),
            voucher: key(from).public(),
            subject: key(to).public(),
            name: "somebody".into(),
            labels: Labels::default(),
            issued: NOW,
            expires: NOW + std::time::Duration::from_secs(86_400),
            serial: u64::from(to),
        };
        terms.sign(&key(from)).unwrap().into()
    }

    fn revocation(org: u8) -> Statement {
        let terms = Revocation {
            network: Revocation::EVERYWHERE,
            org: key(org).public(),
            target: RevocationTarget::Organisation,
            compromised_since: NOW,
            at: NOW,
        };
        terms.sign(&key(org)).unwrap().into()
    }

    #[test]
    fn a_full_shelf_takes_revocations() {
        let mut shelf = Shelf {
            room: (3, 1),
            ..Shelf::default()
        };
        for (from, to) in [(1, 10), (2, 10), (2, 11)] {
            assert_eq!(shelf.insert(vouch(from, to), false), Shelved::Kept);
        }
        assert_eq!(shelf.insert(vouch(3, 10), false), Shelved::Full);
        // The reserve, and then in the place of the signer's own word.
        assert_eq!(shelf.insert(revocation(9), false), Shelved::Kept);
        assert_eq!(shelf.insert(revocation(1), false), Shelved::Kept);
        assert_eq!(
            shelf.insert(revocation(8), false),
            Shelved::Full,
            "he has nothing else here"
        );
        assert_eq!(shelf.len(), 4);
        assert!(shelf.contains(&revocation(1).id()) && !shelf.contains(&vouch(1, 10).id()));
        assert!(shelf.contains(&vouch(2, 10).id()));
    }
}
