//! `POST /v1/alerts`: what agents saw and what `cscli` was told, written before it is acknowledged.
//!
//! Before this stop: `pushed`. After it: `decide` and `share`, then `table` and `outbox`. The same alert sent again is
//! found by a hash of what it says, so an agent that heard no answer doubles nothing.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use ipnet::IpNet;
use serde_json::Value;
use tokio::sync::Semaphore;
use vigie_store::{AlertFilter, AlertId, Machine, NewAlert, NewDecision, Share};
use vigie_wire::Timestamp;

use super::behaviour::of_scenario;
use super::machine::{Caller, Charged, Door, Doorway, LARGEST, body};
use super::pushed::{Pushed, Taken};
use super::{failed, later};
use crate::config::network;
use crate::node::Node;
use crate::subject::is_place;
use crate::{decide, share};

/// Bodies that are read and taken at a time.
static ROOM: Semaphore = Semaphore::const_new(8);
/// Most commas and brackets of a body. Each may become a value of some hundred bytes; an alert has some three hundred.
const MOST_PARTS: usize = 400_000;

/// How old an agent's word may be to be told to others: busy agents, and those that were cut off, are late.
const LATE: Duration = Duration::from_hours(1);
/// How far the clock of an agent may be ahead; of sightings no more is believed (DESIGN 11).
const AHEAD: Duration = Duration::from_mins(2);

/// Why a push is not taken: nothing of it was written then.
enum Refused {
    /// As this.
    With(StatusCode, String),
    /// It may be sent again after this time.
    For(Duration, String),
}

