//! `GET /v1/alerts` and `GET /v1/alerts/{id}`, and their deletion, which only this machine may ask for.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};
use vigie_store::{Alert, AlertFilter, AlertId, DecisionFilter};

use super::alert_query::{AlertQuery, Made, chosen, made};
use super::machine::{Caller, Doorway, not_here};
use super::shape::Shape;
use super::{answered, failed};
use crate::clock::rfc3339;
use crate::node::Node;

pub(super) async fn list(
    State(door): Doorway,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Response> {
    let node = &door.node;
    let query = AlertQuery::read(&query, node.now()).map_err(|why| broken(&why))?;
    let made = made(node);
    let alerts = chosen(node, &query, &made)
        .await
        .map_err(|error| broken(&error.to_string()))?;
    let rows: Vec<Value> = alerts
        .iter()
        .map(|alert| row(node, alert, &made, query.only_active()))
        .collect();
    Ok(answered(&rows, rows.is_empty()))
}

pub(super) async fn show(State(door): Doorway, Path(id): Path<String>) -> Result<Response, Response> {
    let node = &door.node;
    let found = one(node, number(&id).ok_or_else(unnumbered)?).await?;
    Ok(answered(&row(node, &found, &made(node), false), false))
}

pub(super) async fn delete_one(
    State(door): Doorway,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Response> {
    if let Some(refused) = not_here(&caller) {
        return Err(refused);
    }
    let found = one(&door.node, number(&id).ok_or_else(unnumbered)?).await?;
    delete(&door.node, &[found]).await
}

pub(super) async fn delete_many(
    State(door): Doorway,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Response> {
    if let Some(refused) = not_here(&caller) {
        return Err(refused);
    }
    let node = &door.node;
    let mut query = AlertQuery::read(&query, node.now()).map_err(|why| broken(&why))?;
    query.all();
    let found = chosen(node, &query, &made(node))
        .await
        .map_err(|error| broken(&error.to_string()))?;
    delete(node, &found).await
}

/// Their decisions end with them.
async fn delete(node: &Node, alerts: &[Alert]) -> Result<Response, Response> {
    let wrong = |error: &dyn std::fmt::Display| broken(&error.to_string());
    let made = made(node);
    let mut deleted = 0;
    for alert in alerts {
        for held in made.get(&alert.id).into_iter().flatten() {
            let this = DecisionFilter {
                id: Some(held.id),
                ..DecisionFilter::default()
            };
            node.end(&this).await.map_err(|error| wrong(&error))?;
        }
        if node
            .store
            .delete_alert(alert.id)
            .await
            .map_err(|error| wrong(&error))?
        {
            deleted += 1;
        }
    }
    Ok(answered(&json!({"nbDeleted": deleted.to_string()}), false))
}

async fn one(node: &Node, id: AlertId) -> Result<Alert, Response> {
    let filter = AlertFilter {
        id: Some(id),
        ..AlertFilter::default()
    };
    let found = node.store.alerts(&filter).await;
    match found.map_err(|error| broken(&error.to_string()))?.pop() {
        Some(alert) => Ok(alert),
        None => Err(failed(StatusCode::NOT_FOUND, "object not found")),
    }
}

pub(super) fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

pub(super) fn unnumbered() -> Response {
    failed(StatusCode::BAD_REQUEST, "the id is not a number")
}

/// What CrowdSec answers with 500, also for filters that it does not know.
pub(super) fn broken(why: &str) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, why)
}

fn row(node: &Node, alert: &Alert, made: &Made, only_active: bool) -> Value {
    let now = node.now();
    let written = &alert.alert;
    let label = |name: &str| written.labels.get(name).cloned().unwrap_or_default();
    let decisions: Vec<Value> = made
        .get(&alert.id)
        .into_iter()
        .flatten()
        .filter(|held| !only_active || held.decision.until > now)
        .map(|held| {
            let mut shape = json!(Shape::of(held, now));
            // cscli 1.4.6 reads it without looking whether it is there.
            shape["simulated"] = json!(held.decision.simulated);
            shape
        })
        .collect();
    let ip = if written.scope == "Ip" { &written.value } else { "" };
    let range = if written.scope == "Range" {
        written.value.clone()
    } else {
        label("source.range")
    };
    json!({
        "id": alert.id,
        "uuid": hex::encode(written.detection),
        "machine_id": written.machine,
        "created_at": rfc3339(written.created_at),
        "scenario": written.scenario,
        "scenario_hash": hex::encode(written.rule.0),
        "scenario_version": written.scenario_version,
        "message": written.message,
        "events_count": written.events_count,
        "start_at": rfc3339(written.first),
        "stop_at": rfc3339(written.last),
        "capacity": written.capacity,
        "leakspeed": written.leakspeed,
        "simulated": written.simulated,
        "remediation": written.remediation,
        "kind": written.labels.get("kind").map_or("crowdsec", String::as_str),
        "source": {
            "scope": written.scope, "value": written.value, "ip": ip, "range": range,
            "as_number": label("source.as_number"), "as_name": label("source.as_name"), "cn": label("source.cn"),
        },
        "events": written.events,
        "meta": [],
        "labels": [],
        "decisions": decisions,
    })
}
