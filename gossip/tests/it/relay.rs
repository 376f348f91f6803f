//! Bundles between neighbours: what travels that way, and what a neighbour can do who keeps to nothing.

use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::request_response::{self, Codec, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, identity, noise, tcp, yamux};
use tokio::sync::{Mutex, mpsc};
use vigie_gossip::hello::{Hello, Proof};
use vigie_gossip::topic::{hello_protocol, relay_protocol};
use vigie_gossip::wire::relay::{Ground, Packed, Parcel};
use vigie_gossip::wire::{Envelope, HeaderHash, NetworkId, PublisherId, Statement, Tlp};

use crate::attack::{Liar, Raw};
use crate::node::{Node, Seen, Setup, transport_seed};
use crate::world::{SEED, World, node_key, now};

const HOSTILE: usize = 3;

/// The relay's streams as a request without end: what is to be written comes by a channel, what is read goes to one.
#[derive(Clone)]
struct Frames {
    write: Arc<Mutex<mpsc::Receiver<Vec<u8>>>>,
    read: mpsc::Sender<Vec<u8>>,
    reads: bool,
}

impl Codec for Frames {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> std::io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        if !self.reads {
            return std::future::pending().await;
        }
        loop {
            let mut length = [0; 4];
            io.read_exact(&mut length).await?;
            let mut frame = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap()];
            io.read_exact(&mut frame).await?;
            self.read.send(frame).await.unwrap();
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> std::io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        std::future::pending().await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, (): ()) -> std::io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        while let Some(bytes) = self.write.lock().await.recv().await {
            io.write_all(&bytes).await?;
            io.flush().await?;
        }
        Ok(())
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> std::io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Ok(())
    }
}

#[derive(NetworkBehaviour)]
struct Both {
    hello: request_response::Behaviour<Raw>,
    relay: request_response::Behaviour<Frames>,
}

/// A member who says hello and opens a stream, and then writes what the test likes.
struct Hostile {
    swarm: Swarm<Both>,
    write: mpsc::Sender<Vec<u8>>,
    heard: mpsc::Receiver<Vec<u8>>,
}

impl Hostile {
    async fn connect(world: &World, node: &Node, reads: bool) -> Self {
        let (write, written) = mpsc::channel(4);
        let (read, heard) = mpsc::channel(10_000);
        let codec = Frames {
            write: Arc::new(Mutex::new(written)),
            read,
            reads,
        };
        let patient = request_response::Config::default().with_request_timeout(Duration::from_hours(1));
        let hello = [(hello_protocol(world.network), ProtocolSupport::Full)];
        let relay = [(relay_protocol(world.network), ProtocolSupport::Full)];
        let both = Both {
            hello: request_response::Behaviour::new(hello, request_response::Config::default()),
            relay: request_response::Behaviour::with_codec(codec, relay, patient),
        };
        let keypair = identity::Keypair::ed25519_from_bytes(&mut transport_seed(HOSTILE)).unwrap();
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| both)
            .unwrap()
            .build();
        swarm.dial(node.address.parse::<Multiaddr>().unwrap()).unwrap();
        let mut hostile = Self { swarm, write, heard };
        let peer = hostile.say_hello(world).await;
        hostile.swarm.behaviour_mut().relay.send_request(&peer, ());
        hostile.while_running(node.until_neighbours(1)).await;
        hostile
    }

    async fn say_hello(&mut self, world: &World) -> PeerId {
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                    let Statement::NodeCertificate(certificate) = world.certificate(HOSTILE) else {
                        unreachable!()
                    };
                    let own = *self.swarm.local_peer_id();
                    let hello = Hello {
                        clock: now(),
                        incarnation: 1,
                        proof: Some(Proof::sign(certificate, &node_key(HOSTILE), own, peer_id)),
                    };
                    let hellos = &mut self.swarm.behaviour_mut().hello;
                    hellos.send_request(&peer_id, hello.encode());
                }
                SwarmEvent::Behaviour(BothEvent::Hello(request_response::Event::Message {
                    peer, ..
                })) => {
                    return peer;
                }
                _ => {}
            }
        }
    }

    async fn while_running<T>(&mut self, other: impl Future<Output = T>) -> T {
        tokio::pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return done,
                _ = self.swarm.select_next_some() => {}
            }
        }
    }

    async fn write(&mut self, bytes: Vec<u8>) {
        let write = self.write.clone();
        self.while_running(async { write.send(bytes).await.unwrap() })
            .await;
    }
}

