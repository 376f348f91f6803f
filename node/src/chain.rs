//! Our own chain: the next envelope is sealed, admitted, on disk, and only then handed to the mesh. One at a time.
//!
//! Before this stop: `outbox` (sightings) and `control` (statements). After it: `vigie_gossip::publish`.

use anyhow::Context;
use vigie_gossip_core::{Admitted, ChainIndex, Unverified};
use vigie_store::{AlertId, Appended};
use vigie_wire::{Draft, Envelope, HeaderHash, Payload, SightingId, Timestamp, Tlp};

use crate::ingest;
use crate::node::Node;

/// The note that holds the epoch to publish in, after peers knew more of our chain than we do.
const EPOCH: &str = "chain/epoch";

/// Seals what we say next and publishes it; `shared` tells which alerts leave with which of its rows.
/// `None` if the network does not admit us now: then nothing was signed into the chain.
pub(crate) async fn publish(
    node: &Node,
    payload: Payload,
    policy: u8,
    shared: impl FnOnce(&Envelope) -> Vec<(AlertId, SightingId)> + Send,
) -> anyhow::Result<Option<Vec<(AlertId, SightingId)>>> {
    let _one_at_a_time = node.chain.lock().await;
    let now = node.now();
    let envelope = seal(node, payload, policy, now).await?;
    let admitted = match admit(node, &envelope, now) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            tracing::warn!(
                error = format!("{refusal:#}"),
                "our own envelope is not admitted: it waits"
            );
            return Ok(None);
        }
    };
    let shared = shared(&envelope);
    match node
        .store
        .append_own(&ingest::new_envelope(&admitted, now), &shared)
        .await?
    {
        Appended::New => {}
        Appended::Known | Appended::Conflict(_) => {
            anyhow::bail!("two processes publish on one chain: stop one")
        }
    }
    if let Some(mesh) = node.mesh.get()
        && let Err(error) = mesh.publish(envelope).await
    {
        // It is on disk and in our chain: peers fetch it by sync as soon as they may.
        tracing::warn!(%error, "our envelope is not gossiped");
    }
    Ok(Some(shared))
}

async fn seal(node: &Node, payload: Payload, policy: u8, now: Timestamp) -> anyhow::Result<Envelope> {
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
    let network = node.membership.network().context("this node joined no network")?;
    // Who is not a member gets CLEAR only; sightings are for members.
    let tlp = if matches!(payload, Payload::Sightings(_)) {
        Tlp::Green
    } else {
        Tlp::Clear
    };
    let draft = Draft {
        network,
        epoch,
        seq,
        prev,
        time_base: now,
        tlp,
        policy,
        payload,
    };
    draft
        .seal(&node.identity.node, salt)
        .context("what we say does not fit into an envelope")
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
    let _one_at_a_time = node.chain.lock().await;
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
        node.store
            .put_note(EPOCH, &epoch.saturating_add(1).to_string())
            .await?;
    }
    Ok(())
}
