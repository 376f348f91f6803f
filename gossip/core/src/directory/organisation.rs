//! What the directory tells about an organisation, and the edges between them.

use std::collections::BTreeSet;

use super::derive::Derived;
use super::intervals::Intervals;
use crate::wire::{Genesis, Labels, OrgId, PublicKey, PublisherId, Timestamp};

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
    /// Who vouches.
    pub from: OrgId,
    /// For whom.
    pub to: OrgId,
    /// Until when.
    pub expires: Timestamp,
}

pub(super) fn describe(genesis: &Genesis, derived: &Derived, key: &PublicKey) -> Option<Organisation> {
    let org = derived.orgs.get(key)?;
    let founders = derived
        .seeds
        .list
        .iter()
        .chain(&genesis.seeds)
        .chain(&genesis.members);
    let described = founders
        .into_iter()
        .find(|founder| founder.key == *key)
        .map(|founder| (founder.name.clone(), founder.labels, founder.history))
        .or_else(|| by_vouch(derived, key).map(|(name, labels)| (name, labels, 0)));
    let (name, labels, history) = described?;
    let nodes: BTreeSet<PublisherId> = derived
        .publishers
        .iter()
        .filter(|(_, timeline)| timeline.orgs().any(|org| org == *key))
        .map(|(publisher, _)| publisher)
        .collect();
    Some(Organisation {
        key: *key,
        name,
        labels,
        seed: derived.seeds.list.iter().any(|seed| seed.key == *key),
        history,
        nodes: nodes.into_iter().collect(),
        admitted: org.admitted.clone(),
        proven: org.proven.clone(),
    })
}

/// The latest vouch of a seed, else the latest of anybody admitted; ties by id.
fn by_vouch(derived: &Derived, key: &PublicKey) -> Option<(Box<str>, Labels)> {
    derived
        .vouches
        .iter()
        .filter(|vouch| vouch.subject == *key)
        .filter_map(|vouch| {
            let voucher = derived.orgs.get(&vouch.voucher)?;
            Some((voucher.seed.contains(vouch.issued), vouch))
        })
        .max_by_key(|(seed, vouch)| (*seed, vouch.issued, vouch.id))
        .map(|(_, vouch)| (vouch.name.clone(), vouch.labels))
}

pub(super) fn edges(derived: &Derived, at: Timestamp) -> impl Iterator<Item = Edge> + '_ {
    derived
        .vouches
        .iter()
        .filter(move |vouch| vouch.during.contains(at))
        .filter(move |vouch| {
            derived
                .orgs
                .get(&vouch.voucher)
                .is_some_and(|voucher| voucher.proven.contains(at))
        })
        .map(|vouch| Edge {
            from: vouch.voucher.org_id(),
            to: vouch.subject.org_id(),
            expires: vouch.expires,
        })
}
