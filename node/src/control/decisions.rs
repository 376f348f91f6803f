//! Decisions, for `vigie decisions`.

use std::collections::{BTreeSet, HashSet};
use std::net::Ipv6Addr;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{AlertId, Decision, DecisionFilter, DecisionId, NewDecision, Origin, Remediation};
use vigie_wire::Timestamp;

use super::words::{Problem, duration, spell};
use super::{Answer, Shared, say};
use crate::config::network;
use crate::decide;
use crate::node::Node;
use crate::subject::{is_place, named, scope, sought};

/// Longest life of a decision by hand: bouncers count in hours and must be able to hold the number.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// Of so many values that are let go, it is told what still keeps them out.
const TOLD: usize = 16;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filter {
    id: Option<i64>,
    value: Option<String>,
    scope: Option<String>,
    origin: Option<String>,
    all: bool,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    value: String,
    #[serde(default = "by_address")]
    scope: String,
    duration: String,
    #[serde(rename = "type")]
    remediation: String,
    reason: String,
}

pub(super) async fn list(State(node): Shared, Query(filter): Query<Filter>) -> Answer {
    let now = node.now();
    let filter = DecisionFilter {
        id: filter.id,
        value: filter.sought(),
        scope: filter.scope.as_deref().map(scope),
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
    let (scope, value) = named(&new.scope, &new.value).map_err(Problem::wrong)?;
    // Whom of ours a place holds, no node knows: bouncers ask whom we spare, and cut them out.
    let target = (!is_place(&scope)).then(|| network(&value)).flatten();
    if let Some(why) = target.and_then(|target| decide::refusal(target, &node.spared())) {
        return Err(Problem::wrong(format!("no decision on {}: {why}", new.value)));
    }
    let length = duration(&new.duration)?;
    if length.is_zero() {
        return Err(Problem::wrong("a decision of no duration decides nothing"));
    }
    if length > LONGEST {
        return Err(Problem::wrong(format!(
            "{} is longer than a decision may hold: 365d",
            new.duration
        )));
    }
    let decision = NewDecision {
        origin: Origin::Manual,
        remediation: new
            .remediation
            .parse::<Remediation>()
            .map_err(|error| Problem::wrong(error.to_string()))?,
        scope: scope.into(),
        value: value.into(),
        // As CrowdSec does it: what lists and bouncers show as the scenario is the person's reason.
        scenario: new.reason.as_str().into(),
        created_at: now,
        until: now + length,
        simulated: false,
        reason: new.reason.into(),
    };
    let made = node.store.insert_decision(&decision).await?;
    node.table.put(std::slice::from_ref(&made), now);
    Ok(Json(row(&made, now)))
}

pub(super) async fn end(State(node): Shared, Query(filter): Query<Filter>) -> Answer {
    if filter.id.is_none() && filter.value.is_none() {
        return Err(Problem::wrong("say which decisions: by id or by value"));
    }
    let mut ended = node
        .end_all(&DecisionFilter {
            id: filter.id,
            value: filter.sought(),
            scope: filter.scope.as_deref().map(scope),
            ..DecisionFilter::default()
        })
        .await?;
    if ended.is_empty() {
        let others = still(&node, filter.sought().as_deref());
        return Err(Problem::not_found(match others.first() {
            Some(other) => format!("no such decision holds; what keeps it out is one on {other}"),
            None => "no such decision holds".to_owned(),
        }));
    }
    let (overruled, ours) = taken_back(&node, &mut ended).await?;
    let values: BTreeSet<&str> = ended.iter().map(|held| &*held.decision.value).collect();
    let still = still(&node, values.iter().copied());
    Ok(Json(json!({
        "ended": ended.len(), "values": values, "still": still, "overruled": overruled, "ours": ours,
    })))
}

/// What keeps these out now, or some of them: themselves, and networks around them.
fn still<'a>(node: &Node, values: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let now = node.now();
    let around = values
        .into_iter()
        .take(TOLD)
        .flat_map(|value| node.table.around(value));
    let holding = around.filter(|held| held.decision.until > now && !held.decision.simulated);
    holding.map(|held| held.decision.value.to_string()).collect()
}

/// What follows when a person ended decisions: networks that were taken for an address go with it and are added to them. Says
/// whether the mesh was overruled, and how much of our own word still stands.
pub(crate) async fn taken_back(node: &Node, ended: &mut Vec<Decision>) -> anyhow::Result<(bool, usize)> {
    let networks = networks_taken_for(node, ended);
    ended.extend(node.end(&networks).await?);
    let ended = &*ended;
    let mut values: Vec<&Decision> = ended.iter().collect();
    values.sort_unstable_by_key(|held| &held.decision.value);
    values.dedup_by_key(|held| &held.decision.value);
    node.repeats
        .take_back(node.store.as_ref(), ended, node.now())
        .await?;
    let (mut overruled, mut ours) = (false, 0);
    for value in values.iter().map(|held| &*held.decision.value) {
        if ended
            .iter()
            .any(|held| held.decision.origin == Origin::Mesh && &*held.decision.value == value)
        {
            // Its evidence stands: without this it would be decided again within the minute.
            say::overrule(node, value).await?;
            overruled = true;
        }
        if let Ok(ip) = value.parse() {
            ours += say::standing(node, ip).await?.0;
        }
    }
    Ok((overruled, ours))
}

/// What policy decided on the networks of these IPv6 addresses, with the same alerts.
fn networks_taken_for(node: &Node, ended: &[Decision]) -> Vec<DecisionId> {
    let by_policy = |held: &&Decision| held.decision.origin == Origin::Sensor;
    let addresses = ended.iter().filter(by_policy).filter(|held| {
        // To let a network go lets nobody go whom his own address keeps out.
        held.decision.value.parse::<Ipv6Addr>().is_ok()
    });
    let alerts: HashSet<AlertId> = addresses.filter_map(|held| held.alert).collect();
    if alerts.is_empty() {
        return Vec::new();
    }
    let (snapshot, now) = (node.table.snapshot(), node.now());
    let standing = snapshot.active(now).filter(|held| by_policy(&&***held));
    let theirs = standing.filter(|held| held.alert.is_some_and(|alert| alerts.contains(&alert)));
    theirs.map(|held| held.id).collect()
}

fn by_address() -> String {
    "Ip".to_owned()
}

// === impl Filter ===

impl Filter {
    /// The value as `add` writes it.
    fn sought(&self) -> Option<String> {
        let value = self.value.as_deref()?;
        Some(sought(self.scope.as_deref(), value))
    }
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
