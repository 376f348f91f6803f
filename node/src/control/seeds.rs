//! Where the seeds are: what they signed, out to a file and in from one.
//!
//! A file needs no signature of its own. Each record is signed by the node that it is about, certificates by their
//! organisation, and a change of seeds by as many seeds as have to agree; so whoever hands it on can leave something out,
//! and nothing else. Deliberately absent: what is dialled on the word of members, which is the mesh's own affair.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_gossip::addresses::Addresses;
use vigie_gossip_core::Standing;
use vigie_wire::{OrgId, PublisherId, Statement};

use super::mesh::newest;
use super::words::Problem;
use super::{Answer, Shared};
use crate::ingest;
use crate::node::Node;

/// Statements and records that one file may have.
const STATEMENTS: usize = 4_096;
const RECORDS: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// In hexadecimal digits.
    statements: Vec<String>,
    records: Vec<String>,
}

pub(super) async fn show(State(node): Shared) -> Answer {
    let Some(genesis) = node.membership.directory().map(|held| held.genesis().render()) else {
        return Err(Problem::not_found("this node joined no network"));
    };
    let known = match node.mesh.get() {
        Some(mesh) => mesh.addresses().await.map_err(anyhow::Error::new)?,
        None => Vec::new(),
    };
    let records: Vec<Addresses> = known
        .into_iter()
        .filter(|record| is_seed(&node, record.publisher()))
        .collect();
    let rows: Vec<Value> = records.iter().map(|record| row(&node, record)).collect();
    let peers: Vec<String> = records.iter().flat_map(callable).collect();
    let file = json!({
        "genesis": genesis,
        "peers": newest(peers, &[]),
        "statements": statements(&node),
        "records": records.iter().map(|record| hex::encode(record.encode())).collect::<Vec<_>>(),
    });
    let mut told = seats(&node);
    told["seeds"] = Value::from(rows);
    told["file"] = file;
    Ok(Json(told))
}

/// The seeds in force, in the order into which signatures of the next change count.
fn seats(node: &Node) -> Value {
    let Some(directory) = node.membership.directory() else {
        return json!({});
    };
    let seats: Vec<Value> = directory
        .seats()
        .iter()
        .map(|seed| json!({"key": seed.key.to_string(), "name": seed.name}))
        .collect();
    json!({
        "network": directory.network().to_string(),
        "quorum": directory.genesis().quorum,
        "next_change": directory.next_seed_change(),
        "seats": seats,
    })
}

pub(super) async fn take(State(node): Shared, Json(file): Json<File>) -> Answer {
    if file.statements.len() > STATEMENTS || file.records.len() > RECORDS {
        return Err(Problem::wrong(format!(
            "a file of seeds has at most {STATEMENTS} statements and {RECORDS} records"
        )));
    }
    if !node.membership.joined() {
        return Err(Problem::conflict(
            "this node joined no network yet: `vigie join FILE` takes this file",
        ));
    }
    let (new, mut refused) = take_statements(&node, &file.statements).await?;
    let mut peers = Vec::new();
    let mut seeds = 0;
    for text in &file.records {
        match record(&node, text) {
            Ok(record) => {
                peers.extend(callable(&record));
                seeds += 1;
                if let Some(mesh) = node.mesh.get() {
                    mesh.take_addresses(record).await.map_err(anyhow::Error::new)?;
                }
            }
            Err(reason) => refused.push(reason),
        }
    }
    node.settings
        .update(|values| values.peers = newest(peers.clone(), &values.peers))
        .await?;
    if let Some(mesh) = node.mesh.get() {
        for peer in &node.settings.get().peers {
            if let Err(error) = mesh.dial(peer.as_str()).await {
                tracing::warn!(%error, "an address of the file is not called");
            }
        }
    }
    Ok(Json(
        json!({"statements": new, "seeds": seeds, "refused": refused}),
    ))
}

/// How many were new, and why others are not taken.
async fn take_statements(node: &Node, texts: &[String]) -> anyhow::Result<(usize, Vec<String>)> {
    let (mut new, mut refused) = (0, Vec::new());
    for text in texts {
        let bytes = hex::decode(text).unwrap_or_default();
        let statement = match Statement::decode(&bytes) {
            Ok(statement) => statement,
            Err(error) => {
                refused.push(format!("a statement: {error}"));
                continue;
            }
        };
        let taken = node
            .membership
            .accept(statement.clone(), node.store.as_ref(), node.now())
            .await;
        match taken {
            Ok(fresh) => new += usize::from(fresh),
            Err(error) => refused.push(format!("{error:#}")),
        }
        if let Some(mesh) = node.mesh.get()
            && let Err(error) = mesh.add_statement(statement).await
        {
            tracing::debug!(%error, "the mesh does not take a statement of the file");
        }
    }
    node.regraph();
    ingest::release(node).await?;
    Ok((new, refused))
}

/// A record of the file, if a node of a present seed signed it and it holds.
fn record(node: &Node, text: &str) -> Result<Addresses, String> {
    let bytes = hex::decode(text).unwrap_or_default();
    let record = Addresses::decode(&bytes).map_err(|error| format!("a record: {error}"))?;
    let of = || format!("the record of {}", record.publisher());
    if node.membership.network() != Some(record.network) {
        return Err(format!("{} is for another network", of()));
    }
    if !is_seed(node, record.publisher()) {
        return Err(format!("{} is of nobody who is a seed now", of()));
    }
    if !record.holds(node.now()) {
        return Err(format!("{} holds no longer", of()));
    }
    Ok(record)
}

fn is_seed(node: &Node, publisher: PublisherId) -> bool {
    node.membership.standing(publisher, node.now()) == Some(Standing::Seed)
}

fn callable(record: &Addresses) -> impl Iterator<Item = String> {
    let peer = record.peer;
    record
        .addresses
        .iter()
        .map(move |address| format!("{address}/p2p/{peer}"))
}

fn row(node: &Node, record: &Addresses) -> Value {
    let addresses: Vec<String> = record.addresses.iter().map(ToString::to_string).collect();
    json!({
        "organisation": node.membership.name_of_publisher(record.publisher()),
        "publisher": record.publisher().to_string(),
        "peer": record.peer.to_string(),
        "addresses": addresses.join(" "),
        "holds_for": super::words::spell(record.expires.since(node.now())),
    })
}

/// What a newcomer needs to know who the seeds are now, and which nodes are theirs.
fn statements(node: &Node) -> Vec<String> {
    let now = node.now();
    let Some(directory) = node.membership.directory() else {
        return Vec::new();
    };
    let seed = |org: OrgId| directory.organisation(org).is_some_and(|org| org.seed);
    let mut chosen: Vec<&Statement> = directory
        .statements()
        .filter(|statement| match statement {
            Statement::SeedChange(_) => true,
            Statement::NodeCertificate(held) => held.not_after > now && seed(held.org.org_id()),
            _ => false,
        })
        .collect();
    chosen.truncate(STATEMENTS);
    chosen
        .iter()
        .map(|statement| hex::encode(statement.encode()))
        .collect()
}
