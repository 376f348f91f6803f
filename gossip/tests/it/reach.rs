//! Ways to a node: several addresses at once, over IPv4 and IPv6, by TCP and QUIC.

use crate::node::{Node, Setup};
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
