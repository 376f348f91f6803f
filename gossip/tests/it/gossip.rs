//! The fast path, over both transports, and membership as its condition.

use std::time::Duration;

use vigie_gossip::wire::Tlp;

use crate::node::{Node, QUIC, Seen, Setup, TCP};
use crate::world::{SEED, World, now};

async fn exchange(listen: &str) {
    let world = World::new();
    let mut first = Node::start(&world, Setup::of(SEED, &[SEED]).listen(listen)).await;
    let mut second = Node::start(&world, Setup::of(1, &[1]).listen(listen).dial(&first)).await;
    let seen_by_first = first.until_member().await;
    let seen_by_second = second.until_member().await;
    assert_eq!(seen_by_first.id, second.mesh.peer_id());
    assert_eq!(seen_by_second.id, first.mesh.peer_id());
    assert!(seen_by_second.outbound && !seen_by_first.outbound);

    let of_first = world.chain(SEED, 1, Tlp::Green);
    let of_second = world.chain(1, 1, Tlp::Clear);
    first.publish(&of_first[0]).await;
    second.publish(&of_second[0]).await;
    first.until_stored(&of_second).await;
    second.until_stored(&of_first).await;
    assert_eq!(first.mesh.counters().get("gossip_rejected"), 0);
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_exchange_envelopes_over_tcp() {
    exchange(TCP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_exchange_envelopes_over_quic() {
    exchange(QUIC).await;
}

/// 1, the seed, and 2, who hear each other without sync.
async fn three_in_a_row(world: &World) -> [Node; 3] {
    let all = [SEED, 1, 2];
    let mut left = Node::start(world, Setup::of(1, &all).unsynced()).await;
    let mut right = Node::start(world, Setup::of(2, &all).unsynced()).await;
    let between = Setup::of(SEED, &all).unsynced().dial(&left).dial(&right);
    let mut middle = Node::start(world, between).await;
    right.until_subscribed(1).await;
    middle.until_subscribed(2).await;
    left.until_subscribed(1).await;
    // Whoever dials compares at once: what is said after that cannot come that way.
    left.until_counted("sync_served", 1).await;
    right.until_counted("sync_served", 1).await;
    [left, middle, right]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_reaches_a_neighbour_and_the_neighbours_neighbour_without_sync() {
    let world = World::new();
    let [left, mut middle, mut right] = three_in_a_row(&world).await;

    let chain = world.chain(1, 5, Tlp::Green);
    for envelope in &chain {
        left.publish(envelope).await;
    }
    middle.until_stored(&chain).await;
    right.until_stored(&chain).await;
    // By bundles as soon as the middle has told that it takes them, by gossip before.
    assert!(
        middle.count("relay_admitted") + middle.count("gossip_accepted") + middle.count("gossip_ignored")
            >= 5
    );
    assert_eq!(right.mesh.counters().get("sync_admitted"), 0);
}

/// Each lower place of a slot that is full pushes a higher one out: all of them are taken in turn, without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_too_much_from_the_end_of_his_chain_is_not_passed_on() {
    let world = World::new();
    let [left, mut middle, mut right] = three_in_a_row(&world).await;
    middle.until_neighbours(2).await;

    let slot = now() - Duration::from_mins(30);
    let envelopes: Vec<_> = (0..3).map(|seq| world.rows_at(1, seq, 250, slot)).collect();
    for envelope in envelopes[1..].iter().rev() {
        left.publish(envelope).await;
    }
    right.until_stored(&envelopes[1..]).await;
    left.publish(&envelopes[0]).await;
    middle.until_stored(&envelopes[..1]).await;
    // Of another slot, and so within the rate. It would not overtake.
    let other = [world.rows_at(1, 9, 1, slot - Duration::from_mins(30))];
    left.publish(&other[0]).await;
    right.until_stored(&other).await;
    let shelf = right.shelf.lock().unwrap();
    let seqs: std::collections::BTreeSet<u64> = shelf.values().map(|one| one.header().seq).collect();
    assert_eq!(seqs, [1, 2, 9].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_to_nobody_is_no_error() {
    let world = World::new();
    let node = Node::start(&world, Setup::of(1, &[1])).await;
    let chain = world.chain(1, 3, Tlp::Green);
    for envelope in &chain {
        node.publish(envelope).await;
    }
    assert_eq!(node.mesh.counters().get("publish_unheard"), 3);
    // The same again is no error either; another one at the same place is.
    node.publish(&chain[0]).await;
    let fork = world.chain(1, 1, Tlp::Clear);
    assert!(node.mesh.publish(fork[0].clone()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_far_off_the_seeds_is_told() {
    let world = World::new();
    let seed = Node::start(&world, Setup::of(SEED, &[SEED])).await;
    let mut node = Node::start(&world, Setup::of(1, &[1]).dial(&seed).clock_ahead(90)).await;
    let skew = |seen| match seen {
        Seen::Skew(millis) => Some(millis),
        _ => None,
    };
    let millis = node.until("a skew", skew).await;
    assert!((-100_000..-80_000).contains(&millis), "{millis}");
}
