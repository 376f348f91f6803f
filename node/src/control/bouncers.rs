//! Keys for bouncers, for `vigie bouncers`.

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine;
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{Bouncer, Client, KeyHash, Remediation};
use vigie_wire::Timestamp;

use super::words::{Problem, duration};
use super::{Answer, Shared, usage};
use crate::api::certified::END;
use crate::clock::rfc3339;
use crate::node::Node;

/// Longest name of a bouncer, in characters.
const LONGEST_NAME: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    grants: Vec<String>,
    scopes: Vec<String>,
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Successor {
    expires: Option<String>,
    overlap: String,
}

/// For a key that never ends.
const NEVER: &str = "never";

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
    let (key, key_hash) = drawn()?;
    let scopes = new.scopes.iter().map(|one| scoped(one));
    let bouncer = Bouncer {
        name: new.name,
        key_hash,
        remediations: grants.map_err(|error| Problem::wrong(error.to_string()))?,
        scopes: scopes.collect::<Result<_, _>>()?,
        expires: end(&node, new.expires.as_deref())?,
        former: None,
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

/// Another key, and for a while the one before it: who has many machines to change has that long.
pub(super) async fn rotate(
    State(node): Shared,
    Path(name): Path<String>,
    Json(new): Json<Successor>,
) -> Answer {
    if name.ends_with(END) {
        return Err(Problem::wrong(format!(
            "{name} is known by its certificate, and has no key"
        )));
    }
    let before = node.store.bouncer(&name).await?.ok_or_else(|| none(&name))?;
    if before.expires.is_some() && new.expires.is_none() {
        return Err(Problem::wrong(format!(
            "the key of {name} ends: say when the new one does (--expires 90d, or --expires never)"
        )));
    }
    let (key, hash) = drawn()?;
    let expires = end(&node, new.expires.as_deref())?;
    let overlap = node.now() + duration(&new.overlap)?;
    let there = node.store.replace_key(&name, &hash, expires, overlap).await?;
    node.keys.forget().await;
    let former_until = before.expires.map_or(overlap, |end| end.min(overlap));
    match there {
        true => Ok(Json(
            json!({"name": name, "key": key, "former_until": rfc3339(former_until)}),
        )),
        false => Err(none(&name)),
    }
}

/// A new key and its hash.
fn drawn() -> Result<(String, KeyHash), Problem> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    let key = base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret);
    let hash = *blake3::hash(key.as_bytes()).as_bytes();
    Ok((key, hash))
}

fn end(node: &Node, expires: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let length = expires.filter(|word| *word != NEVER).map(duration).transpose()?;
    Ok(length.map(|length| node.now() + length))
}

/// A scope that a key may be limited to, as it is kept.
fn scoped(word: &str) -> Result<String, Problem> {
    let word = word.to_ascii_lowercase();
    let known = ["ip", "range", "country", "as"].contains(&word.as_str());
    match known {
        true => Ok(word),
        false => Err(Problem::wrong(format!(
            "{word:?} is not one of ip, range, country, as"
        ))),
    }
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
        "scopes": bouncer.scopes,
        "expires": bouncer.expires.map(rfc3339),
        "former_until": bouncer.former.map(|(_, until)| rfc3339(until)),
        "agent": bouncer.agent,
        "address": bouncer.address,
        "created_at": bouncer.created_at,
        "seen": bouncer.last_seen.map(rfc3339),
    })
}
