//! The directory: who is admitted, as a pure function of the genesis file and a set of signed statements.
//!
//! The same statements inserted in any order give the same answers about any signed time. Statements are bounded per
//! signer; those of strangers wait in a small pool until somebody admits them. Deliberately absent: trust, which is each
//! node's own (`reputation`), and clocks: every question names the signed time that it is about.

mod derive;
mod intervals;
mod organisation;
mod publishers;
mod seeds;
mod shelf;
mod standing;
mod vouching;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

pub use intervals::Intervals;
pub use organisation::{Edge, Organisation};
pub use standing::{Standing, Timeline, Why};

use crate::constants::{DERIVE_AT_MOST_ONE_IN, SEED_CHANGES_AHEAD, STATEMENTS_OF_STRANGERS};
use crate::wire::{
    Founder, Genesis, NetworkId, OrgId, PublicKey, PublisherId, Revocation, SeedChange, SignatureError,
    Statement, StatementId, Timestamp,
};
use derive::{Derived, derive};
use seeds::Seeds;
use shelf::{Shelf, Shelved};

/// Who is admitted.
#[derive(Clone, Debug)]
pub struct Directory {
    genesis: Genesis,
    network: NetworkId,
    shelf: Shelf,
    /// Changes of the seeds that came before the one they follow, and cannot be verified yet.
    early: BTreeMap<(u64, [u8; 32]), SeedChange>,
    /// Statements that count for nothing yet and were not reported as new.
    waiting: BTreeSet<StatementId>,
    derived: OnceLock<Derived>,
    seeds: OnceLock<Seeds>,
    /// Statements taken since answers were last computed for an insertion.
    unseen: usize,
    /// Signers admitted when answers were last computed for an insertion.
    known: BTreeSet<PublicKey>,
    strangers: usize,
    revision: u64,
}

/// What became of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It is new and counts: to be stored and passed on.
    New,
    /// It was there already.
    Known,
    /// Nobody admitted its signer yet, or the change of seeds before it is missing. It waits in memory, and
    /// [`Directory::take_settled`] gives it once it counts. Neither to be stored nor passed on before.
    Waiting,
}

/// Why a statement was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementRefused {
    /// It belongs to another network.
    #[error("the statement is for network {0}, which is not this one")]
    OtherNetwork(NetworkId),
    /// A signature in it does not hold: whoever passed it on should have known.
    #[error("the statement's signature does not hold: {0}")]
    Signature(#[source] SignatureError),
    /// Its signer has as many as are kept, and they come before it.
    #[error("its signer has more statements than are kept")]
    Crowded,
    /// There are as many statements as are kept at all.
    #[error("there are more statements than are kept")]
    Full,
}

// === impl Directory ===

impl Directory {
    /// Of a network at its beginning.
    pub fn new(genesis: Genesis) -> Self {
        let network = genesis.network();
        let mut directory = Self {
            genesis,
            network,
            shelf: Shelf::default(),
            early: BTreeMap::new(),
            waiting: BTreeSet::new(),
            derived: OnceLock::new(),
            seeds: OnceLock::new(),
            unseen: 0,
            known: BTreeSet::new(),
            strangers: 0,
            revision: 0,
        };
        directory.refresh();
        directory
    }

    /// How the network began.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The network.
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// Rises whenever an answer may have changed.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes a statement, once its signature is verified. Budgets are no reason to refuse one: which vouches count is
    /// computed over all of them.
    pub fn insert(&mut self, statement: Statement) -> Result<Insertion, StatementRefused> {
        let everywhere =
            matches!(&statement, Statement::Revocation(held) if held.network == Revocation::EVERYWHERE);
        if statement.network() != self.network && !everywhere {
            return Err(StatementRefused::OtherNetwork(statement.network()));
        }
        if self.shelf.contains(&statement.id()) {
            return Ok(Insertion::Known);
        }
        match statement {
            Statement::SeedChange(change) => self.insert_change(change),
            signed => self.insert_signed(signed),
        }
    }

