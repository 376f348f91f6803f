//! Alerts, for `vigie alerts`.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{Alert, AlertFilter, Share};

use super::words::{Problem, ago};
use super::{Answer, Shared};
use crate::clock::rfc3339;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filter {
    value: Option<String>,
    scenario: Option<String>,
    since: Option<String>,
    limit: u32,
}

pub(super) async fn list(State(node): Shared, Query(filter): Query<Filter>) -> Answer {
    let filter = AlertFilter {
        value: filter.value,
        scenario: filter.scenario,
        since: ago(filter.since.as_deref(), node.now())?,
        limit: filter.limit,
        ..AlertFilter::default()
    };
    let alerts = node.store.alerts(&filter).await?;
    Ok(Json(alerts.iter().map(|alert| row(alert, false)).collect()))
}

pub(super) async fn show(State(node): Shared, Path(id): Path<i64>) -> Answer {
    match node.store.alert(id).await? {
        Some(alert) => Ok(Json(row(&alert, true))),
        None => Err(Problem::not_found(format!("there is no alert {id}"))),
    }
}

pub(super) async fn delete(State(node): Shared, Path(id): Path<i64>) -> Answer {
    match node.store.delete_alerts(&[id]).await? {
        1.. => Ok(Json(Value::Null)),
        0 => Err(Problem::not_found(format!("there is no alert {id}"))),
    }
}

fn row(alert: &Alert, whole: bool) -> Value {
    let written = &alert.alert;
    let mut row = json!({
        "id": alert.id,
        "detection": hex::encode(written.detection),
        "time": rfc3339(written.last),
        "value": written.value,
        "scope": written.scope,
        "scenario": written.scenario,
        "events_count": written.events_count,
        "behaviour": written.behaviour,
        "machine": written.machine,
        "message": written.message,
        "simulated": written.simulated,
        "shared": match written.share {
            Share::Never => "no".to_owned(),
            Share::Pending => "waits".to_owned(),
            Share::Shared(sighting) => sighting.to_string(),
        },
    });
    if whole && let Some(row) = row.as_object_mut() {
        row.insert("events".to_owned(), written.events.clone());
        row.insert("labels".to_owned(), json!(written.labels));
    }
    row
}