fn framed(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes].concat()
}

/// A neighbour who can restore nothing: to him everything travels with all its parts.
struct Nothing(NetworkId);

impl Ground for Nothing {
    fn network(&self) -> NetworkId {
        self.0
    }

    fn publisher(&self, _: [u8; 4]) -> Option<PublisherId> {
        None
    }

    fn hash_at(&self, _: PublisherId, _: u32, _: u64) -> Option<HeaderHash> {
        None
    }
}

fn parcel(world: &World, envelopes: &[Envelope]) -> Vec<u8> {
    let pack = |envelope: &Envelope| {
        let bytes = envelope.encode().into();
        Arc::new(Packed::of(envelope, &bytes, &Nothing(world.network)))
    };
    Parcel {
        envelopes: envelopes.iter().map(pack).collect(),
        ..Parcel::default()
    }
    .encode()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envelopes_travel_in_bundles_and_arrive_once() {
    let world = World::new();
    let all = [SEED, 1, 2, 3];
    let first = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let second = Node::start(&world, Setup::of(1, &all).unsynced().dial(&first)).await;
    let third = Setup::of(2, &all).unsynced().dial(&first).dial(&second);
    let mut third = Node::start(&world, third).await;
    let mut last = Node::start(&world, Setup::of(3, &all).unsynced().dial(&third)).await;
    for (node, neighbours) in [(&first, 2), (&second, 2), (&third, 3), (&last, 1)] {
        node.until_neighbours(neighbours).await;
    }
    // Whoever dials compares at once: what is said after that cannot come that way.
    for (node, called) in [(&first, 2), (&second, 1), (&third, 1)] {
        node.until_counted("sync_served", called).await;
    }
    let chain = world.chain(1, 200, Tlp::Green);
    for envelope in &chain {
        second.publish(envelope).await;
    }
    last.until_stored(&chain).await;
    third.until_stored(&chain).await;
    for node in [&first, &third, &last] {
        node.until_counted("relay_admitted", 200).await;
        assert_eq!(node.count("relay_admitted"), 200);
        assert_eq!(node.count("gossip_accepted") + node.count("gossip_ignored"), 0);
        assert_eq!((node.count("sync_admitted"), node.count("relay_dropped")), (0, 0));
    }
    // Whoever has only one neighbour gets everything once.
    assert_eq!(last.count("relay_duplicates"), 0);
    assert!(last.count("relay_frames_heard") < 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_urgent_is_gossiped() {
    let world = World::new();
    let all = [SEED, 1];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let mut member = Node::start(&world, Setup::of(1, &all).unsynced().dial(&seed)).await;
    member.until_neighbours(1).await;
    member.until_subscribed(1).await;
    let urgent = world.urgent(1, None);
    member.publish(&urgent).await;
    seed.until_stored(&[urgent]).await;
    seed.until_counted("gossip_accepted", 1).await;
    assert_eq!(
        (seed.count("relay_admitted"), member.count("relay_frames_sent")),
        (0, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_speak_the_protocol_hears_and_is_heard_by_gossip() {
    let world = World::new();
    let all = [SEED, 1, HOSTILE];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let mut member = Node::start(&world, Setup::of(1, &all).unsynced().dial(&seed)).await;
    let mut older = Liar::connect(&world, HOSTILE, &seed).await;
    older.while_running(member.until_neighbours(1)).await;
    older.while_running(seed.until_subscribed(2)).await;

    let chain = world.chain(1, 20, Tlp::Green);
    for envelope in &chain {
        member.publish(envelope).await;
    }
    older.while_running(seed.until_stored(&chain)).await;
    older.until_heard(chain.len()).await;
    let of_older = world.chain(HOSTILE, 3, Tlp::Green);
    let topic = older.topics.sightings.clone();
    for envelope in &of_older {
        older.publish(&topic, envelope.encode());
    }
    older.while_running(member.until_stored(&of_older)).await;
    assert_eq!(
        (seed.count("relay_admitted"), member.count("gossip_accepted")),
        (20, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_neighbour_who_comes_back_is_one_again() {
    let world = World::new();
    let all = [SEED, 1];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let chain = world.chain(1, 9, Tlp::Green);
    let mut shelf = crate::node::Shelf::default();
    for (round, part) in (0_u64..).zip(chain.chunks(3)) {
        let member = Setup::of(1, &all).unsynced().dial(&seed).shelf(shelf);
        let member = Node::start(&world, member).await;
        member.until_neighbours(1).await;
        for envelope in part {
            member.publish(envelope).await;
        }
        seed.until_stored(part).await;
        seed.until_counted("relay_admitted", 3 * (round + 1)).await;
        shelf = member.stop().await;
        seed.until_neighbours(0).await;
    }
}

async fn costs_the_connection(what: &str, bytes: Vec<u8>) {
    let world = World::new();
    let all = [SEED, 1, HOSTILE];
    let mut seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let mut hostile = Hostile::connect(&world, &seed, true).await;
    let member = Node::start(&world, Setup::of(1, &all).dial(&seed)).await;
    hostile.while_running(seed.until_neighbours(2)).await;
    hostile.write(bytes).await;
    hostile.while_running(seed.until_counted("peers_banned", 1)).await;
    hostile.while_running(seed.until_neighbours(1)).await;
    let chain = world.chain(1, 3, Tlp::Green);
    for envelope in &chain {
        member.publish(envelope).await;
    }
    seed.until_stored(&chain).await;
    assert_eq!(seed.shelf.lock().unwrap().len(), 3, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_stream_costs_the_connection() {
    costs_the_connection("a frame over its limit", vec![0xff; 4]).await;
    costs_the_connection("an empty frame", vec![0; 4]).await;
    costs_the_connection("no parcel", framed(&[65; 300])).await;
    let world = World::new();
    let chain = world.chain(HOSTILE, 6, Tlp::Green);
    let mut forged = parcel(&world, &chain);
    for envelope in &chain {
        let signature = envelope.signature().as_bytes();
        let at = forged.windows(64).position(|window| window == signature);
        forged[at.unwrap() + 3] ^= 1;
    }
    costs_the_connection("forged signatures", framed(&forged)).await;
}

/// Whoever writes another's name into a copy of what is held does not keep the other out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgery_of_what_is_held_keeps_nothing_out() {
    let world = World::new();
    let all = [SEED, 1, HOSTILE];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let mut hostile = Hostile::connect(&world, &seed, true).await;
    let member = Node::start(&world, Setup::of(1, &all).unsynced().dial(&seed)).await;
    hostile.while_running(seed.until_neighbours(2)).await;
    // Nobody is asked afterwards: whoever publishes must know its neighbour.
    hostile.while_running(member.until_neighbours(1)).await;
    let chain = world.chain(1, 2, Tlp::Green);
    member.publish(&chain[0]).await;
    hostile.while_running(seed.until_stored(&chain[..1])).await;
    let mut forged = parcel(&world, &chain[..1]);
    let [held, next] = [0, 1].map(|nth: usize| chain[nth].signature().as_bytes());
    let at = forged.windows(64).position(|window| window == held).unwrap();
    forged[at + 32..at + 40].copy_from_slice(&next[32..40]);
    let before = seed.count("relay_duplicates");
    hostile.write(framed(&forged)).await;
    hostile
        .while_running(seed.until_counted("relay_duplicates", before + 1))
        .await;
    member.publish(&chain[1]).await;
    hostile.while_running(seed.until_stored(&chain[1..])).await;
    seed.until_counted("relay_admitted", 2).await;
}

/// One who knows a publisher, and leaves out what follows from that.
struct Knowing(NetworkId, PublisherId);

impl Ground for Knowing {
    fn network(&self) -> NetworkId {
        self.0
    }

    fn publisher(&self, _: [u8; 4]) -> Option<PublisherId> {
        Some(self.1)
    }

    fn hash_at(&self, _: PublisherId, _: u32, _: u64) -> Option<HeaderHash> {
        None
    }
}

/// A short name may be taken for another's, so nobody is blamed for a signature that does not hold; but not without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_many_that_do_not_verify_is_no_neighbour_for_a_while() {
    let world = World::new();
    let all = [SEED, HOSTILE];
    let seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let mut hostile = Hostile::connect(&world, &seed, true).await;
    let chain = world.chain(HOSTILE, 90, Tlp::Green);
    let ground = Knowing(world.network, chain[0].header().publisher);
    let pack = |envelope: &Envelope| {
        let packed = Packed::of(envelope, &envelope.encode().into(), &ground);
        assert!(packed.borrows());
        Arc::new(packed)
    };
    let mut forged = Parcel {
        envelopes: chain.iter().map(pack).collect(),
        ..Parcel::default()
    }
    .encode();
    for envelope in &chain {
        let signature = envelope.signature().as_bytes();
        let at = forged.windows(64).position(|window| window == signature);
        forged[at.unwrap() + 3] ^= 1;
    }
    hostile.write(framed(&forged)).await;
    hostile.while_running(seed.until_neighbours(0)).await;
    hostile
        .while_running(seed.until_counted("relay_unrestored", 64))
        .await;
    let asked = seed.count("relay_unrestored");
    assert!((64..=70).contains(&asked), "{asked}");
    assert_eq!(seed.count("peers_banned"), 0);
}

/// Frames without end, each good: they are read at their pace, and others are heard meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_waits_for_itself() {
    let world = World::new();
    let all = [SEED, 1, HOSTILE];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let mut hostile = Hostile::connect(&world, &seed, true).await;
    let member = Node::start(&world, Setup::of(1, &all).unsynced().dial(&seed)).await;
    hostile.while_running(seed.until_neighbours(2)).await;
    hostile.while_running(member.until_neighbours(1)).await;
    let frame = framed(&parcel(&world, &world.chain(HOSTILE, 1, Tlp::Green)));
    let write = hostile.write.clone();
    let flood = async move {
        loop {
            write.send(frame.repeat(50)).await.unwrap();
        }
    };
    let chain = world.chain(1, 100, Tlp::Green);
    let begun = tokio::time::Instant::now();
    let heard = async {
        seed.until_counted("relay_frames_heard", 1_500).await;
        for envelope in &chain {
            member.publish(envelope).await;
        }
        seed.until_stored(&chain).await;
    };
    tokio::select! {
        () = flood => unreachable!(),
        () = hostile.while_running(heard) => {}
    }
    let allowed = 1_024.0 + 512.0 * begun.elapsed().as_secs_f64() + 200.0;
    let frames = u32::try_from(seed.count("relay_frames_heard")).unwrap();
    assert!(f64::from(frames) <= allowed, "{frames} of {allowed}");
    assert_eq!(seed.count("peers_banned"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_never_reads_is_given_up_and_costs_the_others_nothing() {
    let world = World::new();
    let all = [SEED, 1, HOSTILE];
    let mut seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let mut hostile = Hostile::connect(&world, &seed, false).await;
    let mut member = Node::start(&world, Setup::of(1, &all).dial(&seed)).await;
    hostile.while_running(seed.until_neighbours(2)).await;
    let chain = world.chain(SEED, 4_000, Tlp::Green);
    let publish = async {
        for envelope in &chain {
            seed.publish(envelope).await;
        }
        member.until_count(chain.len()).await;
    };
    hostile.while_running(publish).await;
    hostile
        .while_running(seed.until_counted("relay_stalled", 1))
        .await;
    assert!(hostile.heard.try_recv().is_err());
    let gone = |seen| matches!(seen, Seen::Disconnected).then_some(());
    drop(hostile);
    seed.until("the hostile one to go", gone).await;
}