pub(super) async fn push(
    State(door): Doorway,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let Ok(_turn) = ROOM.acquire().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let bytes = match body(request, LARGEST).await {
        Ok(bytes) => bytes,
        Err(refused) => return refused,
    };
    let (tasks, name) = (door.tasks.clone(), caller.machine.name.clone());
    // Also if the agent hangs up: what is in the database has to be in the table.
    match tasks
        .spawn(async move { take(&door, &caller, bytes).await })
        .await
    {
        Ok(Ok(ids)) => (StatusCode::CREATED, Json(ids)).into_response(),
        Ok(Err(refused)) => {
            let (Refused::With(_, why) | Refused::For(_, why)) = &refused;
            tracing::warn!(machine = name, why, "alerts were refused");
            match refused {
                Refused::With(status, why) => failed(status, &why),
                Refused::For(wait, why) => later(wait, &why),
            }
        }
        Err(error) => {
            tracing::error!(%error, machine = name, "alerts could not be taken");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn take(door: &Door, caller: &Caller, bytes: Bytes) -> Result<Vec<String>, Refused> {
    let (now, name) = (door.node.now(), caller.machine.name.clone());
    let broken = |why: &str| Refused::With(StatusCode::INTERNAL_SERVER_ERROR, why.to_owned());
    let taken = tokio::task::spawn_blocking(move || read(&bytes, &name, now))
        .await
        .map_err(|_| broken("the alerts could not be read"))??;
    check(door, caller, &taken, now)?;
    charge(door, &caller.machine, &taken).await?;
    let mut ids = Vec::with_capacity(taken.len());
    for one in taken {
        let id = write(door, &caller.machine, one).await.map_err(|error| {
            tracing::error!(error = format!("{error:#}"), "an alert could not be written");
            // The agent sends all of it again; what is written stays written once.
            broken("the alerts could not be written")
        })?;
        ids.extend(id.map(|id| id.to_string()));
    }
    Ok(ids)
}

/// All alerts of a body, or why none is taken.
fn read(bytes: &[u8], machine: &str, now: Timestamp) -> Result<Vec<Taken>, Refused> {
    let parts = bytes.iter().filter(|byte| b",[{".contains(byte)).count();
    if parts > MOST_PARTS {
        let why = format!("more than {MOST_PARTS} values at once: send fewer alerts together");
        return Err(Refused::With(StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    let wrong = |why: String| Refused::With(StatusCode::INTERNAL_SERVER_ERROR, why);
    let values: Vec<Value> = serde_json::from_slice(bytes)
        .map_err(|error| Refused::With(StatusCode::BAD_REQUEST, error.to_string()))?;
    let mut taken = Vec::with_capacity(values.len());
    for value in values {
        let detection = detection(machine, &value);
        let pushed: Pushed = serde_json::from_value(value)
            .map_err(|error| Refused::With(StatusCode::BAD_REQUEST, error.to_string()))?;
        taken.push(pushed.take(machine, detection, now).map_err(wrong)?);
    }
    Ok(taken)
}

/// Whether a machine may decide what it says it did.
fn check(door: &Door, caller: &Caller, taken: &[Taken], now: Timestamp) -> Result<(), Refused> {
    let spared = door.node.spared();
    let longest = door.node.config.api.machine_longest();
    for decision in taken.iter().flat_map(|one| &one.decisions) {
        if let Some(why) = refusal(decision, caller.here, &spared) {
            let why = format!("no decision on {}: {why}", decision.value);
            return Err(Refused::With(StatusCode::BAD_REQUEST, why));
        }
        if decision.until > now + longest {
            let why = "a decision is longer than [api] machine_longest lets a machine decide".to_owned();
            return Err(Refused::With(StatusCode::BAD_REQUEST, why));
        }
    }
    Ok(())
}

fn refusal(decision: &NewDecision, here: bool, spared: &[IpNet]) -> Option<String> {
    let Some(target) = network(&decision.value) else {
        // A few of these cut off the world at bouncers that know them.
        return (!here).then(|| "a machine elsewhere names addresses and networks".to_owned());
    };
    let shortest = if target.addr().is_ipv4() { 16 } else { 32 };
    if target.prefix_len() < shortest {
        return Some(format!("a machine names no network larger than a /{shortest}"));
    }
    decide::refusal(target, spared)
}

/// Decisions that came before, and were acknowledged to nobody, cost nothing again.
async fn charge(door: &Door, machine: &Machine, taken: &[Taken]) -> Result<(), Refused> {
    let mut cost = 0_u32;
    for one in taken.iter().filter(|one| !one.decisions.is_empty()) {
        let known = door.node.store.alerts(&same(&one.alert)).await;
        let known =
            known.map_err(|error| Refused::With(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        if known.is_empty() {
            let costs = one.decisions.iter().map(costs);
            cost = costs.fold(cost, u32::saturating_add);
        }
    }
    let why = "more decisions than [api] machine_decisions lets a machine make in an hour";
    match door.charge(&machine.name, cost) {
        Charged::Allowed => Ok(()),
        Charged::Later(wait) => Err(Refused::For(wait, why.to_owned())),
        Charged::Never => Err(Refused::With(
            StatusCode::BAD_REQUEST,
            format!("{why}: send fewer together"),
        )),
    }
}

/// What a place costs: as much as the largest network that a machine may name.
const PLACE: u32 = 256;

/// A network costs more than an address: twice as much for every two bits, and so a /16 as much as 256 addresses.
fn costs(decision: &NewDecision) -> u32 {
    let Some(target) = network(&decision.value) else {
        return if is_place(&decision.scope) { PLACE } else { 1 };
    };
    let whole = if target.addr().is_ipv4() { 32 } else { 64 };
    1 << (u32::from(whole.max(target.prefix_len()) - target.prefix_len()) / 2).min(16)
}

fn same(alert: &NewAlert) -> AlertFilter {
    AlertFilter {
        detection: Some(alert.detection),
        ..AlertFilter::default()
    }
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
    if let Some(known) = node.recover(alert.detection).await? {
        return Ok(Some(known));
    }
    // Only what we stand for has a behaviour: that is what proves and what is told.
    if seen && machine.publish && is_live(&alert, node.now()) {
        alert.behaviour = of_scenario(&alert.scenario);
    }
    let before = node.repeats.times(&alert.value, node.now());
    let decided = if decisions.is_empty() {
        decide::on_detection(&alert, &node.enforcing(), before)
    } else {
        Vec::new()
    };
    // An address and its network are one decision, as dear as the network.
    let cost = decided.iter().map(costs).max().unwrap_or(1);
    if (alert.behaviour.is_some() || !decided.is_empty())
        && door.charge(&machine.name, cost) != Charged::Allowed
    {
        tracing::warn!(
            machine = machine.name,
            "over its decisions for this hour: the alert is kept, nobody is banned for it nor told of it"
        );
        alert.behaviour = None;
    } else {
        decisions.extend(decided);
    }
    if may_leave(node, &alert) {
        alert.share = Share::Pending;
    }
    let Some((id, made)) = node.store.insert_alert(&alert, &decisions).await? else {
        // Written meanwhile by another connection, or deleted by a person: its number is told if there is one.
        return Ok(node.recover(alert.detection).await?);
    };
    tracing::info!(
        alert.id = id,
        machine = machine.name,
        scenario = alert.scenario,
        indicator = alert.value,
        decided = made.len(),
        "an alert was pushed"
    );
    if let Some((subject, behaviour)) = decide::proven(&alert, &spared) {
        node.opinion.own_detection(&subject, behaviour, alert.last);
    }
    node.repeats.note(&made);
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

/// Whether it is of now: what an agent reads of old logs is history, and a clock that is wrong is no witness.
fn is_live(alert: &NewAlert, now: Timestamp) -> bool {
    now - LATE <= alert.last && alert.last <= now + AHEAD
}

fn may_leave(node: &Node, alert: &NewAlert) -> bool {
    let known = alert.value.parse().is_ok_and(|ip| node.is_known(ip));
    share::to_sighting(alert, &node.sharing(), known).is_ok()
}
