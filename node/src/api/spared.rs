//! `GET /v1/decisions/spared`: whom nothing is decided against here, for bouncers that look up for themselves who is in a
//! country. Not in CrowdSec.
//!
//! Of an address or a network the node knows whether it touches one of these, and refuses it; of a country it does not.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::openapi;
use crate::config::canonical;
use crate::node::Node;

pub(super) async fn list(State(node): State<Arc<Node>>) -> Json<Vec<String>> {
    let mut spared: Vec<String> = node.spared().into_iter().map(canonical).collect();
    spared.sort_unstable();
    spared.dedup();
    Json(spared)
}

/// Its part of the OpenAPI document.
pub(super) fn paper() -> Value {
    let networks = json!({"type": "array", "items": {"type": "string"}});
    let summary = "Addresses and networks that nothing is decided against";
    openapi::keyed(summary, &[], &networks)
}
