//! Room: of a publisher who says much the latest hours are held, whatever came first and whoever has which part of it.

use vigie_gossip_core::constants::HELD_OF_LATER_HOURS;
use vigie_gossip_core::{Conduct, Held, Offer};

use crate::node::Node;
use crate::world::*;

/// So many of one hour are within a seed's rate, and so many of ten minutes.
const OF_TEN_MINUTES: u64 = 500;

fn node() -> Node {
    let mut node = Node::new(genesis(1, 3), t0() + 3 * DAY);
    let network = node.directory.network();
    node.learn([certify(network, 101, t0() - 60 * DAY)]);
    node
}

/// As much as there is room for beside an earlier hour: twenty hours and a half, up to three days after. They are held
/// without the envelopes, which nobody asks for here.
fn say_much(node: &mut Node, template: Held) {
    for nth in 0..u64::try_from(HELD_OF_LATER_HOURS).unwrap() {
        let slot = u32::try_from(nth / OF_TEN_MINUTES).unwrap();
        node.index.load(Held {
            seq: 1_000_000 - nth,
            time: t0() + 3 * DAY - slot * 10 * MINUTE,
            ..template
        });
    }
}

#[test]
fn hours_go_whole_once_later_ones_have_taken_their_room() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 101);
    let old: Vec<_> = (0..3).map(|host| chain.see(host, 1, t0())).collect();
    say_much(&mut node, Held::of(old[0].header()));
    for envelope in &old {
        node.receive(&envelope.encode()).unwrap();
    }
    // Whatever place it claims, there is room for one more of that hour, until the hours after it have one more.
    chain.seq = 2_000_000;
    let last = chain.see(9, 1, t0());
    assert_eq!(node.index.offer(last.signed_header()), Offer::New);
    chain.seq = 9;
    node.receive(&chain.see(9, 1, t0() + 3 * DAY).encode()).unwrap();
    assert_eq!(node.index.len(), HELD_OF_LATER_HOURS + 1);
    let gone = |node: &Node| {
        old.iter()
            .all(|envelope| node.index.offer(envelope.signed_header()) == Offer::Expired)
    };
    assert!(gone(&node));
    assert_eq!(node.index.offer(last.signed_header()), Offer::Expired);
    assert_eq!(
        node.index.offer(chain.see(10, 1, t0() + 3 * DAY).signed_header()),
        Offer::New
    );
}

/// What is asked for ends at the lowest place held, since hours that went would be asked for without end. The hour at the
/// edge may have come in part only.
#[test]
fn what_lacks_of_the_last_hour_that_has_room_is_found_by_its_hashes() {
    let mut nodes = [node(), node()];
    let mut chain = Writer::new(nodes[0].directory.network(), 101);
    let template = Held::of(chain.see(0, 1, t0()).header());
    chain.seq = 1_000_001 - u64::try_from(HELD_OF_LATER_HOURS).unwrap() - 300;
    let edge: Vec<_> = (0..300).map(|host| chain.see(host, 1, t0()).encode()).collect();
    for (node, came) in nodes.iter_mut().zip([0, 290]) {
        say_much(node, template);
        for bytes in &edge[came..] {
            node.receive(bytes).unwrap();
        }
    }
    let [one, two] = &mut nodes;
    let held = |node: &Node| node.index.len() - HELD_OF_LATER_HOURS;
    assert_eq!((held(one), held(two)), (300, 10));
    one.meet(two);
    assert_eq!(one.holds(), two.holds());
}

#[test]
fn what_a_fork_is_judged_by_stays_however_much_is_said_since() {
    let mut node = node();
    let mut chain = Writer::new(node.directory.network(), 101);
    let mut other = chain.clone();
    for bytes in [chain.see(1, 1, t0()), other.see(2, 1, t0())].map(|envelope| envelope.encode()) {
        drop(node.receive(&bytes));
    }
    chain.raise_epoch();
    let follower = chain.see(3, 1, t0() + HOUR);
    let later = chain.see(4, 1, t0() + 2 * HOUR);
    for envelope in [&later, &follower] {
        node.receive(&envelope.encode()).unwrap();
    }
    say_much(&mut node, Held::of(follower.header()));
    chain.seq = 2_000_000;
    node.receive(&chain.see(5, 1, t0() + 3 * DAY).encode()).unwrap();
    assert_eq!(node.index.conduct(publisher(101)), Conduct::Accident { epoch: 0 });
    assert_eq!(node.index.offer(follower.signed_header()), Offer::Duplicate);
    assert_eq!(node.index.offer(later.signed_header()), Offer::Expired);
    // The hole behind it is none that anybody could close.
    let now = node.now;
    let lacks = node.index.complete_until(publisher(101), now);
    assert_eq!(lacks, Some(now));
}

/// Nodes forget a day within a minute of each other, not at the same moment.
#[test]
fn who_forgets_a_day_first_does_not_ask_for_it() {
    let mut nodes = [node(), node()];
    let network = nodes[0].directory.network();
    let mut chain = Writer::new(network, 101);
    let day: Vec<_> = (0..200).map(|host| chain.see(host, 1, t0()).encode()).collect();
    let next = chain.see(300, 1, t0() + 2 * DAY).encode();
    for said in [&day[..], std::slice::from_ref(&next)] {
        for node in &mut nodes {
            for bytes in said {
                node.receive(bytes).unwrap();
            }
        }
    }
    let [early, late] = &mut nodes;
    early.now = t0() + 31 * DAY;
    assert_eq!(early.index.expire(early.now).len(), day.len());
    let sent = early.fetch_from(late, || false);
    assert!(sent < 10 * day[0].len(), "{sent} bytes");
    assert_eq!(early.index.len(), 1);
    // Nothing lacks for that, and when the next day goes nothing is remembered.
    assert_eq!(early.index.gaps(), []);
    assert_eq!(early.index.expire(early.now + 2 * DAY).len(), 1);
    early.index.expire(early.now + 3 * DAY);
    assert_eq!(
        format!("{:?}", early.index),
        format!("{:?}", {
            let mut fresh = vigie_gossip_core::ChainIndex::new();
            fresh.expire(early.now + 3 * DAY);
            fresh
        })
    );
}
