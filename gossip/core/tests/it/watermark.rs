//! Up to when everything is held: one chain in a table, then how many groups decide.

use vigie_gossip_core::chain::Watermark;
use vigie_gossip_core::wire::{EquivocationProof, PublisherId, Timestamp};
use vigie_gossip_core::{ChainIndex, Held};

use crate::node::Node;
use crate::world::*;

fn node(now: Timestamp) -> Node {
    let mut node = Node::new(genesis(1, 10), now);
    let network = node.directory.network();
    node.learn((101..111).map(|org| certify(network, org, t0() - 40 * DAY)));
    node
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_millis(t0().as_millis() + minute * 60_000)
}

/// One chain: the minutes at which its envelopes were signed, the places that do not arrive, heads by minute and place.
struct Chain<'a> {
    said: &'a [i64],
    lost: &'a [usize],
    heads: &'a [(i64, u64)],
}

impl Chain<'_> {
    /// What a node holds of it that heard every head at once.
    fn heard(&self, org: u8, node: &mut Node) {
        let mut writer = Writer::new(node.directory.network(), org);
        let now = node.now;
        let mut spoken = Vec::new();
        for (seq, minute) in self.said.iter().enumerate() {
            let envelope = writer.see(u32::try_from(seq).unwrap(), 1, at(*minute));
            spoken.push((writer.clone(), envelope.header_hash()));
            if !self.lost.contains(&seq) {
                node.receive(&envelope.encode()).unwrap();
            }
        }
        for (minute, seq) in self.heads {
            let (writer, hash) = &spoken[usize::try_from(*seq).unwrap()];
            node.now = at(*minute);
            node.receive(&writer.head(at(*minute), *hash).encode()).unwrap();
        }
        node.now = now;
    }
}

const DAY_MINUTES: i64 = 24 * 60;

#[test]
fn one_chain_is_complete_until_its_first_gap_or_its_last_word() {
    let long_ago = [-2 * DAY_MINUTES, -10, -5];
    for (what, said, lost, heads, expected) in [
        ("all is here", &[-30, -20, -10][..], &[][..], &[][..], Some(0)),
        (
            "silent for longer than three heads",
            &[-40, -16],
            &[],
            &[],
            Some(-16),
        ),
        ("silent, but his head came", &[-40, -16], &[], &[(-3, 1)], Some(0)),
        (
            "his last head is old too",
            &[-400],
            &[],
            &[(-90, 0), (-20, 0)],
            Some(-20),
        ),
        (
            "one is missing in between",
            &[-30, -20, -10],
            &[1],
            &[],
            Some(-30),
        ),
        (
            "the last is missing, which his head tells",
            &[-30, -20],
            &[1],
            &[(-15, 1)],
            Some(-30),
        ),
        (
            "heads that follow make it no younger",
            &[-30, -20],
            &[1],
            &[(-5, 1), (0, 1)],
            Some(-30),
        ),
        (
            "what lacks for less than a minute is on its way",
            &[-30, -20, 0],
            &[1],
            &[],
            Some(0),
        ),
        (
            "so is what the last head told just now",
            &[-9, -5, -1],
            &[2],
            &[(0, 2)],
            Some(0),
        ),
        (
            "an older gap counts behind a younger",
            &[-30, -20, -10, -5, 0],
            &[1, 3],
            &[],
            Some(-30),
        ),
        (
            "the beginning is missing: nothing is known",
            &[-30, -20, -10],
            &[0],
            &[],
            Some(-DAY_MINUTES),
        ),
        (
            "it began long ago, and is past its retention",
            &long_ago,
            &[0],
            &[],
            Some(-DAY_MINUTES),
        ),
        (
            "a day of silence: nobody waits",
            &[-DAY_MINUTES - 1],
            &[],
            &[],
            None,
        ),
        (
            "a gap for a day: nobody waits for that",
            &[-2 * DAY_MINUTES, -2 * DAY_MINUTES + 1, -DAY_MINUTES - 1, -1],
            &[1],
            &[],
            Some(0),
        ),
        (
            "and it hides no younger one",
            &[
                -2 * DAY_MINUTES,
                -2 * DAY_MINUTES + 1,
                -DAY_MINUTES - 1,
                -30,
                -20,
                -10,
            ],
            &[1, 4],
            &[],
            Some(-30),
        ),
        (
            "a gap for not quite a day",
            &[-2 * DAY_MINUTES, -2 * DAY_MINUTES + 1, -DAY_MINUTES + 1, -1],
            &[1],
            &[],
            Some(-DAY_MINUTES),
        ),
    ] {
        let mut node = node(at(0));
        Chain { said, lost, heads }.heard(101, &mut node);
        let until = node.index.complete_until(publisher(101), node.now);
        assert_eq!(until, expected.map(at), "{what}");
    }
    let node = node(at(0));
    assert_eq!(
        node.index.complete_until(publisher(101), node.now),
        None,
        "never heard of"
    );
}

