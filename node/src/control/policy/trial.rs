//! The dry run of a policy: what another configuration file would have led to, next to what the present one leads to.
//!
//! Our own alerts are judged anew under both. Of the mesh the store keeps what was done, not what was said, so another file
//! is compared with that: it can be seen to do less or to be enforced, never to do more. Deliberately absent: any
//! change.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{AlertFilter, DecisionFilter, NewAlert, NewDecision, Origin};
use vigie_wire::Timestamp;

use super::super::words::{Problem, ago, spell};
use super::super::{Answer, Shared};
use crate::clock::rfc3339;
use crate::config::{Config, Remote};
use crate::decide::{self, Enforcing};
use crate::node::Node;
use crate::repeats::{FORGET, host};

/// Alerts, and decisions of the mesh, that are looked at: the newest.
const MOST: usize = 20_000;
/// Alerts that are read at a time.
const PAGE: u32 = 500;
/// Changes that are told one by one.
const TOLD: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Question {
    /// How far back, such as `24h`.
    since: String,
    /// The name of the file, for mistakes in it.
    path: String,
    /// What it says.
    text: String,
}

/// What is done with one address for one reason, if anything.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Case {
    at: Timestamp,
    origin: Origin,
    value: String,
    scenario: String,
    now: Option<String>,
    then: Option<String>,
}

pub(in super::super) async fn test(State(node): Shared, Json(question): Json<Question>) -> Answer {
    let config = Config::parse(Path::new(&question.path), &question.text);
    let config = config.map_err(|mistakes| Problem::wrong(mistakes.to_string()))?;
    let since = ago(Some(&question.since), node.now())?.unwrap_or_default();
    let present = node.enforcing();
    let other = Enforcing {
        ban: config.policy.ban(),
        ipv6_prefix: config.policy.ipv6_prefix(),
        remote: node.settings.get().remote(config.policy.remote),
        spared: [node.spared(), config.policy.own()].concat(),
        profiles: config.policy.profiles().into(),
    };
    let mut cases = of_sensor(&node, since, [&present, &other]).await?;
    cases.extend(of_mesh(&node, since, &other).await?);
    cases.sort_by_key(|case| case.at);
    Ok(Json(answer(&cases)))
}

async fn of_sensor(node: &Node, since: Timestamp, both: [&Enforcing; 2]) -> anyhow::Result<Vec<Case>> {
    // Who came before the span began counts as one who comes again in it.
    let alerts = alerts(node, since - FORGET).await?;
    let [now, then] = both.map(|enforcing| judge(&alerts, enforcing));
    let cases = alerts.into_iter().zip(now).zip(then);
    Ok(cases
        .filter(|((alert, _), _)| alert.created_at >= since)
        .map(|((alert, now), then)| Case {
            at: alert.created_at,
            origin: Origin::Sensor,
            value: alert.value,
            scenario: alert.scenario,
            now: words(&now),
            then: words(&then),
        })
        .collect())
}

/// The newest since then, the oldest of them first, without their events.
async fn alerts(node: &Node, since: Timestamp) -> anyhow::Result<Vec<NewAlert>> {
    let mut found = Vec::new();
    let mut filter = AlertFilter {
        since: Some(since),
        limit: PAGE,
        ..AlertFilter::default()
    };
    while found.len() < MOST {
        let page = node.store.alerts(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        found.extend(page.into_iter().map(|one| NewAlert {
            events: Value::Null,
            ..one.alert
        }));
    }
    found.reverse();
    Ok(found)
}

/// What these lead to, one after the other.
fn judge(alerts: &[NewAlert], enforcing: &Enforcing) -> Vec<Vec<NewDecision>> {
    let mut times: HashMap<Option<IpAddr>, (u32, Timestamp)> = HashMap::new();
    let mut decisions = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let at = alert.created_at;
        let (count, last) = times.entry(host(&alert.value)).or_insert((0, at));
        if *last + FORGET <= at {
            *count = 0;
        }
        let made = decide::on_detection(alert, enforcing, *count);
        if made.iter().any(|decision| !decision.simulated) {
            (*count, *last) = (count.saturating_add(1), at);
        }
        decisions.push(made);
    }
    decisions
}

async fn of_mesh(node: &Node, since: Timestamp, other: &Enforcing) -> anyhow::Result<Vec<Case>> {
    let recent = DecisionFilter {
        origin: Some(Origin::Mesh),
        ended_since: Some(since),
        limit: u32::try_from(MOST).unwrap_or(u32::MAX),
        ..DecisionFilter::default()
    };
    let made = node.store.decisions(&recent).await?;
    let case = |decision: NewDecision| {
        let length = decision.until.since(decision.created_at);
        let said = (decision.remediation, length);
        let (follows, _) = decide::on_mesh(&decision.scenario, said, other, decision.created_at);
        let spared = decision
            .value
            .parse()
            .is_ok_and(|ip| decide::spares(ip, &other.spared));
        let follows = follows.filter(|_| other.remote != Remote::Off && !spared);
        let then = follows.map(|follows| NewDecision {
            remediation: follows.remediation,
            until: decision.created_at + follows.length,
            simulated: follows.simulated,
            ..decision.clone()
        });
        Case {
            at: decision.created_at,
            origin: Origin::Mesh,
            now: words(std::slice::from_ref(&decision)),
            then: words(then.as_slice()),
            value: decision.value.into(),
            scenario: decision.scenario.into(),
        }
    };
    let made = made.into_iter().map(|held| held.decision);
    Ok(made.filter(|one| one.created_at >= since).map(case).collect())
}

/// `ban 4h`, `ban 4h with 2a00:1450:4001:829::/64`, and at the end of it `, simulated`.
fn words(made: &[NewDecision]) -> Option<String> {
    let (decision, further) = made.split_first()?;
    let length = spell(decision.until.since(decision.created_at));
    let further: String = further.iter().map(|one| format!(" with {}", one.value)).collect();
    let simulated = if decision.simulated { ", simulated" } else { "" };
    Some(format!("{} {length}{further}{simulated}", decision.remediation))
}

fn answer(cases: &[Case]) -> Value {
    let count = |side: fn(&Case) -> &Option<String>| {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for case in cases {
            let what = side(case).as_deref().unwrap_or("nothing");
            let simulated = what.ends_with("simulated");
            let what = if simulated {
                "simulated"
            } else {
                what.split(' ').next().unwrap_or(what)
            };
            *counts.entry(what).or_default() += 1;
        }
        counts
    };
    let changed = || cases.iter().filter(|case| case.now != case.then);
    let nothing = || "nothing".to_owned();
    let changes = changed().take(TOLD).map(|case| {
        json!({
            "at": rfc3339(case.at),
            "origin": case.origin,
            "value": case.value,
            "scenario": case.scenario,
            "now": case.now.clone().unwrap_or_else(nothing),
            "then": case.then.clone().unwrap_or_else(nothing),
        })
    });
    json!({
        "cases": cases.len(),
        "now": count(|case| &case.now),
        "then": count(|case| &case.then),
        "changed": changed().count(),
        "changes": changes.collect::<Vec<_>>(),
    })
}
