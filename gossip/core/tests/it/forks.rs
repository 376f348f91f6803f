//! Forks: proofs, restored backups, and equivocation.

use vigie_gossip_core::chain::ProofRefused;
use vigie_gossip_core::wire::{EquivocationProof, NetworkId, Payload, Timestamp};
use vigie_gossip_core::{Acceptance, Conduct, Ignored, Penalty, Refusal, Unverified, outcome};

use crate::node::Node;
use crate::world::*;

fn node() -> Node {
    let mut node = Node::new(genesis(1, 3), t0() + DAY);
    let network = node.directory.network();
    node.learn([
        certify(network, 101, t0() - 60 * DAY),
        certify(network, 102, t0() - 60 * DAY),
    ]);
    node
}

/// Two variants of a chain that part after `shared` envelopes.
fn parted(node: &Node, shared: u32, at: Timestamp) -> (Writer, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut chain = Writer::new(node.directory.network(), 101);
    let first: Vec<Vec<u8>> = (0..shared).map(|host| chain.see(host, 1, at).encode()).collect();
    let mut other = chain.clone();
    let one = [
        first.clone(),
        (100..103).map(|host| chain.see(host, 1, at).encode()).collect(),
    ]
    .concat();
    let two = [
        first,
        (200..203).map(|host| other.see(host, 1, at).encode()).collect(),
    ]
    .concat();
    (chain, one, two)
}

fn feed(node: &mut Node, envelopes: &[Vec<u8>]) {
    for bytes in envelopes {
        drop(node.receive(bytes));
    }
}

fn places(node: &Node) -> Vec<(u32, u64)> {
    let mut places: Vec<_> = node
        .holds()
        .into_iter()
        .map(|(_, epoch, seq, _)| (epoch, seq))
        .collect();
    places.sort_unstable();
    places
}

/// One story fills a slot, so that what follows the other is over the rate here: the two never hold the same last place.
#[test]
fn a_fork_is_found_by_those_who_can_never_hold_what_the_others_do() {
    for (big, more) in [(0, 1), (1, 1), (0, 300), (1, 300)] {
        let mut nodes = [node(), node()];
        let mut chain = Writer::new(nodes[0].directory.network(), 101);
        let shared = [chain.see(1, 200, t0()).encode(), chain.see(1, 150, t0()).encode()];
        let mut other = chain.clone();
        let full = chain.see(2, 250, t0()).encode();
        let mut short = vec![other.see(3, 1, t0()).encode()];
        // Here these are within the rate, there they are not.
        short.extend((0..more).map(|_| other.see(4, 1, t0()).encode()));
        for node in &mut nodes {
            feed(node, &shared);
        }
        feed(&mut nodes[big], &[full]);
        feed(&mut nodes[1 - big], &short);
        let [one, two] = &mut nodes;
        for _ in 0..3 {
            one.meet(two);
        }
        for node in [one, two] {
            assert_eq!(
                node.index.conduct(publisher(101)),
                Conduct::Suspended { epoch: 0 }
            );
            assert_eq!(places(node), [(0, 0), (0, 1)]);
        }
    }
}

#[test]
fn what_comes_at_and_after_a_fork_is_void() {
    let mut node = node();
    let (_, one, two) = parted(&node, 2, t0());
    feed(&mut node, &one);
    assert_eq!(places(&node).len(), 5);
    assert!(matches!(
        node.receive(&two[2]),
        Err(Refusal::Ignored(Ignored::Fork(_)))
    ));
    assert_eq!(places(&node), [(0, 0), (0, 1)]);
    assert_eq!(node.store.len(), 2);
    assert_eq!(
        node.index.conduct(publisher(101)),
        Conduct::Suspended { epoch: 0 }
    );
    for bytes in one
        .iter()
        .chain(&two)
        .filter(|bytes| !node.store.values().any(|held| held == *bytes))
    {
        assert_eq!(
            node.clone().receive(bytes),
            Err(Refusal::Ignored(Ignored::AfterFork))
        );
    }
}

#[test]
fn a_restored_backup_that_raises_its_epoch_within_a_day_is_an_accident() {
    let mut node = node();
    let (mut chain, one, two) = parted(&node, 2, t0());
    feed(&mut node, &one);
    feed(&mut node, &two);
    chain.raise_epoch();
    node.receive(&chain.see(1, 1, t0() + HOUR).encode()).unwrap();
    node.receive(&chain.see(2, 1, t0() + 23 * HOUR).encode()).unwrap();
    assert_eq!(node.index.conduct(publisher(101)), Conduct::Accident { epoch: 0 });
    assert_eq!(places(&node), [(0, 0), (0, 1), (1, 0), (1, 1)]);
}

