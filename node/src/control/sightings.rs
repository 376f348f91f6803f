//! Sightings of all organisations, for `vigie sightings`.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use vigie_store::{SightingFilter, SightingRow};
use vigie_wire::Indicator;

use super::words::{Problem, ago};
use super::{Answer, Shared};
use crate::clock::rfc3339;
use crate::node::Node;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Filter {
    value: Option<String>,
    since: Option<String>,
    limit: u32,
}

pub(super) async fn list(State(node): Shared, Query(filter): Query<Filter>) -> Answer {
    let filter = SightingFilter {
        indicator: filter.value.as_deref().map(address).transpose()?,
        since: ago(filter.since.as_deref(), node.now())?,
        limit: filter.limit,
        ..SightingFilter::default()
    };
    let rows = node.store.sightings(&filter).await?;
    Ok(Json(rows.iter().map(|held| row(&node, held)).collect()))
}

fn address(text: &str) -> Result<Indicator, Problem> {
    text.parse()
        .map(Indicator::ip)
        .map_err(|_| Problem::wrong(format!("{text:?} is not an address")))
}

fn row(node: &Node, held: &SightingRow) -> Value {
    json!({
        "id": held.id,
        "organisation": node.membership.name_of(held.org),
        "org": held.org,
        "own": held.org == node.identity.org.org_id(),
        "indicator": held.sighting.indicator,
        "behaviour": held.sighting.behaviour,
        "rule": held.sighting.rule,
        "seen": rfc3339(held.sighting.at),
        "at_least": held.sighting.count.at_least(),
        "confidence": held.sighting.confidence,
        "arrived": rfc3339(held.received_at),
        "received_at": held.received_at,
        "retracted": held.retracted_at.is_some(),
    })
}
