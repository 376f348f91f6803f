//! Nodes that say what no node of this version would say, or more of it: the mesh's own adapter, in a process of its own,
//! by a script.
//!
//! This test binary starts itself again for it, inside a namespace. Deliberately absent: a store, a sensor, an opinion.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie_gossip::core::chain::Held;
use vigie_gossip::core::directory::Directory;
use vigie_gossip::wire::{
    Envelope, Genesis, NetworkId, NodeCertificate, PublisherId, SecretKey, Statement, Timestamp,
};
use vigie_gossip::{Initial, Mesh, MeshConfig, MeshEvent, OwnNode, start};

use super::newer;
use crate::support::text_of;

const DAY: Duration = Duration::from_hours(24);
/// How long it waits for peers that listen.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two looks, and after its last word: what it said is on its way then.
const LOOK: Duration = Duration::from_millis(50);

type Shelf = Arc<Mutex<BTreeMap<(PublisherId, u32, u64), Envelope>>>;

/// The organisation of the nth puppet.
pub(crate) fn org(nth: u8) -> SecretKey {
    SecretKey::from_seed([nth + 1; 32])
}

/// Its node.
pub(crate) fn node(nth: u8) -> SecretKey {
    SecretKey::from_seed([nth + 101; 32])
}

/// A running puppet. It ends with its input.
pub(crate) struct Puppet {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

// === impl Puppet ===

impl Puppet {
    /// Starts it behind these words, with this genesis file, to call these addresses and speak of tomorrow.
    pub(crate) fn newer(before: &[String], genesis: &str, dial: &[String]) -> Self {
        Self::start(before, &json!({"genesis": genesis, "dial": dial}))
    }

    /// Starts so many, in one process, to call this address and say so many envelopes each, in so many seconds.
    pub(crate) fn crowd(genesis: &str, dial: &str, puppets: u8, each: u32, seconds: u32) -> Self {
        let script =
            json!({"genesis": genesis, "dial": [dial], "puppets": puppets, "each": each, "seconds": seconds});
        Self::start(&[], &script)
    }

