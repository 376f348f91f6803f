//! What gossip does not bring: history, the other side of a partition, what a newcomer must be told.

use vigie_gossip::wire::Tlp;

use crate::node::{Node, Seen, Setup, is_green, put};
use crate::proxy::Proxy;
use crate::world::{OUTSIDER, SEED, World, node_key};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_joiner_gets_history() {
    let world = World::new();
    let history = world.chain(1, 40, Tlp::Green);
    let seed = Node::start(&world, Setup::of(SEED, &[SEED, 1])).await;
    let mut member = Node::start(&world, Setup::of(1, &[SEED, 1]).dial(&seed)).await;
    member.until_member().await;
    for envelope in &history {
        member.publish(envelope).await;
    }
    // The joiner's directory knows no certificate but its own: statements come first.
    let mut late = Node::start(&world, Setup::of(2, &[2]).dial(&seed)).await;
    late.until_stored(&history).await;
}

/// More than the store is given at once, and more than the channel to it holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_comes_in_one_comparison() {
    let world = World::new();
    let all = [SEED, 1, 2];
    let history = world.history(1, 3_000);
    let setup = Setup::of(SEED, &all);
    for envelope in &history {
        put(&setup.shelf, envelope.clone());
    }
    let seed = Node::start(&world, setup).await;
    let mut late = Node::start(&world, Setup::of(2, &all).unsynced().dial(&seed)).await;
    late.until_count(history.len()).await;
    assert_eq!(late.mesh.counters().get("storing_full"), 0);
    assert_eq!(late.mesh.counters().get("sync_admitted"), 3_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_heals() {
    let world = World::new();
    let all = [SEED, 1];
    let mut left = Node::start(&world, Setup::of(SEED, &all)).await;
    let proxy = Proxy::before(&left.address).await;
    let mut right = Node::start(&world, Setup::of(1, &all).dial_address(proxy.address())).await;
    left.until_member().await;
    right.until_member().await;

    proxy.cut();
    let gone = |seen| matches!(seen, Seen::Disconnected).then_some(());
    left.until("the cut", gone).await;
    right.until("the cut", gone).await;
    let of_left = world.chain(SEED, 10, Tlp::Green);
    let of_right = world.chain(1, 10, Tlp::Green);
    for (one, other) in of_left.iter().zip(&of_right) {
        left.publish(one).await;
        right.publish(other).await;
    }
    proxy.heal();
    right.until_stored(&of_left).await;
    left.until_stored(&of_right).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_with_the_same_key_syncs_again() {
    let world = World::new();
    let all = [SEED, 1];
    let mut seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let mut first = Node::start(&world, Setup::of(1, &all).dial(&seed)).await;
    first.until_member().await;
    let chain = world.chain(1, 6, Tlp::Green);
    for envelope in &chain[..3] {
        first.publish(envelope).await;
    }
    seed.until_stored(&chain[..3]).await;
    // The process ends and comes back with the same keys and its store.
    let shelf = first.stop().await;
    let of_seed = world.chain(SEED, 4, Tlp::Green);
    for envelope in &of_seed {
        seed.publish(envelope).await;
    }
    let mut again = Node::start(&world, Setup::of(1, &all).dial(&seed).shelf(shelf)).await;
    again.until_stored(&of_seed).await;
    for envelope in &chain[3..] {
        again.publish(envelope).await;
    }
    seed.until_stored(&chain).await;
}

/// rust-libp2p 5097: while the old connection seems alive, gossipsub would not tell the new process its topics.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_beside_its_own_ghost_hears_gossip_again() {
    let world = World::new();
    let all = [SEED, 1];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let proxy = Proxy::before(&seed.address).await;
    let mut first = Node::start(
        &world,
        Setup::of(1, &all).unsynced().dial_address(proxy.address()),
    )
    .await;
    seed.until_subscribed(1).await;
    first.until_subscribed(1).await;
    proxy.freeze();
    first.stop().await;

    let mut again = Node::start(&world, Setup::of(1, &all).unsynced().dial(&seed)).await;
    again.until_subscribed(1).await;
    seed.until_subscribed(1).await;
    let of_again = world.chain(1, 3, Tlp::Green);
    for other in &of_again {
        again.publish(other).await;
    }
    seed.until_stored(&of_again).await;
    // The comparison that follows a subscription may be faster with some of them, not with one after the other.
    let mut last = None;
    for _ in 0..40 {
        let one = world.urgent(SEED, last.as_ref());
        seed.publish(&one).await;
        again.until_stored(std::slice::from_ref(&one)).await;
        last = Some(one);
        if again.mesh.counters().get("gossip_accepted") > 0 {
            return;
        }
    }
    panic!("forty envelopes came, none of them by gossip");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_refused_comes_again() {
    let world = World::new();
    let all = [SEED, 1];
    let mut seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let mut member = Node::start(&world, Setup::of(1, &all).dial(&seed).refuse(5)).await;
    member.until_subscribed(1).await;
    seed.until_subscribed(1).await;
    let chain = world.chain(SEED, 20, Tlp::Green);
    for envelope in &chain {
        seed.publish(envelope).await;
    }
    member.until_stored(&chain).await;
    assert!(member.mesh.counters().get("storing_refused") >= 5);
}

/// A store that is too slow has it, and the mesh does not know that. It is had again and passed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_took_too_long_for_comes_again_and_goes_on() {
    let world = World::new();
    let all = [SEED, 1, 2];
    let mut seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let mut slow = Node::start(&world, Setup::of(1, &all).dial(&seed).late(3)).await;
    slow.until_subscribed(1).await;
    seed.until_subscribed(1).await;
    let chain = world.chain(SEED, 5, Tlp::Green);
    for envelope in &chain {
        seed.publish(envelope).await;
    }
    let mut behind = Node::start(&world, Setup::of(2, &all).dial(&slow)).await;
    behind.until_stored(&chain).await;
    assert_eq!(slow.count("storing_refused"), 3);
}

/// An empty answer would say that nothing is there, and the comparison would end well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_store_cannot_read_is_declined_and_comes_later() {
    let world = World::new();
    let all = [SEED, 1, 2];
    let history = world.history(1, 20);
    let setup = Setup::of(SEED, &all).unread(2);
    for envelope in &history {
        put(&setup.shelf, envelope.clone());
    }
    let seed = Node::start(&world, setup).await;
    let mut late = Node::start(&world, Setup::of(2, &all).dial(&seed)).await;
    late.until_stored(&history).await;
    assert!(seed.count("sync_declined") >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_node_is_told_its_own_head() {
    let world = World::new();
    let all = [SEED, 1];
    let chain = world.chain(1, 8, Tlp::Green);
    let seed = Node::start(&world, Setup::of(SEED, &all)).await;
    for envelope in &chain {
        put(&seed.shelf, envelope.clone());
    }
    let shelf = seed.stop().await;
    let seed = Node::start(&world, Setup::of(SEED, &all).shelf(shelf)).await;
    // Its store is that of yesterday: three envelopes of its own eight.
    let old = Setup::of(1, &all).dial(&seed);
    for envelope in &chain[..3] {
        put(&old.shelf, envelope.clone());
    }
    let mut restored = Node::start(&world, old).await;
    let head = |seen| match seen {
        Seen::OwnHead(seq) => Some(seq),
        _ => None,
    };
    assert_eq!(restored.until("its own head", head).await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outsider_gets_clear_and_nothing_green() {
    let world = World::new();
    let all = [SEED, 1];
    let mut chain = world.chain(SEED, 3, Tlp::Green);
    chain.push(world.envelope(SEED, chain.last(), Tlp::Clear));
    let mut seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let mut outsider = Node::start(&world, Setup::of(OUTSIDER, &[OUTSIDER]).dial(&seed)).await;
    outsider.until_member().await;
    let placed = |seen| match seen {
        Seen::Connected(peer) => Some(peer),
        _ => None,
    };
    let peer = seed.until("the outsider", placed).await;
    assert!(!peer.standing.unwrap().is_admitted());
    // It proved its key all the same: it is the directory that does not admit it.
    assert_eq!(peer.publisher, Some(node_key(OUTSIDER).public().publisher_id()));
    for envelope in &chain {
        seed.publish(envelope).await;
    }
    outsider.until_stored(&chain[3..]).await;

    // A seed vouches: now the same connection carries the rest.
    let green: Vec<_> = chain
        .iter()
        .filter(|envelope| is_green(envelope))
        .cloned()
        .collect();
    assert!(
        outsider
            .shelf
            .lock()
            .unwrap()
            .values()
            .all(|envelope| !is_green(envelope))
    );
    seed.mesh
        .add_statement(world.vouch(SEED, OUTSIDER))
        .await
        .unwrap();
    outsider.until_stored(&green).await;
}
