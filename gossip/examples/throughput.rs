//! What passes through one real node: three processes on loopback, of which the one in the middle is measured.
//!
//! `cargo run --release -p vigie-gossip --example throughput -- [ROWS[,ROWS..]] [ENVELOPES]` runs it bundled and one by one
//! and prints, of the node in the middle, sightings a second, processor time for each sighting delivered, and bytes. The
//! source hands its node envelopes of many publishers as fast as the last node has them, so nothing is lost, and that is
//! checked. Deliberately absent: a store. What a node does with an envelope after its checks is not measured here.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a measurement: it prints, reads the clock, and ends at the first surprise"
)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Receiver;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vigie_gossip::core::directory::Directory;
use vigie_gossip::wire::{
    Behaviour, Count, Draft, Envelope, Founder, Genesis, HeaderHash, Indicator, Labels, NodeCertificate,
    Payload, RuleHash, SecretKey, Sighting, Statement, Timestamp, Tlp,
};
use vigie_gossip::{Initial, Mesh, MeshConfig, MeshEvent, OwnNode, start};

const PUBLISHERS: u16 = 300;
/// Below what a publisher may say in ten minutes of signed time.
const ROWS_IN_A_SLOT: usize = 512;
const SLOT: Duration = Duration::from_mins(10);
/// Bytes on their way: less than the queues hold, so that nobody has a reason to drop anything.
const UNDER_WAY: usize = 224 * 1_024;
/// And envelopes, for gossip's queues hold a thousand.
const MOST_UNDER_WAY: usize = 512;
const WARM_UP_ONE_IN: usize = 10;
/// Nothing more comes after so long: something is lost.
const STUCK: Duration = Duration::from_secs(20);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, place, bundled, rows, envelopes, now, dial @ ..] = &arguments[..]
        && role == "node"
    {
        let run = Run {
            place: place.parse().unwrap(),
            bundled: bundled == "true",
            rows: rows.parse().unwrap(),
            envelopes: envelopes.parse().unwrap(),
            now: Timestamp::from_millis(now.parse().unwrap()),
            dial: dial.to_vec(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        return runtime.unwrap().block_on(run.node());
    }
    let rows = arguments.first().map_or("2,16,64", String::as_str);
    let envelopes: usize = arguments.get(1).map_or(20_000, |count| count.parse().unwrap());
    println!(
        "| rows an envelope | | sightings/s | us a sighting, middle | source | last | bytes a sighting | lost |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for rows in rows.split(',') {
        for bundled in [false, true] {
            let [source, middle, last] = measure(rows, bundled, envelopes);
            let how = if bundled { "bundled" } else { "one by one" };
            println!(
                "| {rows} | {how} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {} |",
                middle.per_second, middle.cpu, source.cpu, last.cpu, middle.bytes, last.lost
            );
        }
    }
}

// === One node ===

const SOURCE: u8 = 0;
const MIDDLE: u8 = 1;
const LAST: u8 = 2;

struct Run {
    place: u8,
    bundled: bool,
    rows: usize,
    envelopes: usize,
    now: Timestamp,
    dial: Vec<String>,
}

fn key(number: u16, node: bool) -> SecretKey {
    let mut seed = [u8::from(node); 32];
    seed[..2].copy_from_slice(&number.to_le_bytes());
    seed[2] = 77;
    SecretKey::from_seed(seed)
}

impl Run {
    fn directory(&self) -> Directory {
        let founder = |number: u16| Founder {
            key: key(number, false).public(),
            name: format!("organisation {number}").into(),
            labels: Labels::default(),
            history: 100,
        };
        let genesis = Genesis {
            name: "throughput".into(),
            created: self.now - Duration::from_hours(60 * 24),
            quorum: 1,
            seeds: vec![founder(MIDDLE.into())],
            members: (0..PUBLISHERS)
                .filter(|number| *number != u16::from(MIDDLE))
                .map(founder)
                .collect(),
        };
        let mut directory = Directory::new(genesis);
        for number in 0..PUBLISHERS {
            let certificate = self.certificate(number, &directory);
            directory.insert(certificate).unwrap();
        }
        directory
    }

    fn certificate(&self, number: u16, directory: &Directory) -> Statement {
        let (org, node, network) = (key(number, false), key(number, true), directory.network());
        let certificate = NodeCertificate {
            network,
            org: org.public(),
            node: node.public(),
            not_before: self.now - Duration::from_hours(30 * 24),
            not_after: self.now + Duration::from_hours(30 * 24),
            epoch_from: 0,
            epoch_to: 100,
            consent: NodeCertificate::consent(network, &org.public(), &node),
        };
        certificate.sign(&org).unwrap().into()
    }

    /// Many publishers' chains, one envelope of each in turn, within everybody's rate.
    fn chains(&self, directory: &Directory) -> Vec<Envelope> {
        let in_a_slot = ROWS_IN_A_SLOT / self.rows;
        let mut chains: Vec<(HeaderHash, u64)> = vec![(HeaderHash([0; 32]), 0); usize::from(PUBLISHERS)];
        let mut all = Vec::with_capacity(self.envelopes);
        while all.len() < self.envelopes {
            for (number, (prev, seq)) in (0..PUBLISHERS).zip(&mut chains) {
                let slots = self.envelopes / usize::from(PUBLISHERS) / in_a_slot + 1;
                let slot = usize::try_from(*seq).unwrap() / in_a_slot;
                let ago = SLOT * u32::try_from(slots - slot.min(slots)).unwrap();
                let at = self.now - ago;
                let sightings = (0..self.rows).map(|row| {
                    let address =
                        (u32::try_from(all.len()).unwrap() << 8 | u32::try_from(row).unwrap()) ^ 0x0B00_0000;
                    Sighting {
                        indicator: Indicator::ip(std::net::Ipv4Addr::from(address).into()),
                        behaviour: Behaviour(1),
                        rule: RuleHash([7; 8]),
                        at: at.to_minute(),
                        count: Count::of(4),
                        confidence: 100,
                    }
                });
                let draft = Draft {
                    network: directory.network(),
                    epoch: 0,
                    seq: *seq,
                    prev: *prev,
                    time_base: at,
                    tlp: Tlp::Green,
                    policy: 0,
                    payload: Payload::Sightings(sightings.collect()),
                };
                let envelope = draft.seal(&key(number, true), [5; 16]).unwrap();
                (*prev, *seq) = (envelope.header_hash(), *seq + 1);
                all.push(envelope);
            }
        }
        all.truncate(self.envelopes);
        all
    }

    async fn node(self) {
        let directory = self.directory();
        let chains = if self.place == SOURCE {
            self.chains(&directory)
        } else {
            Vec::new()
        };
        let mut config = MeshConfig::new([100 + self.place; 32]);
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".to_owned()];
        config.dial.clone_from(&self.dial);
        config.seed = self.place == MIDDLE;
        config.bundles = self.bundled;
        config.timing.sync_every = Duration::from_hours(1);
        config.timing.guides_every = Duration::from_hours(1);
        config.timing.gap_wait = Duration::from_hours(1);
        config.own = Some(OwnNode {
            key: key(self.place.into(), true),
            certificate: self.certificate(self.place.into(), &directory),
        });
        let initial = Initial {
            directory,
            held: Vec::new(),
            proofs: Vec::new(),
        };
        let clock = Arc::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
        });
        let shutdown = CancellationToken::new();
        let (mesh, mut events, task) = start(config, initial, clock, shutdown).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move { task.await.unwrap() });
        let peers = if self.place == MIDDLE { 2 } else { 1 };
        let (bundled, ready) = (self.bundled, mesh.clone());
        tasks.spawn(async move {
            until_ready(&ready, peers, bundled).await;
            println!("ready");
        });
        if self.place == SOURCE {
            let mesh = mesh.clone();
            tasks.spawn(async move { publish(&mesh, chains).await });
        }
        let warm = self.envelopes / WARM_UP_ONE_IN;
        let (mut stored_here, mut began) = (0, None);
        while let Ok(Some(event)) = self.next(&mut events).await {
            match event {
                MeshEvent::Listening(address) => println!("listening {address}"),
                MeshEvent::Admitted { stored, .. } => {
                    stored.send(true).unwrap();
                    stored_here += 1;
                    if stored_here == warm {
                        began = Some((Instant::now(), cpu_nanos(), bytes_sent(&mesh)));
                    }
                    if self.place == LAST && (stored_here % 64 == 0 || stored_here == self.envelopes) {
                        println!("stored {stored_here}");
                    }
                    if stored_here == self.envelopes {
                        self.report(&mesh, began.unwrap(), warm);
                    }
                }
                MeshEvent::RangeWanted { reply, .. } => drop(reply.send(Vec::new())),
                _ => {}
            }
        }
        stuck(
            &mesh,
            &format!("node {}: {stored_here} of {}", self.place, self.envelopes),
        );
    }

    /// Only the source hears of nothing while things go on.
    async fn next(&self, events: &mut Receiver<MeshEvent>) -> Result<Option<MeshEvent>, Elapsed> {
        let patience = if self.place == SOURCE {
            STUCK * 1_000
        } else {
            STUCK
        };
        timeout(patience, events.recv()).await
    }

    fn report(&self, mesh: &Mesh, (began, cpu, bytes): (Instant, u64, u64), warm: usize) {
        let rows = u32::try_from((self.envelopes - warm) * self.rows).unwrap();
        let spent = u32::try_from((cpu_nanos() - cpu) / 1_000).unwrap();
        let sent = u32::try_from(bytes_sent(mesh) - bytes).unwrap();
        let count = |name| mesh.counters().get(name);
        let lost = count("relay_dropped") + count("publish_queues_full") + count("storing_full");
        let by_sync = count("sync_admitted");
        println!(
            "done {} {} {} {}",
            f64::from(rows) / began.elapsed().as_secs_f64(),
            f64::from(spent) / f64::from(rows),
            f64::from(sent) / f64::from(rows),
            lost + by_sync
        );
    }
}

