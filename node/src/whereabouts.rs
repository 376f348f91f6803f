//! Where other nodes are called, over a restart: a few of the records that members hand each other, kept in the store.
//!
//! So a node finds the mesh again while no seed answers. A record is signed by the node that it is about and expires, so
//! what stands in the store is believed no more than what a peer says. Deliberately absent: which records are kept while
//! running, and whom to dial: the mesh's own affair.

use std::collections::BTreeSet;

use vigie_gossip::Mesh;
use vigie_gossip::addresses::Addresses;
use vigie_wire::PublisherId;

use crate::node::Node;

const NOTE: &str = "mesh/whereabouts";
/// Records kept: of as many organisations, if there are as many.
const KEPT: usize = 64;

/// Tells the mesh what was kept.
pub(crate) async fn recall(node: &Node, mesh: &Mesh) -> anyhow::Result<()> {
    let Some(text) = node.store.note(node.mine(), NOTE).await? else {
        return Ok(());
    };
    for line in text.lines().take(KEPT) {
        let record = hex::decode(line)
            .ok()
            .and_then(|bytes| Addresses::decode(&bytes).ok());
        // One that is damaged costs only itself; whether it still holds is for the mesh to say.
        if let Some(record) = record {
            mesh.take_addresses(record).await?;
        }
    }
    Ok(())
}

/// Keeps some of what the mesh knows, if that is not what is kept.
pub(crate) async fn save(node: &Node) -> anyhow::Result<()> {
    let Some(mesh) = node.mesh.get() else {
        return Ok(());
    };
    let peers = mesh.peers().await?;
    let connected: BTreeSet<PublisherId> = peers.into_iter().filter_map(|peer| peer.publisher).collect();
    let text = choose(node, mesh.addresses().await?, &connected);
    if !text.is_empty() && node.store.note(node.mine(), NOTE).await?.as_ref() != Some(&text) {
        node.store.put_note(node.mine(), NOTE, &text).await?;
    }
    Ok(())
}

/// Who answers now comes first, then one node of each organisation.
fn choose(node: &Node, mut known: Vec<Addresses>, connected: &BTreeSet<PublisherId>) -> String {
    let Some(directory) = node.membership.directory() else {
        return String::new();
    };
    let own = node.identity.node.public().publisher_id();
    known.retain(|record| record.publisher() != own && !record.addresses.is_empty());
    known.sort_by_key(|record| !connected.contains(&record.publisher()));
    let mut told = BTreeSet::new();
    let (firsts, others): (Vec<Addresses>, Vec<Addresses>) = known
        .into_iter()
        .partition(|record| told.insert(directory.org_of(record.publisher())));
    let kept = firsts.iter().chain(&others).take(KEPT);
    let lines: Vec<String> = kept.map(|record| hex::encode(record.encode())).collect();
    lines.join("\n")
}