    fn insert_signed(&mut self, statement: Statement) -> Result<Insertion, StatementRefused> {
        statement.verify().map_err(StatementRefused::Signature)?;
        let id = statement.id();
        let stranger = statement.signer().is_some_and(|signer| !self.is_known(&signer));
        self.shelve(statement, stranger)?;
        if !stranger {
            self.changed();
            return Ok(Insertion::New);
        }
        self.waiting.insert(id);
        self.strangers += 1;
        if self.strangers > STATEMENTS_OF_STRANGERS {
            self.evict_strangers();
        }
        Ok(Insertion::Waiting)
    }

    fn insert_change(&mut self, change: SeedChange) -> Result<Insertion, StatementRefused> {
        let seeds = self.seeds();
        let applied = u64::try_from(seeds.before.len()).unwrap_or(u64::MAX);
        let at = usize::try_from(change.sequence.saturating_sub(1)).ok();
        let Some(before) = at.and_then(|at| seeds.before.get(at)) else {
            if change.sequence > applied.saturating_add(SEED_CHANGES_AHEAD) {
                return Err(StatementRefused::Full);
            }
            let bytes = Statement::SeedChange(change.clone()).encode();
            self.early
                .insert((change.sequence, blake3::hash(&bytes).into()), change);
            if self.early.len() > usize::try_from(SEED_CHANGES_AHEAD).unwrap_or(usize::MAX) {
                self.early.pop_last();
            }
            return Ok(Insertion::Waiting);
        };
        change
            .verify(before, self.genesis.quorum)
            .map_err(StatementRefused::Signature)?;
        self.shelve(Statement::SeedChange(change), false)?;
        self.changed();
        self.retry_early();
        Ok(Insertion::New)
    }

    fn shelve(&mut self, statement: Statement, stranger: bool) -> Result<(), StatementRefused> {
        let changes_seeds = matches!(statement, Statement::SeedChange(_));
        match self.shelf.insert(statement, stranger) {
            Shelved::Kept => {
                if changes_seeds {
                    self.seeds = OnceLock::new();
                }
                Ok(())
            }
            Shelved::Crowded => Err(StatementRefused::Crowded),
            Shelved::Full => Err(StatementRefused::Full),
        }
    }

    /// Changes of the seeds that waited for the one that came.
    fn retry_early(&mut self) {
        loop {
            let seeds = self.seeds();
            let ready = self.early.iter().find_map(|(key, change)| {
                let at = usize::try_from(change.sequence.saturating_sub(1)).ok()?;
                seeds
                    .before
                    .get(at)
                    .map(|before| (*key, change.verify(before, self.genesis.quorum).is_ok()))
            });
            let Some((key, holds)) = ready else { return };
            let Some(change) = self.early.remove(&key).filter(|_| holds) else {
                continue;
            };
            let statement = Statement::SeedChange(change);
            let id = statement.id();
            if !self.shelf.contains(&id) && self.shelve(statement, false).is_ok() {
                self.waiting.insert(id);
                self.changed();
            }
        }
    }

    /// Whether somebody is, or was at some time, admitted. Who was when answers were last computed is not asked again, and
    /// they are computed anew only after a good share of new statements: a member and a stranger who talk in turn would
    /// otherwise have everything computed for each word. Who is taken for a stranger in between waits, and settles.
    fn is_known(&mut self, signer: &PublicKey) -> bool {
        if self.known.contains(signer) {
            return true;
        }
        let due = self.unseen.saturating_mul(DERIVE_AT_MOST_ONE_IN) >= self.shelf.len();
        if self.derived.get().is_none() && due {
            self.refresh();
        }
        let derived = self.derived.get();
        derived.is_some_and(|derived| derived.orgs.contains_key(signer))
    }

    fn changed(&mut self) {
        self.derived = OnceLock::new();
        self.revision += 1;
        self.unseen += 1;
    }

    fn refresh(&mut self) {
        self.unseen = 0;
        self.known = self.derived().orgs.keys().copied().collect();
    }

    fn evict_strangers(&mut self) {
        self.refresh();
        let known = &self.known;
        self.shelf.evict_strangers(|signer| known.contains(signer));
        let shelf = &self.shelf;
        self.waiting.retain(|id| shelf.contains(id));
        self.strangers = shelf
            .iter()
            .filter(|(_, statement)| statement.signer().is_some_and(|signer| !known.contains(&signer)))
            .count();
    }

