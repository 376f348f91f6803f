//! `DELETE /v1/decisions` and `DELETE /v1/alerts`, one or many: decisions end now, in the table and on the stream at once.
//!
//! Before this stop: the door lets through only who asks from this machine.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;
use vigie_store::{AlertId, Decision, DecisionId};

use super::alert_query::{AlertQuery, chosen, made};
use super::machine::{Door, Doorway};
use super::words::{Target, is_origin, is_type};
use super::{answered, broken, failed, unnumbered};
use crate::control;
use crate::subject::{scope, sought};

pub(super) async fn decision(State(door): Doorway, Path(id): Path<String>) -> Result<Response, Response> {
    let id = id.parse().map_err(unnumbered)?;
    let ended = end(&door, vec![id], Vec::new()).await?;
    if ended.decisions == 0 {
        let why = format!("decision with id '{id}' doesn't exist or is over");
        return Err(failed(StatusCode::NOT_FOUND, &why));
    }
    Ok(told(ended.decisions))
}

pub(super) async fn decisions(
    State(door): Doorway,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Response> {
    let node = &door.node;
    let mut found = node.table.active(node.now());
    let contains = query.get("contains").is_none_or(|value| value != "false");
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "ip" | "range" => {
                let target = Target::read(value, contains).map_err(|why| broken(&why))?;
                found.retain(|held| target.hits(&held.decision.value));
            }
            "scope" | "scopes" => {
                let scopes: Vec<String> = value.split(',').map(|one| scope(one.trim())).collect();
                found.retain(|held| scopes.iter().any(|one| held.decision.scope == **one));
            }
            "value" => {
                let one_scope = query.get("scope").or_else(|| query.get("scopes"));
                let name = sought(one_scope.map(String::as_str), value);
                found.retain(|held| *held.decision.value == name);
            }
            "type" => found.retain(|held| is_type(held, value)),
            "origin" | "origins" => found.retain(|held| is_origin(held, value)),
            "scenario" => found.retain(|held| held.decision.scenario == **value),
            "uuid" => found.retain(|held| super::shape::Uuid::of(held).text() == *value),
            "contains" => {}
            _ => {
                return Err(broken(&format!("'{name}' doesn't exist: invalid filter")));
            }
        }
    }
    let ended = end(&door, numbers(&found), Vec::new()).await?;
    Ok(told(ended.decisions))
}

pub(super) async fn alert(State(door): Doorway, Path(id): Path<String>) -> Result<Response, Response> {
    match delete(&door, vec![id.parse().map_err(unnumbered)?]).await? {
        0 => Err(failed(StatusCode::NOT_FOUND, "object not found")),
        deleted => Ok(told(deleted)),
    }
}

pub(super) async fn alerts(
    State(door): Doorway,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Response> {
    let node = &door.node;
    let query = AlertQuery::read(&query, node.now()).map_err(|why| broken(&why))?;
    let found = chosen(node, &query.whole(), &made(node)).await;
    let found = found.map_err(|error| broken(&error.to_string()))?;
    Ok(told(delete(&door, found).await?))
}

/// Their decisions end with them.
async fn delete(door: &Arc<Door>, alerts: Vec<AlertId>) -> Result<usize, Response> {
    let made = made(&door.node);
    let theirs = alerts.iter().filter_map(|id| made.get(id));
    let decisions = theirs.flat_map(|decisions| numbers(decisions)).collect();
    Ok(end(door, decisions, alerts).await?.alerts)
}

/// How many there were to end.
struct Ended {
    decisions: usize,
    alerts: usize,
}

/// To the end, also if whoever asked hangs up: the table must not go on serving what the database has ended.
async fn end(door: &Arc<Door>, decisions: Vec<DecisionId>, alerts: Vec<AlertId>) -> Result<Ended, Response> {
    let for_it = Arc::clone(door);
    let work = door
        .tasks
        .spawn(async move { end_all(&for_it, decisions, alerts).await });
    let ended = work.await.map_err(|error| broken(&error.to_string()))?;
    ended.map_err(|error| broken(&format!("{error:#}")))
}

/// As a person's word: what the mesh said of them is overruled, too.
async fn end_all(door: &Door, decisions: Vec<DecisionId>, alerts: Vec<AlertId>) -> anyhow::Result<Ended> {
    let node = &door.node;
    let mut ended = node.end(&decisions).await?;
    control::taken_back(node, &mut ended).await?;
    let deleted = node.store.delete_alerts(&alerts).await?;
    Ok(Ended {
        decisions: ended.len(),
        alerts: usize::try_from(deleted)?,
    })
}

fn numbers(decisions: &[Arc<Decision>]) -> Vec<DecisionId> {
    decisions.iter().map(|held| held.id).collect()
}

/// How many, as CrowdSec counts: in letters.
fn told(count: usize) -> Response {
    answered(&json!({"nbDeleted": count.to_string()}), false)
}