#[test]
fn a_fork_that_no_epoch_follows_in_time_is_equivocation() {
    let mut node = node();
    node.now = t0() + 3 * DAY;
    let (mut chain, one, two) = parted(&node, 2, t0());
    chain.raise_epoch();
    let late = chain.see(1, 1, t0() + 25 * HOUR).encode();
    feed(&mut node, &one);
    node.receive(&late).unwrap();
    feed(&mut node, &two);
    assert_eq!(
        places(&node),
        [(0, 0), (0, 1)],
        "the proof also voids what was held of the later epoch"
    );
    assert_eq!(node.receive(&late), Err(Refusal::Ignored(Ignored::AfterFork)));
    let mut chain = Writer {
        epoch: 1,
        ..Writer::new(node.directory.network(), 101)
    };
    node.receive(&chain.see(9, 1, t0() + 2 * HOUR).encode()).unwrap();
    assert_eq!(node.index.conduct(publisher(101)), Conduct::Accident { epoch: 0 });
}

#[test]
fn a_second_fork_within_ninety_days_is_equivocation() {
    let mut node = node();
    let (mut chain, one, two) = parted(&node, 1, t0());
    feed(&mut node, &one);
    feed(&mut node, &two);
    chain.raise_epoch();
    let mut again = chain.clone();
    feed(
        &mut node,
        &[
            chain.see(1, 1, t0() + HOUR).encode(),
            again.see(2, 1, t0() + HOUR).encode(),
        ],
    );
    chain.raise_epoch();
    let third = chain.see(3, 1, t0() + 2 * HOUR).encode();
    assert_eq!(node.receive(&third), Err(Refusal::Ignored(Ignored::AfterFork)));
    assert_eq!(
        node.index.conduct(publisher(101)),
        Conduct::Equivocation { epoch: 1 }
    );
}

#[test]
fn a_head_that_names_another_hash_is_half_a_proof() {
    let mut node = node();
    node.now = t0() + 5 * MINUTE;
    let mut chain = Writer::new(node.directory.network(), 101);
    feed(
        &mut node,
        &[chain.see(1, 1, t0()).encode(), chain.see(2, 1, t0()).encode()],
    );
    node.receive(&chain.head(t0() + MINUTE, chain.prev).encode())
        .unwrap();
    let stale = chain.head(t0() + MINUTE, chain.prev).encode();
    assert_eq!(node.receive(&stale), Err(Refusal::Ignored(Ignored::Stale)));
    let mut lie = chain.prev;
    lie.0[0] ^= 1;
    let lying = chain.head(t0() + 2 * MINUTE, lie).encode();
    assert!(matches!(
        node.receive(&lying),
        Err(Refusal::Ignored(Ignored::Fork(_)))
    ));
    assert_eq!(places(&node), [(0, 0)]);
    node.now = t0() + HOUR;
    let old = chain.head(t0() + 49 * MINUTE, chain.prev).encode();
    assert_eq!(
        node.receive(&old),
        Err(Refusal::Ignored(Ignored::Stale)),
        "heads of the past cannot be poured out"
    );
}

#[test]
fn a_head_makes_what_is_missing_at_the_end_a_gap() {
    let mut node = node();
    node.now = t0();
    let mut chain = Writer::new(node.directory.network(), 101);
    let envelopes: Vec<Vec<u8>> = (0..6).map(|host| chain.see(host, 1, t0()).encode()).collect();
    feed(&mut node, &[envelopes[0].clone(), envelopes[2].clone()]);
    node.receive(&chain.head(t0(), chain.prev).encode()).unwrap();
    let gaps: Vec<(u64, u64)> = node.index.gaps().iter().map(|gap| (gap.from, gap.to)).collect();
    assert_eq!(gaps, [(3, 5), (1, 1)]);
}

#[test]
fn which_variants_met_first_does_not_matter() {
    let mut nodes = [node(), node(), node()];
    let (_, one, two) = parted(&nodes[0], 2, t0());
    feed(&mut nodes[0], &one);
    feed(&mut nodes[1], &two);
    let [a, b, c] = &mut nodes;
    for _ in 0..3 {
        a.meet(b);
        c.meet(b);
        a.meet(c);
    }
    assert_eq!(places(a), [(0, 0), (0, 1)]);
    assert_eq!((a.holds(), a.index.digest()), (b.holds(), b.index.digest()));
    assert_eq!((a.holds(), a.index.digest()), (c.holds(), c.index.digest()));
}

