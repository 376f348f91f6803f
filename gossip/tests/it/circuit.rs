//! Members that listen nowhere, called through seeds; and what strangers and greedy members get there.

use std::time::Duration;

use vigie_gossip::MeshConfig;
use vigie_gossip::core::directory::Standing;
use vigie_gossip::wire::Tlp;

use crate::node::{Node, Seen, Setup};
use crate::world::{OUTSIDER, SEED, World};

const ALL: [usize; 4] = [SEED, 1, 2, 3];

fn seed(config: &mut MeshConfig) {
    config.seed = true;
}

async fn start_seed(world: &World, who: usize) -> Node {
    Node::start(world, Setup::of(who, &ALL).tune(seed)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_members_that_listen_nowhere_gossip_and_sync_through_a_seed() {
    let world = World::new();
    // What the two say, the seed neither keeps nor passes on: whatever arrives came through the circuit.
    let deaf = Setup::of(SEED, &ALL).tune(seed).drops(1, 0);
    let relay = Node::start(&world, deaf).await;
    let mut called = Node::start(&world, Setup::of(2, &ALL).nowhere().dial(&relay)).await;
    let through = called.until_reserved(1).await;
    assert!(through[0].contains("/p2p-circuit/p2p/"), "{through:?}");

    let history = world.history(1, 3);
    let shelf = crate::node::Shelf::default();
    for envelope in &history {
        crate::node::put(&shelf, envelope.clone());
    }
    let calls = Setup::of(1, &ALL).nowhere().shelf(shelf);
    let mut caller = Node::start(&world, calls.dial(&relay).dial_address(through[0].clone())).await;
    called.until_stored(&history).await;
    caller.until_subscribed_by(called.mesh.peer_id()).await;
    let live = world.envelope(1, history.last(), Tlp::Green);
    caller.publish(&live).await;
    called.until_stored(std::slice::from_ref(&live)).await;

    let peer = called.mesh.peers().await.unwrap();
    let peer = peer.iter().find(|peer| peer.id == caller.mesh.peer_id()).unwrap();
    assert!(peer.address.contains("/p2p-circuit"), "{}", peer.address);
    assert_eq!(peer.standing, Some(Standing::Member));
    assert_eq!(relay.mesh.counters().get("circuits_carried"), 1);
    for end in [&caller, &called] {
        assert!(end.mesh.counters().get("circuit_bytes_sent") > 1_000);
        assert!(end.mesh.counters().get("circuit_bytes_received") > 1_000);
        assert!(!end.mesh.reached().await.unwrap().called);
    }
    assert!(
        !relay
            .shelf
            .lock()
            .unwrap()
            .values()
            .any(|held| held.header_hash() == live.header_hash())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_seeds_take_calls_and_another_takes_over_when_one_goes() {
    let world = World::with_seeds(3);
    let mut seeds = Vec::new();
    let mut member = Setup::of(3, &ALL).nowhere();
    for who in 0..3 {
        let seed = start_seed(&world, who).await;
        member = member.dial(&seed);
        seeds.push(seed);
    }
    let member = Node::start(&world, member).await;
    let first = member.until_reserved(2).await;
    assert_eq!(first.len(), 2);
    let goes = seeds
        .iter()
        .position(|seed| first.iter().any(|address| address.contains(seed.mesh.peer_id())))
        .unwrap();
    let gone = seeds.swap_remove(goes);
    let name = gone.mesh.peer_id().to_owned();
    gone.stop().await;
    let replaced = async |mesh: &vigie_gossip::Mesh| {
        let circuits = mesh.reached().await.unwrap().circuits;
        circuits.len() == 2 && !circuits.iter().any(|address| address.contains(&name))
    };
    member.until_true("the third seed", replaced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_called_reserves_nothing() {
    let world = World::new();
    let relay = start_seed(&world, SEED).await;
    let mut open = Node::start(&world, Setup::of(1, &ALL).dial(&relay)).await;
    open.until_reserved(1).await;
    let _caller = Node::start(&world, Setup::of(2, &ALL).nowhere().dial(&open)).await;
    open.until_member().await;
    let given_back = async |mesh: &vigie_gossip::Mesh| {
        let reached = mesh.reached().await.unwrap();
        reached.called && reached.circuits.is_empty()
    };
    open.until_true("the reservation to be given back", given_back)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_that_refuses_costs_that_path_and_nothing_else() {
    let world = World::new();
    let refuses = Setup::of(SEED, &ALL).tune(|config| {
        config.seed = true;
        config.reach.relay.reservations = 0;
    });
    let mut relay = Node::start(&world, refuses).await;
    let mut member = Node::start(&world, Setup::of(1, &ALL).nowhere().dial(&relay)).await;
    let lost = async |mesh: &vigie_gossip::Mesh| mesh.counters().get("reservations_lost") > 0;
    member.until_true("a refusal", lost).await;
    assert!(relay.mesh.counters().get("reservations_refused") > 0);
    member.until_subscribed(1).await;
    relay.until_subscribed(1).await;
    let chain = world.chain(1, 2, Tlp::Green);
    for envelope in &chain {
        member.publish(envelope).await;
    }
    relay.until_stored(&chain).await;
    let gone = async |mesh: &vigie_gossip::Mesh| mesh.peers().await.unwrap().is_empty();
    assert!(!gone(&member.mesh).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_member_neither_calls_through_a_seed_nor_is_called() {
    let world = World::new();
    let relay = start_seed(&world, SEED).await;
    let mut member = Node::start(&world, Setup::of(1, &ALL).nowhere().dial(&relay)).await;
    let through = member.until_reserved(1).await;
    // One asks to be called, with a certificate that nobody vouched for; one calls a member.
    let certified = [SEED, 1, OUTSIDER];
    let stranger = Setup::of(OUTSIDER, &certified).nowhere().dial(&relay);
    let stranger = Node::start(&world, stranger.dial_address(through[0].clone())).await;
    let refused = async |mesh: &vigie_gossip::Mesh| mesh.counters().get("circuits_refused") >= 2;
    relay.until_true("refusals", refused).await;
    assert_eq!(relay.mesh.counters().get("circuits_carried"), 0);
    assert_eq!(relay.mesh.counters().get("reservations_given"), 1);
    assert!(stranger.mesh.reached().await.unwrap().circuits.is_empty());
    let met = tokio::time::timeout(Duration::from_millis(200), async {
        let outsider = |seen| matches!(seen, Seen::Connected(peer) if peer.id == stranger.mesh.peer_id());
        member.until("nobody", |seen| outsider(seen).then_some(())).await;
    });
    assert!(met.await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circuit_that_has_carried_its_share_is_closed_and_made_anew_and_nothing_is_lost() {
    let world = World::new();
    let small = Setup::of(SEED, &ALL).drops(1, 0).tune(|config| {
        config.seed = true;
        config.reach.relay.circuit_bytes = 24 * 1_024;
    });
    let relay = Node::start(&world, small).await;
    let mut called = Node::start(&world, Setup::of(2, &ALL).nowhere().dial(&relay)).await;
    let through = called.until_reserved(1).await;
    let calls = Setup::of(1, &ALL).nowhere().dial(&relay);
    let caller = Node::start(&world, calls.dial_address(through[0].clone())).await;
    called.until_subscribed_by(caller.mesh.peer_id()).await;
    let chain = world.chain(1, 50, Tlp::Green);
    for envelope in &chain {
        caller.publish(envelope).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    called.until_stored(&chain).await;
    let again = async |mesh: &vigie_gossip::Mesh| mesh.counters().get("circuits_carried") >= 2;
    relay.until_true("a second circuit", again).await;
    let next = world.envelope(1, chain.last(), Tlp::Green);
    caller.publish(&next).await;
    called.until_stored(&[next]).await;
}
