//! Rates along the chain: the same outcome in whatever order the envelopes come.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use vigie_gossip_core::constants::{MEMBER_ROWS_PER_SLOT, NEWCOMER_ROWS_PER_HOUR};
use vigie_gossip_core::wire::Envelope;
use vigie_gossip_core::{Class, Ignored, Refusal};

use crate::node::Node;
use crate::world::*;

fn node() -> Node {
    let mut node = Node::new(genesis(1, 2), t0() + 5 * HOUR);
    let network = node.directory.network();
    node.learn([
        vouch(network, 1, 10, t0()),
        certify(network, 10, t0()),
        certify(network, 101, t0()),
    ]);
    node
}

fn seqs(node: &Node) -> BTreeSet<u64> {
    node.holds().into_iter().map(|(.., seq, _)| seq).collect()
}

#[test]
fn a_member_has_six_hundred_rows_in_a_slot_and_as_many_in_the_next() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 101);
    let mut say = |node: &mut Node, rows, at| node.receive(&chain.see(1, rows, at).encode());
    for _ in 0..3 {
        say(&mut node, 200, t0()).unwrap();
    }
    assert_eq!(
        say(&mut node, 1, t0() + 9 * MINUTE),
        Err(Refusal::Ignored(Ignored::OverRate))
    );
    assert_eq!(node.index.allowance(publisher(101), Class::Member, t0()), (0, 60));
    say(&mut node, 200, t0() + 10 * MINUTE).unwrap();
    assert_eq!(seqs(&node), [0, 1, 2, 4].into());
    assert_eq!(
        u32::try_from(node.index.len()).unwrap() * 150,
        MEMBER_ROWS_PER_SLOT
    );
}

#[test]
fn a_newcomer_has_sixty_rows_in_an_hour_whatever_the_epoch() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 10);
    node.receive(&chain.see(1, NEWCOMER_ROWS_PER_HOUR, t0()).encode())
        .unwrap();
    chain.raise_epoch();
    let over = chain.see(1, 1, t0() + 59 * MINUTE);
    assert_eq!(
        node.receive(&over.encode()),
        Err(Refusal::Ignored(Ignored::OverRate))
    );
    node.receive(&chain.see(1, 60, t0() + HOUR).encode()).unwrap();
}

#[test]
fn a_late_lower_place_pushes_out_the_higher_one() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 101);
    let envelopes: Vec<Envelope> = (0..4).map(|nth| chain.see(nth, 200, t0())).collect();
    for nth in [3, 2, 1] {
        node.receive(&envelopes[nth].encode()).unwrap();
    }
    assert_eq!(seqs(&node), [1, 2, 3].into());
    node.receive(&envelopes[0].encode()).unwrap();
    assert_eq!(seqs(&node), [0, 1, 2].into());
    assert_eq!(node.store.len(), 3);
    assert_eq!(
        node.receive(&envelopes[3].encode()),
        Err(Refusal::Ignored(Ignored::OverRate))
    );
}

#[test]
fn urgency_is_one_in_ten_and_only_of_the_last_day() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 101);
    chain.policy = vigie_gossip_core::constants::POLICY_URGENT;
    let mut urgent = |rows, at| {
        let bytes = chain.see(7, rows, at).encode();
        let verified = vigie_gossip_core::Unverified::parse(&bytes)
            .unwrap()
            .verify(&node.directory, node.now)
            .unwrap();
        let admitted = verified
            .admit(&node.directory, &mut node.index, node.now)
            .unwrap();
        node.index.record(admitted.envelope().header());
        admitted.urgent()
    };
    assert!(urgent(40, t0()));
    assert!(urgent(20, t0()));
    assert!(
        !urgent(1, t0()),
        "sixty of six hundred are spent; the envelope itself is taken"
    );
    assert!(urgent(60, t0() + HOUR));
    node.now = t0() + 30 * HOUR;
    let bytes = chain.see(7, 1, t0() + 2 * HOUR).encode();
    let verified = vigie_gossip_core::Unverified::parse(&bytes)
        .unwrap()
        .verify(&node.directory, node.now)
        .unwrap();
    let admitted = verified
        .admit(&node.directory, &mut node.index, node.now)
        .unwrap();
    assert!(!admitted.urgent() && !admitted.fresh());
}

/// Whoever tells his chain from its end, or all at once before the store has any of it, is as urgent as anybody.
#[test]
fn a_burst_and_a_chain_that_is_told_from_its_end_are_as_urgent_as_the_budget() {
    for stored in [true, false] {
        let mut node = node();
        let mut chain = Writer::new(node.directory.network(), 101);
        chain.policy = vigie_gossip_core::constants::POLICY_URGENT;
        let mut said: Vec<_> = (0..20).map(|nth| chain.see(nth, 10, t0()).encode()).collect();
        said.reverse();
        let urgent = said.iter().filter(|bytes| {
            let verified = vigie_gossip_core::Unverified::parse(bytes)
                .unwrap()
                .verify(&node.directory, node.now);
            let admitted = verified
                .unwrap()
                .admit(&node.directory, &mut node.index, node.now);
            let admitted = admitted.unwrap();
            if stored {
                node.index.record(admitted.envelope().header());
            }
            admitted.urgent()
        });
        assert_eq!(urgent.count(), 6);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn repeated_offers_in_any_order_end_alike(
        rows in proptest::collection::vec((1_u32..200, 0_u32..4), 1..24),
        swaps in proptest::collection::vec(any::<Index>(), 24),
    ) {
        let mut ordered = node();
        let mut disordered = node();
        let mut chain = Writer::new(ordered.directory.network(), 101);
        let envelopes: Vec<Vec<u8>> =
            rows.iter().map(|(rows, slot)| chain.see(1, *rows, t0() + *slot * 10 * MINUTE).encode()).collect();
        let mut shuffled = envelopes.clone();
        for (at, other) in swaps.iter().enumerate().take(shuffled.len()) {
            let other = other.index(shuffled.len());
            shuffled.swap(at, other);
        }
        for bytes in &envelopes {
            drop(ordered.receive(bytes));
        }
        // As sync does: offered until nothing changes.
        let mut before = None;
        while before != Some(disordered.index.digest()) {
            before = Some(disordered.index.digest());
            for bytes in &shuffled {
                drop(disordered.receive(bytes));
            }
        }
        prop_assert_eq!(ordered.holds(), disordered.holds());
        prop_assert_eq!(ordered.index.digest(), disordered.index.digest());
    }
}
