//! A node for tests: the mesh, and a store in memory that answers it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vigie_gossip::core::chain::Held;
use vigie_gossip::core::directory::{Directory, Standing};
use vigie_gossip::wire::{Envelope, EquivocationProof, PublisherId, Tlp};
use vigie_gossip::{Initial, Mesh, MeshConfig, MeshEvent, Peer, Timing, start};

use crate::world::{World, clock};

/// Far beyond what anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) type Shelf = Arc<Mutex<BTreeMap<(PublisherId, u32, u64), Envelope>>>;

/// What a test can wait for.
#[derive(Debug)]
pub(crate) enum Seen {
    Connected(Peer),
    Disconnected,
    Stored,
    OwnHead(u64),
    Fork(Box<EquivocationProof>),
    Skew(i64),
}

pub(crate) struct Node {
    pub(crate) mesh: Mesh,
    pub(crate) shelf: Shelf,
    pub(crate) address: String,
    pub(crate) addresses: Vec<String>,
    seen: mpsc::Receiver<Seen>,
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

/// How a test's node differs from the next.
pub(crate) struct Setup<'a> {
    pub(crate) who: usize,
    pub(crate) certified: &'a [usize],
    pub(crate) own: bool,
    pub(crate) listen: &'a str,
    pub(crate) dial: Vec<String>,
    pub(crate) shelf: Shelf,
    pub(crate) ahead_secs: u64,
    pub(crate) synced: bool,
    pub(crate) refuse: usize,
    pub(crate) unread: usize,
    pub(crate) late: usize,
    pub(crate) drops: Option<(PublisherId, u64)>,
    pub(crate) proofs: Vec<EquivocationProof>,
    pub(crate) tune: Option<fn(&mut MeshConfig)>,
}

pub(crate) const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub(crate) const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

impl<'a> Setup<'a> {
    pub(crate) fn of(who: usize, certified: &'a [usize]) -> Self {
        Self {
            who,
            certified,
            own: true,
            listen: TCP,
            dial: Vec::new(),
            shelf: Shelf::default(),
            ahead_secs: 0,
            synced: true,
            refuse: 0,
            unread: 0,
            late: 0,
            drops: None,
            proofs: Vec::new(),
            tune: None,
        }
    }
    /// Called by nobody.
    pub(crate) fn nowhere(self) -> Self {
        self.listen("")
    }
    /// Whatever else differs.
    pub(crate) fn tune(self, tune: fn(&mut MeshConfig)) -> Self {
        Self {
            tune: Some(tune),
            ..self
        }
    }
    pub(crate) fn listen(self, listen: &'a str) -> Self {
        Self { listen, ..self }
    }
    pub(crate) fn dial(self, node: &Node) -> Self {
        self.dial_address(node.address.clone())
    }
    pub(crate) fn dial_address(mut self, address: String) -> Self {
        self.dial.push(address);
        self
    }
    pub(crate) fn clock_ahead(self, ahead_secs: u64) -> Self {
        Self { ahead_secs, ..self }
    }
    /// The store says no so many times before it begins to take things.
    pub(crate) fn refuse(self, refuse: usize) -> Self {
        Self { refuse, ..self }
    }
    /// The store cannot read so many times before it can.
    pub(crate) fn unread(self, unread: usize) -> Self {
        Self { unread, ..self }
    }
    /// So many are stored, and nobody is told.
    pub(crate) fn late(self, late: usize) -> Self {
        Self { late, ..self }
    }
    /// What this publisher says from this seq on is neither stored nor passed on.
    pub(crate) fn drops(self, who: usize, from: u64) -> Self {
        let drops = Some((crate::world::node_key(who).public().publisher_id(), from));
        Self { drops, ..self }
    }
    /// Leaves only gossip: the next round of sync never comes.
    pub(crate) fn unsynced(self) -> Self {
        Self {
            synced: false,
            ..self
        }
    }
    pub(crate) fn shelf(self, shelf: Shelf) -> Self {
        Self { shelf, ..self }
    }
}

pub(crate) fn hurried() -> Timing {
    Timing {
        sync_every: Duration::from_millis(400),
        guides_every: Duration::from_secs(1),
        gap_wait: Duration::from_millis(100),
        redial_first: Duration::from_millis(100),
        relay_stall: Duration::from_secs(2),
        relay_backoff: Duration::from_secs(2),
        redial_longest: Duration::from_millis(500),
        exchange_every: Duration::from_millis(500),
        reserve_after: Duration::from_millis(300),
        reserve_again: Duration::from_secs(2),
        heartbeat: Duration::from_millis(200),
        tick: Duration::from_millis(50),
        ..Timing::default()
    }
}

pub(crate) fn transport_seed(who: usize) -> [u8; 32] {
    [u8::try_from(who).unwrap() + 201; 32]
}

