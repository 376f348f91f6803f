//! `GET /v1/decisions`: what is decided on an address. The literal `null` if nothing is, as live bouncers expect.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use ipnet::IpNet;
use serde_json::{Value, json};
use vigie_store::{Decision, DecisionId};

use super::auth::Caller;
use super::failed;
use super::filter::{Filter, active};
use super::openapi;
use super::shape::Shape;
use crate::config::network;
use crate::node::Node;
use crate::subject::sought;
use crate::table::Snapshot;

pub(super) async fn list(
    State(node): State<Arc<Node>>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let now = node.now();
    let target = match target(&query) {
        Ok(target) => target,
        Err(text) => {
            return failed(
                StatusCode::BAD_REQUEST,
                &format!("{text:?} is not an address or network"),
            );
        }
    };
    let after = match query.get("id_gt").map(|text| text.parse::<DecisionId>()) {
        None => None,
        Some(Ok(after)) => Some(after),
        Some(Err(_)) => return failed(StatusCode::BAD_REQUEST, "id_gt is not a number"),
    };
    let contains = query.get("contains").is_none_or(|value| value != "false");
    let filter = Filter::new(&query, &caller.bouncer);
    let snapshot = node.table.snapshot();
    let value = query.get("value").map(|value| {
        let one_scope = query.get("scope").or_else(|| query.get("scopes"));
        sought(one_scope.map(String::as_str), value)
    });
    let value = value.as_ref();
    let mut hits: Vec<&Arc<Decision>> = looked_up(&snapshot, target, contains, value)
        .filter(|held| after.is_none_or(|after| held.id > after))
        .filter(|held| active(held, now) && filter.admits(held))
        .filter(|held| value.is_none_or(|value| **value == *held.decision.value))
        .collect();
    // Live bouncers look at the first one only: the one to enforce stands there. Who asks for what follows a number
    // asks page by page, and goes on from the last number of each.
    if after.is_some() {
        hits.sort_unstable_by_key(|held| held.id);
    } else {
        let rank = |held: &&Arc<Decision>| (held.decision.remediation, held.decision.until);
        hits.sort_unstable_by_key(|held| (Reverse(rank(held)), held.id));
    }
    let shapes: Vec<Shape<'_>> = page(&query, &hits)
        .iter()
        .map(|held| Shape::of(held, now))
        .collect();
    let body = if shapes.is_empty() {
        Ok("null".to_owned())
    } else {
        serde_json::to_string(&shapes)
    };
    match body {
        Ok(body) => ([("content-type", "application/json")], body).into_response(),
        Err(_) => failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer could not be written",
        ),
    }
}

/// Its part of the OpenAPI document.
pub(super) fn paper() -> Value {
    let own = [
        ("ip", "Only decisions that hold this address"),
        ("range", "Only decisions that hold this network"),
        ("contains", "false: those inside it instead"),
        ("value", "Only those on exactly this value"),
        ("scope", "As scopes"),
        ("type", "Only this remediation"),
        (
            "id_gt",
            "Only those with a higher number, in the order of numbers",
        ),
        ("limit", "At most so many"),
        ("offset", "After so many"),
    ];
    let rows = json!({"type": ["array", "null"], "items": {"$ref": "#/components/schemas/decision"}});
    let summary = "Decisions that hold, or null if there is none";
    openapi::keyed(summary, &[&own[..], &openapi::CHOICE].concat(), &rows)
}

fn target(query: &HashMap<String, String>) -> Result<Option<IpNet>, &String> {
    // Empty is wrong, not absent: who does not know his visitor's address must not be told of the first ban of all.
    let Some(text) = query.get("ip").or_else(|| query.get("range")) else {
        return Ok(None);
    };
    network(text).map(Some).ok_or(text)
}

/// Those on the network that is asked for, around it with `contains` and inside it without; else those on the value;
/// else all.
fn looked_up<'a>(
    snapshot: &'a Snapshot,
    target: Option<IpNet>,
    contains: bool,
    value: Option<&'a String>,
) -> Box<dyn Iterator<Item = &'a Arc<Decision>> + 'a> {
    match (target, value) {
        (Some(target), _) if contains => Box::new(snapshot.holding(target)),
        (Some(target), _) => Box::new(snapshot.inside(target)),
        (None, Some(value)) => Box::new(snapshot.of_value(value)),
        (None, None) => Box::new(snapshot.values().map(|entry| &entry.held)),
    }
}

fn page<'a>(query: &HashMap<String, String>, hits: &'a [&'a Arc<Decision>]) -> &'a [&'a Arc<Decision>] {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let from = number("offset").unwrap_or(0).min(hits.len());
    let to = number("limit")
        .filter(|limit| *limit > 0)
        .map_or(hits.len(), |limit| from.saturating_add(limit));
    hits.get(from..to.min(hits.len())).unwrap_or_default()
}