#[test]
fn what_our_own_rules_kept_out_is_no_gap() {
    // Over the rate, refused at once, and pushed out by a lower place that came late.
    for late in [false, true] {
        let mut node = node(at(0));
        let mut chain = Writer::new(node.directory.network(), 101);
        let mut said: Vec<_> = (0..4).map(|_| chain.see(1, 200, at(-20)).encode()).collect();
        said.push(chain.see(1, 200, at(-8)).encode());
        if late {
            said.swap(0, 4);
            said.swap(1, 4);
        }
        for bytes in &said {
            drop(node.receive(bytes));
        }
        assert_eq!(node.holds().len(), 4);
        assert_eq!(
            node.index.complete_until(publisher(101), node.now),
            Some(at(0)),
            "{late}"
        );
    }
}

#[test]
fn after_a_proven_fork_nothing_is_missing_there() {
    let mut node = node(at(0));
    let network = node.directory.network();
    let mut chain = Writer::new(network, 101);
    node.receive(&chain.see(1, 1, at(-30)).encode()).unwrap();
    let mut other = chain.clone();
    let (one, two) = (chain.see(2, 1, at(-20)), other.see(3, 1, at(-19)));
    // He names a place far behind the fork, in the epoch that is void from there on.
    for host in 4..9 {
        chain.see(host, 1, at(-18));
    }
    node.now = at(-9);
    node.receive(&chain.head(at(-9), chain.prev).encode()).unwrap();
    node.now = at(0);
    let until = |node: &Node| node.index.complete_until(publisher(101), node.now);
    assert_eq!(until(&node), Some(at(-30)));
    let proof = EquivocationProof::new(one.signed_header().clone(), two.signed_header().clone()).unwrap();
    node.convict(proof);
    assert_eq!(until(&node), Some(at(0)));
    // A restored backup goes on in the next epoch; a second fork there is no accident, and nobody waits for a liar.
    chain.raise_epoch();
    node.receive(&chain.see(1, 1, at(-7)).encode()).unwrap();
    let mut other = chain.clone();
    let (one, two) = (chain.see(2, 1, at(-6)), other.see(3, 1, at(-5)));
    node.receive(&one.encode()).unwrap();
    assert_eq!(until(&node), Some(at(0)));
    node.receive(&two.encode()).unwrap_err();
    assert_eq!(until(&node), None);
}

#[test]
fn an_epoch_that_a_head_names_and_nobody_brought_is_a_gap() {
    let mut node = node(at(0));
    let mut chain = Writer::new(node.directory.network(), 101);
    node.receive(&chain.see(1, 1, at(-30)).encode()).unwrap();
    chain.raise_epoch();
    let lost = chain.see(2, 1, at(-12));
    node.now = at(-8);
    node.receive(&chain.head(at(-8), chain.prev).encode()).unwrap();
    node.now = at(0);
    assert_eq!(node.index.complete_until(publisher(101), node.now), Some(at(-30)));
    node.receive(&lost.encode()).unwrap();
    assert_eq!(node.index.complete_until(publisher(101), node.now), Some(at(0)));
}

/// Chains heard until so many minutes ago, each of the organisation of that number.
fn silent_since(chains: &[(u8, i64)]) -> (Node, impl Fn(PublisherId) -> Option<(u8, u8)> + use<'_>) {
    let mut node = node(at(0));
    for (org, minutes) in chains {
        let said = [-*minutes];
        Chain {
            said: &said,
            lost: &[],
            heads: &[],
        }
        .heard(*org, &mut node);
    }
    let of = move |id| {
        chains
            .iter()
            .map(|(org, _)| *org)
            .find(|org| publisher(*org) == id)
            .map(|org| (org, org))
    };
    (node, of)
}

