//! Heads, and what they tell a node that is kept from hearing others.

use std::collections::BTreeSet;
use std::time::Duration;

use vigie_gossip::Trusted;
use vigie_gossip::core::chain::Watermark;
use vigie_gossip::wire::{OrgId, Timestamp, Tlp};

use crate::node::{Node, Setup};
use crate::proxy::Proxy;
use crate::world::{SEED, World, now, org_key};

const HONEST: usize = 1;
const VICTIM: usize = 2;
const MINUTE: Duration = Duration::from_mins(1);

impl Node {
    /// What it hears of these organisations.
    async fn hears(&self, whom: &[usize]) -> Watermark {
        let org = |who: &usize| org_key(*who).public().org_id();
        let voices = whom.iter().map(|who| (org(who), org(who))).collect();
        let trusted = Trusted {
            voices,
            ..Trusted::default()
        };
        self.mesh.watermark(trusted).await.unwrap()
    }

    /// Waits until what it hears of HONEST is so.
    async fn hears_until(&self, so: impl Fn(&Watermark) -> bool) -> Watermark {
        let heard = async {
            loop {
                let mark = self.hears(&[HONEST]).await;
                if so(&mark) {
                    return mark;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(40), heard).await;
        heard.expect("waited in vain for what it hears")
    }

    /// Waits until what it hears of them ends there; `None`: until nothing is amiss.
    async fn until_heard(&self, whom: &[usize], end: Option<Timestamp>) {
        let heard = async {
            loop {
                let mark = self.hears(whom).await;
                let ends_there = match end {
                    Some(end) => mark.until == Some(end) && mark.lacking > 0,
                    None => mark.until.is_some() && mark.lacking == 0,
                };
                if ends_there {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(40), heard)
            .await
            .unwrap_or_else(|_| panic!("waited to hear until {end:?}"));
    }
}

/// The victim's only neighbour passes on heads and holds back what they name: of what it does not hear it knows at
/// least that it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_surrounded_node_knows_that_it_does_not_hear_all() {
    let world = World::new();
    let all = [SEED, HONEST, VICTIM];
    let dropper = Node::start(&world, Setup::of(SEED, &all).drops(HONEST, 1)).await;
    let mut honest = Node::start(&world, Setup::of(HONEST, &all).dial(&dropper)).await;
    let mut victim = Node::start(&world, Setup::of(VICTIM, &all).dial(&dropper)).await;
    honest.until_subscribed(1).await;
    victim.until_subscribed(1).await;
    assert_eq!(victim.hears(&[HONEST]).await.voices, 0, "it never spoke");

    let first = world.envelope_at(HONEST, None, Tlp::Green, now() - 30 * MINUTE);
    let second = world.envelope_at(HONEST, Some(&first), Tlp::Green, now() - 20 * MINUTE);
    let third = world.envelope_at(HONEST, Some(&second), Tlp::Green, now() - 10 * MINUTE);
    for envelope in [&first, &second, &third] {
        honest.publish(envelope).await;
    }
    victim.until_stored(std::slice::from_ref(&first)).await;
    honest
        .mesh
        .publish(world.head(HONEST, &third, now() - 2 * MINUTE))
        .await
        .unwrap();
    let end = first.header().time_base;
    victim.until_heard(&[HONEST], Some(end)).await;
    // However often it compares with such a neighbour.
    tokio::time::sleep(Duration::from_secs(2)).await;
    victim.until_heard(&[HONEST], Some(end)).await;
    assert_eq!(
        victim.hears(&[VICTIM]).await.voices,
        0,
        "who is not trusted does not count"
    );

    victim.mesh.dial(honest.address.clone()).await.unwrap();
    victim.until_heard(&[HONEST], None).await;
    victim.until_stored(&[first, second, third]).await;
}

/// Its only neighbour holds back whole chains and their heads as well, so there is no hole: but it is no anchor and no seed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_meets_no_guide_any_more_knows_that_he_may_be_surrounded() {
    let world = World::new();
    let all = [SEED, HONEST, VICTIM];
    let neighbour = Node::start(&world, Setup::of(HONEST, &all)).await;
    let seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let mut victim = Node::start(&world, Setup::of(VICTIM, &all).dial(&neighbour).dial(&seed)).await;
    victim.until_subscribed(2).await;
    let first = world.envelope_at(HONEST, None, Tlp::Green, now() - Duration::from_secs(30));
    neighbour.publish(&first).await;
    victim.until_stored(std::slice::from_ref(&first)).await;
    victim.until_heard(&[HONEST], None).await;
    victim.hears_until(|mark| mark.guides_met.is_some()).await;

    let before = now();
    let shelf = seed.stop().await;
    let late = victim.hears_until(|mark| mark.guides_late).await;
    assert_eq!((late.until, late.lacking), (late.guides_met, 0));
    assert!(
        late.until <= Some(before + Duration::from_secs(1)),
        "{late:?} {before:?}"
    );

    let again = Node::start(&world, Setup::of(SEED, &all).shelf(shelf)).await;
    victim.mesh.dial(again.address.clone()).await.unwrap();
    victim.hears_until(|mark| !mark.guides_late).await;
}

/// rust-libp2p 5097 again: a process that comes back beside its own ghost is heard, and not only what it says on connecting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_heard_after_a_restart_beside_the_own_ghost() {
    let world = World::new();
    let all = [SEED, HONEST];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let proxy = Proxy::before(&seed.address).await;
    let setup = Setup::of(HONEST, &all).unsynced();
    let mut before = Node::start(&world, setup.dial_address(proxy.address())).await;
    before.until_subscribed(1).await;
    seed.until_subscribed(1).await;
    let first = world.envelope_at(HONEST, None, Tlp::Green, now() - 30 * MINUTE);
    before.publish(&first).await;
    seed.until_stored(std::slice::from_ref(&first)).await;
    seed.until_heard(&[HONEST], Some(first.header().time_base)).await;
    let farewell = world.head(HONEST, &first, now() - 5 * MINUTE);
    before.mesh.publish(farewell).await.unwrap();
    seed.until_heard(&[HONEST], None).await;
    proxy.freeze();
    let shelf = before.stop().await;

    let setup = Setup::of(HONEST, &all).unsynced().shelf(shelf);
    let mut again = Node::start(&world, setup.dial(&seed)).await;
    again.until_subscribed(1).await;
    seed.until_subscribed(1).await;
    // A head of something that is not told yet: only by it can the seed know.
    let second = world.envelope_at(HONEST, Some(&first), Tlp::Green, now() - 4 * MINUTE);
    let head = world.head(HONEST, &second, now() - 2 * MINUTE);
    again.mesh.publish(head).await.unwrap();
    seed.until_heard(&[HONEST], Some(first.header().time_base)).await;
    again.publish(&second).await;
    seed.until_heard(&[HONEST], None).await;
}

/// Rounds are an hour apart, and gossip said it while the store took nothing: only asking for cause brings it.
async fn check_asks(whom: usize, anchors: BTreeSet<OrgId>) {
    let world = World::new();
    let all = [SEED, HONEST, VICTIM];
    let mut other = Node::start(&world, Setup::of(whom, &all)).await;
    let setup = Setup::of(VICTIM, &all).unsynced().refuse(1);
    let mut victim = Node::start(&world, setup.dial(&other)).await;
    other.until_subscribed(1).await;
    victim.until_subscribed(1).await;
    // The comparison on connecting is over by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let first = world.envelope_at(whom, None, Tlp::Green, now() - 30 * MINUTE);
    let second = world.envelope_at(whom, Some(&first), Tlp::Green, now() - 2 * MINUTE);
    for envelope in [&first, &second] {
        other.publish(envelope).await;
    }
    victim.until_stored(std::slice::from_ref(&second)).await;
    assert!(!victim.shelf.lock().unwrap().values().any(|held| *held == first));
    let org = org_key(whom).public().org_id();
    let voices = [(org, org)].into();
    let trusted = Trusted { voices, anchors };
    // What it stored it holds a moment later; the first question that finds something lacking asks.
    let lacks = async {
        while victim.mesh.watermark(trusted.clone()).await.unwrap().lacking == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), lacks)
        .await
        .unwrap();
    victim.until_stored(&[first, second]).await;
    victim.until_heard(&[whom], None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_behind_asks_a_seed_at_once() {
    check_asks(SEED, BTreeSet::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_behind_asks_an_anchor_at_once() {
    check_asks(HONEST, [org_key(HONEST).public().org_id()].into()).await;
}
