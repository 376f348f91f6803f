//! The stages of validation: what is refused, as whose fault.

use vigie_gossip_core::validate::verify_all;
use vigie_gossip_core::wire::{HeaderHash, NetworkId, SignedHeader};
use vigie_gossip_core::{Acceptance, Held, Ignored, Penalty, Refusal, Rejected, Unverified, Why, outcome};

use crate::node::Node;
use crate::world::*;

fn node() -> Node {
    let mut node = Node::new(genesis(1, 2), t0() + HOUR);
    let network = node.directory.network();
    node.learn([
        certify(network, 101, t0()),
        vouch(network, 1, 10, t0()),
        certify(network, 10, t0()),
    ]);
    node
}

fn refused(node: &mut Node, bytes: &[u8]) -> (&'static str, Acceptance) {
    let refusal = node.receive(bytes).unwrap_err();
    (refusal.name(), outcome(&refusal).0)
}

#[test]
fn only_what_a_forwarder_can_check_is_rejected() {
    let mut node = node();
    let network = node.directory.network();
    let mut chain = Writer::new(network, 101);
    let good = chain.see(1, 3, t0()).encode();
    let signature_at = good.len() - 90;
    for (name, bytes) in [
        ("malformed", good[..good.len() - 1].to_vec()),
        ("malformed", [&good[..], &[0]].concat()),
        ("malformed", vec![0; 20_000]),
        ("tlp", {
            let mut bad = good.clone();
            let at = tlp_at(&bad);
            bad[at] |= 0x80;
            bad
        }),
    ] {
        assert_eq!(
            refused(&mut node, &bytes),
            (name, Acceptance::Reject),
            "{signature_at}"
        );
    }
    let mut forged = good.clone();
    // The epoch: another header under the same signature.
    forged[3 + 16 + 16] = 1;
    assert_eq!(refused(&mut node, &forged), ("signature", Acceptance::Reject));

    let mut foreign = Writer::new(NetworkId([1; 16]), 101);
    assert_eq!(
        refused(&mut node, &foreign.see(1, 1, t0()).encode()),
        ("other_network", Acceptance::Ignore)
    );
    let mut unknown = Writer::new(network, 99);
    assert_eq!(
        refused(&mut node, &unknown.see(1, 1, t0()).encode()),
        ("unknown_publisher", Acceptance::Ignore)
    );
    assert_eq!(
        refused(&mut node, &chain.see(1, 1, t0() + 2 * HOUR).encode()),
        ("future", Acceptance::Ignore)
    );
    assert_eq!(
        refused(&mut node, &chain.see(1, 1, t0() - HOUR).encode()),
        ("outsider", Acceptance::Ignore)
    );

    node.receive(&good).unwrap();
    assert_eq!(refused(&mut node, &good), ("duplicate", Acceptance::Ignore));
    node.now = t0() + 40 * DAY;
    let gone = node.index.expire(node.now);
    assert_eq!((gone.len(), node.index.len()), (1, 0));
    assert_eq!(refused(&mut node, &good), ("expired", Acceptance::Ignore));
}

/// The byte that TLP and policy share.
fn tlp_at(bytes: &[u8]) -> usize {
    // Version, kind, flags, network, publisher, epoch and seq of one byte each, previous hash, six bytes of time.
    let at = 3 + 16 + 16 + 1 + 1 + 32 + 6;
    assert_eq!(bytes[at], 0x40);
    at
}

#[test]
fn every_refusal_has_one_outcome() {
    assert_eq!(
        outcome(&Refusal::Ignored(Ignored::OverRate)),
        (Acceptance::Ignore, Penalty::None)
    );
    let wrong = vigie_gossip_core::wire::SignatureError::Wrong;
    assert_eq!(
        outcome(&Refusal::Rejected(Rejected::Signature(wrong))),
        (Acceptance::Reject, Penalty::High)
    );
}

#[test]
fn a_cut_envelope_waits_a_day_and_makes_room_for_its_rows() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 101);
    let whole = chain.see(1, 3, t0());
    for cut in [whole.erase_row(1), whole.erase_body()] {
        assert_eq!(
            refused(&mut node, &cut.encode()),
            ("incomplete", Acceptance::Ignore)
        );
        let mut later = node.clone();
        later.now = t0() + 2 * DAY;
        later.receive(&cut.encode()).unwrap();
        assert_eq!(
            refused(&mut later, &cut.encode()),
            ("duplicate", Acceptance::Ignore)
        );
        // A copy that lacks rows is no reason to refuse them, as long as rows are kept; then it is whole.
        let mut late = later.clone();
        late.now = t0() + 8 * DAY;
        assert_eq!(
            refused(&mut late, &whole.encode()),
            ("duplicate", Acceptance::Ignore)
        );
        later.receive(&whole.encode()).unwrap();
        assert_eq!(later.store.values().collect::<Vec<_>>(), [&whole.encode()]);
        for known in [&whole, &cut] {
            assert_eq!(
                refused(&mut later, &known.encode()),
                ("duplicate", Acceptance::Ignore)
            );
        }
        assert_eq!(later.index.len(), 1);
    }
}

