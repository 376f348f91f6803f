//! Our own chain: the next envelope is sealed, admitted, on disk, and only then handed to the mesh. One at a time.
//!
//! Before this stop: `outbox` (sightings) and `control` (statements). After it: `vigie_gossip::publish`.

use std::time::Duration;

use anyhow::Context;
use vigie_gossip_core::chain::head_due;
use vigie_gossip_core::constants::HEAD_INTERVAL;
use vigie_gossip_core::{Admitted, ChainIndex, Class, Held, Place, Unverified};
use vigie_store::{AlertId, Appended, Holder, Lease, Owner, Store, StoreError};
use vigie_wire::{Draft, Envelope, HeaderHash, Payload, PublisherId, SightingId, Timestamp, Tlp};

use crate::ingest;
use crate::node::Node;

/// So long nobody else publishes on our chain after this process was last heard of. One that is started again goes on at
/// once; one on another machine takes over after this time.
const LEASE: Duration = Duration::from_secs(60);
/// The note of the chain that holds the epoch to publish in, after peers knew more of our chain than we do. It only rises.
const EPOCH: &str = "chain/epoch";

/// What we have signed so far: budgets are counted by it, and nothing is signed twice for one place.
#[derive(Debug)]
pub(crate) struct OwnChain {
    publisher: PublisherId,
    index: ChainIndex,
    instance: String,
    /// This life of the instance.
    life: u64,
    lease: Option<Lease>,
    /// When we last named our latest envelope.
    named: Option<Timestamp>,
}

// === impl OwnChain ===

impl OwnChain {
    /// From what the store holds of it.
    pub(crate) async fn load(
        store: &dyn Store,
        publisher: PublisherId,
        instance: &str,
    ) -> anyhow::Result<Self> {
        let mut life = [0; 8];
        getrandom::fill(&mut life).context("the system gives no random bytes")?;
        store.adopt_notes(&publisher.to_string(), EPOCH).await?;
        Ok(Self {
            publisher,
            index: Self::read(store, publisher).await?,
            instance: instance.to_owned(),
            life: u64::from_le_bytes(life),
            lease: None,
            named: None,
        })
    }

    async fn read(store: &dyn Store, publisher: PublisherId) -> anyhow::Result<ChainIndex> {
        let mut index = ChainIndex::new();
        for held in store
            .held()
            .await?
            .iter()
            .filter(|held| held.held.publisher == publisher)
        {
            index.load(ingest::core_held(held));
        }
        Ok(index)
    }

    /// The right to publish, taken or renewed in time; `None` while another process has it. After its turn the chain is
    /// read again.
    async fn hold(&mut self, store: &dyn Store, now: Timestamp) -> anyhow::Result<Option<Lease>> {
        let held = self.lease.filter(|lease| now + LEASE / 2 < lease.until);
        if held.is_some() {
            return Ok(held);
        }
        let holder = Holder {
            instance: &self.instance,
            life: self.life,
        };
        let taken = store.take_lease(self.publisher, holder, now, now + LEASE).await?;
        let before = std::mem::replace(&mut self.lease, taken);
        match taken {
            None if before.is_some() => {
                tracing::warn!("another process publishes on our chain: what we have to say waits");
            }
            Some(lease) if before.is_none_or(|before| before.token != lease.token) => {
                self.index = Self::read(store, self.publisher).await?;
            }
            _ => {}
        }
        Ok(taken)
    }

    /// Rows that may still be signed now, and urgent ones among them.
    pub(crate) fn allowance(&self, class: Class, now: Timestamp) -> (u32, u32) {
        self.index.allowance(self.publisher, class, now)
    }

