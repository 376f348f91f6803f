//! `POST /v1/usage-metrics`: what a bouncer or a machine says of what it does. The last report of each is kept.
//!
//! Before this stop: either door. After it: `vigie bouncers show`. Only what the contract names is kept, so a report is never
//! longer than the body that it came in. Deliberately absent: a history, and any belief in the numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use vigie_store::{Client, Report};

use super::machine::{Doorway, body};
use super::{auth, failed, later, machine};
use crate::tls::Subject;

/// Largest report, in bytes, unpacked: an agent names every rule that it has, in some hundred bytes each.
const LARGEST: usize = 256 << 10;
/// Reports that are read at a time: in memory one may be fifty times its length.
static ROOM: Semaphore = Semaphore::const_new(4);

/// The body: exactly one of the kind that its sender is.
#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    remediation_components: Option<Vec<Usage>>,
    #[serde(default)]
    log_processors: Option<Vec<Usage>>,
}

/// One report, of either kind.
#[derive(Deserialize, Serialize)]
struct Usage {
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    version: String,
    #[serde(default)]
    os: Option<System>,
    #[serde(default)]
    feature_flags: Option<Vec<String>>,
    utc_startup_timestamp: i64,
    #[serde(default)]
    metrics: Option<Vec<Window>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hub_items: Option<BTreeMap<String, Vec<HubItem>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    datasources: Option<BTreeMap<String, i64>>,
}

#[derive(Deserialize, Serialize)]
struct System {
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    family: Option<String>,
}

/// What was counted within one stretch of time.
#[derive(Deserialize, Serialize)]
struct Window {
    meta: Span,
    items: Vec<Count>,
}

#[derive(Deserialize, Serialize)]
struct Span {
    window_size_seconds: i64,
    utc_now_timestamp: i64,
}

#[derive(Deserialize, Serialize)]
struct Count {
    name: String,
    unit: String,
    value: f64,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Serialize)]
struct HubItem {
    #[serde(default)]
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    version: String,
}

/// Through the door for bouncers if a key is shown, through that for machines otherwise.
pub(super) async fn either(State(door): Doorway, request: Request, next: Next) -> Response {
    let headers = request.headers();
    // By certificate alone a bouncer asks; an agent shows the token that it got for it.
    let tokenless = request.extensions().get::<Subject>().is_some() && !headers.contains_key("authorization");
    if headers.contains_key("x-api-key") || tokenless {
        let bouncers = (door.node.clone(), door.limits.clone());
        return auth::check(State(bouncers), request, next).await;
    }
    machine::check(State(door), request, next).await
}

pub(super) async fn take(
    State(door): Doorway,
    bouncer: Option<Extension<auth::Caller>>,
    machine: Option<Extension<machine::Caller>>,
    request: Request,
) -> Result<StatusCode, Response> {
    let client = match (&bouncer, &machine) {
        (Some(Extension(caller)), _) => Client::Bouncer(&caller.bouncer.name),
        (None, Some(Extension(caller))) => Client::Machine(&caller.machine.name),
        (None, None) => return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    };
    if door.is_chatting(client) {
        let why = "too many reports: one in a quarter of an hour is usual";
        return Err(later(Duration::from_secs(10), why));
    }
    let turn = ROOM.acquire().await;
    let _turn = turn.map_err(|_| StatusCode::SERVICE_UNAVAILABLE.into_response())?;
    let bytes = body(request, LARGEST).await?;
    let report = Report {
        at: door.node.now(),
        body: read(&bytes, client).map_err(|(status, why)| failed(status, &why))?,
    };
    match door.node.store.keep_report(client, &report).await {
        Ok(true) => Ok(StatusCode::CREATED),
        Ok(false) => Err(failed(StatusCode::FORBIDDEN, "access forbidden")),
        Err(error) => {
            tracing::error!(%error, "a report could not be written");
            let why = "the report could not be written";
            Err(failed(StatusCode::INTERNAL_SERVER_ERROR, why))
        }
    }
}

/// The one report that such a client sends, as it is kept.
fn read(bytes: &[u8], client: Client<'_>) -> Result<String, (StatusCode, String)> {
    let sent: Sent = serde_json::from_slice(bytes).map_err(|error| {
        let status = match error.is_data() {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::BAD_REQUEST,
        };
        (status, error.to_string())
    })?;
    let bouncers = sent.remediation_components.unwrap_or_default();
    let machines = sent.log_processors.unwrap_or_default();
    let (ours, others, kind) = match client {
        Client::Bouncer(_) => (bouncers, machines, "remediation component"),
        Client::Machine(_) => (machines, bouncers, "log processor"),
    };
    let wrong = |why: String| (StatusCode::BAD_REQUEST, why);
    if !others.is_empty() {
        return Err(wrong(format!("Payload has more than a {kind}")));
    }
    match ours.as_slice() {
        [one] => serde_json::to_string(one).map_err(|error| wrong(error.to_string())),
        [] => Err(wrong(format!("Missing {kind} data"))),
        _ => Err(wrong(format!("Payload has more than one {kind}"))),
    }
}
