//! What this node thinks of an address and why, for `vigie explain`.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::json;
use vigie_reputation::{Contribution, Verdict};
use vigie_store::{AlertFilter, Decision};
use vigie_wire::Indicator;
use vigie_wire::indicator::is_public;

use super::words::{Problem, spell};
use super::{Answer, Shared};
use crate::clock::rfc3339;
use crate::node::Node;
use crate::share::contains;
use crate::table::covers;

pub(super) async fn show(State(node): Shared, Path(address): Path<String>) -> Answer {
    let ip: IpAddr = address
        .parse()
        .map_err(|_| Problem::wrong(format!("{address:?} is not an address")))?;
    node.recalled().await?;
    let now = node.now();
    let subject = Indicator::ip(ip);
    let verdict = node.opinion.verdict(&subject, now);
    let own = node
        .store
        .alerts(&AlertFilter {
            value: Some(subject.to_string()),
            limit: 100,
            ..AlertFilter::default()
        })
        .await?;
    let held: Vec<_> = node
        .table
        .active(now)
        .into_iter()
        .filter(|held| covers(&held.decision.value, ip))
        .collect();
    let blocked = node.table.strongest(ip, now).is_some();
    let mut lines = vec![headline(&subject, blocked)];
    if contains(&node.spared(), ip.to_canonical()) {
        lines.push("  It is our own or on the allowlist: nothing is ever decided against it.".to_owned());
    }
    if !is_public(ip) {
        lines.push(
            "  It is no public address (private, reserved, or for documentation): what the sensor sees of it is shown, \
             never enforced or shared."
                .to_owned(),
        );
    }
    lines.extend(node.warnings.lists().hits(&subject).iter().map(|hit| {
        format!(
            "  It stands on the warning list {:?} ({}): on the mesh's word {} at most. Our own sensor decides as ever.",
            hit.list,
            hit.class,
            hit.class.hardest()
        )
    }));
    if let Some(until) = node
        .overruled
        .until(&subject.to_string())
        .filter(|until| *until > now)
    {
        lines.push(format!(
            "  The mesh is overruled by hand: its word decides nothing on it until {}.",
            rfc3339(until)
        ));
    }
    lines.push(format!("  Our own sensor: {} alerts.", own.len()));
    lines.extend(
        own.iter()
            .take(3)
            .map(|alert| format!("    {}  {}", rfc3339(alert.alert.last), alert.alert.message)),
    );
    lines.extend(mesh(&node, &verdict));
    lines.extend(decisions(&held, now));
    Ok(Json(json!({
        "address": subject.to_string(),
        "blocked": blocked,
        "alerts": own.len(),
        "decisions": held,
        "verdict": verdict,
        "lines": lines,
    })))
}

fn headline(subject: &Indicator, blocked: bool) -> String {
    format!(
        "{subject} is {}.",
        if blocked { "acted upon" } else { "not blocked" }
    )
}

fn mesh(node: &Node, verdict: &Verdict) -> Vec<String> {
    let mut lines = vec![format!(
        "  The mesh: score {} of {} needed, {} of {} independent groups; that is: {}.",
        nats(verdict.score),
        nats(verdict.threshold.total),
        verdict.groups,
        verdict.quorum,
        verdict.rung
    )];
    lines.extend(verdict.contributions.iter().map(|said| {
        format!(
            "    {} nats from {}: {} at {}{}",
            nats(said.value),
            node.membership.name_of(said.reporter),
            said.behaviour,
            rfc3339(said.observed),
            cut(said)
        )
    }));
    lines.extend(
        verdict
            .reasons
            .iter()
            .map(|reason| format!("    Because {reason}.")),
    );
    lines
}

fn cut(said: &Contribution) -> String {
    said.cap
        .map(|cap| format!(" (cut at {})", nats(cap)))
        .unwrap_or_default()
}

fn decisions(held: &[std::sync::Arc<Decision>], now: vigie_wire::Timestamp) -> Vec<String> {
    if held.is_empty() {
        return vec!["  Decisions: none.".to_owned()];
    }
    let spelled = held.iter().map(|held| {
        let decision = &held.decision;
        let simulated = if decision.simulated {
            ", simulated only"
        } else {
            ""
        };
        let left = spell(decision.until.since(now));
        format!(
            "  Decision {}: {} by {} for another {left}{simulated}. {}",
            held.id, decision.remediation, decision.origin, decision.reason
        )
    });
    spelled.collect()
}

/// Milli-nats for people.
fn nats(milli: i64) -> String {
    format!(
        "{}{}.{:02}",
        if milli < 0 { "-" } else { "" },
        milli.unsigned_abs() / 1_000,
        milli.unsigned_abs() % 1_000 / 10
    )
}