#[test]
fn one_or_a_quarter_may_be_missing_and_beyond_that_one_in_ten() {
    const OLD: i64 = DAY_MINUTES + 5;
    for (what, ages, until, voices, lacking, given_up) in [
        ("one alone", &[100][..], -100, 1, 1, 0),
        ("one of two is down", &[0, 100], 0, 2, 1, 0),
        ("both", &[50, 100], -100, 2, 2, 0),
        ("two of three", &[0, 100, 50], -100, 3, 2, 0),
        ("two of eight", &[0, 0, 0, 0, 0, 0, 100, 200], 0, 8, 2, 0),
        ("two of seven", &[0, 0, 0, 0, 0, 100, 200], -200, 7, 2, 0),
        (
            "one in ten is not waited for",
            &[0, 0, 0, 0, 0, 0, 60, 70, 80, 400],
            -80,
            10,
            4,
            0,
        ),
        (
            "who is silent for a day is not waited for",
            &[0, 0, OLD, OLD, OLD],
            0,
            2,
            0,
            3,
        ),
    ] {
        let chains: Vec<(u8, i64)> = (101..).zip(ages.iter().copied()).collect();
        let (node, of) = silent_since(&chains);
        let expected = Watermark {
            until: Some(at(until)),
            voices,
            lacking,
            given_up,
            guides_met: None,
            guides_late: false,
        };
        assert_eq!(node.index.watermark(node.now, of), expected, "{what}");
    }
    let (node, of) = silent_since(&[(101, OLD)]);
    let nobody = Watermark {
        given_up: 1,
        ..Watermark::default()
    };
    assert_eq!(node.index.watermark(node.now, of), nobody);
    assert_eq!(
        node.index.watermark(node.now, |_| None::<(u8, u8)>),
        Watermark::default()
    );
}

#[test]
fn more_keys_are_no_more_voices() {
    // Four publishers of one organisation lack something, and one of each of three others lacks nothing.
    let chains: Vec<(u8, i64)> = (101..108).zip([60, 70, 80, 90, 0, 0, 0]).collect();
    let (node, of) = silent_since(&chains);
    let alone = node.index.watermark(node.now, &of);
    assert_eq!((alone.until, alone.voices, alone.lacking), (Some(at(-90)), 7, 4));
    let together = node
        .index
        .watermark(node.now, |id| of(id).map(|(org, _)| (org.max(104), org.max(104))));
    assert_eq!(
        (together.until, together.voices, together.lacking),
        (Some(at(0)), 4, 1)
    );
}

/// Thirty who stand on one voucher are one voice, whether they are whole or silent.
#[test]
fn a_group_is_one_voice_as_complete_as_its_median() {
    let ages = [0, 0, 0, 60, 70, 80, 90, 100, 110];
    let chains: Vec<(u8, i64)> = (101..).zip(ages).collect();
    let (node, of) = silent_since(&chains);
    let alone = node.index.watermark(node.now, &of);
    assert_eq!((alone.until, alone.voices, alone.lacking), (Some(at(-110)), 9, 6));
    // The last five are one group: its median is silent for ninety minutes.
    let grouped = |id| of(id).map(|(org, _)| (org.min(105), org));
    let together = node.index.watermark(node.now, grouped);
    assert_eq!(
        (together.until, together.voices, together.lacking),
        (Some(at(-90)), 5, 2)
    );
    // The whole ones are: what they hold back weighs more.
    let grouped = |id| of(id).map(|(org, _)| (org.max(103), org));
    let together = node.index.watermark(node.now, grouped);
    assert_eq!((together.voices, together.lacking), (7, 6));
}

#[test]
fn ten_thousand_publishers_are_summed_up_at_once() {
    let mut index = ChainIndex::new();
    let mut node = node(at(0));
    let template = Held::of(
        Writer::new(node.directory.network(), 101)
            .see(1, 1, at(0))
            .header(),
    );
    for number in 0..10_000_u32 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        for seq in [0, 1, 2, 4] {
            index.load(Held {
                publisher: PublisherId(id),
                seq,
                time: at(i64::try_from(seq).unwrap() - 30 + i64::from(number % 7)),
                ..template
            });
        }
    }
    node.now = at(0);
    let summed = index.watermark(node.now, |id| Some((id, id)));
    assert_eq!(
        (summed.voices, summed.lacking, summed.until),
        (10_000, 10_000, Some(at(-28)))
    );
}
