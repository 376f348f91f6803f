//! Proofs of forks, kept over a restart: what is void after one stays void from the first moment on.
//!
//! Sync would bring them back, but a peer who has none may answer first, and what he sends would count until then. One for
//! each (publisher, epoch), and of a publisher the core keeps eight. Deliberately absent: what they mean
//! (`vigie_gossip_core::chain`).

use vigie_store::Owner;
use vigie_wire::EquivocationProof;

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
