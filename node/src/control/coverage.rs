//! What the rules of the running sensor have seen, for `vigie hub coverage`.

use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::words::Problem;
use super::{Answer, Shared};
use crate::clock::rfc3339;

pub(super) async fn show(State(node): Shared) -> Answer {
    if !node.running() {
        return Err(Problem::conflict(
            "no node runs here: start it with `vigie up`, or name logs to run through its rules",
        ));
    }
    let seen = node.sensor.get().and_then(|stats| Some((stats, stats.seen()?)));
    let Some((stats, seen)) = seen else {
        return Err(Problem::conflict(
            "this node reads no log: it has only just started, or none is named in [sensor] sources",
        ));
    };
    let sources = stats.snapshot().sources;
    let lines: u64 = sources.values().map(|source| source.lines).sum();
    let parsed: u64 = sources.values().map(|source| source.parsed).sum();
    Ok(Json(json!({
        "since": rfc3339(node.started_at),
        "lines": lines,
        "parsed": parsed,
        "rules": seen.reached(),
    })))
}
