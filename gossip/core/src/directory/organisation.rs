//! What the directory tells about an organisation, and the edges between them.

use std::collections::BTreeMap;

use super::derive::{Admission, Derived};
use super::intervals::Intervals;
use super::vouching::Counted;
use crate::wire::{Founder, Genesis, Labels, OrgId, PublicKey, PublisherId, StatementId, Timestamp};

/// An organisation that is, or was at some time, admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its key.
    pub key: PublicKey,
    /// Its name, as the genesis file, the change of seeds or the vouch has it that counts.
    pub name: Box<str>,
    /// Its labels, from there too.
    pub labels: Labels,
    /// Whether it is a seed, after all changes.
    pub seed: bool,
    /// Gold-confirmed sightings granted at genesis.
    pub history: u32,
    /// Its certified nodes.
    pub nodes: Vec<PublisherId>,
    /// When it is admitted.
    pub admitted: Intervals,
    /// When it is past its probation: a member.
    pub proven: Intervals,
}

/// A vouch that holds: one organisation vouches for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The statement that says so.
    pub id: StatementId,
    /// Who vouches.
    pub from: OrgId,
    /// For whom.
    pub to: OrgId,
    /// Until when.
    pub expires: Timestamp,
}

/// What others say of an organisation.
#[derive(Clone, Debug)]
pub(super) struct Described {
    name: Box<str>,
    labels: Labels,
    history: u32,
}

/// What is said of everybody, at once: asked one by one, everybody would look through all vouches.
pub(super) fn describe_all(
    genesis: &Genesis,
    seeds: &[Founder],
    orgs: &BTreeMap<PublicKey, Admission>,
    vouches: &[Counted],
) -> BTreeMap<PublicKey, Described> {
    let mut best: BTreeMap<PublicKey, (bool, &Counted)> = BTreeMap::new();
    for vouch in vouches {
        let Some(voucher) = orgs.get(&vouch.voucher) else {
            continue;
        };
        // The latest vouch of a seed, else the latest of anybody admitted; ties by id.
        let rank = |(seed, vouch): (bool, &Counted)| (seed, vouch.issued, vouch.id);
        let this = (voucher.seed.contains(vouch.issued), vouch);
        let known = best.entry(vouch.subject).or_insert(this);
        if rank(this) > rank(*known) {
            *known = this;
        }
    }
    let vouched = best.into_iter().map(|(key, (_, vouch))| {
        let (name, labels) = (vouch.name.clone(), vouch.labels);
        let history = 0;
        (
            key,
            Described {
                name,
                labels,
                history,
            },
        )
    });
    // Later ones replace earlier ones.
    let founders = genesis.members.iter().chain(&genesis.seeds).chain(seeds);
    let founded = founders.map(|founder| {
        let Founder {
            key,
            name,
            labels,
            history,
        } = founder.clone();
        (
            key,
            Described {
                name,
                labels,
                history,
            },
        )
    });
    vouched.chain(founded).collect()
}

pub(super) fn describe(derived: &Derived, key: &PublicKey) -> Option<Organisation> {
    let org = derived.orgs.get(key)?;
    let Described {
        name,
        labels,
        history,
    } = derived.described.get(key)?.clone();
    Some(Organisation {
        key: *key,
        name,
        labels,
        seed: derived.seeds.list.iter().any(|seed| seed.key == *key),
        history,
        nodes: derived.nodes.get(key).into_iter().flatten().copied().collect(),
        admitted: org.admitted.clone(),
        proven: org.proven.clone(),
    })
}

pub(super) fn edges(derived: &Derived, at: Timestamp) -> impl Iterator<Item = Edge> + '_ {
    derived
        .vouches
        .iter()
        .filter(move |vouch| vouch.during.contains(at))
        .filter(move |vouch| {
            let entitled =
                |voucher: &Admission| voucher.proven.contains(at) && voucher.proven.contains(vouch.issued);
            derived.orgs.get(&vouch.voucher).is_some_and(entitled)
        })
        .map(|vouch| Edge {
            id: vouch.id,
            from: vouch.voucher.org_id(),
            to: vouch.subject.org_id(),
            expires: vouch.expires,
        })
}
