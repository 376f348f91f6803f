//! The network: peers, joining, and statements made on this machine.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_wire::{Genesis, OrgId, Payload, Statement};

use super::status::standing_words;
use super::words::Problem;
use super::{Answer, Shared};
use crate::node::Node;
use crate::{chain, ingest};

/// Addresses that an invitation may name: they come from whoever answered, before anything is proven.
const PEERS: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    genesis: String,
    peers: Vec<String>,
    /// `None`: as it is.
    share: Option<bool>,
    anchors: Option<Vec<OrgId>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signed {
    statement: String,
}

/// What a newcomer needs to join: genesis and addresses.
pub(crate) async fn invitation(node: &Node) -> Option<Value> {
    let genesis = node.membership.directory()?.genesis().render();
    let peers = match node.mesh.get() {
        Some(mesh) => mesh.listening().await.unwrap_or_default(),
        None => Vec::new(),
    };
    Some(json!({"genesis": genesis, "peers": peers}))
}

pub(super) async fn network(State(node): Shared) -> Answer {
    match invitation(&node).await {
        Some(invitation) => Ok(Json(invitation)),
        None => Err(Problem::not_found("this node joined no network")),
    }
}

pub(super) async fn peers(State(node): Shared) -> Answer {
    let Some(mesh) = node.mesh.get() else {
        return Ok(Json(json!([])));
    };
    let peers = mesh.peers().await.map_err(anyhow::Error::new)?;
    let rows = peers.into_iter().map(|peer| {
        json!({
            "peer": peer.id,
            "organisation": peer.publisher.and_then(|publisher| node.membership.name_of_publisher(publisher)),
            "standing": peer.standing.map(standing_words),
            "address": peer.address,
            "direction": if peer.outbound { "out" } else { "in" },
            "agent": peer.agent,
            "rtt": peer.round_trip.map(|time| format!("{} ms", time.as_millis())),
        })
    });
    Ok(Json(rows.collect()))
}

pub(super) async fn join(State(node): Shared, Json(wish): Json<Join>) -> Answer {
    if wish.peers.len() > PEERS {
        return Err(Problem::wrong(format!(
            "the invitation names {} addresses; {PEERS} are enough",
            wish.peers.len()
        )));
    }
    for peer in &wish.peers {
        vigie_gossip::check_address(peer).map_err(|error| Problem::wrong(error.to_string()))?;
    }
    let genesis = Genesis::parse(&wish.genesis)
        .map_err(|error| Problem::wrong(format!("this is not a genesis file: {error}")))?;
    if let Some(network) = node.membership.network()
        && network != genesis.network()
    {
        return Err(Problem::conflict(format!(
            "this node belongs to the network {network} already; another one needs another --data"
        )));
    }
    let now = node.now();
    let first = !node.membership.joined();
    // Before the genesis file: whatever ends this halfway, the simulation has begun when the network is there.
    node.settings
        .update(|values| {
            // A second invitation adds addresses; what was answered before stays unless it is answered again.
            values.share = wish.share.unwrap_or(values.share);
            values.anchors = wish
                .anchors
                .unwrap_or_else(|| std::mem::take(&mut values.anchors));
            values.peers = newest(wish.peers, &values.peers);
            if first || values.joined_at.is_none() {
                values.joined_at = Some(now);
                values.enforced_at = None;
            }
        })
        .await?;
    let joined = node.membership.join(
        &wish.genesis,
        &node.paths,
        node.store.as_ref(),
        &node.identity,
        now,
    );
    if let Err(error) = joined.await {
        return Err(Problem::conflict(format!("{error:#}")));
    }
    node.regraph();
    node.joined.notify_one();
    if let Some(mesh) = node.mesh.get() {
        for peer in &node.settings.get().peers {
            if let Err(error) = mesh.dial(peer.as_str()).await {
                tracing::warn!(%error, "an address of the invitation is not called");
            }
        }
    }
    Ok(Json(json!({"network": node.membership.network()})))
}

/// The addresses of this invitation, then those of earlier ones, each once.
pub(super) fn newest(invited: Vec<String>, known: &[String]) -> Vec<String> {
    let mut peers: Vec<String> = Vec::new();
    for peer in invited.into_iter().chain(known.iter().cloned()) {
        if peers.len() < PEERS && !peers.contains(&peer) {
            peers.push(peer);
        }
    }
    peers
}

pub(super) async fn accept(State(node): Shared, Json(signed): Json<Signed>) -> Answer {
    let bytes = hex::decode(&signed.statement)
        .map_err(|_| Problem::wrong("a statement is written in hexadecimal digits"))?;
    let statement = Statement::decode(&bytes).map_err(|error| Problem::wrong(error.to_string()))?;
    let accepted = node
        .membership
        .accept(statement.clone(), node.store.as_ref(), node.now())
        .await;
    let new = accepted.map_err(|error| Problem::wrong(format!("{error:#}")))?;
    node.regraph();
    ingest::release(&node).await?;
    if let Some(mesh) = node.mesh.get() {
        mesh.add_statement(statement.clone())
            .await
            .map_err(anyhow::Error::new)?;
        // Sync would bring it to everybody within a round; as an envelope it is there at once.
        let told = chain::publish(&node, Payload::Statements(vec![statement]), 0, |_| Vec::new());
        if let Err(error) = told.await {
            // It is in force: whoever revoked himself, say, signs no envelope any more.
            tracing::warn!(error = format!("{error:#}"), "a statement goes out by sync only");
        }
    }
    Ok(Json(json!({"new": new})))
}
