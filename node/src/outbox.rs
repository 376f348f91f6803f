//! Our own sightings on their way out: batched, sequenced, chained, signed, on disk, and only then published.
//!
//! Before this stop: `share`. After it: `vigie_gossip::publish`. What waits is in the store (alerts marked pending),
//! so a kill -9 between detection and envelope loses nothing, and one after it repeats nothing. How long a row waits
//! for company is the core's decision (`vigie_gossip_core::window`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use vigie_gossip_core::window::{Batch, Window};
use vigie_gossip_core::{Admitted, ChainIndex, Class, Standing, Unverified};
use vigie_store::{Alert, AlertId, Appended};
use vigie_wire::envelope::policy;
use vigie_wire::{
    Behaviour, Draft, Envelope, HeaderHash, Indicator, Payload, RuleHash, Sighting, SightingId, Timestamp,
    Tlp,
};

use crate::node::Node;
use crate::{ingest, share};

/// A look for what a crash or a refused envelope left behind.
const SWEEP: Duration = Duration::from_secs(30);
/// Alerts taken from the store at once.
const TAKEN: u32 = 4_096;
/// The note that holds the epoch to publish in, after peers knew more of our chain than we do.
const EPOCH: &str = "chain/epoch";

/// What the window merges: alerts with the same subject leave as one row.
type Subject = (Indicator, Behaviour, RuleHash);

/// The rows that wait and the alerts behind them. Only a cache of the store: losing it loses nothing.
struct Outbox {
    node: Arc<Node>,
    window: Window,
    waiting: BTreeMap<Subject, Vec<AlertId>>,
    taken: BTreeSet<AlertId>,
}

