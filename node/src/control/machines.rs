//! Machines that push alerts or ask as `cscli` does, for `vigie machines`.

use axum::Json;
use axum::extract::{Path, State};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{Client, Machine};

use super::words::Problem;
use super::{Answer, Shared, usage};
use crate::api::certified::END;
use crate::api::watchers::{is_name, lapse, made};
use crate::clock::rfc3339;
use crate::node::Node;

/// Alerts that are looked at together.
const PAGE: u32 = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    publish: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// Accept it.
    #[serde(default)]
    validate: bool,
    /// Whether its detections may be shared as our own.
    publish: Option<bool>,
}

pub(super) async fn list(State(node): Shared) -> Answer {
    lapse(&node).await?;
    let mut rows = Vec::new();
    for machine in node.store.machines().await? {
        let mut row = row(&machine);
        row["usage"] = usage::summary(&node, Client::Machine(&machine.name)).await?;
        rows.push(row);
    }
    Ok(Json(rows.into()))
}

pub(super) async fn show(State(node): Shared, Path(name): Path<String>) -> Answer {
    let machine = node.store.machine(&name).await?.ok_or_else(|| none(&name))?;
    let mut row = row(&machine);
    row["usage"] = usage::whole(&node, Client::Machine(&name)).await?;
    Ok(Json(row))
}

pub(super) async fn add(State(node): Shared, Json(new): Json<New>) -> Answer {
    if !is_name(&new.name) || new.name.ends_with(END) {
        return Err(Problem::wrong(
            "a name has 1 to 64 letters, digits, dots, dashes, underscores and @, and does not end with @tls",
        ));
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    let password = BASE64_URL_SAFE_NO_PAD.encode(secret);
    let machine = made(new.name, password.clone(), &node)
        .await
        .map_err(anyhow::Error::new)?;
    let machine = Machine {
        validated: true,
        publish: new.publish,
        ..machine
    };
    if !node.store.add_machine(&machine).await? {
        let text = format!("there is a machine called {} already", machine.name);
        return Err(Problem::conflict(text));
    }
    let api = &node.config.api;
    let url = format!("{}://{}/", api.scheme(), api.listen.get_ref());
    Ok(Json(
        json!({"name": machine.name, "password": password, "url": url}),
    ))
}

pub(super) async fn change(
    State(node): Shared,
    Path(name): Path<String>,
    Json(change): Json<Change>,
) -> Answer {
    lapse(&node).await?;
    let mut found = node.store.machine(&name).await?.is_some();
    if change.validate {
        found &= node.store.validate_machine(&name).await?;
    }
    if let Some(publish) = change.publish {
        found &= node.store.grant_machine(&name, publish).await?;
        if !publish {
            keep_back(&node, &name).await?;
        }
    }
    match found {
        true => Ok(Json(Value::Null)),
        false => Err(none(&name)),
    }
}

pub(super) async fn delete(State(node): Shared, Path(name): Path<String>) -> Answer {
    match node.store.delete_client(Client::Machine(&name)).await? {
        true => {
            keep_back(&node, &name).await?;
            Ok(Json(Value::Null))
        }
        false => Err(none(&name)),
    }
}

/// What it saw and waits to be told stays here.
async fn keep_back(node: &Node, machine: &str) -> anyhow::Result<()> {
    let mut after = 0;
    loop {
        let page = node.store.pending_shares(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id;
        let its_own: Vec<_> = page
            .iter()
            .filter(|one| one.alert.machine == machine)
            .map(|one| one.id)
            .collect();
        node.saying.keep_back(&its_own);
        node.store.withhold(&its_own).await?;
    }
}

fn none(name: &str) -> Problem {
    Problem::not_found(format!("there is no machine called {name}"))
}

fn row(machine: &Machine) -> Value {
    json!({
        "name": machine.name,
        "validated": machine.validated,
        "publish": machine.publish,
        "agent": machine.agent,
        "address": machine.address,
        "created_at": machine.created_at,
        "seen": machine.last_seen.map(rfc3339),
    })
}
