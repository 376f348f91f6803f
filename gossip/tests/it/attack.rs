//! A member that lies on the topic: its own libp2p swarm, which says hello like everybody else and then does not
//! keep to anything.

use std::time::Duration;

use futures::StreamExt;
use libp2p::gossipsub::{self, IdentTopic, MessageAuthenticity, ValidationMode};
use libp2p::request_response::{self, Codec, ProtocolSupport};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, StreamProtocol, Swarm, SwarmBuilder, identity, noise, tcp, yamux};
use vigie_gossip::core::Conduct;
use vigie_gossip::hello::{Hello, Proof};
use vigie_gossip::topic::{Topics, hello_protocol};
use vigie_gossip::wire::{Bundle, Draft, EquivocationProof, HeaderHash, Payload, Statement, Tlp};

use crate::node::{Node, Seen, Setup, put, transport_seed};
use crate::world::{OUTSIDER, SEED, World, node_key, now};

const LIAR: usize = 3;

#[derive(Clone, Default)]
pub(crate) struct Raw;

impl Codec for Raw {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> std::io::Result<Vec<u8>>
    where
        T: futures::AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> std::io::Result<Vec<u8>>
    where
        T: futures::AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> std::io::Result<()>
    where
        T: futures::AsyncWrite + Unpin + Send,
    {
        futures::AsyncWriteExt::write_all(io, &bytes).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> std::io::Result<()>
    where
        T: futures::AsyncWrite + Unpin + Send,
    {
        futures::AsyncWriteExt::write_all(io, &bytes).await
    }
}

async fn read<T: futures::AsyncRead + Unpin + Send>(io: &mut T) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    futures::AsyncReadExt::read_to_end(io, &mut bytes).await?;
    Ok(bytes)
}

#[derive(NetworkBehaviour)]
pub(crate) struct Lies {
    gossip: gossipsub::Behaviour,
    hello: request_response::Behaviour<Raw>,
}

pub(crate) struct Liar {
    swarm: Swarm<Lies>,
    pub(crate) topics: Topics,
    pub(crate) heard: Vec<Vec<u8>>,
}

