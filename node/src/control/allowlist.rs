//! The allowlist, for `vigie allowlist`. It wins everywhere at once: decisions on an allowed address end.

use axum::Json;
use axum::extract::{Query, State};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::Allowed;

use super::words::{Problem, duration};
use super::{Answer, Shared, say};
use crate::clock::rfc3339;
use crate::config::network;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    net: String,
    reason: String,
    author: String,
    duration: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Which {
    net: String,
}

pub(super) async fn list(State(node): Shared) -> Answer {
    let rows = node.store.allowed().await?;
    Ok(Json(rows.iter().map(row).collect()))
}

pub(super) async fn add(State(node): Shared, Json(new): Json<New>) -> Answer {
    let now = node.now();
    let net = parse(&new.net)?;
    let length = new.duration.as_deref().map(duration).transpose()?;
    let entry = Allowed {
        net,
        reason: new.reason,
        author: new.author,
        created_at: now,
        expires: length.map(|length| now + length),
    };
    node.store.allow(&entry).await?;
    node.reload_allowlist().await?;
    let ended = node.sweep().await?;
    let ours = match is_one(net) {
        true => say::standing(&node, net.addr()).await?.0,
        false => 0,
    };
    // Housekeeping is to know when the entry ends.
    node.hurry.notify_one();
    Ok(Json(json!({"ended": ended, "ours": ours})))
}

pub(super) async fn delete(State(node): Shared, Query(which): Query<Which>) -> Answer {
    let net = parse(&which.net)?;
    if !node.store.disallow(net).await? {
        return Err(Problem::not_found(format!("{net} is not on the allowlist")));
    }
    node.reload_allowlist().await?;
    node.hurry.notify_one();
    Ok(Json(Value::Null))
}

fn is_one(net: IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

fn parse(text: &str) -> Result<IpNet, Problem> {
    network(text).ok_or_else(|| Problem::wrong(format!("{text:?} is neither an address nor a network")))
}

fn row(entry: &Allowed) -> Value {
    json!({
        "net": entry.net.to_string(),
        "reason": entry.reason,
        "author": entry.author,
        "until": entry.expires.map(rfc3339),
    })
}
