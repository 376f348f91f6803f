//! Our own sightings on their way out: batched, sequenced, chained, signed, on disk, and only then published.
//!
//! Before this stop: `share`. After it: `vigie_gossip::publish`. What waits is in the store (alerts marked pending),
//! so a kill -9 between detection and envelope loses nothing, and one after it repeats nothing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use vigie_gossip_core::{ChainIndex, Unverified};
use vigie_store::{Alert, AlertId, Appended};
use vigie_wire::{Draft, Envelope, HeaderHash, MAX_ROWS, Payload, Sighting, SightingId, Tlp};

use crate::node::Node;
use crate::{ingest, share};

/// A batch waits so long for company (DESIGN 6: new sightings 250 ms).
const WINDOW: Duration = Duration::from_millis(250);
/// A look for what a crash left behind.
const SWEEP: Duration = Duration::from_secs(30);
/// The note that holds the epoch to publish in, after peers knew more of our chain than we do.
const EPOCH: &str = "chain/epoch";

/// Publishes what waits, until shutdown; then once more.
pub(crate) async fn run(node: Arc<Node>, shutdown: CancellationToken) -> anyhow::Result<()> {
    loop {
        while publish_some(&node).await? {}
        tokio::select! {
            () = node.outbox.notified() => tokio::time::sleep(WINDOW).await,
            () = tokio::time::sleep(SWEEP) => {}
            () = shutdown.cancelled() => {
                publish_some(&node).await?;
                return Ok(());
            }
        }
    }
}

/// Seals and publishes one envelope. `false` if nothing waits or nothing may leave now.
async fn publish_some(node: &Node) -> anyhow::Result<bool> {
    if !node.membership.joined() {
        return Ok(false);
    }
    let limit = u32::try_from(MAX_ROWS).unwrap_or(u32::MAX);
    let waiting = node.store.pending_shares(limit).await?;
    let (leaving, staying) = sort(node, &waiting);
    node.store.withhold(&staying).await?;
    if leaving.is_empty() {
        return Ok(false);
    }
    let (alerts, sightings): (Vec<AlertId>, Vec<Sighting>) = leaving.into_iter().unzip();
    let envelope = seal(node, sightings).await?;
    let shared: Vec<(AlertId, SightingId)> =
        alerts.iter().copied().zip(envelope.sightings().map(|(id, _)| id)).collect();
    if !append(node, &envelope, &shared).await? {
        return Ok(false);
    }
    for (alert, sighting) in &shared {
        let detection = waiting.iter().find(|waiting| waiting.id == *alert).map(|found| hex::encode(found.alert.detection));
        tracing::info!(detection.id = detection, sighting.id = %sighting, "shared");
    }
    if let Some(mesh) = node.mesh.get() {
        mesh.publish(envelope).await.context("the mesh does not take envelopes any more")?;
    }
    Ok(true)
}

/// Policy may have changed since the alert was written: it is asked again at the door.
fn sort(node: &Node, waiting: &[Alert]) -> (Vec<(AlertId, Sighting)>, Vec<AlertId>) {
    let sharing = node.sharing();
    let (mut leaving, mut staying) = (Vec::new(), Vec::new());
    for alert in waiting {
        let known = alert.alert.value.parse().is_ok_and(|ip| node.is_known(ip));
        match share::to_sighting(&alert.alert, &sharing, known) {
            Ok(sighting) => leaving.push((alert.id, sighting)),
            Err(_) => staying.push(alert.id),
        }
    }
    // The order of rows in an envelope is fixed by the wire: the pairs must be in it before they are zipped.
    leaving.sort_by(|(_, a), (_, b)| vigie_wire::row_order(a, b));
    (leaving, staying)
}

async fn seal(node: &Node, sightings: Vec<Sighting>) -> anyhow::Result<Envelope> {
    let publisher = node.identity.node.public().publisher_id();
    let floor: u32 = match node.store.note(EPOCH).await? {
        Some(text) => text.parse().context("the database holds a damaged epoch")?,
        None => 0,
    };
    let head = node.store.head_of(publisher).await?.filter(|head| head.epoch >= floor);
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
        time_base: node.now(),
        tlp: Tlp::Green,
        policy: 0,
        payload: Payload::Sightings(sightings),
    };
    draft.seal(&node.identity.node, salt).context("our own sightings do not fit into an envelope")
}

/// Our own envelope takes the path of everybody's: parsed, verified, admitted, and then kept.
async fn append(node: &Node, envelope: &Envelope, shared: &[(AlertId, SightingId)]) -> anyhow::Result<bool> {
    let now = node.now();
    let admitted = {
        let directory = node.membership.directory().context("this node joined no network")?;
        let admitted = Unverified::parse(&envelope.encode())
            .and_then(|unverified| unverified.verify(&directory, now))
            .and_then(|verified| verified.admit(&directory, &mut ChainIndex::default(), now));
        match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                tracing::info!(%refusal, "nothing is published yet: the network does not admit this node");
                return Ok(false);
            }
        }
    };
    match node.store.append_own(&ingest::new_envelope(&admitted, now), shared).await? {
        Appended::New => Ok(true),
        Appended::Known | Appended::Conflict(_) => anyhow::bail!("two processes publish on one chain: stop one"),
    }
}

/// Peers know our chain up to here. If we do not, our disk is older than what we published: a new epoch begins,
/// so that nothing is signed twice for one place (DESIGN 5, "no false accusations").
pub(crate) async fn on_own_head(node: &Node, epoch: u32, seq: u64, hash: HeaderHash) -> anyhow::Result<()> {
    let publisher = node.identity.node.public().publisher_id();
    let head = node.store.head_of(publisher).await?;
    let behind = match head {
        None => true,
        Some(head) if (head.epoch, head.seq) == (epoch, seq) => head.hash != hash,
        Some(head) => (head.epoch, head.seq) < (epoch, seq),
    };
    if behind {
        tracing::warn!(epoch, seq, "peers hold more of our chain than this disk: publishing goes on in a new epoch");
        node.store.put_note(EPOCH, &(epoch + 1).to_string()).await?;
    }
    Ok(())
}