/// Says what happened so far, and ends.
fn stuck(mesh: &Mesh, what: &str) -> ! {
    let counted = mesh.counters().snapshot().into_iter();
    let counted: Vec<_> = counted.filter(|(_, count)| *count > 0).collect();
    eprintln!("stuck, {what}: {counted:?}");
    std::process::exit(1)
}

async fn until_ready(mesh: &Mesh, peers: usize, bundled: bool) {
    loop {
        let all = mesh.peers().await.unwrap();
        let ready = all
            .iter()
            .filter(|peer| peer.subscribed && peer.neighbour == bundled);
        if ready.count() >= peers {
            // A mesh of gossip is made at the next heartbeat.
            tokio::time::sleep(Duration::from_secs(3)).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Publishes while few enough are under way, as the last node tells; then says what it cost.
async fn publish(mesh: &Mesh, chains: Vec<Envelope>) {
    let (lines, mut told) = tokio::sync::mpsc::channel(1_024);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let told = lines.blocking_send(line.unwrap());
            if told.is_err() {
                break;
            }
        }
    });
    let mut stored = 0;
    let (count, rows) = (chains.len(), usize::from(chains[0].header().rows));
    let window = (UNDER_WAY / chains[0].encode().len()).clamp(1, MOST_UNDER_WAY);
    let mut cpu = 0;
    told.recv().await.unwrap();
    for (nth, envelope) in chains.into_iter().enumerate() {
        while nth >= stored + window {
            let Ok(told) = timeout(STUCK / 2, told.recv()).await else {
                stuck(mesh, &format!("source: {nth} said, {stored} there"));
            };
            stored = told.unwrap().parse().unwrap();
        }
        if nth == count / WARM_UP_ONE_IN {
            cpu = cpu_nanos();
        }
        mesh.publish(envelope).await.unwrap();
    }
    while stored < count {
        stored = told.recv().await.unwrap().parse().unwrap();
    }
    let rows = u32::try_from((count - count / WARM_UP_ONE_IN) * rows).unwrap();
    let spent = u32::try_from((cpu_nanos() - cpu) / 1_000).unwrap();
    println!("done 0 {} 0 0", f64::from(spent) / f64::from(rows));
}

