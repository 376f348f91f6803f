//! Decisions, for `vigie decisions`.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{Decision, DecisionFilter, NewDecision, Origin, Remediation};
use vigie_wire::Timestamp;

use super::words::{Problem, duration, spell};
use super::{Answer, Shared};
use crate::config::network;
use crate::decide;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filter {
    id: Option<i64>,
    value: Option<String>,
    origin: Option<String>,
    all: bool,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    value: String,
    duration: String,
    #[serde(rename = "type")]
    remediation: String,
    reason: String,
}

pub(super) async fn list(State(node): Shared, Query(filter): Query<Filter>) -> Answer {
    let now = node.now();
    let filter = DecisionFilter {
        id: filter.id,
        value: filter.value,
        origin: filter
            .origin
            .map(|word| word.parse::<Origin>())
            .transpose()
            .map_err(|error| Problem::wrong(error.to_string()))?,
        active_at: (!filter.all).then_some(now),
        limit: filter.limit,
        ..DecisionFilter::default()
    };
    let decisions = node.store.decisions(&filter).await?;
    Ok(Json(
        decisions.iter().map(|decision| row(decision, now)).collect(),
    ))
}

pub(super) async fn add(State(node): Shared, Json(new): Json<New>) -> Answer {
    let now = node.now();
    let target = network(&new.value)
        .ok_or_else(|| Problem::wrong(format!("{:?} is neither an address nor a network", new.value)))?;
    if let Some(why) = decide::refusal(target, &node.spared()) {
        return Err(Problem::wrong(format!("no decision on {}: {why}", new.value)));
    }
    let single = target.prefix_len() == target.max_prefix_len();
    let decision = NewDecision {
        origin: Origin::Manual,
        remediation: new
            .remediation
            .parse::<Remediation>()
            .map_err(|error| Problem::wrong(error.to_string()))?,
        scope: if single { "Ip" } else { "Range" }.to_owned(),
        value: if single {
            target.addr().to_string()
        } else {
            target.to_string()
        },
        scenario: "manual".to_owned(),
        created_at: now,
        until: now + duration(&new.duration)?,
        simulated: false,
        reason: new.reason,
    };
    let made = node.store.insert_decision(&decision).await?;
    node.table.put(std::slice::from_ref(&made), now);
    Ok(Json(row(&made, now)))
}

pub(super) async fn end(State(node): Shared, Query(filter): Query<Filter>) -> Answer {
    if filter.id.is_none() && filter.value.is_none() {
        return Err(Problem::wrong("say which decisions: by id or by value"));
    }
    let ended = node
        .end(&DecisionFilter {
            id: filter.id,
            value: filter.value,
            ..DecisionFilter::default()
        })
        .await?;
    if ended.is_empty() {
        return Err(Problem::not_found("no such decision holds"));
    }
    Ok(Json(json!({"ended": ended.len()})))
}

fn row(decision: &Decision, now: Timestamp) -> Value {
    let written = &decision.decision;
    json!({
        "id": decision.id,
        "alert": decision.alert,
        "origin": written.origin,
        "remediation": written.remediation,
        "scope": written.scope,
        "value": written.value,
        "scenario": written.scenario,
        "created_at": written.created_at,
        "until": written.until,
        "left": if written.until > now { spell(written.until.since(now)) } else { "ended".to_owned() },
        "simulated": written.simulated,
        "reason": written.reason,
    })
}
