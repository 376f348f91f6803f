//! T1, the Sybil bound. Let X be any set of organisations and g the number of live vouches by others for somebody in X.
//! Whatever those in X say, and however many they are, they add g caps at most: `L <= S + g * kappa`, where S is what the
//! others alone weigh by their vouchers. With nobody else speaking, L <= g * kappa.
//!
//! Why: trust reaches a member by one way, the shortest, and all below one child of an anchor are one group. Every way
//! from an anchor into X uses one of the g vouches, and ways in different groups share none; so the members of X stand
//! in g groups at most, and a group weighs kappa at most. L is the least of several sums, of which this is one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use vigie_reputation::constants::KAPPA;
use vigie_reputation::wire::{OrgId, RuleHash};
use vigie_reputation::{Edge, Partition, Report, TrustGraph, Verdict};

use super::{adds_up, ask, cases, end, play, said, share, subject};
use crate::history::Event;
use crate::world::{NOW, labels, mesh, org, report};

/// The first number of the false identities.
const SYBIL: u32 = 1_000;

/// Everything that would help them: long histories, labels and rules of their own, the fullest confidence.
struct Sybils {
    identities: u32,
    /// Honest members, each the child of the one anchor, who vouch for one identity.
    edges: u32,
    /// Vouches among themselves.
    among: Vec<(u32, u32)>,
    /// The first of the honest members speak too.
    voices: u32,
}

// === impl Sybils ===

impl Sybils {
    /// In a chain and a ring, with every identity vouched for by the one before.
    fn many(identities: u32, edges: u32) -> Self {
        Self {
            identities,
            edges,
            among: Vec::new(),
            voices: 0,
        }
    }

    fn verdict(&self) -> Verdict {
        let mut world = mesh(self.edges + 3);
        for number in 0..self.identities {
            world.add(SYBIL + number, 500, labels(SYBIL + number));
        }
        for edge in 0..self.edges.min(self.identities) {
            world.vouch(1 + edge, SYBIL + edge);
        }
        if self.among.is_empty() {
            // Those who were vouched for vouch for all others, and these for each other.
            for number in self.edges..self.identities {
                world.vouch(SYBIL + number % self.edges, SYBIL + number);
                world.vouch(SYBIL + number, SYBIL + (number + 1) % self.identities);
            }
        }
        for (from, to) in &self.among {
            world.vouch(SYBIL + from % self.identities, SYBIL + to % self.identities);
        }
        let mut scorer = world.scorer();
        for number in (1..=self.voices).chain((0..self.identities).map(|number| SYBIL + number)) {
            let said = Report {
                rule: RuleHash(u64::from(number).to_be_bytes()),
                ..report(number, &subject())
            };
            scorer.observe(&said, NOW).unwrap();
        }
        ask(&scorer, NOW)
    }
}

fn weighs(verdict: &Verdict, partition: Partition) -> i64 {
    let found = verdict.partitions.iter().find(|one| one.partition == partition);
    found.unwrap().score
}

#[test]
fn five_and_a_hundred_thousand_identities_behind_five_edges_weigh_the_same() {
    let few = Sybils::many(5, 5).verdict();
    for identities in [1_000, 100_000] {
        let many = Sybils::many(identities, 5).verdict();
        assert_eq!(few.score, many.score, "to the milli-nat");
        assert_eq!((few.groups, few.rung), (many.groups, many.rung));
        assert_eq!(few.threshold, many.threshold);
        assert_eq!(many.contributions.len(), 64, "and they are not all kept");
        adds_up(&many);
    }
    assert_eq!((few.score, few.groups), (5 * KAPPA, 5));
}

