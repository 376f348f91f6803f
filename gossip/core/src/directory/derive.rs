//! Admission as a pure function: the genesis file and a set of statements in, everybody's standing out.
//!
//! Seeds and genesis members are admitted; from them outward, whoever one admitted seed or two admitted members past
//! their probation vouch for is admitted while these vouches and vouchers hold. That is the least fixed point: a ring of
//! organisations that vouch for each other admits nobody. It is computed over sets of time, so "admitted when" needs no
//! "asked when". Probation of vouchers keeps a ring from growing a tree of newcomers within a minute.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::OnceLock;

use super::intervals::Intervals;
use super::organisation::{self, Described};
use super::publishers::{self, Publishers};
use super::seeds::Seeds;
use super::shelf::Shelf;
use super::standing::proven;
use super::vouching::{self, Counted};
use crate::constants::MEMBERS_TO_ADMIT;
use crate::wire::{
    Genesis, OrgId, PublicKey, PublisherId, RevocationTarget, Statement, StatementId, Timestamp,
};

/// All answers.
#[derive(Clone, Debug)]
pub(super) struct Derived {
    pub(super) seeds: Seeds,
    pub(super) orgs: BTreeMap<PublicKey, Admission>,
    pub(super) ids: BTreeMap<OrgId, PublicKey>,
    pub(super) vouches: Vec<Counted>,
    pub(super) publishers: Publishers,
    /// What is said of each organisation, and the nodes that each certified.
    pub(super) described: BTreeMap<PublicKey, Described>,
    pub(super) nodes: BTreeMap<PublicKey, BTreeSet<PublisherId>>,
    digest: OnceLock<[u8; 32]>,
}

/// When one organisation is admitted.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    /// When it is a seed.
    pub(super) seed: Intervals,
    /// When it needs no vouch: as a seed, and always as a genesis member.
    root: Intervals,
    pub(super) admitted: Intervals,
    /// When it is past its probation.
    pub(super) proven: Intervals,
}

/// Computes all answers.
pub(super) fn derive(genesis: &Genesis, shelf: &Shelf, seeds: &Seeds) -> Derived {
    let vouches = vouching::counted(shelf, seeds, genesis.created);
    let revoked = revoked_organisations(shelf);
    let mut orgs = roots(genesis, seeds, &revoked);
    spread(&mut orgs, &vouches, &revoked);
    inherit(&mut orgs, shelf);
    let publishers = publishers::collect(shelf, &orgs);
    let ids = orgs.keys().map(|key| (key.org_id(), *key)).collect();
    let mut nodes: BTreeMap<PublicKey, BTreeSet<PublisherId>> = BTreeMap::new();
    for (publisher, timeline) in publishers.iter() {
        for org in timeline.orgs() {
            nodes.entry(org).or_default().insert(publisher);
        }
    }
    Derived {
        described: organisation::describe_all(genesis, &seeds.list, &orgs, &vouches),
        nodes,
        seeds: seeds.clone(),
        orgs,
        ids,
        vouches,
        publishers,
        digest: OnceLock::new(),
    }
}

/// Organisations that revoked themselves, and since when.
fn revoked_organisations(shelf: &Shelf) -> BTreeMap<PublicKey, Timestamp> {
    let mut revoked = BTreeMap::new();
    for (_, statement) in shelf.iter() {
        if let Statement::Revocation(revocation) = statement
            && matches!(revocation.target, RevocationTarget::Organisation)
        {
            let since = revoked
                .entry(revocation.org)
                .or_insert(revocation.compromised_since);
            *since = revocation.compromised_since.min(*since);
        }
    }
    revoked
}

/// Seeds and genesis members, who need no vouch and no probation.
fn roots(
    genesis: &Genesis,
    seeds: &Seeds,
    revoked: &BTreeMap<PublicKey, Timestamp>,
) -> BTreeMap<PublicKey, Admission> {
    let members: BTreeSet<PublicKey> = genesis.members.iter().map(|member| member.key).collect();
    let keys: BTreeSet<&PublicKey> = seeds.terms.keys().chain(&members).collect();
    let root = |key: &PublicKey| {
        let seed = cut(&seeds.term(key), revoked.get(key));
        let root = if members.contains(key) {
            cut(&Intervals::always(), revoked.get(key))
        } else {
            seed.clone()
        };
        let admission = Admission {
            seed,
            admitted: root.clone(),
            proven: root.clone(),
            root,
        };
        (*key, admission)
    };
    keys.into_iter().map(root).collect()
}

fn cut(during: &Intervals, revoked: Option<&Timestamp>) -> Intervals {
    revoked.map_or_else(|| during.clone(), |since| during.until(*since))
}

