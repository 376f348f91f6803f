//! Our own chain: the next envelope is sealed, admitted, on disk, and only then handed to the mesh. One at a time.
//!
//! Before this stop: `outbox` (sightings) and `control` (statements). After it: `vigie_gossip::publish`.

use anyhow::Context;
use vigie_gossip_core::{Admitted, ChainIndex, Class, Place, Unverified};
use vigie_store::{AlertId, Appended, Store};
use vigie_wire::{Draft, Envelope, HeaderHash, Payload, PublisherId, SightingId, Timestamp, Tlp};

use crate::ingest;
use crate::node::Node;

/// The note that holds the epoch to publish in, after peers knew more of our chain than we do. It only rises.
const EPOCH: &str = "chain/epoch";

/// What we have signed so far: budgets are counted by it, and nothing is signed twice for one place.
#[derive(Debug)]
pub(crate) struct OwnChain {
    publisher: PublisherId,
    index: ChainIndex,
}

// === impl OwnChain ===

impl OwnChain {
    /// From what the store holds of it.
    pub(crate) async fn load(store: &dyn Store, publisher: PublisherId) -> anyhow::Result<Self> {
        let mut index = ChainIndex::new();
        for held in store
            .held()
            .await?
            .iter()
            .filter(|held| held.held.publisher == publisher)
        {
            index.load(ingest::core_held(held));
        }
        Ok(Self { publisher, index })
    }

    /// Rows that may still be signed now, and urgent ones among them.
    pub(crate) fn allowance(&self, class: Class, now: Timestamp) -> (u32, u32) {
        self.index.allowance(self.publisher, class, now)
    }

    /// Whether anything was ever signed.
    pub(crate) fn is_used(&self) -> bool {
        self.index.highest(self.publisher).is_some()
    }

    /// The place that our store should hold if it holds what peers hold; `None` for one it may have forgotten.
    fn contradicts(&self, place: Place, hash: HeaderHash) -> bool {
        match self.index.hash_at(self.publisher, place) {
            Some(held) => held != hash,
            None => self
                .index
                .highest(self.publisher)
                .is_none_or(|head| (head.epoch, head.seq) < (place.epoch, place.seq)),
        }
    }
}

/// Seals what we say next and publishes it; `shared` tells which alerts leave with which of its rows.
/// `None` if the network does not admit it now: then nothing was signed into the chain.
pub(crate) async fn publish(
    node: &Node,
    payload: Payload,
    policy: u8,
    shared: impl FnOnce(&Envelope) -> Vec<(AlertId, SightingId)> + Send,
) -> anyhow::Result<Option<Vec<(AlertId, SightingId)>>> {
    let mut chain = node.chain.lock().await;
    let now = node.now();
    let envelope = seal(node, payload, policy, now).await?;
    let admitted = match admit(node, &mut chain.index, &envelope, now) {
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
        .await
    {
        Ok(Appended::New) => chain.index.record(envelope.header()),
        Ok(Appended::Known | Appended::Conflict(_)) => {
            anyhow::bail!("two processes publish on one chain: stop one")
        }
        Err(error) => {
            chain.index.release(envelope.header());
            return Err(error.into());
        }
    };
    if let Some(mesh) = node.mesh.get()
        && let Err(error) = mesh.publish(envelope).await
    {
        tracing::warn!(%error, "our envelope is on disk, but not gossiped");
    }
    Ok(Some(shared))
}

async fn seal(node: &Node, payload: Payload, policy: u8, now: Timestamp) -> anyhow::Result<Envelope> {
    let publisher = node.identity.node.public().publisher_id();
    let floor = floor(node).await?;
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

/// Our own envelope takes the path of everybody's: parsed, verified, admitted within our budget.
fn admit(
    node: &Node,
    index: &mut ChainIndex,
    envelope: &Envelope,
    now: Timestamp,
) -> anyhow::Result<Admitted> {
    let directory = node
        .membership
        .directory()
        .context("this node joined no network")?;
    let unverified = Unverified::parse(&envelope.encode())?;
    let verified = unverified.verify(&directory, now)?;
    Ok(verified.admit(&directory, index, now)?)
}

async fn floor(node: &Node) -> anyhow::Result<u32> {
    match node.store.note(EPOCH).await? {
        Some(text) => text.parse().context("the database holds a damaged epoch"),
        None => Ok(0),
    }
}

/// From now on we publish in this epoch or a later one.
async fn raise(node: &Node, epoch: u32) -> anyhow::Result<()> {
    if epoch > floor(node).await? {
        tracing::warn!(epoch, "publishing goes on in a new epoch");
        node.store.put_note(EPOCH, &epoch.to_string()).await?;
    }
    Ok(())
}

/// Peers hold this of our chain. If we do not, our disk is older than what we published: a new epoch begins,
/// so that nothing is signed twice for one place (DESIGN 5, "no false accusations").
pub(crate) async fn on_own_head(node: &Node, epoch: u32, seq: u64, hash: HeaderHash) -> anyhow::Result<()> {
    let chain = node.chain.lock().await;
    if chain.contradicts(Place { epoch, seq }, hash) {
        raise(node, epoch.saturating_add(1)).await?;
    }
    Ok(())
}

/// This place of our own chain is void, or is about to leave the store: no later place of its epoch is used any more.
pub(crate) async fn give_up(node: &Node, publisher: PublisherId, epoch: u32) -> anyhow::Result<()> {
    let chain = node.chain.lock().await;
    if chain.publisher == publisher {
        raise(node, epoch.saturating_add(1)).await?;
    }
    Ok(())
}
