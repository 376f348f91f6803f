//! The one owner of the swarm, the directory and the chains.
//!
//! It never waits for anything but the next event: what the node must store or read is a future in a bounded
//! set, what a peer must answer comes back as an event. Everybody else sends commands.

mod dial;
mod exchange;
mod gossip;
mod handshake;
mod lifecycle;
mod nearby;
mod orders;
mod outbox;
mod peers;
mod publish;
mod reach;
mod relay;
mod slots;
mod statements;
mod sync;
mod validate;
mod watermark;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::StreamExt;
use libp2p::{Multiaddr, PeerId, Swarm};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use vigie_gossip_core::chain::ChainIndex;
use vigie_gossip_core::directory::Directory;
use vigie_gossip_core::wire::{
    EquivocationProof, NetworkId, NodeCertificate, OrgId, PublisherId, Signed, Timestamp,
};

use crate::behaviour::Behaviour;
use crate::command::Command;
use crate::config::{Clock, Initial, MeshConfig};
use crate::error::MeshError;
use crate::event::MeshEvent;
use crate::telemetry::Counters;
use crate::topic::Topics;
use dial::Dialer;
use exchange::Exchange;
use nearby::Nearby;
use outbox::Outbox;
use peers::{Bans, Connected};
use reach::Reach;
use relay::Relaying;
use sync::Sync;
use validate::Storing;

/// What the task is made of, beside the node's configuration and memory.
pub(crate) struct Parts {
    pub(crate) swarm: Swarm<Behaviour>,
    pub(crate) network: NetworkId,
    pub(crate) topics: Topics,
    pub(crate) dial: Vec<Multiaddr>,
    pub(crate) announced: Vec<Multiaddr>,
    pub(crate) transport_key: [u8; 32],
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: mpsc::Sender<MeshEvent>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) clock: Clock,
    pub(crate) certificate: Option<Signed<NodeCertificate>>,
}

/// The swarm task.
pub(crate) struct Task {
    swarm: Swarm<Behaviour>,
    network: NetworkId,
    topics: Topics,
    config: MeshConfig,
    clock: Clock,
    commands: mpsc::Receiver<Command>,
    outbox: Outbox,
    counters: Arc<Counters>,
    directory: Directory,
    chains: ChainIndex,
    peers: HashMap<PeerId, Connected>,
    bans: Bans,
    dialer: Dialer,
    storing: Storing,
    sync: Sync,
    reach: Reach,
    relaying: Relaying,
    exchange: Exchange,
    nearby: Nearby,
    /// What the operator says of where we are called.
    announced: Vec<Multiaddr>,
    transport_key: [u8; 32],
    certificate: Option<Signed<NodeCertificate>>,
    incarnation: u64,
    /// Whose nodes are asked what others may hold back.
    anchors: BTreeSet<OrgId>,
    /// Of the directory, when chains and peers last followed it.
    revision: u64,
    skewed: bool,
    /// Proofs of the last run, until they are in force again.
    proofs: Vec<EquivocationProof>,
}

// === impl Task ===

impl Task {
    pub(crate) fn new(parts: Parts, config: MeshConfig, initial: Initial) -> Self {
        let (now, started) = (Instant::now(), (parts.clock)());
        let mut chains = ChainIndex::new();
        for held in initial.held {
            chains.load(held);
        }
        let mut directory = initial.directory;
        if let Some(certificate) = &parts.certificate
            && let Err(error) = directory.insert(certificate.clone().into())
        {
            tracing::error!(%error, "our own certificate is not accepted: peers will not know us");
        }
        let mut dialer = Dialer::new(config.timing.redial_first, config.timing.redial_longest);
        for address in parts.dial {
            dialer.add(address, now);
        }
        Self {
            swarm: parts.swarm,
            network: parts.network,
            topics: parts.topics,
            clock: parts.clock,
            commands: parts.commands,
            outbox: Outbox::new(parts.events, Arc::clone(&parts.counters)),
            counters: parts.counters,
            anchors: BTreeSet::new(),
            revision: directory.revision(),
            directory,
            chains,
            peers: HashMap::new(),
            bans: Bans::default(),
            dialer,
            storing: Storing::default(),
            sync: Sync::new(now, &config.timing),
            reach: Reach::new(now),
            relaying: Relaying::new(now, started),
            exchange: Exchange::new(now),
            nearby: Nearby::default(),
            announced: parts.announced,
            transport_key: parts.transport_key,
            certificate: parts.certificate,
            incarnation: rand::random(),
            skewed: false,
            proofs: initial.proofs,
            config,
        }
    }

    /// Runs until `shutdown`, or until the node drops its events.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> Result<(), MeshError> {
        self.settle();
        let mut tick = interval(self.config.timing.tick);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut commanded = true;
        loop {
            let parcels = self.relaying.next_parcels();
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                command = self.commands.recv(), if commanded => match command {
                    Some(command) => self.on_command(command),
                    None => commanded = false,
                },
                heard = self.outbox.flush(), if !self.outbox.is_empty() => if !heard {
                    return Ok(());
                },
                Some(stored) = self.storing.next(), if !self.storing.is_empty() => self.on_stored(stored),
                Some(read) = self.sync.next_read(), if self.sync.is_reading() => self.on_read(read),
                () = sleep_until(parcels.unwrap_or_else(Instant::now)), if parcels.is_some() => self.send_parcels(),
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                _ = tick.tick() => self.on_tick(Instant::now()),
            }
        }
    }

    /// What was loaded is judged by today's rules before anybody asks for it.
    fn settle(&mut self) {
        let now = self.now();
        let mut dropped = self.chains.reconcile(&self.directory);
        for proof in std::mem::take(&mut self.proofs) {
            match self.chains.convict(proof, &self.directory, now) {
                Ok(void) => dropped.extend(void),
                Err(error) => tracing::debug!(%error, "a kept proof counts no more"),
            }
        }
        dropped.extend(self.chains.expire(self.now()));
        self.drop_held(dropped);
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn own(&self) -> Option<PublisherId> {
        self.certificate
            .as_ref()
            .map(|certificate| certificate.node.publisher_id())
    }
}