/// From the roots outward until nothing changes. Each step only adds time, so it ends, and the order does not matter.
fn spread(
    orgs: &mut BTreeMap<PublicKey, Admission>,
    vouches: &[Counted],
    revoked: &BTreeMap<PublicKey, Timestamp>,
) {
    let mut about: BTreeMap<PublicKey, Vec<&Counted>> = BTreeMap::new();
    let mut by: BTreeMap<PublicKey, BTreeSet<PublicKey>> = BTreeMap::new();
    for vouch in vouches {
        about.entry(vouch.subject).or_default().push(vouch);
        by.entry(vouch.voucher).or_default().insert(vouch.subject);
    }
    let mut waiting: VecDeque<PublicKey> = orgs.keys().copied().collect();
    while let Some(voucher) = waiting.pop_front() {
        for subject in by.get(&voucher).into_iter().flatten() {
            let vouches = about.get(subject).map(Vec::as_slice).unwrap_or_default();
            let vouched = cut(&admitted_by(orgs, vouches), revoked.get(subject));
            let (seed, root) = orgs
                .get(subject)
                .map(|known| (known.seed.clone(), known.root.clone()))
                .unwrap_or_default();
            let admitted = Intervals::any(&[root.clone(), vouched]);
            if orgs
                .get(subject)
                .map_or(admitted.is_never(), |known| known.admitted == admitted)
            {
                continue;
            }
            let proven = Intervals::any(&[root.clone(), proven(&admitted)]);
            orgs.insert(
                *subject,
                Admission {
                    seed,
                    root,
                    admitted,
                    proven,
                },
            );
            waiting.push_back(*subject);
        }
    }
}

/// When these vouches admit their subject, given who is admitted so far.
fn admitted_by(orgs: &BTreeMap<PublicKey, Admission>, vouches: &[&Counted]) -> Intervals {
    let mut by_seeds = Vec::new();
    let mut by_members: BTreeMap<PublicKey, Vec<Intervals>> = BTreeMap::new();
    for vouch in vouches {
        let Some(voucher) = orgs.get(&vouch.voucher) else {
            continue;
        };
        // Whoever was not entitled when he vouched, by his own word, is not by being entitled later: else he would spend
        // quarters in which he was none.
        if voucher.seed.contains(vouch.issued) {
            by_seeds.push(vouch.during.and(&voucher.seed));
        }
        if voucher.proven.contains(vouch.issued) {
            let holds = vouch.during.and(&voucher.proven);
            by_members.entry(vouch.voucher).or_default().push(holds);
        }
    }
    let members: Vec<Intervals> = by_members
        .values()
        .map(|vouches| Intervals::any(vouches))
        .collect();
    by_seeds.push(Intervals::at_least(MEMBERS_TO_ADMIT, &members));
    Intervals::any(&by_seeds)
}

/// An organisation that one seed, or two members, say continues another has that one's probation behind it. It is
/// admitted by vouches like any other.
fn inherit(orgs: &mut BTreeMap<PublicKey, Admission>, shelf: &Shelf) {
    let mut said: BTreeMap<(PublicKey, PublicKey), BTreeSet<PublicKey>> = BTreeMap::new();
    let mut by_seeds = BTreeSet::new();
    for (_, statement) in shelf.iter() {
        if let Statement::Continues(continues) = statement
            && orgs
                .get(&continues.voucher)
                .is_some_and(|voucher| voucher.proven.contains(continues.at))
        {
            let pair = (continues.new, continues.old);
            said.entry(pair).or_default().insert(continues.voucher);
            if orgs
                .get(&continues.voucher)
                .is_some_and(|voucher| voucher.seed.contains(continues.at))
            {
                by_seeds.insert(pair);
            }
        }
    }
    let mut inherited = Vec::new();
    for ((new, old), vouchers) in said {
        let enough = by_seeds.contains(&(new, old)) || vouchers.len() >= MEMBERS_TO_ADMIT;
        if enough && orgs.get(&old).is_some_and(|old| !old.proven.is_never()) && orgs.contains_key(&new) {
            inherited.push(new);
        }
    }
    for new in inherited {
        if let Some(org) = orgs.get_mut(&new) {
            org.proven = org.admitted.clone();
        }
    }
}

// === impl Derived ===

impl Derived {
    /// One hash of these statements, computed once.
    pub(super) fn digest<I: Iterator<Item = StatementId>>(&self, ids: impl FnOnce() -> I) -> [u8; 32] {
        *self.digest.get_or_init(|| {
            let mut hasher = blake3::Hasher::new_derive_key("vigie/statements/v1");
            for id in ids() {
                hasher.update(&id.0);
            }
            hasher.finalize().into()
        })
    }
}