    fn start(before: &[String], script: &Value) -> Self {
        let this = std::env::current_exe().unwrap();
        let mut words = before.iter().cloned().chain([this.display().to_string()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args([
            "--exact",
            "spaces::puppet::it_plays_its_part",
            "--nocapture",
            "--test-threads=1",
        ]);
        let mut child = command
            .env("VIGIE_PUPPET", script.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// The next thing that it tells.
    pub(crate) fn told(&mut self) -> Value {
        loop {
            let mut line = String::new();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "the puppet is gone"
            );
            // The runner of tests speaks too, and on the same line.
            if let Some(at) = line.find('{') {
                return serde_json::from_str(&line[at..]).unwrap();
            }
        }
    }

    /// Has it end; its last word.
    pub(crate) fn end(mut self) -> Value {
        self.input = None;
        self.told()
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// === the part ===

#[test]
fn it_plays_its_part() {
    // In an ordinary run of the tests nobody gives it one.
    let Some(script) = text_of("VIGIE_PUPPET") else {
        return;
    };
    let script: Value = serde_json::from_str(&script).unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(play(&script));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test of real connections has a real clock"
)]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn certificate(network: NetworkId, nth: u8) -> Statement {
    let certificate = NodeCertificate {
        network,
        org: org(nth).public(),
        node: node(nth).public(),
        not_before: now() - DAY,
        not_after: now() + 30 * DAY,
        epoch_from: 0,
        epoch_to: 100,
        consent: NodeCertificate::consent(network, &org(nth).public(), &node(nth)),
    };
    certificate.sign(&org(nth)).unwrap().into()
}

fn tell(value: &Value) {
    use std::io::Write as _;
    std::io::stdout()
        .write_all(format!("{value}\n").as_bytes())
        .unwrap();
}

/// One of this process's, as the mesh knows it.
struct Played {
    nth: u8,
    mesh: Mesh,
    network: NetworkId,
    shelf: Shelf,
    lost: Arc<Mutex<Vec<String>>>,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

// === impl Played ===

impl Played {
    /// Calls, and waits until everybody whom it called listens.
    async fn enter(script: &Value, nth: u8) -> Self {
        let genesis = Genesis::parse(script["genesis"].as_str().unwrap()).unwrap();
        let network = genesis.network();
        let mut directory = Directory::new(genesis);
        let certificate = certificate(network, nth);
        directory.insert(certificate.clone()).unwrap();
        let mut config = MeshConfig::new([nth + 1; 32]);
        config.dial = serde_json::from_value(script["dial"].clone()).unwrap();
        let listeners = config.dial.len();
        config.own = Some(OwnNode {
            key: node(nth),
            certificate,
        });
        let initial = Initial {
            directory,
            held: Vec::<Held>::new(),
            proofs: Vec::new(),
        };
        let shutdown = CancellationToken::new();
        let (mesh, events, task) = start(config, initial, Arc::new(now), shutdown.clone()).unwrap();
        let (shelf, lost) = (Shelf::default(), Arc::new(Mutex::new(Vec::new())));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { task.await.unwrap() });
        tasks.spawn(serve(events, Arc::clone(&shelf), Arc::clone(&lost)));
        until_heard_by(&mesh, listeners).await;
        Self {
            nth,
            mesh,
            network,
            shelf,
            lost,
            shutdown,
            tasks,
        }
    }

    async fn say(&self, envelope: Envelope) {
        let header = *envelope.header();
        let place = (header.publisher, header.epoch, header.seq);
        self.shelf.lock().unwrap().insert(place, envelope.clone());
        self.mesh.publish(envelope).await.unwrap();
    }

    /// Says these, one after the other, evenly over the time.
    async fn recite(&self, chain: Vec<Envelope>, time: Duration) {
        let begun = tokio::time::Instant::now();
        let each = time / u32::try_from(chain.len()).unwrap().max(1);
        for (nth, envelope) in (0..).zip(chain) {
            tokio::time::sleep_until(begun + each * nth).await;
            self.say(envelope).await;
        }
    }
}

/// Enters, says its words, and keeps what it hears until its input ends.
async fn play(script: &Value) {
    let number = |name: &str| u32::try_from(script[name].as_u64().unwrap_or_default()).unwrap();
    let puppets = u8::try_from(number("puppets")).unwrap().max(1);
    let mut all = Vec::new();
    for nth in 0..puppets {
        all.push(Played::enter(script, nth).await);
    }
    let time = Duration::from_secs(number("seconds").into());
    let chains = all.iter().map(|one| match number("each") {
        0 => newer::says(one.network, &node(one.nth), now()),
        each => newer::recites(one.network, &node(one.nth), now(), each),
    });
    let chains: Vec<_> = chains.collect();
    let said: usize = chains.iter().map(Vec::len).sum();
    tell(&json!({"entered": puppets}));
    let recited = std::iter::zip(&all, chains).map(|(one, chain)| one.recite(chain, time));
    futures::future::join_all(recited).await;
    tell(&json!({"said": said, "publisher": node(0).public().publisher_id()}));
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.unwrap().unwrap();
    let first = all.first().unwrap();
    let connected = first.mesh.peers().await.unwrap().len();
    tell(&json!({
        "held": first.shelf.lock().unwrap().len(), "connected": connected, "lost": *first.lost.lock().unwrap(),
    }));
    for mut one in all {
        one.shutdown.cancel();
        while one.tasks.join_next().await.is_some() {}
    }
}

async fn until_heard_by(mesh: &Mesh, listeners: usize) {
    let heard = async {
        while mesh
            .peers()
            .await
            .unwrap()
            .iter()
            .filter(|peer| peer.subscribed)
            .count()
            < listeners
        {
            tokio::time::sleep(LOOK).await;
        }
    };
    let heard = tokio::time::timeout(PATIENCE, heard).await;
    assert!(heard.is_ok(), "nobody listens");
}

async fn serve(mut events: mpsc::Receiver<MeshEvent>, shelf: Shelf, lost: Arc<Mutex<Vec<String>>>) {
    while let Some(event) = events.recv().await {
        match event {
            MeshEvent::Admitted { admitted, stored } => {
                let envelope = admitted.envelope();
                let header = *envelope.header();
                let place = (header.publisher, header.epoch, header.seq);
                shelf.lock().unwrap().insert(place, envelope.clone());
                assert!(stored.send(true).is_ok(), "the mesh waits for the store");
            }
            MeshEvent::RangeWanted {
                publisher,
                epoch,
                from,
                to,
                reply,
                ..
            } => {
                let places = (publisher, epoch, from)..=(publisher, epoch, to);
                let held = shelf.lock().unwrap();
                drop(reply.send(held.range(places).rev().map(|(_, one)| one.encode()).collect()));
            }
            MeshEvent::Disconnected { peer } => lost.lock().unwrap().push(peer.address),
            _ => {}
        }
    }
}