#[test]
fn a_proof_travels_in_an_envelope_too() {
    let (mut finder, mut hearer) = (node(), node());
    let (_, one, two) = parted(&finder, 2, t0());
    feed(&mut finder, &one);
    feed(&mut hearer, &one);
    feed(&mut finder, &two);
    let proof = finder.index.proof(publisher(101), 0).unwrap().clone();
    let mut chain = Writer::new(finder.directory.network(), 102);
    hearer
        .receive(&chain.say(Payload::Proof(Box::new(proof)), t0()).encode())
        .unwrap();
    assert_eq!(
        hearer.index.conduct(publisher(101)),
        Conduct::Suspended { epoch: 0 }
    );
    assert_eq!(places(&hearer), [(0, 0), (0, 0), (0, 1)]);
}

/// Two envelopes of one place, made to order.
fn proof(network: NetworkId, epoch: u32, seq: u64, at: Timestamp) -> EquivocationProof {
    let [one, other] = [1, 2].map(|host| {
        let mut chain = Writer {
            epoch,
            seq,
            ..Writer::new(network, 101)
        };
        chain.see(host, 1, at).signed_header().clone()
    });
    EquivocationProof::new(one, other).unwrap()
}

#[test]
fn what_a_key_did_in_another_network_or_will_do_proves_nothing() {
    let mut node = node();
    let network = node.directory.network();
    let now = node.now;
    let elsewhere = proof(NetworkId([7; 16]), 0, 0, t0());
    assert_eq!(
        node.index.convict(elsewhere, &node.directory, now),
        Err(ProofRefused::OtherNetwork)
    );
    let later = proof(network, 0, 0, now + 3 * MINUTE);
    assert_eq!(
        node.index.convict(later.clone(), &node.directory, now),
        Err(ProofRefused::Future)
    );
    assert_eq!(node.index.conduct(publisher(101)), Conduct::Clean);
    assert_eq!(
        node.index.convict(later, &node.directory, now + MINUTE),
        Ok(Vec::new())
    );
}

#[test]
fn a_second_fork_cannot_be_dated_back() {
    let mut node = node();
    let network = node.directory.network();
    node.convict(proof(network, 0, 0, t0()));
    node.convict(proof(network, 1, 0, t0() - 91 * DAY));
    assert_eq!(
        node.index.conduct(publisher(101)),
        Conduct::Equivocation { epoch: 1 }
    );
}

#[test]
fn nobody_has_eight_accidents() {
    let mut node = node();
    let network = node.directory.network();
    for nth in 0..7_u32 {
        node.convict(proof(network, nth, 0, t0() - (7 - nth) * 91 * DAY));
        let conduct = node.index.conduct(publisher(101));
        assert!(
            !matches!(conduct, Conduct::Equivocation { .. }),
            "{nth}: {conduct:?}"
        );
    }
    node.convict(proof(network, 7, 0, t0()));
    assert_eq!(
        node.index.conduct(publisher(101)),
        Conduct::Equivocation { epoch: 7 }
    );
    node.convict(proof(network, 8, 0, t0()));
    let mut chain = Writer {
        epoch: 8,
        ..Writer::new(network, 101)
    };
    assert_eq!(
        node.receive(&chain.see(1, 1, t0()).encode()),
        Err(Refusal::Ignored(Ignored::AfterFork))
    );
}

/// Two stories told at once meet before either is stored: the store has nothing to show, and needs not.
#[test]
fn a_fork_is_proven_while_its_first_half_is_on_its_way_and_the_second_is_passed_on() {
    let mut node = node();
    let (_, one, two) = parted(&node, 0, t0());
    let admit = |node: &mut Node, bytes: &[u8]| {
        let verified = Unverified::parse(bytes)
            .unwrap()
            .verify(&node.directory, node.now);
        verified
            .unwrap()
            .admit(&node.directory, &mut node.index, node.now)
    };
    let first = admit(&mut node, &one[0]).unwrap();
    let refusal = admit(&mut node, &two[0]).unwrap_err();
    assert_eq!(outcome(&refusal), (Acceptance::Accept, Penalty::None));
    let Refusal::Ignored(Ignored::Fork(suspicion)) = refusal else {
        panic!("{refusal}");
    };
    node.convict(suspicion.proof().unwrap());
    // What arrives at the store now has lost its place.
    let dropped = node.index.record(first.envelope().header());
    assert_eq!(
        (dropped.len(), node.index.len(), node.index.forks().count()),
        (1, 0, 1)
    );
}