/// Publishes what waits until shutdown. What still waits then is taken up at the next start.
pub(crate) async fn run(node: Arc<Node>, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut outbox = Outbox {
        node: Arc::clone(&node),
        window: Window::new(Class::Newcomer),
        waiting: BTreeMap::new(),
        taken: BTreeSet::new(),
    };
    loop {
        outbox.step().await?;
        let pause = outbox
            .window
            .next_deadline()
            .map_or(SWEEP, |due| due.since(node.now()).min(SWEEP));
        tokio::select! {
            () = node.outbox.notified() => {}
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

// === impl Outbox ===

impl Outbox {
    /// Takes new alerts in and lets out what is due.
    async fn step(&mut self) -> anyhow::Result<()> {
        let now = self.node.now();
        let publisher = self.node.identity.node.public().publisher_id();
        match self.node.membership.standing(publisher, now) {
            None => return Ok(()),
            Some(Standing::Outsider(why)) => {
                tracing::debug!(%why, "nothing is published: the network does not admit this node yet");
                return Ok(());
            }
            Some(standing) => self.window.set_class(standing.class().unwrap_or(Class::Newcomer)),
        }
        for alert in self.node.store.pending_shares(TAKEN).await? {
            if self.taken.insert(alert.id) {
                self.take(&alert, now).await?;
            }
        }
        for batch in self.window.poll(now) {
            self.publish(batch, now).await?;
        }
        Ok(())
    }

    /// Policy may have changed since the alert was written: it is asked again at the door.
    async fn take(&mut self, alert: &Alert, now: Timestamp) -> anyhow::Result<()> {
        let known = alert.alert.value.parse().is_ok_and(|ip| self.node.is_known(ip));
        let Ok(sighting) = share::to_sighting(&alert.alert, &self.node.sharing(), known) else {
            self.taken.remove(&alert.id);
            return Ok(self.node.store.withhold(&[alert.id]).await?);
        };
        let subject = subject(&sighting);
        let urgent = !self.waiting.contains_key(&subject);
        match self.window.push(sighting, urgent, now) {
            Ok(()) => self.waiting.entry(subject).or_default().push(alert.id),
            Err(full) => {
                // It stays pending in the store and comes back with a later step.
                self.taken.remove(&alert.id);
                tracing::warn!(%full, "the outbox is full: a sighting waits on disk");
            }
        }
        Ok(())
    }

    /// Seals a batch, keeps it, and hands it to the mesh.
    async fn publish(&mut self, batch: Batch, now: Timestamp) -> anyhow::Result<()> {
        let envelope = seal(&self.node, batch, now).await?;
        let mut shared: Vec<(AlertId, SightingId)> = Vec::new();
        for (id, sighting) in envelope.sightings() {
            let alerts = self.waiting.remove(&subject(&sighting)).unwrap_or_default();
            shared.extend(alerts.into_iter().map(|alert| (alert, id)));
        }
        for (alert, _) in &shared {
            self.taken.remove(alert);
        }
        let admitted = match admit(&self.node, &envelope, now) {
            Ok(admitted) => admitted,
            Err(refusal) => {
                tracing::warn!(%refusal, "our own envelope is not admitted: its sightings wait");
                return Ok(());
            }
        };
        match self
            .node
            .store
            .append_own(&ingest::new_envelope(&admitted, now), &shared)
            .await?
        {
            Appended::New => {}
            Appended::Known | Appended::Conflict(_) => {
                anyhow::bail!("two processes publish on one chain: stop one")
            }
        }
        for (alert, sighting) in &shared {
            tracing::info!(alert.id = alert, sighting.id = %sighting, "shared");
        }
        let Some(mesh) = self.node.mesh.get() else {
            return Ok(());
        };
        mesh.publish(envelope)
            .await
            .context("the mesh does not take envelopes any more")
    }
}

fn subject(sighting: &Sighting) -> Subject {
    (sighting.indicator.clone(), sighting.behaviour, sighting.rule)
}

async fn seal(node: &Node, batch: Batch, now: Timestamp) -> anyhow::Result<Envelope> {
    let publisher = node.identity.node.public().publisher_id();
    let floor: u32 = match node.store.note(EPOCH).await? {
        Some(text) => text.parse().context("the database holds a damaged epoch")?,
        None => 0,
    };
    let head = node
        .store
        .head_of(publisher)
        .await?
        .filter(|head| head.epoch >= floor);
    let (epoch, seq, prev) = match head {
        Some(head) => (head.epoch, head.seq + 1, head.hash),
        None => (floor, 0, HeaderHash([0; 32])),
    };
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).context("the system gives no random bytes")?;
    let draft = Draft {
        network: node.membership.network().context("this node joined no network")?,
        epoch,
        seq,
        prev,
        time_base: now,
        tlp: Tlp::Green,
        policy: if batch.urgent { policy::URGENT } else { 0 },
        payload: Payload::Sightings(batch.rows),
    };
    draft
        .seal(&node.identity.node, salt)
        .context("our own sightings do not fit into an envelope")
}

/// Our own envelope takes the path of everybody's: parsed, verified, admitted.
fn admit(node: &Node, envelope: &Envelope, now: Timestamp) -> anyhow::Result<Admitted> {
    let directory = node
        .membership
        .directory()
        .context("this node joined no network")?;
    let unverified = Unverified::parse(&envelope.encode())?;
    let verified = unverified.verify(&directory, now)?;
    // Our own chain is kept in the store; a fresh index has nothing to say against its next place.
    Ok(verified.admit(&directory, &mut ChainIndex::new(), now)?)
}

/// Peers know our chain up to here. If we do not, our disk is older than what we published: a new epoch begins,
/// so that nothing is signed twice for one place (DESIGN 5, "no false accusations").
pub(crate) async fn on_own_head(node: &Node, epoch: u32, seq: u64, hash: HeaderHash) -> anyhow::Result<()> {
    let publisher = node.identity.node.public().publisher_id();
    let behind = match node.store.head_of(publisher).await? {
        None => true,
        Some(head) if (head.epoch, head.seq) == (epoch, seq) => head.hash != hash,
        Some(head) => (head.epoch, head.seq) < (epoch, seq),
    };
    if behind {
        tracing::warn!(
            epoch,
            seq,
            "peers hold more of our chain than this disk: publishing goes on in a new epoch"
        );
        node.store.put_note(EPOCH, &(epoch + 1).to_string()).await?;
    }
    Ok(())
}
