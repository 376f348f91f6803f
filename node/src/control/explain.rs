//! What this node thinks of an address and why, for `vigie explain`: for people in lines, for programs whole, and as an
//! export that another machine can check.

mod lines;

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::json;
use vigie_store::{AlertFilter, Origin, Remediation};
use vigie_wire::Indicator;

use super::words::Problem;
use super::{Answer, Shared};
use crate::table::covers;
use lines::Told;

/// Alerts of our own that are looked at.
const ALERTS: u32 = 100;

pub(super) async fn show(State(node): Shared, Path(address): Path<String>) -> Answer {
    let ip: IpAddr = address
        .parse()
        .map_err(|_| Problem::wrong(format!("{address:?} is not an address")))?;
    node.recalled().await?;
    let now = node.now();
    let subject = Indicator::ip(ip);
    let own = node
        .store
        .alerts(&AlertFilter {
            value: Some(subject.to_string()),
            limit: ALERTS,
            ..AlertFilter::default()
        })
        .await?;
    let decisions: Vec<_> = node
        .table
        .active(now)
        .into_iter()
        .filter(|held| covers(&held.decision.value, ip))
        .collect();
    // Whom the mesh blocks already is asked about as the release is: it ends later than it begins.
    let held = decisions.iter().any(|held| {
        let decision = &held.decision;
        decision.origin == Origin::Mesh && decision.remediation == Remediation::Ban
    });
    let export = node.opinion.export(&subject, now, held);
    let (verdict, partitions) = match &export {
        Ok(export) => (export.verdict.clone(), export.partitions.clone()),
        Err(difference) => {
            tracing::error!(%difference, %subject, "a verdict does not follow from what an export carries");
            node.opinion.explained(&subject, now, held)
        }
    };
    let blocked = node.table.strongest(ip, now).is_some();
    let told = Told {
        node: &node,
        ip,
        now,
        blocked,
        own: &own,
        decisions: &decisions,
        verdict: &verdict,
        partitions: &partitions,
    };
    Ok(Json(json!({
        "address": subject.to_string(),
        "blocked": blocked,
        "alerts": own.len(),
        "decisions": decisions,
        "lines": told.lines(),
        "verdict": verdict,
        "partitions": partitions,
        "export": export.ok(),
    })))
}