    /// Statements that waited and count now: to be stored and passed on like new ones. Call it after insertions.
    pub fn take_settled(&mut self) -> Vec<Statement> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        self.refresh();
        let settled: Vec<Statement> = self
            .waiting
            .iter()
            .filter_map(|id| self.shelf.get(id))
            .filter(|statement| self.counts(statement))
            .cloned()
            .collect();
        for statement in &settled {
            self.waiting.remove(&statement.id());
        }
        self.strangers = self.strangers.saturating_sub(settled.len());
        settled
    }

    fn derived(&self) -> &Derived {
        self.derived
            .get_or_init(|| derive(&self.genesis, &self.shelf, self.seeds()))
    }

    fn seeds(&self) -> &Seeds {
        self.seeds
            .get_or_init(|| seeds::resolve(&self.genesis, &self.shelf))
    }

    /// Whether a statement can change an answer: its signer is admitted at some time, or k seeds signed it.
    fn counts(&self, statement: &Statement) -> bool {
        match statement.signer() {
            Some(signer) => self.derived().orgs.contains_key(&signer),
            // Of two histories of the seeds one holds; changes that only follow from the other are nobody's business.
            None => self.seeds().signed.contains(&statement.id()),
        }
    }

    /// The node key of a publisher; none if nobody admitted certified it, or if two keys share the id.
    pub fn key_of(&self, publisher: PublisherId) -> Option<PublicKey> {
        self.derived().publishers.get(publisher)?.key()
    }

    /// The only certified publisher whose name begins with these bytes; none if there are none, or several.
    pub fn publisher_by_short(&self, short: [u8; 4]) -> Option<PublisherId> {
        self.derived().publishers.by_short(short)
    }

    /// The key of the organisation whose certificate of this publisher came last.
    pub fn org_of(&self, publisher: PublisherId) -> Option<PublicKey> {
        self.derived().publishers.get(publisher)?.latest_org()
    }

    /// What a publisher is at a signed time.
    pub fn standing(&self, publisher: PublisherId, at: Timestamp) -> Standing {
        self.timeline(publisher).standing(at)
    }

    /// The same for an envelope of this epoch: the certificate has to cover that too.
    pub fn standing_in(&self, publisher: PublisherId, epoch: u32, at: Timestamp) -> Standing {
        self.timeline(publisher).standing_in(epoch, at)
    }

    /// All that decides a publisher's standing.
    pub fn timeline(&self, publisher: PublisherId) -> &Timeline {
        static UNKNOWN: Timeline = Timeline::unknown();
        self.derived().publishers.get(publisher).unwrap_or(&UNKNOWN)
    }

    /// The statements that count, by id.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.statements_by_id().map(|(_, statement)| statement)
    }

    pub(crate) fn statements_by_id(&self) -> impl Iterator<Item = (&StatementId, &Statement)> {
        self.shelf.iter().filter(|(_, statement)| self.counts(statement))
    }

    /// Whether this statement is kept, counting or not.
    pub fn contains(&self, id: &StatementId) -> bool {
        self.shelf.contains(id)
    }

    /// One hash of the statements that count.
    pub fn digest(&self) -> [u8; 32] {
        self.derived()
            .digest(|| self.statements_by_id().map(|(id, _)| *id))
    }

    /// The seeds after all changes, in the order into which the signatures of the next change count.
    pub fn seats(&self) -> &[Founder] {
        &self.seeds().list
    }

    /// The sequence of the next change of the seeds.
    pub fn next_seed_change(&self) -> u64 {
        u64::try_from(self.seeds().before.len()).unwrap_or(u64::MAX)
    }

    /// One organisation that is, or was at some time, admitted.
    pub fn organisation(&self, org: OrgId) -> Option<Organisation> {
        let key = self.derived().ids.get(&org)?;
        organisation::describe(self.derived(), key)
    }

    /// All organisations that are, or were at some time, admitted.
    pub fn organisations(&self) -> impl Iterator<Item = Organisation> + '_ {
        let keys = self.derived().orgs.keys();
        keys.filter_map(|key| organisation::describe(self.derived(), key))
    }

    /// The vouches that hold at a time and whose vouchers are admitted then: the edges of the graph of trust.
    pub fn vouches(&self, at: Timestamp) -> impl Iterator<Item = Edge> + '_ {
        organisation::edges(self.derived(), at)
    }
}
