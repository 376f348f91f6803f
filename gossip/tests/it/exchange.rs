//! Addresses handed from member to member: who learns what, and what a record can make others do.

use tokio::net::TcpListener;
use vigie_gossip::{Mesh, MeshConfig};

use crate::node::{Node, Setup};
use crate::world::{OUTSIDER, SEED, World, node_key};

const ALL: [usize; 5] = [SEED, 1, 2, 3, 4];

fn private(config: &mut MeshConfig) {
    config.reach.private = true;
}

fn seed(config: &mut MeshConfig) {
    private(config);
    config.seed = true;
}

async fn is_connected(mesh: &Mesh, to: &Mesh) -> bool {
    let peers = mesh.peers().await.unwrap();
    peers.iter().any(|peer| peer.id == to.peer_id())
}

/// What it holds of a node: how many addresses.
async fn known(mesh: &Mesh, who: usize) -> Option<usize> {
    let publisher = node_key(who).public().publisher_id();
    let records = mesh.addresses().await.unwrap();
    let record = records
        .into_iter()
        .find(|record| record.publisher() == publisher)?;
    Some(record.addresses.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_know_one_seed_find_each_other_directly_and_through_it() {
    let world = World::new();
    let relay = Node::start(&world, Setup::of(SEED, &ALL).tune(seed)).await;
    let open = Node::start(&world, Setup::of(1, &ALL).dial(&relay).tune(private)).await;
    let hidden = Node::start(&world, Setup::of(2, &ALL).nowhere().dial(&relay).tune(private)).await;
    hidden
        .until_true("the open one", async |mesh| is_connected(mesh, &open.mesh).await)
        .await;
    hidden.until_reserved(1).await;
    let third = Node::start(&world, Setup::of(3, &ALL).nowhere().dial(&relay).tune(private)).await;
    third
        .until_true("the open one", async |mesh| is_connected(mesh, &open.mesh).await)
        .await;
    third
        .until_true("the hidden one", async |mesh| {
            is_connected(mesh, &hidden.mesh).await
        })
        .await;
    let peers = third.mesh.peers().await.unwrap();
    let through = peers
        .iter()
        .find(|peer| peer.id == hidden.mesh.peer_id())
        .unwrap();
    assert!(through.address.contains("/p2p-circuit"), "{}", through.address);
    let open_one = peers.iter().find(|peer| peer.id == open.mesh.peer_id()).unwrap();
    assert!(!open_one.address.contains("/p2p-circuit"), "{}", open_one.address);
    // Once somebody called it, the open one says so, and needs no seed.
    open.until_true("its call", async |mesh| mesh.reached().await.unwrap().called)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_addresses_are_neither_told_nor_dialled() {
    let world = World::new();
    let relay = Node::start(&world, Setup::of(SEED, &ALL).tune(|config| config.seed = true)).await;
    // One that tells them all the same.
    let tells = Node::start(&world, Setup::of(1, &ALL).dial(&relay).tune(private)).await;
    let quiet = Node::start(&world, Setup::of(2, &ALL).dial(&relay)).await;
    quiet
        .until_true("records", async |mesh| known(mesh, 1).await == Some(1))
        .await;
    tells
        .until_true("records", async |mesh| known(mesh, 2).await == Some(0))
        .await;
    assert_eq!(known(&quiet.mesh, SEED).await, Some(0));
    assert!(!is_connected(&quiet.mesh, &tells.mesh).await);
    assert_eq!(quiet.mesh.counters().get("hints_dialled"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_admitted_is_told_nothing_and_told_of_to_nobody() {
    let world = World::new();
    let relay = Node::start(&world, Setup::of(SEED, &ALL).tune(seed)).await;
    let member = Node::start(&world, Setup::of(1, &ALL).dial(&relay).tune(private)).await;
    relay
        .until_true("the member's record", async |mesh| known(mesh, 1).await.is_some())
        .await;
    let certified = [SEED, 1, OUTSIDER];
    let outsider = Setup::of(OUTSIDER, &certified).dial(&relay).tune(private);
    let outsider = Node::start(&world, outsider).await;
    relay
        .until_true("a refusal", async |mesh| {
            mesh.counters().get("exchange_refused") > 0
        })
        .await;
    assert_eq!(known(&outsider.mesh, 1).await, None);
    assert_eq!(known(&relay.mesh, OUTSIDER).await, None);
    assert_eq!(known(&member.mesh, OUTSIDER).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_of_somebody_else_is_called_once_and_then_left_alone() {
    let world = World::new();
    let relay = Node::start(&world, Setup::of(SEED, &ALL).tune(seed)).await;
    // Says that its node is where a stranger's service is.
    let liar = Setup::of(1, &ALL).nowhere().dial(&relay).tune(|config| {
        private(config);
        config.reach.reserve = false;
        config.reach.announce = vec!["/ip4/127.0.0.1/tcp/18473".to_owned()];
    });
    let victim = TcpListener::bind("127.0.0.1:18473").await.unwrap();
    let _liar = Node::start(&world, liar).await;
    relay
        .until_true("the record", async |mesh| known(mesh, 1).await == Some(1))
        .await;
    let member = Node::start(&world, Setup::of(2, &ALL).nowhere().dial(&relay).tune(private)).await;
    let (call, _) = victim.accept().await.unwrap();
    drop(call);
    let failed = async |mesh: &Mesh| mesh.counters().get("dials_failed") > 0;
    member.until_true("the end of it", failed).await;
    // Rounds enough to be told of it again and again.
    let asked =
        async |mesh: &Mesh| mesh.counters().get("sync_failed") == 0 && known(mesh, SEED).await.is_some();
    member.until_true("another round", asked).await;
    assert_eq!(member.mesh.counters().get("hints_dialled"), 1);
}
