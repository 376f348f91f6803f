//! The proofs of forks that this node keeps, each with what a third party needs to check it.
//!
//! Deliberately absent: the judgement of a third party (`cli/verify`), who trusts none of what stands here but the bytes.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use vigie_gossip_core::Conduct;
use vigie_wire::{EquivocationProof, PublicKey, Statement};

use super::{Answer, Shared};
use crate::node::Node;
use crate::proofs;

pub(super) async fn list(State(node): Shared) -> Answer {
    let mut rows = Vec::new();
    for proof in proofs::kept(&node).await? {
        let publisher = proof.first().header().publisher;
        let conduct = match node.mesh.get() {
            Some(mesh) => Some(mesh.conduct(publisher).await.map_err(anyhow::Error::new)?),
            None => None,
        };
        rows.push(row(&node, &proof, conduct));
    }
    Ok(Json(rows.into()))
}

fn row(node: &Node, proof: &EquivocationProof, conduct: Option<Conduct>) -> Value {
    let header = proof.first().header();
    let key = node
        .membership
        .directory()
        .and_then(|directory| directory.key_of(header.publisher));
    json!({
        "organisation": node.membership.name_of_publisher(header.publisher),
        "publisher": header.publisher, "epoch": header.epoch, "seq": header.seq,
        "conduct": conduct.map(word),
        "proof": hex::encode(proof.encode()),
        "key": key,
        "certificates": key.map(|key| certificates(node, &key)).unwrap_or_default(),
    })
}

/// All of that key that count: which of them covers the proof is for the reader to find out.
fn certificates(node: &Node, key: &PublicKey) -> Vec<String> {
    let Some(directory) = node.membership.directory() else {
        return Vec::new();
    };
    let names =
        |statement: &&Statement| matches!(statement, Statement::NodeCertificate(one) if one.node == *key);
    let found = directory.statements().filter(names);
    found.map(|statement| hex::encode(statement.encode())).collect()
}

/// What the core makes of all proofs against him.
const fn word(conduct: Conduct) -> &'static str {
    match conduct {
        Conduct::Clean => "clean",
        Conduct::Suspended { .. } => "suspended",
        Conduct::Accident { .. } => "accident",
        Conduct::Equivocation { .. } => "equivocation",
    }
}
