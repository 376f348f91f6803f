//! Ways to a node: several addresses at once, over IPv4 and IPv6, by TCP and QUIC.

use tokio::net::UdpSocket;

use crate::node::{Node, Seen, Setup};
use crate::proxy::Proxy;
use crate::world::{SEED, World};

const EVERYWHERE: &str =
    "/ip4/127.0.0.1/tcp/0,/ip4/127.0.0.1/udp/0/quic-v1,/ip6/::1/tcp/0,/ip6/::1/udp/0/quic-v1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_called_at_each_of_its_addresses() {
    let world = World::new();
    let all = [SEED, 1, 2, 3, 4];
    let open = Node::start(&world, Setup::of(SEED, &all).listen(EVERYWHERE)).await;
    assert_eq!(open.addresses.len(), 4);
    for (who, address) in (1..).zip(&open.addresses) {
        let caller = Setup::of(who, &all).nowhere().dial_address(address.clone());
        let mut caller = Node::start(&world, caller).await;
        let peer = caller.until_member().await;
        assert!(
            address.starts_with(&peer.address),
            "{} at {address}",
            peer.address
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_udp_is_dropped_tcp_answers_and_is_tried_first_from_then_on() {
    let world = World::new();
    let all = [SEED, 1];
    let seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let proxy = Proxy::before(&seed.address).await;
    // Takes every packet and answers none.
    let hole = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let packets = || std::iter::from_fn(|| hole.try_recv(&mut [0; 2_048]).ok()).count();
    let peer = seed.mesh.peer_id();
    let quic = format!(
        "/ip4/127.0.0.1/udp/{}/quic-v1/p2p/{peer}",
        hole.local_addr().unwrap().port()
    );
    let tcp = format!("{}/p2p/{peer}", proxy.address());
    let caller = Setup::of(1, &all)
        .nowhere()
        .dial_address(quic)
        .dial_address(tcp.clone());
    let mut caller = Node::start(&world, caller).await;
    assert_eq!(caller.until_member().await.address, tcp);
    // Their count is known to the runtime only once it looked.
    hole.readable().await.unwrap();
    assert!(packets() > 0);
    proxy.cut();
    caller
        .until("the cut", |seen| matches!(seen, Seen::Disconnected).then_some(()))
        .await;
    assert_eq!(packets(), 0);
    proxy.heal();
    caller.until_member().await;
    assert_eq!(packets(), 0, "what answered last comes first");
}
