//! `GET /v1/alerts` and `GET /v1/alerts/{id}`, as `cscli` reads them.
//!
//! Alerts are chosen by what stands in them besides their events, and then written one after the other while the answer
//! goes out: however many are asked for, one is in memory.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use vigie_store::{Alert, AlertId, StoreError};

use super::alert_query::{AlertQuery, Made, chosen, made};
use super::machine::Doorway;
use super::shape::Shape;
use super::{answered, broken, failed, unnumbered};
use crate::clock::rfc3339;
use crate::node::Node;

/// Alerts that are read from the database at a time, by all who ask: in memory one may be twenty times its length.
static ROOM: Semaphore = Semaphore::const_new(4);

pub(super) async fn list(
    State(door): Doorway,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Response> {
    let node = &door.node;
    let query = AlertQuery::read(&query, node.now()).map_err(|why| broken(&why))?;
    let made = made(node);
    let found = chosen(node, &query, &made).await;
    let found = found.map_err(|error| broken(&error.to_string()))?;
    if found.is_empty() {
        return Ok(answered(&Value::Null, true));
    }
    let rows = Rows {
        node: Arc::clone(node),
        made,
        only_active: query.only_active(),
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, rows.body(found)).into_response())
}

pub(super) async fn show(State(door): Doorway, Path(id): Path<String>) -> Result<Response, Response> {
    let rows = Rows {
        node: Arc::clone(&door.node),
        made: made(&door.node),
        only_active: false,
    };
    match rows.one(id.parse().map_err(unnumbered)?).await {
        Ok(Some(text)) => Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response()),
        Ok(None) => Err(failed(StatusCode::NOT_FOUND, "object not found")),
        Err(error) => Err(broken(&error.to_string())),
    }
}

/// What the rows of one answer are made from.
struct Rows {
    node: Arc<Node>,
    made: Made,
    only_active: bool,
}

// === impl Rows ===

impl Rows {
    /// A list of these, without those that are deleted meanwhile. If the database fails in between, the answer is cut off.
    fn body(self, alerts: Vec<AlertId>) -> Body {
        let rows = Arc::new(self);
        let texts = stream::iter(alerts).then(move |id| {
            let rows = Arc::clone(&rows);
            async move { rows.one(id).await }
        });
        let texts = texts.try_filter_map(async |text| Ok(text));
        let parted = texts.enumerate().map(|(nth, text)| {
            let before = if nth == 0 { "[" } else { "," };
            text.map(|text| Bytes::from(format!("{before}{text}")))
        });
        let parted = parted.inspect_err(|error| tracing::error!(%error, "an alert could not be read"));
        Body::from_stream(parted.chain(stream::once(async { Ok(Bytes::from_static(b"]")) })))
    }

    /// The text of one; `None` if there is no such alert.
    async fn one(&self, id: AlertId) -> Result<Option<String>, StoreError> {
        // Never closed: without a turn it is read all the same.
        let _turn = ROOM.acquire().await;
        let found = self.node.store.alert(id).await?;
        Ok(found.map(|alert| row(&self.node, &alert, &self.made, self.only_active).to_string()))
    }
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
