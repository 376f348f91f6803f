//! `DELETE /v1/decisions` and `DELETE /v1/decisions/{id}`: ended now, in the table and on the stream at once.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::StatusCode;
use ipnet::IpNet;
use serde_json::json;
use vigie_store::{Decision, DecisionFilter};

use super::alerts::{broken, number, unnumbered};
use super::machine::{Caller, Door, Doorway, not_here};
use super::pushed::{remediation, scope};
use super::{answered, failed, openapi};
use crate::config::network;
use crate::control;
use crate::node::Node;

/// An address or network that others are held against.
#[derive(Debug)]
pub(super) struct Target {
    net: IpNet,
    /// Those that hold it, rather than those inside.
    contains: bool,
}

pub(super) async fn end_one(
    State(door): Doorway,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, Response> {
    if let Some(refused) = not_here(&caller) {
        return Err(refused);
    }
    let id = number(&id).ok_or_else(unnumbered)?;
    let ended = end(&door, vec![id]).await?;
    if ended == 0 {
        return Err(failed(
            StatusCode::NOT_FOUND,
            &format!("decision with id '{id}' doesn't exist or is over"),
        ));
    }
    Ok(answered(&json!({"nbDeleted": ended.to_string()}), false))
}

pub(super) async fn end_many(
    State(door): Doorway,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Response> {
    if let Some(refused) = not_here(&caller) {
        return Err(refused);
    }
    let node = &door.node;
    let mut found = node.table.active(node.now());
    let contains = query.get("contains").is_none_or(|value| value != "false");
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "ip" | "range" => {
                let target = Target::read(value, contains).map_err(|why| broken(&why))?;
                found.retain(|held| target.hits(&held.decision.value));
            }
            "scope" | "scopes" => {
                let scopes: Vec<String> = value.split(',').map(|one| scope(one.trim())).collect();
                found.retain(|held| scopes.contains(&held.decision.scope));
            }
            "value" => {
                let name = network(value).map_or_else(|| value.clone(), canonical);
                found.retain(|held| held.decision.value == name);
            }
            "type" => found.retain(|held| is_type(held, value)),
            "origin" | "origins" => found.retain(|held| is_origin(held, value)),
            "scenario" => found.retain(|held| held.decision.scenario == *value),
            "uuid" => found.retain(|held| super::shape::uuid(held) == *value),
            "contains" => {}
            _ => {
                return Err(broken(&format!("'{name}' doesn't exist: invalid filter")));
            }
        }
    }
    let ids = found.iter().map(|held| held.id).collect();
    let ended = end(&door, ids).await?;
    Ok(answered(&json!({"nbDeleted": ended.to_string()}), false))
}

/// For the OpenAPI document.
pub(super) fn paper() -> serde_json::Value {
    openapi::tokened("Ends the decisions that match", "How many, as a text")
}

/// To the end, also if whoever asked hangs up: the table must not go on serving what the database has ended.
async fn end(door: &Arc<Door>, ids: Vec<i64>) -> Result<usize, Response> {
    let node = Arc::clone(&door.node);
    let work = door.tasks.spawn(async move { end_all(&node, ids).await });
    work.await.map_err(|error| broken(&error.to_string()))?
}

/// As a person's word: what the mesh said of them is overruled, too.
async fn end_all(node: &Node, ids: Vec<i64>) -> Result<usize, Response> {
    let mut ended = Vec::new();
    for id in ids {
        let this = DecisionFilter {
            id: Some(id),
            ..DecisionFilter::default()
        };
        let this = node.end(&this).await;
        ended.extend(this.map_err(|error| broken(&format!("{error:#}")))?);
    }
    control::taken_back(node, &ended)
        .await
        .map_err(|error| broken(&format!("{error:#}")))?;
    Ok(ended.len())
}

/// A single address is written as one.
pub(super) fn canonical(net: IpNet) -> String {
    match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
    }
}

/// Whether a decision comes from where CrowdSec's word or ours says.
pub(super) fn is_origin(held: &Arc<Decision>, word: &str) -> bool {
    let ours = match word {
        "crowdsec" => "sensor",
        "cscli" => "manual",
        "cscli-import" | "lists" => "import",
        "CAPI" => "mesh",
        word => word,
    };
    held.decision.origin.word() == ours
}

/// Whether a decision is of this type, by CrowdSec's word or ours.
pub(super) fn is_type(held: &Arc<Decision>, word: &str) -> bool {
    remediation(word).is_ok_and(|wanted| held.decision.remediation == wanted)
}

// === impl Target ===

impl Target {
    pub(super) fn read(text: &str, contains: bool) -> Result<Self, String> {
        let net =
            network(text).ok_or_else(|| format!("unable to convert '{text}' to int: invalid address"))?;
        Ok(Self { net, contains })
    }

    /// Whether it meets this value. Families never mix.
    pub(super) fn hits(&self, value: &str) -> bool {
        network(value).is_some_and(|other| {
            if self.contains {
                other.contains(&self.net)
            } else {
                self.net.contains(&other)
            }
        })
    }
}