impl Liar {
    /// Connects, says hello as `who`, and returns once the other side has subscribed and answered.
    pub(crate) async fn connect(world: &World, who: usize, node: &Node) -> Self {
        let topics = Topics::of(world.network);
        let mut seed = transport_seed(who);
        let keypair = identity::Keypair::ed25519_from_bytes(&mut seed).unwrap();
        let config = gossipsub::ConfigBuilder::default()
            .validation_mode(ValidationMode::Anonymous)
            .heartbeat_interval(Duration::from_millis(200))
            .message_id_fn(|message| gossipsub::MessageId(message.data.clone()))
            .build()
            .unwrap();
        let mut gossip = gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config).unwrap();
        for topic in topics.all() {
            gossip.subscribe(topic).unwrap();
        }
        let protocol = [(hello_protocol(world.network), ProtocolSupport::Full)];
        let hello = request_response::Behaviour::new(protocol, request_response::Config::default());
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| Lies { gossip, hello })
            .unwrap()
            .build();
        swarm.dial(node.address.parse::<Multiaddr>().unwrap()).unwrap();
        let mut liar = Self {
            swarm,
            topics,
            heard: Vec::new(),
        };
        liar.say_hello(world, who).await;
        liar
    }

    async fn say_hello(&mut self, world: &World, who: usize) {
        let (mut subscribed, mut answered) = (false, false);
        while !(subscribed && answered) {
            match self.swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                    let Statement::NodeCertificate(certificate) = world.certificate(who) else {
                        unreachable!()
                    };
                    let own = *self.swarm.local_peer_id();
                    let proof = Proof::sign(certificate, &node_key(who), own, peer_id);
                    let hello = Hello {
                        clock: now(),
                        incarnation: 1,
                        proof: Some(proof),
                    };
                    self.swarm
                        .behaviour_mut()
                        .hello
                        .send_request(&peer_id, hello.encode());
                }
                SwarmEvent::Behaviour(LiesEvent::Gossip(gossipsub::Event::Subscribed { .. })) => {
                    subscribed = true;
                }
                SwarmEvent::Behaviour(LiesEvent::Hello(request_response::Event::Message { .. })) => {
                    answered = true;
                }
                event => self.note(event),
            }
        }
    }

    pub(crate) fn publish(&mut self, topic: &IdentTopic, bytes: Vec<u8>) {
        self.swarm
            .behaviour_mut()
            .gossip
            .publish(topic.clone(), bytes)
            .unwrap();
    }

    fn note(&mut self, event: SwarmEvent<LiesEvent>) {
        if let SwarmEvent::Behaviour(LiesEvent::Gossip(gossipsub::Event::Message { message, .. })) = event {
            self.heard.push(message.data);
        }
    }

    /// Runs until `other` is done.
    pub(crate) async fn while_running<T>(&mut self, other: impl Future<Output = T>) -> T {
        tokio::pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return done,
                event = self.swarm.select_next_some() => self.note(event),
            }
        }
    }

    pub(crate) async fn until_heard(&mut self, messages: usize) {
        let heard = async {
            while self.heard.len() < messages {
                let event = self.swarm.select_next_some().await;
                self.note(event);
            }
        };
        tokio::time::timeout(Duration::from_secs(40), heard)
            .await
            .expect("to hear something");
    }

    async fn until_disconnected(&mut self) {
        let end = async {
            loop {
                match self.swarm.select_next_some().await {
                    SwarmEvent::ConnectionClosed { .. } => return,
                    event => self.note(event),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(40), end)
            .await
            .expect("to be disconnected");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_with_a_bad_signature_does_not_suppress_the_original() {
    let world = World::new();
    let all = [SEED, 1, LIAR];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let mut liar = Liar::connect(&world, LIAR, &seed).await;
    liar.while_running(seed.until_subscribed(1)).await;

    let original = world.chain(1, 1, Tlp::Green);
    let mut bad = original[0].encode();
    // The signature stands between header and body; a flipped bit in it leaves the encoding intact.
    let signature = original[0].signature().as_bytes();
    let at = bad.windows(64).position(|window| window == signature).unwrap();
    bad[at + 3] ^= 1;
    let topic = liar.topics.sightings.clone();
    liar.publish(&topic, bad);
    liar.publish(&topic, vec![0xff; 300]);
    let gone = |seen| matches!(seen, Seen::Disconnected).then_some(());
    liar.while_running(seed.until("the liar to go", gone)).await;
    assert_eq!(seed.mesh.counters().get("gossip_rejected"), 2);
    assert!(seed.shelf.lock().unwrap().is_empty());

    let mut member = Node::start(&world, Setup::of(1, &all).dial(&seed).unsynced()).await;
    let publish = async {
        member.until_subscribed(1).await;
        member.publish(&original[0]).await;
        seed.until_stored(&original).await;
    };
    liar.while_running(publish).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_costs_the_connection() {
    let world = World::new();
    let mut seed = Node::start(&world, Setup::of(SEED, &[SEED, LIAR])).await;
    let mut liar = Liar::connect(&world, LIAR, &seed).await;
    liar.while_running(seed.until_subscribed(1)).await;
    let topic = liar.topics.urgent.clone();
    for byte in 0..20 {
        liar.publish(&topic, vec![byte; 100]);
    }
    liar.until_disconnected().await;
    assert!(seed.shelf.lock().unwrap().is_empty());
    assert_eq!(seed.mesh.counters().get("peers_banned"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outsider_that_subscribes_hears_nothing_and_is_not_heard() {
    let world = World::new();
    let all = [SEED, 1];
    let mut seed = Node::start(&world, Setup::of(SEED, &all)).await;
    let mut outsider = Liar::connect(&world, OUTSIDER, &seed).await;
    let mut member = Node::start(&world, Setup::of(1, &all).dial(&seed)).await;
    outsider.while_running(member.until_subscribed(1)).await;

    let chain = world.chain(1, 5, Tlp::Green);
    let foreign = world.chain(OUTSIDER, 1, Tlp::Green);
    let topic = outsider.topics.sightings.clone();
    outsider.publish(&topic, foreign[0].encode());
    let publish = async {
        for envelope in &chain {
            member.publish(envelope).await;
        }
        seed.until_stored(&chain).await;
    };
    outsider.while_running(publish).await;
    assert!(outsider.heard.is_empty());
    assert_eq!(seed.shelf.lock().unwrap().len(), chain.len());
    assert_eq!(seed.mesh.counters().get("gossip_rejected"), 0);

    // It was listening all the time: with a vouch, what it said on connecting counts, and it hears what is said.
    seed.mesh
        .add_statement(world.vouch(SEED, OUTSIDER))
        .await
        .unwrap();
    let id = outsider.swarm.local_peer_id().to_string();
    outsider.while_running(seed.until_subscribed_by(&id)).await;
    seed.publish(&world.chain(SEED, 1, Tlp::Green)[0]).await;
    outsider.until_heard(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_is_proven_from_the_store_and_the_wire() {
    let world = World::new();
    let all = [SEED, LIAR];
    let one = world.chain(LIAR, 1, Tlp::Green);
    let other = world.chain(LIAR, 1, Tlp::Clear);
    let setup = Setup::of(SEED, &all);
    put(&setup.shelf, one[0].clone());
    let mut seed = Node::start(&world, setup).await;
    let mut liar = Liar::connect(&world, LIAR, &seed).await;
    liar.while_running(seed.until_subscribed(1)).await;
    let topic = liar.topics.sightings.clone();
    liar.publish(&topic, other[0].encode());
    let forked = |seen| match seen {
        Seen::Fork(proof) => Some(proof),
        _ => None,
    };
    let proof = liar.while_running(seed.until("a fork", forked)).await;
    proof.verify(&node_key(LIAR).public()).unwrap();
    // One fork may be a backup that came back; a second one so soon is none.
    let publisher = node_key(LIAR).public().publisher_id();
    let conduct = seed.mesh.conduct(publisher).await.unwrap();
    assert_eq!(conduct, Conduct::Suspended { epoch: 0 });
    assert_eq!(
        seed.mesh
            .conduct(node_key(SEED).public().publisher_id())
            .await
            .unwrap(),
        Conduct::Clean
    );
    let later = |tlp| {
        let draft = Draft {
            network: world.network,
            epoch: 1,
            seq: 0,
            prev: HeaderHash([0; 32]),
            time_base: now(),
            tlp,
            policy: 0,
            payload: one[0].payload().unwrap(),
        };
        draft
            .seal(&node_key(LIAR), [7; 16])
            .unwrap()
            .signed_header()
            .clone()
    };
    let second = EquivocationProof::new(later(Tlp::Green), later(Tlp::Clear)).unwrap();

    // The next run knows it from its first moment on, without a peer.
    let shelf = seed.stop().await;
    put(&shelf, one[0].clone());
    let mut setup = Setup::of(SEED, &all).shelf(shelf);
    setup.proofs = vec![*proof, second];
    let again = Node::start(&world, setup).await;
    let void = async {
        while !again.shelf.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), void).await.unwrap();
    let conduct = again.mesh.conduct(publisher).await.unwrap();
    assert_eq!(conduct, Conduct::Equivocation { epoch: 1 });
}

/// Whoever brings an envelope has checked the envelope, not the statements that its publisher quotes in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_statements_in_an_envelope_are_not_the_forwarders_fault() {
    let world = World::new();
    let all = [SEED, 1, LIAR];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let mut forwarder = Liar::connect(&world, LIAR, &seed).await;
    forwarder.while_running(seed.until_subscribed(1)).await;
    let forged = (4..14).map(|subject| {
        let mut bytes = world.vouch(1, subject).encode();
        *bytes.last_mut().unwrap() ^= 1;
        Statement::decode(&bytes).unwrap()
    });
    let quoting = Draft {
        network: world.network,
        epoch: 0,
        seq: 0,
        prev: HeaderHash([0; 32]),
        time_base: now(),
        tlp: Tlp::Clear,
        policy: 0,
        payload: Payload::Statements(forged.collect()),
    };
    let quoting = quoting.seal(&node_key(1), [1; 16]).unwrap();
    let next = world.envelope(1, Some(&quoting), Tlp::Green);
    let topic = forwarder.topics.directory.clone();
    for envelope in [&quoting, &next] {
        forwarder.publish(&topic, envelope.encode());
        forwarder
            .while_running(seed.until_stored(std::slice::from_ref(envelope)))
            .await;
    }
    let reported = async {
        while seed.mesh.counters().get("gossip_accepted") < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    forwarder.while_running(reported).await;
    assert_eq!(seed.mesh.counters().get("peers_banned"), 0);
}

/// What the page defines is no garbage, and what is not urgent does not overtake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_is_taken_and_only_the_urgent_goes_on_as_urgent() {
    let world = World::new();
    let all = [SEED, 1, LIAR];
    let mut seed = Node::start(&world, Setup::of(SEED, &all).unsynced()).await;
    let mut liar = Liar::connect(&world, LIAR, &seed).await;
    liar.while_running(seed.until_subscribed(1)).await;
    let chain = world.chain(1, 4, Tlp::Green);
    let mut bundle = Bundle::new();
    for envelope in &chain[..3] {
        bundle.push(&envelope.encode()).unwrap();
    }
    let topic = liar.topics.sightings.clone();
    liar.publish(&topic, bundle.encode());
    liar.while_running(seed.until_stored(&chain[..3])).await;
    let topic = liar.topics.urgent.clone();
    liar.publish(&topic, chain[3].encode());
    liar.while_running(seed.until_stored(&chain)).await;
    let count = |name| seed.mesh.counters().get(name);
    let reported = async {
        while count("gossip_ignored") < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    liar.while_running(reported).await;
    assert_eq!(count("gossip_accepted") + count("gossip_rejected"), 0);
}
