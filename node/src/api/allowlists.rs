//! `/v1/allowlists` and `/v1/allowlists/check`: whom nothing is decided against, for agents that ask before they act.
//!
//! CrowdSec keeps many lists by name; here is one, which `vigie allowlist` keeps. Deliberately absent: changing it, which
//! has no path in CrowdSec either, and our own addresses, which are on no list.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::Allowed;
use vigie_wire::Timestamp;

use super::machine::{Doorway, body};
use super::{LARGEST_BODY, failed};
use crate::clock::rfc3339;
use crate::config::{canonical, network};
use crate::decide;

/// The name of the one list.
const NAME: &str = "vigie";
/// Most targets of one request.
const MOST_TARGETS: usize = 10_000;

#[derive(Deserialize)]
struct Many {
    targets: Vec<String>,
}

pub(super) async fn list(State(door): Doorway, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let entries = door.node.allowed.at(door.node.now());
    Json(json!([shape(&entries, &query)]))
}

pub(super) async fn show(
    State(door): Doorway,
    Path(name): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if name != NAME {
        return failed(StatusCode::NOT_FOUND, "object not found");
    }
    let entries = door.node.allowed.at(door.node.now());
    Json(shape(&entries, &query)).into_response()
}

/// `HEAD` says it by the status alone.
pub(super) async fn check(State(door): Doorway, method: Method, Path(target): Path<String>) -> Response {
    let entries = door.node.allowed.at(door.node.now());
    match (reason(&entries, &target), method) {
        (Err(why), _) => failed(StatusCode::BAD_REQUEST, &why),
        (Ok(None), Method::HEAD) => StatusCode::NO_CONTENT.into_response(),
        (Ok(reason), _) => {
            let listed = reason.is_some();
            Json(json!({"allowlisted": listed, "reason": reason.unwrap_or_default()})).into_response()
        }
    }
}

pub(super) async fn check_many(State(door): Doorway, request: Request) -> Result<Response, Response> {
    let wrong = |why: &str| failed(StatusCode::BAD_REQUEST, why);
    let bytes = body(request, LARGEST_BODY).await?;
    let asked: Many = serde_json::from_slice(&bytes).map_err(|error| wrong(&error.to_string()))?;
    if asked.targets.is_empty() {
        return Err(wrong("targets list cannot be empty"));
    }
    if asked.targets.len() > MOST_TARGETS {
        let why = format!("more than {MOST_TARGETS} targets at once");
        return Err(failed(StatusCode::PAYLOAD_TOO_LARGE, &why));
    }
    let entries = door.node.allowed.at(door.node.now());
    let look = move || -> Result<Vec<Value>, String> {
        let mut results = Vec::new();
        for target in asked.targets {
            if let Some(reason) = reason(&entries, &target)? {
                results.push(json!({"target": target, "allowlists": [reason]}));
            }
        }
        Ok(results)
    };
    // Many targets against many entries: not on a thread that others wait for.
    let results = tokio::task::spawn_blocking(look).await;
    let results = results.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())?;
    let results = results.map_err(|why| wrong(&why))?;
    Ok(Json(json!({"results": results})).into_response())
}

/// The entry that a decision on this target would touch, as CrowdSec words it: one that holds it or that it holds.
fn reason(entries: &[Allowed], target: &str) -> Result<Option<String>, String> {
    let net = network(target).ok_or_else(|| format!("{target:?} is neither an address nor a network"))?;
    let entry = entries.iter().find(|entry| decide::touches(net, &[entry.net]));
    Ok(entry.map(|entry| match entry.reason.as_str() {
        "" => format!("{} from {NAME}", canonical(entry.net)),
        reason => format!("{} from {NAME} ({reason})", canonical(entry.net)),
    }))
}

fn shape(entries: &[Allowed], query: &HashMap<String, String>) -> Value {
    let with_content = query.get("with_content").is_some_and(|value| value == "true");
    let items = entries.iter().filter(|_| with_content).map(item);
    let since = entries.iter().map(|entry| entry.created_at);
    json!({
        "name": NAME,
        "allowlist_id": NAME,
        "description": "what `vigie allowlist` keeps",
        "created_at": rfc3339(since.clone().min().unwrap_or(Timestamp::ZERO)),
        "updated_at": rfc3339(since.max().unwrap_or(Timestamp::ZERO)),
        "console_managed": false,
        "items": items.collect::<Vec<_>>(),
    })
}

/// `expiration` is left out where there is none: CrowdSec writes the year 1, which its readers take for none.
fn item(entry: &Allowed) -> Value {
    let mut item = json!({
        "value": canonical(entry.net),
        "description": entry.reason,
        "created_at": rfc3339(entry.created_at),
    });
    if let Some(end) = entry.expires {
        item["expiration"] = json!(rfc3339(end));
    }
    item
}
