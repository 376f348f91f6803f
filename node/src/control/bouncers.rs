//! Keys for bouncers, for `vigie bouncers`.

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{Bouncer, Client, Remediation};

use super::words::Problem;
use super::{Answer, Shared, usage};
use crate::clock::rfc3339;

/// Longest name of a bouncer, in characters.
const LONGEST_NAME: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    grants: Vec<String>,
}

pub(super) async fn list(State(node): Shared) -> Answer {
    let mut rows = Vec::new();
    for bouncer in node.store.bouncers().await? {
        let mut row = row(&bouncer);
        row["usage"] = usage::summary(&node, Client::Bouncer(&bouncer.name)).await?;
        rows.push(row);
    }
    Ok(Json(rows.into()))
}

pub(super) async fn show(State(node): Shared, Path(name): Path<String>) -> Answer {
    let bouncer = node.store.bouncer(&name).await?.ok_or_else(|| none(&name))?;
    let mut row = row(&bouncer);
    row["usage"] = usage::whole(&node, Client::Bouncer(&name)).await?;
    Ok(Json(row))
}

pub(super) async fn add(State(node): Shared, Json(new): Json<New>) -> Answer {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if new.name.is_empty() || new.name.len() > LONGEST_NAME || !new.name.chars().all(good) {
        return Err(Problem::wrong(
            "a name has 1 to 64 letters, digits, dots, dashes and underscores",
        ));
    }
    let grants: Result<Vec<Remediation>, _> = new.grants.iter().map(|word| word.parse()).collect();
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    let key = base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret);
    let bouncer = Bouncer {
        name: new.name,
        key_hash: *blake3::hash(key.as_bytes()).as_bytes(),
        remediations: grants.map_err(|error| Problem::wrong(error.to_string()))?,
        created_at: node.now(),
        last_seen: None,
        agent: String::new(),
        address: String::new(),
    };
    if !node.store.add_bouncer(&bouncer).await? {
        return Err(Problem::conflict(format!(
            "there is a bouncer called {} already",
            bouncer.name
        )));
    }
    node.keys.forget().await;
    Ok(Json(json!({"name": bouncer.name, "key": key})))
}

pub(super) async fn delete(State(node): Shared, Path(name): Path<String>) -> Answer {
    let gone = node.store.delete_client(Client::Bouncer(&name)).await?;
    node.keys.forget().await;
    match gone {
        true => Ok(Json(Value::Null)),
        false => Err(none(&name)),
    }
}

fn none(name: &str) -> Problem {
    Problem::not_found(format!("there is no bouncer called {name}"))
}

fn row(bouncer: &Bouncer) -> Value {
    json!({
        "name": bouncer.name,
        "remediations": bouncer.remediations,
        "agent": bouncer.agent,
        "address": bouncer.address,
        "created_at": bouncer.created_at,
        "seen": bouncer.last_seen.map(rfc3339),
    })
}
