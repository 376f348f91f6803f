//! `GET /metrics`: what Prometheus reads of the Local API and the table, in its text format, version 0.0.4.
//!
//! Told to this machine only, as the page is: how often somebody guesses, or how many bouncers follow, is nobody else's
//! business. Labels come from lists that stand in the code, never from who asks. Deliberately absent: sensor and mesh, of
//! which `vigie status` tells, and any history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use vigie_store::{Machine, StoreError};

use super::asker::Asker;
use super::auth::Limits;
use super::broken;
use super::feed::Feeds;
use crate::expiry::{self, Ending};
use crate::node::Node;

/// Readers at a time: each looks at every decision.
static ROOM: Semaphore = Semaphore::const_new(1);
/// What is asked for, by the beginning of its path: the first that fits.
const ROUTES: [(&str, &str); 6] = [
    ("/v1/decisions/stream", "stream"),
    ("/v1/decisions/events", "events"),
    ("/v1/decisions", "decisions"),
    ("/v1/usage-metrics", "usage"),
    ("/v1/", "machines"),
    ("", "other"),
];
const STATUSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Requests that were answered, by route and status.
#[derive(Debug, Default)]
pub(super) struct Requests([[AtomicU64; STATUSES.len()]; ROUTES.len()]);

/// Who counts what is told.
#[derive(Clone)]
pub(super) struct Counted {
    pub(super) limits: Arc<Limits>,
    pub(super) feeds: Arc<Feeds>,
    pub(super) requests: Arc<Requests>,
}

/// Labels and the value that they have.
type Row = (String, u64);

/// Its part of the OpenAPI document.
pub(super) fn paper() -> Value {
    json!({"get": {
        "summary": "Metrics for Prometheus, for this machine only",
        "security": [],
        "responses": {
            "200": {
                "description": "Prometheus' text format, version 0.0.4",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            "404": {"description": "Not asked from this machine"},
            "500": super::openapi::failure("The database cannot be read"),
        },
    }})
}

pub(super) fn router(counted: Counted) -> Router<Arc<Node>> {
    Router::new().route("/metrics", get(tell).layer(Extension(counted)))
}

/// Counts a request when its answer begins.
pub(super) async fn count(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let route = ROUTES.iter().position(|(start, _)| path.starts_with(start));
    let answer = next.run(request).await;
    let status = usize::from(answer.status().as_u16() / 100).checked_sub(1);
    let counts = route.and_then(|route| requests.0.get(route)?.get(status?));
    if let Some(count) = counts {
        count.fetch_add(1, Ordering::Relaxed);
    }
    answer
}

async fn tell(
    State(node): State<Arc<Node>>,
    Extension(counted): Extension<Counted>,
    asker: Asker,
) -> Response {
    if asker != Asker::Here {
        return StatusCode::NOT_FOUND.into_response();
    }
    // Never closed: without a turn it is told all the same.
    let _turn = ROOM.acquire().await;
    let known = async { Ok::<_, StoreError>((node.store.machines().await?, expiry::near(&node).await?)) };
    let (machines, keys) = match known.await {
        Ok(known) => known,
        Err(error) => return broken(&error.to_string()),
    };
    let text = tokio::task::spawn_blocking(move || written(&node, &counted, &machines, &keys)).await;
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => broken(&error.to_string()),
    }
}

fn written(node: &Node, counted: &Counted, machines: &[Machine], keys: &[Ending]) -> String {
    let mut text = String::new();
    let (name, help) = ("vigie_table_decisions", "Decisions that hold now.");
    family(&mut text, name, "gauge", help, decisions(node));
    let rows = one(node.table.snapshot().numbers().count());
    let help = "Decisions in memory, with those that ended within a day.";
    family(&mut text, "vigie_table_rows", "gauge", help, [rows]);
    let help = "Requests answered by the Local API.";
    let rows = counted.requests.rows();
    family(&mut text, "vigie_api_requests_total", "counter", help, rows);
    let help = "Bouncers that decisions are pushed to.";
    let readers = one(counted.feeds.readers());
    family(&mut text, "vigie_api_followers", "gauge", help, [readers]);
    let help = "Missing and wrong keys, wrong passwords and registration tokens.";
    let refused = (String::new(), counted.limits.refused());
    family(&mut text, "vigie_api_refused_total", "counter", help, [refused]);
    let help = "Times that the database was asked for keys of bouncers.";
    let asked = (String::new(), node.keys.asked());
    family(&mut text, "vigie_api_key_lookups_total", "counter", help, [asked]);
    let waiting = machines.iter().filter(|machine| !machine.validated).count();
    let rows = [("accepted", machines.len() - waiting), ("waiting", waiting)];
    let rows = rows.map(|(state, count)| (labels(&[("state", state)]), one(count).1));
    family(
        &mut text,
        "vigie_api_machines",
        "gauge",
        "Machines that are known.",
        rows,
    );
    let over = keys.iter().filter(|key| key.over).count();
    let rows = [("soon", keys.len() - over), ("over", over)];
    let rows = rows.map(|(state, count)| (labels(&[("state", state)]), one(count).1));
    let help = "Keys of bouncers that end within a week, or ended within the last one.";
    family(&mut text, "vigie_api_keys_ending", "gauge", help, rows);
    if let Some(bytes) = resident() {
        let (name, help) = (
            "process_resident_memory_bytes",
            "Memory of the process, the table included.",
        );
        family(&mut text, name, "gauge", help, [(String::new(), bytes)]);
    }
    text
}

/// Those that hold, by where from, what is done and whether it is enforced.
fn decisions(node: &Node) -> Vec<Row> {
    let (snapshot, now) = (node.table.snapshot(), node.now());
    let mut counts = BTreeMap::new();
    for held in snapshot.active(now) {
        let decision = &held.decision;
        let kind = (decision.origin, decision.remediation, decision.simulated);
        *counts.entry(kind).or_insert(0) += 1;
    }
    let rows = counts
        .into_iter()
        .map(|((origin, remediation, simulated), count)| {
            let (origin, remediation) = (origin.to_string(), remediation.to_string());
            let simulated = if simulated { "true" } else { "false" };
            let kind = [
                ("origin", origin.as_str()),
                ("remediation", &remediation),
                ("simulated", simulated),
            ];
            (labels(&kind), count)
        });
    rows.collect()
}

// === impl Requests ===

impl Requests {
    fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for ((_, route), counts) in ROUTES.iter().zip(&self.0) {
            for (status, count) in STATUSES.iter().zip(counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    rows.push((labels(&[("route", route), ("status", status)]), count));
                }
            }
        }
        rows
    }
}

// === the format ===

fn family(text: &mut String, name: &str, kind: &str, help: &str, rows: impl IntoIterator<Item = Row>) {
    text.extend([format!("# HELP {name} {help}\n# TYPE {name} {kind}\n")]);
    let written = |(labels, value)| format!("{name}{labels} {value}\n");
    text.extend(rows.into_iter().map(written));
}

fn one(count: usize) -> Row {
    (String::new(), u64::try_from(count).unwrap_or(u64::MAX))
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let written: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    format!("{{{}}}", written.join(","))
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// Bytes of memory that the process holds, if the kernel says so.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests;