    /// What we said last, if it is time to name it: at intervals, or because we leave.
    fn to_name(&self, leaving: bool, now: Timestamp) -> Option<Held> {
        let latest = self.index.latest(self.publisher)?;
        let fresh = self.named.is_some_and(|named| now < named + HEAD_INTERVAL);
        let due = head_due(latest.time, self.named, now) || leaving && !fresh;
        due.then_some(latest)
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
    let Some(lease) = chain.hold(node.store.as_ref(), now).await? else {
        return Ok(None);
    };
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
        .append_own(&lease, &ingest::new_envelope(&admitted, now), &shared)
        .await
    {
        Ok(Appended::New) => chain.index.record(envelope.header()),
        Ok(Appended::Known | Appended::Conflict(_)) => {
            anyhow::bail!("two processes publish on one chain: stop one")
        }
        Err(error) => {
            chain.index.release(envelope.header());
            if matches!(error, StoreError::Fenced { .. }) {
                chain.lease = None;
            }
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

/// Names our latest envelope to whoever listens, if that is due. `true` if it was named.
///
/// Only what the store holds is named, so a crash cannot make it a lie. Of several processes that share a store, the one
/// that published last does it: only its index ends where the store does. No lease is taken for it, since a head stands
/// at no place: two of them say the same. An epoch that was given up is left alone.
pub(crate) async fn name_latest(node: &Node, leaving: bool) -> anyhow::Result<bool> {
    let now = node.now();
    let mut chain = node.chain.lock().await;
    let Some(latest) = chain.to_name(leaving, now) else {
        return Ok(false);
    };
    let stored = node.store.head_of(chain.publisher).await?;
    let ends_there = stored.is_some_and(|stored| {
        (stored.epoch, stored.seq, stored.hash) == (latest.epoch, latest.seq, latest.hash)
    });
    if !ends_there || latest.epoch < floor(node).await? {
        return Ok(false);
    }
    let Some(mesh) = node.mesh.get() else {
        return Ok(false);
    };
    if !mesh.peers().await?.iter().any(|peer| peer.subscribed) {
        return Ok(false);
    }
    let draft = Draft {
        network: node.membership.network().context("this node joined no network")?,
        epoch: latest.epoch,
        seq: latest.seq,
        prev: latest.hash,
        time_base: now,
        tlp: Tlp::Clear,
        policy: 0,
        payload: Payload::Head,
    };
    let head = draft
        .seal(&node.identity.node, [0; 16])
        .context("our head does not fit into an envelope")?;
    mesh.publish(head).await?;
    chain.named = Some(now);
    Ok(true)
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

/// What is noted of a chain is its own, whichever process publishes on it.
fn of_chain(node: &Node) -> String {
    node.identity.node.public().publisher_id().to_string()
}

async fn floor(node: &Node) -> anyhow::Result<u32> {
    match node.store.note(Owner::Process(&of_chain(node)), EPOCH).await? {
        Some(text) => text.parse().context("the database holds a damaged epoch"),
        None => Ok(0),
    }
}

/// From now on we publish in this epoch or a later one.
async fn raise(node: &Node, epoch: u32) -> anyhow::Result<()> {
    if epoch > floor(node).await? {
        tracing::warn!(epoch, "publishing goes on in a new epoch");
        let chain = of_chain(node);
        node.store
            .put_note(Owner::Process(&chain), EPOCH, &epoch.to_string())
            .await?;
    }
    Ok(())
}

/// Peers hold this of our chain. If we do not, our disk is older than what we published: a new epoch begins,
/// so that nothing is signed twice for one place (DESIGN 5, "no false accusations").
pub(crate) async fn on_own_head(node: &Node, epoch: u32, seq: u64, hash: HeaderHash) -> anyhow::Result<()> {
    let mut chain = node.chain.lock().await;
    let place = Place { epoch, seq };
    if !chain.contradicts(place, hash) {
        return Ok(());
    }
    // Another process may publish on our chain now: it writes to the store before peers hear of it.
    chain.index = OwnChain::read(node.store.as_ref(), chain.publisher).await?;
    if chain.contradicts(place, hash) {
        raise(node, epoch.saturating_add(1)).await?;
    }
    Ok(())
}

/// These are about to leave the store. If the end of our own chain is among them, nothing there would say any more which
/// places are used: a new epoch begins. What else goes of it, since it is old or more was said later, changes nothing.
pub(crate) async fn let_go(node: &Node, leaving: &[Held]) -> anyhow::Result<()> {
    let chain = node.chain.lock().await;
    let own = leaving.iter().filter(|held| held.publisher == chain.publisher);
    let Some(last) = own.map(Held::place).max() else {
        return Ok(());
    };
    let end = node.store.head_of(chain.publisher).await?;
    if is_the_end(last, end.map(|end| (end.epoch, end.seq))) {
        raise(node, last.epoch.saturating_add(1)).await?;
    }
    Ok(())
}

/// Whether nothing is stored behind this place of a chain that ends there.
fn is_the_end(place: Place, end: Option<(u32, u64)>) -> bool {
    end.is_none_or(|(epoch, seq)| Place { epoch, seq } <= place)
}

/// This epoch of a chain is void from some place on: if it is ours, none of its later places is used any more.
pub(crate) async fn give_up(node: &Node, publisher: PublisherId, epoch: u32) -> anyhow::Result<()> {
    let chain = node.chain.lock().await;
    if chain.publisher == publisher {
        raise(node, epoch.saturating_add(1)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_loses_its_beginning_goes_on_and_one_that_loses_its_end_does_not() {
        let place = |epoch, seq| Place { epoch, seq };
        assert!(!is_the_end(place(3, 40), Some((3, 41))));
        assert!(!is_the_end(place(3, 40), Some((4, 0))));
        assert!(is_the_end(place(3, 40), Some((3, 40))));
        assert!(is_the_end(place(3, 40), Some((2, 90))));
        assert!(is_the_end(place(3, 40), None));
    }

    #[test]
    fn our_latest_is_named_when_it_is_due_and_when_we_leave() {
        let publisher = PublisherId([7; 16]);
        let at = |secs: i64| Timestamp::from_secs(1_795_305_600 + secs);
        let mut chain = OwnChain {
            publisher,
            index: ChainIndex::new(),
            instance: String::new(),
            life: 0,
            lease: None,
            named: None,
        };
        assert_eq!(chain.to_name(true, at(0)), None, "nothing was said");
        for seq in [3, 4] {
            chain.index.load(Held {
                publisher,
                epoch: 1,
                seq,
                hash: HeaderHash([9; 32]),
                time: at(0),
                rows: 1,
                urgent: false,
            });
        }
        for (named, leaving, now, seq) in [
            (None, false, 59, None),
            (None, false, 60, Some(4)),
            (None, true, 1, Some(4)),
            (Some(60), false, 359, None),
            (Some(60), false, 360, Some(4)),
            (Some(60), true, 69, None),
            (Some(60), true, 70, Some(4)),
        ] {
            chain.named = named.map(at);
            let latest = chain.to_name(leaving, at(now)).map(|latest| latest.seq);
            assert_eq!(latest, seq, "named {named:?}, leaving {leaving}, now {now}");
        }
    }
}