/// What all threads of this process have run.
fn cpu_nanos() -> u64 {
    let mut all = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let statistics = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        all += statistics
            .split_whitespace()
            .next()
            .unwrap()
            .parse::<u64>()
            .unwrap();
    }
    all
}

/// Of bundles only: what gossip writes is not counted by the node.
fn bytes_sent(mesh: &Mesh) -> u64 {
    mesh.counters().get("relay_bytes_sent")
}

// === The three together ===

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Figures {
    per_second: f64,
    cpu: f64,
    bytes: f64,
    lost: f64,
}

struct Process {
    child: Child,
    says: BufReader<ChildStdout>,
    told: ChildStdin,
}

impl Process {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("node")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        let told = child.stdin.take().unwrap();
        Self { child, says, told }
    }

    /// What follows this word, when it says it next.
    fn until(&mut self, word: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.says.read_line(&mut line).unwrap() > 0, "a node has ended");
            if let Some(rest) = line.trim().strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    fn figures(mut self) -> Figures {
        let said = self.until("done");
        let [per_second, cpu, bytes, lost] = said
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect::<Vec<f64>>()[..]
        else {
            panic!("four figures, not {said}")
        };
        Figures {
            per_second,
            cpu,
            bytes,
            lost,
        }
    }
}

fn measure(rows: &str, bundled: bool, envelopes: usize) -> [Figures; 3] {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let (now, bundled, envelopes) = (
        since.as_millis().to_string(),
        bundled.to_string(),
        envelopes.to_string(),
    );
    let node = |place: u8, dial: &[&str]| {
        let place = place.to_string();
        let common = [&place, &bundled, rows, &envelopes, &now];
        Process::start(&[&common[..], dial].concat())
    };
    let mut middle = node(MIDDLE, &[]);
    let address = middle.until("listening");
    let mut last = node(LAST, &[&address]);
    let mut source = node(SOURCE, &[&address]);
    for one in [&mut middle, &mut last, &mut source] {
        one.until("ready");
    }
    writeln!(source.told, "go").unwrap();
    loop {
        let stored = last.until("stored");
        if writeln!(source.told, "{stored}").is_err() || stored == envelopes {
            break;
        }
    }
    [source, middle, last].map(Process::figures)
}