#[test]
fn revoked_keys_lose_what_they_signed_since() {
    let mut node = node();
    let network = node.directory.network();
    let mut chain = Writer::new(network, 10);
    for hours in 0..4 {
        node.now = t0() + hours * HOUR;
        node.receive(&chain.see(1, 1, node.now).encode()).unwrap();
    }
    node.learn([revoke(network, 10, Some(10), t0() + 2 * HOUR)]);
    assert_eq!(node.holds().len(), 2);
    assert_eq!(node.store.len(), 2);
    let later = chain.see(1, 1, node.now).encode();
    assert_eq!(
        node.receive(&later),
        Err(Refusal::Ignored(Ignored::Outsider(Why::Revoked)))
    );
}

#[test]
fn unknown_versions_and_kinds_are_relayed_unread_up_to_four_kibibytes() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 101);
    let known = *chain.see(1, 1, t0()).header();
    for (seq, version, kind, flags) in [(0_u64, 2, 1, 0), (1, 1, 77, 0), (2, 1, 1, 4)] {
        let kind = vigie_gossip_core::wire::Kind::from_number(kind);
        let (commitment, content) = ([8; 32], [9; 500]);
        let header = vigie_gossip_core::wire::Header {
            root: vigie_gossip_core::wire::envelope::opaque_root(&commitment, &content),
            version,
            kind,
            flags,
            seq,
            prev: HeaderHash([0; 32]),
            ..known
        };
        let signed = SignedHeader::sign(header, &node_key(101)).encode();
        let body = [&[1][..], &commitment, &content].concat();
        assert_eq!(
            refused(&mut node, &[&signed[..], &[0]].concat()),
            ("incomplete", Acceptance::Ignore)
        );
        assert_eq!(
            refused(&mut node, &[&signed[..], &body[..400]].concat()),
            ("malformed", Acceptance::Reject),
            "another body than was signed"
        );
        node.receive(&[&signed[..], &body].concat()).unwrap();
        let too_long = [&signed[..], &[9; 5_000]].concat();
        assert_eq!(
            refused(&mut node, &too_long),
            ("unknown_version", Acceptance::Ignore)
        );
        let mut forged = [&signed[..], &body].concat();
        forged[3 + 16 + 16] = 1;
        assert_eq!(refused(&mut node, &forged), ("signature", Acceptance::Reject));
    }
    assert_eq!(node.index.len(), 3);
}

#[test]
fn a_batch_blames_exactly_the_wrong_ones() {
    let node = node();
    let network = node.directory.network();
    let (mut chain, mut stranger) = (Writer::new(network, 101), Writer::new(network, 99));
    let mut batch: Vec<Vec<u8>> = (0..20).map(|host| chain.see(host, 1, t0()).encode()).collect();
    for wrong in [3, 17] {
        batch[wrong][3 + 16 + 16] = 1;
    }
    batch[5] = stranger.see(1, 1, t0()).encode();
    let parsed = batch
        .iter()
        .map(|bytes| Unverified::parse(bytes).unwrap())
        .collect();
    let verified = verify_all(parsed, &node.directory, node.now, &[4; 32]);
    for (nth, result) in verified.iter().enumerate() {
        let name = result.as_ref().err().map(Refusal::name);
        let expected = match nth {
            3 | 17 => Some("signature"),
            5 => Some("unknown_publisher"),
            _ => None,
        };
        assert_eq!(name, expected, "{nth}");
    }
}

#[test]
fn an_envelope_on_its_way_to_the_store_is_not_taken_twice_and_may_come_again() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 101);
    let bytes = chain.see(1, 1, t0()).encode();
    let verified = || {
        Unverified::parse(&bytes)
            .unwrap()
            .verify(&node.directory, node.now)
            .unwrap()
    };
    let (first, second, third) = (verified(), verified(), verified());
    let admitted = first.admit(&node.directory, &mut node.index, node.now).unwrap();
    let again = second
        .admit(&node.directory, &mut node.index, node.now)
        .unwrap_err();
    assert_eq!(again, Refusal::Ignored(Ignored::Duplicate));
    node.index.release(admitted.envelope().header());
    assert_eq!(node.index.len(), 0);
    third.admit(&node.directory, &mut node.index, node.now).unwrap();
}

#[test]
fn who_loses_his_say_while_his_envelope_is_on_its_way_to_the_store_loses_that_too() {
    let mut node = node();
    let network = node.directory.network();
    let mut chain = Writer::new(network, 101);
    let envelope = chain.see(1, 1, t0());
    let admitted = Unverified::parse(&envelope.encode())
        .unwrap()
        .verify(&node.directory, node.now)
        .unwrap()
        .admit(&node.directory, &mut node.index, node.now)
        .unwrap();
    node.learn([revoke(network, 101, Some(101), t0() - MINUTE)]);
    let dropped = node.index.record(admitted.envelope().header());
    assert_eq!(dropped, [Held::of(envelope.header())]);
    assert_eq!(node.index.len(), 0);
}