impl Node {
    pub(crate) async fn start(world: &World, setup: Setup<'_>) -> Self {
        let mut config = MeshConfig::new(transport_seed(setup.who));
        let places = setup.listen.split(',').filter(|place| !place.is_empty());
        config.listen = places.map(str::to_owned).collect();
        let listens = config.listen.len();
        config.dial = setup.dial;
        config.own = setup.own.then(|| world.own(setup.who));
        config.timing = hurried();
        if !setup.synced {
            config.timing.sync_every = Duration::from_hours(1);
            config.timing.guides_every = Duration::from_hours(1);
            config.timing.gap_wait = Duration::from_hours(1);
        }
        if let Some(tune) = setup.tune {
            tune(&mut config);
        }
        let directory: Directory = world.directory(setup.certified);
        let held = setup
            .shelf
            .lock()
            .unwrap()
            .values()
            .map(|envelope| Held::of(envelope.header()))
            .collect();
        let shutdown = CancellationToken::new();
        let initial = Initial {
            directory,
            held,
            proofs: setup.proofs,
        };
        let (mesh, events, task) = start(config, initial, clock(setup.ahead_secs), shutdown.clone()).unwrap();
        let (sender, seen) = mpsc::channel(10_000);
        let (listening, mut heard) = mpsc::channel(16);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { task.await.unwrap() });
        let store = Store {
            shelf: Arc::clone(&setup.shelf),
            refuse: setup.refuse,
            unread: setup.unread,
            late: setup.late,
            drops: setup.drops,
        };
        tasks.spawn(serve(events, store, sender, listening));
        let mut addresses = Vec::new();
        while addresses.len() < listens {
            let next = tokio::time::timeout(PATIENCE, heard.recv()).await;
            addresses.push(next.unwrap().unwrap());
        }
        Self {
            mesh,
            shelf: setup.shelf,
            address: addresses.first().cloned().unwrap_or_default(),
            addresses,
            seen,
            tasks,
            shutdown,
        }
    }

    /// Stores and publishes, as a node does with its own.
    pub(crate) async fn publish(&self, envelope: &Envelope) {
        put(&self.shelf, envelope.clone());
        self.mesh.publish(envelope.clone()).await.unwrap();
    }

    /// Waits for the first thing that `wanted` takes.
    pub(crate) async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(Seen) -> Option<T>) -> T {
        let search = async {
            loop {
                let seen = self.seen.recv().await.expect("the node lives");
                if let Some(found) = wanted(seen) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search)
            .await
            .unwrap_or_else(|_| panic!("waited for {what}: {}", self.counted()))
    }

    /// What has been counted here, for a test that fails.
    fn counted(&self) -> String {
        let counts = self.mesh.counters().snapshot().into_iter();
        let counts = counts.filter(|(_, count)| *count > 0);
        let shelf = self.shelf.lock().unwrap().len();
        format!("{shelf} stored, {:?}", counts.collect::<Vec<_>>())
    }

    pub(crate) async fn until_member(&mut self) -> Peer {
        let member = |seen| match seen {
            Seen::Connected(peer) if peer.standing.is_some_and(Standing::is_admitted) => Some(peer),
            _ => None,
        };
        self.until("a member", member).await
    }

    /// Waits until so many peers have subscribed to sightings.
    pub(crate) async fn until_subscribed(&mut self, peers: usize) {
        let mut subscribed = std::collections::BTreeSet::new();
        let enough = |seen| match seen {
            Seen::Connected(peer) if peer.subscribed => {
                subscribed.insert(peer.id);
                (subscribed.len() >= peers).then_some(())
            }
            _ => None,
        };
        self.until("subscriptions", enough).await;
    }

    /// Waits until this peer has subscribed to sightings.
    pub(crate) async fn until_subscribed_by(&mut self, id: &str) {
        let it =
            |seen| matches!(seen, Seen::Connected(peer) if peer.subscribed && peer.id == id).then_some(());
        self.until("a subscription", it).await;
    }

    /// Asks again and again until the answer is yes.
    pub(crate) async fn until_true(&self, what: &str, mut question: impl AsyncFnMut(&Mesh) -> bool) {
        let asking = async {
            while !question(&self.mesh).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking)
            .await
            .unwrap_or_else(|_| panic!("waited for {what}"));
    }

    /// Waits until seeds take calls for it, so many of them.
    pub(crate) async fn until_reserved(&self, seeds: usize) -> Vec<String> {
        let reserved = async |mesh: &Mesh| mesh.reached().await.unwrap().circuits.len() >= seeds;
        self.until_true("reservations", reserved).await;
        self.mesh.reached().await.unwrap().circuits
    }

    /// Waits until so many peers are neighbours, who are given bundles.
    pub(crate) async fn until_neighbours(&self, wanted: usize) {
        let enough = async {
            while self.neighbours().await != wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, enough)
            .await
            .unwrap_or_else(|_| panic!("waited for {wanted} neighbours"));
    }

    pub(crate) async fn neighbours(&self) -> usize {
        let peers = self.mesh.peers().await.unwrap();
        peers.iter().filter(|peer| peer.neighbour).count()
    }

    /// Waits until this counter has at least so much.
    pub(crate) async fn until_counted(&self, name: &str, least: u64) {
        let enough = async {
            while self.count(name) < least {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, enough)
            .await
            .unwrap_or_else(|_| panic!("waited for {least} of {name}"));
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.mesh.counters().get(name)
    }

    /// Waits until all of these are stored here.
    pub(crate) async fn until_stored(&mut self, envelopes: &[Envelope]) {
        let shelf = Arc::clone(&self.shelf);
        let complete = move || {
            let shelf = shelf.lock().unwrap();
            envelopes.iter().all(|wanted| {
                shelf
                    .values()
                    .any(|held| held.header_hash() == wanted.header_hash())
            })
        };
        if !complete() {
            self.until("envelopes", |seen| {
                (matches!(seen, Seen::Stored) && complete()).then_some(())
            })
            .await;
        }
    }

    /// Waits until so many are stored here.
    pub(crate) async fn until_count(&mut self, count: usize) {
        let shelf = Arc::clone(&self.shelf);
        let full =
            move |seen| (matches!(seen, Seen::Stored) && shelf.lock().unwrap().len() >= count).then_some(());
        self.until("a full shelf", full).await;
    }

    /// Ends it as a crash would: no goodbye, and the port is free afterwards.
    pub(crate) async fn stop(mut self) -> Shelf {
        self.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.shelf
    }
}

pub(crate) fn put(shelf: &Shelf, envelope: Envelope) {
    let header = *envelope.header();
    shelf
        .lock()
        .unwrap()
        .insert((header.publisher, header.epoch, header.seq), envelope);
}

struct Store {
    shelf: Shelf,
    refuse: usize,
    unread: usize,
    late: usize,
    drops: Option<(PublisherId, u64)>,
}

async fn serve(
    mut events: mpsc::Receiver<MeshEvent>,
    mut store: Store,
    seen: mpsc::Sender<Seen>,
    listening: mpsc::Sender<String>,
) {
    let mut waiting = Vec::new();
    while let Some(event) = events.recv().await {
        let told = match event {
            MeshEvent::Listening(address) => {
                drop(listening.try_send(address));
                None
            }
            MeshEvent::Connected { peer, .. } => Some(Seen::Connected(peer)),
            MeshEvent::Disconnected { .. } => Some(Seen::Disconnected),
            MeshEvent::Admitted { admitted, stored } => {
                let header = admitted.envelope().header();
                let dropped = store
                    .drops
                    .is_some_and(|(publisher, from)| header.publisher == publisher && header.seq >= from);
                let takes = store.refuse == 0 && !dropped;
                store.refuse = store.refuse.saturating_sub(1);
                if takes {
                    put(&store.shelf, admitted.envelope().clone());
                }
                if store.late > waiting.len() {
                    waiting.push(stored);
                } else {
                    assert!(stored.send(takes).is_ok(), "the mesh waits for the store");
                }
                takes.then_some(Seen::Stored)
            }
            MeshEvent::RangeWanted {
                publisher,
                epoch,
                from,
                to,
                max_bytes,
                reply,
            } => {
                if store.unread == 0 {
                    drop(reply.send(range(&store.shelf, publisher, epoch, (from, to), max_bytes)));
                }
                store.unread = store.unread.saturating_sub(1);
                None
            }
            MeshEvent::Dropped(places) => {
                let mut shelf = store.shelf.lock().unwrap();
                for held in places {
                    shelf.remove(&(held.publisher, held.epoch, held.seq));
                }
                None
            }
            MeshEvent::Statement(_) => None,
            MeshEvent::Fork(proof) => Some(Seen::Fork(proof)),
            MeshEvent::OwnHead { seq, .. } => Some(Seen::OwnHead(seq)),
            MeshEvent::ClockSkew { millis } => Some(Seen::Skew(millis)),
        };
        if let Some(told) = told {
            drop(seen.try_send(told));
        }
    }
}

fn range(
    shelf: &Shelf,
    publisher: PublisherId,
    epoch: u32,
    seqs: (u64, u64),
    max_bytes: usize,
) -> Vec<Vec<u8>> {
    let shelf = shelf.lock().unwrap();
    let places = (publisher, epoch, seqs.0)..=(publisher, epoch, seqs.1);
    let mut room = max_bytes;
    let encoded = shelf.range(places).rev().map(|(_, envelope)| envelope.encode());
    encoded
        .take_while(|bytes| {
            room.checked_sub(bytes.len())
                .inspect(|left| room = *left)
                .is_some()
        })
        .collect()
}

pub(crate) fn is_green(envelope: &Envelope) -> bool {
    envelope.header().tlp == Tlp::Green
}
