//! Proofs of forks, kept over a restart: what is void after one stays void from the first moment on.
//!
//! Sync would bring them back, but a peer who has none may answer first, and what he sends would count until then. One for
//! each (publisher, epoch), and of a publisher the core keeps eight. Deliberately absent: what they prove, an accident or
//! a lie (`vigie_gossip_core::chain`).

use vigie_gossip_core::Conduct;
use vigie_store::Owner;
use vigie_wire::EquivocationProof;

use crate::ingest;
use crate::node::Node;

const NOTES: &str = "proof/";

/// Keeps the proof that stands for its epoch.
pub(crate) async fn keep(node: &Node, proof: &EquivocationProof) -> anyhow::Result<()> {
    let header = proof.first().header();
    let name = format!("{NOTES}{}/{}", header.publisher, header.epoch);
    let text = hex::encode(proof.encode());
    Ok(node.store.put_note(Owner::Everybody, &name, &text).await?)
}

/// Those that are kept. One that does not read any more is left out: sync brings it again.
pub(crate) async fn kept(node: &Node) -> anyhow::Result<Vec<EquivocationProof>> {
    let notes = node.store.notes(Owner::Everybody, NOTES).await?;
    let read = |text: &str| EquivocationProof::decode(&hex::decode(text).ok()?).ok();
    Ok(notes.iter().filter_map(|(_, text)| read(text)).collect())
}

/// Has the scorer hear whose proofs amount to equivocation: the organisation's word weighs nothing for half a year. What is
/// void by then is the core's affair; this is our opinion of who did it. Cheap, and asked again at every housekeeping, as
/// a fork may become one when more of the chain comes.
pub(crate) async fn judge(node: &Node) -> anyhow::Result<()> {
    let Some(mesh) = node.mesh.get() else {
        return Ok(());
    };
    let own = node.identity.org.org_id();
    let mut struck = false;
    for proof in kept(node).await? {
        let publisher = proof.first().header().publisher;
        if !matches!(mesh.conduct(publisher).await?, Conduct::Equivocation { .. }) {
            continue;
        }
        let org = node
            .membership
            .directory()
            .and_then(|directory| directory.org_of(publisher))
            .map(|key| key.org_id());
        let at = proof
            .first()
            .header()
            .time_base
            .max(proof.second().header().time_base);
        if let Some(org) = org.filter(|org| *org != own)
            && node.opinion.equivocated(org, at)
        {
            struck = true;
            tracing::warn!(%publisher, organisation = %org, "equivocated: its word weighs nothing for half a year");
        }
    }
    if struck {
        ingest::release(node).await?;
    }
    Ok(())
}
