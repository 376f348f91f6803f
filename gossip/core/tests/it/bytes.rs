//! The bytes of sync: one value, one encoding; bounded; hostile input ends in an error with its place.

use proptest::prelude::*;
use vigie_gossip_core::Head;
use vigie_gossip_core::sync::{Digest, Message, Range, Request, Response, SyncReason};
use vigie_gossip_core::wire::{HeaderHash, PublisherId, Timestamp};

use crate::node::Node;
use crate::world::*;

fn range() -> impl Strategy<Value = Range> {
    (
        any::<[u8; 16]>(),
        any::<u32>(),
        0..u64::MAX - 70_000,
        0..65_536_u64,
    )
        .prop_map(|(publisher, epoch, from, length)| Range {
            publisher: PublisherId(publisher),
            epoch,
            from,
            to: from + length,
        })
}

fn digest() -> impl Strategy<Value = Digest> {
    (
        any::<[u8; 16]>(),
        any::<[u8; 16]>(),
        any::<u64>(),
        0..4_102_444_800_000_i64,
    )
        .prop_map(|(heads, statements, count, clock)| Digest {
            heads,
            statements,
            count,
            clock: Timestamp::from_millis(clock),
        })
}

fn head() -> impl Strategy<Value = Head> {
    (
        any::<[u8; 16]>(),
        any::<u32>(),
        0..1_000_000_u64,
        0..1_000_u64,
        any::<[u8; 32]>(),
        any::<[u8; 16]>(),
    )
        .prop_map(|(publisher, epoch, low, span, hash, fingerprint)| Head {
            publisher: PublisherId(publisher),
            epoch,
            seq: low + span,
            hash: HeaderHash(hash),
            low,
            count: span / 2 + 1,
            fingerprint,
        })
}

fn message() -> impl Strategy<Value = Message> {
    use proptest::collection::vec;
    let chain =
        || (any::<[u8; 16]>(), any::<u32>()).prop_map(|(publisher, epoch)| (PublisherId(publisher), epoch));
    prop_oneof![
        digest().prop_map(|digest| Message::Request(Request::Digest(digest))),
        digest().prop_map(|digest| Message::Response(Response::Differs(digest))),
        (any::<[u8; 8]>(), any::<[u8; 8]>(), vec(any::<[u8; 8]>(), 0..20)).prop_map(
            |(from, to, mut have)| {
                have.sort_unstable();
                Message::Request(Request::Statements { from, to, have })
            }
        ),
        proptest::option::of(chain()).prop_map(|after| Message::Request(Request::Heads { after })),
        range().prop_map(|range| Message::Request(Request::Hashes(range))),
        vec(range(), 0..20).prop_map(|ranges| Message::Request(Request::Ranges(ranges))),
        vec(chain(), 0..20).prop_map(|chains| Message::Request(Request::Proofs(chains))),
        (vec(head(), 0..20), any::<bool>()).prop_map(|(mut heads, more)| {
            heads.sort_by_key(|head| (head.publisher, head.epoch));
            heads.dedup_by_key(|head| (head.publisher, head.epoch));
            Message::Response(Response::Heads {
                heads,
                forks: vec![(PublisherId([1; 16]), 2, [3; 16])],
                more,
            })
        }),
        vec((any::<u64>(), any::<[u8; 16]>()), 0..20).prop_map(|mut hashes| {
            hashes.sort_unstable_by(|one, next| next.cmp(one));
            hashes.dedup_by_key(|(seq, _)| *seq);
            Message::Response(Response::Hashes(hashes))
        }),
        vec(vec(any::<u8>(), 0..50), 0..20).prop_map(|bytes| Message::Response(Response::Envelopes(bytes))),
    ]
}

proptest! {
    #[test]
    fn a_message_reads_back(message in message()) {
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn what_decodes_has_one_encoding(message in message(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = message.encode();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(decoded) = Message::decode(&bytes) {
            prop_assert_eq!(decoded.encode(), bytes);
        }
    }

    #[test]
    fn noise_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        drop(Message::decode(&bytes));
    }
}

fn reason(bytes: &[u8]) -> (usize, SyncReason) {
    let error = Message::decode(bytes).unwrap_err();
    (error.offset, error.reason)
}

#[test]
fn errors_name_the_place() {
    assert_eq!(reason(&[]), (0, SyncReason::Truncated));
    assert_eq!(reason(&[7]), (1, SyncReason::UnknownType));
    assert_eq!(reason(&[5, 0x81, 0x00]), (3, SyncReason::NotMinimal));
    assert_eq!(reason(&[5, 0x81, 0x02]), (3, SyncReason::TooMany));
    assert_eq!(reason(&[5, 0, 0]), (2, SyncReason::Trailing));
    assert_eq!(reason(&[3, 2]), (2, SyncReason::OutOfRange));
    assert_eq!(reason(&vec![0; 1_100_000]), (1_048_576, SyncReason::TooLong));
}

#[test]
fn equal_nodes_agree_in_forty_odd_bytes() {
    let (mut one, mut two) = (Node::new(genesis(2, 2), t0()), Node::new(genesis(2, 2), t0()));
    assert_eq!(one.fetch_from(&two, || false), 40 + 7);
    two.learn([certify(two.directory.network(), 1, t0())]);
    assert!(one.meet(&mut two) > 47);
    assert_eq!(one.fetch_from(&two, || false), 47);
}