#[test]
fn a_hundred_thousand_identities_displace_nobody_else() {
    let mut few = Sybils::many(5, 5);
    let mut many = Sybils::many(100_000, 5);
    (few.voices, many.voices) = (8, 8);
    let (few, many) = (few.verdict(), many.verdict());
    // Five of the eight stand in the groups of the five who vouched.
    assert_eq!(few.score, 8 * KAPPA);
    assert_eq!(
        (few.score, few.groups, few.rung),
        (many.score, many.groups, many.rung)
    );
    let heard: BTreeSet<OrgId> = many.contributions.iter().map(|one| one.reporter).collect();
    assert!((6..=8).all(|number| heard.contains(&org(number))));
}

/// What those outside weigh by their vouchers, added up here: the strongest word of each, kappa a group.
fn others(verdict: &Verdict, graph: &TrustGraph, inside: &dyn Fn(OrgId) -> bool) -> i64 {
    let mut strongest: BTreeMap<(OrgId, OrgId), i64> = BTreeMap::new();
    for one in verdict.contributions.iter().filter(|one| !inside(one.reporter)) {
        if let Some(group) = graph.place(one.reporter).and_then(|place| place.group) {
            let known = strongest.entry((group, one.reporter)).or_default();
            *known = one.uncapped.max(*known);
        }
    }
    let mut groups: BTreeMap<OrgId, i64> = BTreeMap::new();
    for ((group, _), value) in strongest {
        *groups.entry(group).or_default() += value;
    }
    groups.values().map(|sum| KAPPA.min(*sum)).sum()
}

/// Edges from outside into a set, among those that live.
fn edges_into(vouches: &[Edge], inside: &dyn Fn(OrgId) -> bool) -> i64 {
    let cut: BTreeSet<(OrgId, OrgId)> = vouches
        .iter()
        .filter(|edge| !inside(edge.from) && inside(edge.to))
        .map(|edge| (edge.from, edge.to))
        .collect();
    i64::try_from(cut.len()).unwrap()
}

#[test]
fn the_generated_cuts_are_worth_a_test() {
    // Where those inside do add something, the bound has something to hold.
    let adds = |((world, history), mask): &((_, Vec<_>), u16)| {
        let (without, with) = apart(world, history, *mask);
        weighs(&with, Partition::Voucher) > weighs(&without, Partition::Voucher)
    };
    let found = share(&(said(), any::<u16>()), adds);
    assert!(found >= 40, "{found} %");
}

/// The verdict without those inside, and with them. The first three, who may be anchors, stay outside.
fn apart(
    world: &crate::world::World,
    history: &[(vigie_reputation::wire::Timestamp, Event)],
    mask: u16,
) -> (Verdict, Verdict) {
    let inside = inside(mask);
    let outside: Vec<_> = history
        .iter()
        .filter(|(_, event)| !matches!(event, Event::Heard(said) if inside(said.reporter)))
        .cloned()
        .collect();
    let now = end(history);
    (ask(&play(world, &outside), now), ask(&play(world, history), now))
}

fn inside(mask: u16) -> impl Fn(OrgId) -> bool {
    move |who| (3..12).any(|number| who == org(number) && mask >> number & 1 == 1)
}

proptest! {
    #![proptest_config(cases(1_024))]

    /// However they vouch for each other, and the bound is reached: they weigh as many caps as there are groups in which
    /// trust reaches one of them.
    #[test]
    fn any_number_of_identities_weighs_its_edges_at_most(
        identities in 1_u32..200,
        edges in 1_u32..8,
        among in vec((0_u32..200, 0_u32..200), 0..300),
    ) {
        let verdict = Sybils { identities, edges, among, voices: 0 }.verdict();
        prop_assert_eq!(verdict.score, i64::from(edges.min(identities)) * KAPPA);
        adds_up(&verdict);
    }

    /// On any graph, for any set without anchors, among any other voices.
    #[test]
    fn any_set_adds_its_edges_at_most((world, history) in said(), mask in any::<u16>()) {
        let (_, with) = apart(&world, &history, mask);
        let edges = edges_into(&world.vouches, &inside(mask));
        prop_assert!(with.score <= others(&with, &world.graph(), &inside(mask)) + edges * KAPPA);
        adds_up(&with);
    }
}
