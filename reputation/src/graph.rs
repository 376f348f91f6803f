//! The trust graph of one observer: who reaches him through whom, and so in which group everybody counts.
//!
//! Each organisation has one parent: the shortest way of vouches from the observer's anchors, ties by the smaller key
//! hash. Every anchor and every child of an anchor is the root of one group, so whatever hangs below one vouch of an
//! anchor weighs as one; and each place says through which anchor it is reached, for what a stolen one can do. Deliberately absent: admission (gossip/core), and any memory of who said what.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vigie_wire::{OrgId, Timestamp};

use crate::constants::MAX_DEPTH;

/// What the voucher attests of an organisation. All zero is nothing, and puts it in the group "unknown".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Labels {
    /// The hash of who operates it.
    pub operator: [u8; 8],
    /// Two letters.
    pub country: [u8; 2],
    /// Its autonomous system.
    pub asn: u32,
}

/// One admitted organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name in the network.
    pub org: OrgId,
    /// Its name for people.
    pub name: Box<str>,
    /// From its vouch, or from the genesis file.
    pub labels: Labels,
    /// Confirmed sightings that the genesis file grants it.
    pub history: u32,
    /// Whether it is a seed. That admits others; it adds no weight.
    pub seed: bool,
}

/// One live vouch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// Who vouches.
    pub from: OrgId,
    /// For whom.
    pub to: OrgId,
    /// From when on it counts no more.
    pub expires: Timestamp,
}

/// Where an organisation stands for this observer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its name for people.
    pub name: Box<str>,
    /// What is attested of it.
    pub labels: Labels,
    /// Confirmed sightings granted at genesis.
    pub history: u32,
    /// Whether the observer chose it as anchor.
    pub anchor: bool,
    /// The root of its group; `None` if no anchor reaches it.
    pub group: Option<OrgId>,
    /// The anchor through which trust reaches it, itself if it is one; `None` with the group.
    pub through: Option<OrgId>,
    /// Through whom trust reaches it; `None` for anchors and for who is not reached.
    pub parent: Option<OrgId>,
    /// Vouches between it and the anchor.
    pub depth: u8,
}

/// Who stands where, for one observer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustGraph {
    places: BTreeMap<OrgId, Place>,
    groups: usize,
}

// === impl TrustGraph ===

impl TrustGraph {
    /// Of the observer's anchors, the admitted members and their vouches. Vouches that expired, or that name somebody
    /// who is not a member, count for nothing; cycles and self-vouches are harmless. An anchor need not be a member.
    pub fn build(anchors: &[OrgId], members: &[Member], vouches: &[Edge], now: Timestamp) -> Self {
        let mut places: BTreeMap<OrgId, Place> = BTreeMap::new();
        // Two records of one organisation: the smaller one counts, so that the order of the list does not matter.
        let mut sorted: Vec<&Member> = members.iter().collect();
        sorted.sort_by(|left, right| record_order(left).cmp(&record_order(right)));
        for member in sorted {
            places
                .entry(member.org)
                .or_insert_with(|| Place::unreached(member));
        }
        for anchor in anchors {
            let place = places.entry(*anchor).or_insert_with(Place::nameless);
            place.anchor = true;
            place.group = Some(*anchor);
            place.through = Some(*anchor);
        }
        let edges: BTreeSet<(OrgId, OrgId)> = vouches
            .iter()
            .filter(|edge| edge.expires > now && edge.from != edge.to)
            .map(|edge| (edge.from, edge.to))
            .collect();
        let mut layer: BTreeSet<OrgId> = anchors.iter().copied().collect();
        for depth in 1..=MAX_DEPTH {
            layer = reach_next(&mut places, &edges, &layer, depth);
        }
        let groups = places
            .values()
            .filter_map(|place| place.group)
            .collect::<BTreeSet<_>>()
            .len();
        Self { places, groups }
    }

    /// Of places that were found elsewhere, and how many groups exist there.
    pub(crate) fn of_places(places: impl IntoIterator<Item = (OrgId, Place)>, groups: usize) -> Self {
        Self {
            places: places.into_iter().collect(),
            groups,
        }
    }

    /// Where an organisation stands; `None` if it is neither member nor anchor.
    pub fn place(&self, org: OrgId) -> Option<&Place> {
        self.places.get(&org)
    }

    /// Everybody, by key hash.
    pub fn places(&self) -> impl Iterator<Item = (OrgId, &Place)> {
        self.places.iter().map(|(org, place)| (*org, place))
    }

    /// Whom the observer chose, by key hash.
    pub fn anchors(&self) -> impl Iterator<Item = OrgId> {
        let chosen = self.places.iter().filter(|(_, place)| place.anchor);
        chosen.map(|(org, _)| *org)
    }

    /// How many independent groups the anchors reach.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether any anchor is chosen.
    pub fn has_anchors(&self) -> bool {
        self.groups > 0
    }
}

fn record_order(member: &Member) -> (OrgId, u32, &str, [u8; 8], [u8; 2], u32) {
    let Labels {
        operator,
        country,
        asn,
    } = member.labels;
    (member.org, member.history, &member.name, operator, country, asn)
}

/// Those whom `layer` vouches for and nobody nearer did; walked in order of key hash, so the smaller voucher wins.
fn reach_next(
    places: &mut BTreeMap<OrgId, Place>,
    edges: &BTreeSet<(OrgId, OrgId)>,
    layer: &BTreeSet<OrgId>,
    depth: u8,
) -> BTreeSet<OrgId> {
    let first = OrgId([0; OrgId::WIDTH]);
    let last = OrgId([u8::MAX; OrgId::WIDTH]);
    let mut next = BTreeSet::new();
    for from in layer {
        let voucher = places.get(from);
        let through = voucher.and_then(|place| place.through);
        let root = if depth == 1 {
            None
        } else {
            voucher.and_then(|place| place.group)
        };
        for (_, to) in edges.range((*from, first)..=(*from, last)) {
            let Some(place) = places.get_mut(to) else { continue };
            if place.group.is_some() {
                continue;
            }
            place.group = root.or(Some(*to));
            place.through = through;
            place.parent = Some(*from);
            place.depth = depth;
            next.insert(*to);
        }
    }
    next
}

// === impl Place ===

impl Place {
    fn unreached(member: &Member) -> Self {
        Self {
            name: member.name.clone(),
            labels: member.labels,
            history: member.history,
            anchor: false,
            group: None,
            through: None,
            parent: None,
            depth: 0,
        }
    }

    fn nameless() -> Self {
        Self {
            name: "".into(),
            labels: Labels::default(),
            history: 0,
            anchor: false,
            group: None,
            through: None,
            parent: None,
            depth: 0,
        }
    }
}

#[cfg(test)]
mod tests;
