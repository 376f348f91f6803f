//! `POST /v1/alerts`: what agents saw and what `cscli` was told, written before it is acknowledged.
//!
//! Before this stop: `pushed`. After it: `decide` and `share`, then `table` and `outbox`. The same alert sent again is
//! found by a hash of what it says, so an agent that heard no answer doubles nothing.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use ipnet::IpNet;
use serde_json::Value;
use vigie_store::{AlertFilter, AlertId, Machine, NewAlert, NewDecision, Share};
use vigie_wire::Timestamp;

use super::failed;
use super::machine::{Caller, Door, Doorway, LARGEST, body};
use super::pushed::{Pushed, Taken};
use crate::config::network;
use crate::node::Node;
use crate::{decide, share};

/// Why a push is not taken: nothing of it was written then.
struct Refused(StatusCode, String);

pub(super) async fn push(
    State(door): Doorway,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let bytes = match body(request, LARGEST).await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let now = door.node.now();
    let machine = &caller.machine;
    let taken = match read(&bytes, &door, machine, now) {
        Ok(taken) => taken,
        Err(Refused(status, why)) => {
            tracing::warn!(machine = machine.name, why, "alerts were refused");
            return failed(status, &why);
        }
    };
    let mut ids = Vec::with_capacity(taken.len());
    for one in taken {
        match write(&door, machine, one).await {
            Ok(id) => ids.extend(id.map(|id| id.to_string())),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "an alert could not be written");
                // The agent sends all of it again; what is written stays written once.
                return failed(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the alerts could not be written",
                );
            }
        }
    }
    (StatusCode::CREATED, Json(ids)).into_response()
}

/// All alerts of a body, or why none is taken.
fn read(bytes: &[u8], door: &Door, machine: &Machine, now: Timestamp) -> Result<Vec<Taken>, Refused> {
    let wrong = |why: String| Refused(StatusCode::INTERNAL_SERVER_ERROR, why);
    let values: Vec<Value> =
        serde_json::from_slice(bytes).map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))?;
    let mut taken = Vec::with_capacity(values.len());
    for value in values {
        let detection = detection(&machine.name, &value);
        let pushed: Pushed = serde_json::from_value(value)
            .map_err(|error| Refused(StatusCode::BAD_REQUEST, error.to_string()))?;
        taken.push(pushed.take(&machine.name, detection, now).map_err(wrong)?);
    }
    let spared = door.node.spared();
    let longest = door.node.config.api.machine_longest();
    for decision in taken.iter().flat_map(|one| &one.decisions) {
        if let Some(why) = refusal(decision, &spared) {
            let why = format!("no decision on {}: {why}", decision.value);
            return Err(Refused(StatusCode::BAD_REQUEST, why));
        }
        if decision.until > now + longest {
            let why = "a decision is longer than [api] machine_longest lets a machine decide".to_owned();
            return Err(Refused(StatusCode::BAD_REQUEST, why));
        }
    }
    let embedded = taken.iter().map(|one| one.decisions.len()).sum();
    if !door.may_decide(&machine.name, embedded) {
        let why = "more decisions than [api] machine_decisions lets a machine make in an hour".to_owned();
        return Err(Refused(StatusCode::TOO_MANY_REQUESTS, why));
    }
    Ok(taken)
}

/// Whether a machine may not decide this. What is neither address nor network cuts nobody off.
fn refusal(decision: &NewDecision, spared: &[IpNet]) -> Option<String> {
    if decision.scope != "Ip" && decision.scope != "Range" {
        return None;
    }
    let target = network(&decision.value)?;
    let shortest = if target.addr().is_ipv4() { 16 } else { 32 };
    if target.prefix_len() < shortest {
        return Some(format!("a machine names no network larger than a /{shortest}"));
    }
    decide::refusal(target, spared)
}

/// The same alert of the same machine has the same id.
fn detection(machine: &str, alert: &Value) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("vigie/pushed-alert/v1");
    hasher.update(&machine.len().to_le_bytes());
    hasher.update(machine.as_bytes());
    hasher.update(alert.to_string().as_bytes());
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    id
}

/// Writes one; `None` if it is dropped, because nothing is ever decided against whom it is on.
async fn write(door: &Door, machine: &Machine, taken: Taken) -> anyhow::Result<Option<AlertId>> {
    let node = &door.node;
    let Taken {
        mut alert,
        mut decisions,
        seen,
    } = taken;
    let spared = node.spared();
    let target = match alert.scope.as_str() {
        "Ip" | "Range" => network(&alert.value),
        _ => None,
    };
    if decisions.is_empty() && target.is_some_and(|target| decide::touches(target, &spared)) {
        tracing::debug!(alert.value, "an alert on an allowlisted address is dropped");
        return Ok(None);
    }
    let again = AlertFilter {
        detection: Some(alert.detection),
        ..AlertFilter::default()
    };
    if let Some(known) = node.store.alerts(&again).await?.first() {
        return Ok(Some(known.id));
    }
    if decisions.is_empty()
        && let Some(decision) = decide::on_detection(&alert, &node.enforcing())
    {
        if door.may_decide(&machine.name, 1) {
            decisions.push(decision);
        } else {
            tracing::warn!(
                machine = machine.name,
                "over its decisions for this hour: the alert is kept, nobody is banned for it"
            );
        }
    }
    let proves = seen && machine.publish;
    if proves && may_leave(node, &alert) {
        alert.share = Share::Pending;
    }
    let Some((id, made)) = node.store.insert_alert(&alert, &decisions).await? else {
        // Written meanwhile by another connection, or deleted by a person: its number is told if there is one.
        return Ok(node.store.alerts(&again).await?.first().map(|known| known.id));
    };
    tracing::info!(
        alert.id = id,
        machine = machine.name,
        scenario = alert.scenario,
        indicator = alert.value,
        decided = made.len(),
        "an alert was pushed"
    );
    if proves && let Some((subject, behaviour)) = decide::proven(&alert, &spared) {
        node.opinion.own_detection(&subject, behaviour, alert.last);
    }
    node.table.put(&made, node.now());
    if made
        .iter()
        .any(|held| network(&held.decision.value).is_some_and(|net| decide::touches(net, &node.spared())))
    {
        // The allowlist changed on the way.
        node.sweep().await?;
    }
    if alert.share == Share::Pending {
        node.outbox.notify_one();
    }
    Ok(Some(id))
}

fn may_leave(node: &Node, alert: &NewAlert) -> bool {
    let known = alert.value.parse().is_ok_and(|ip| node.is_known(ip));
    share::to_sighting(alert, &node.sharing(), known).is_ok()
}
