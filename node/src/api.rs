//! The Local API v1 that bouncers and agents of CrowdSec speak, what it lacks (push), and the web page.
//!
//! One file an endpoint. Answers come from `table`; deviations from CrowdSec's behaviour are listed in docs/lapi.md.
//! Deliberately absent: commands for people, which go over the socket in the data directory (`control`).

mod auth;
mod decisions;
mod events;
mod filter;
mod shape;
mod stream;
mod web;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use http::StatusCode;
use serde_json::json;

use crate::control;
use crate::node::Node;

/// Largest request body, in bytes.
const LARGEST_BODY: usize = 2 << 20;

/// All routes, over a running node.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let limits = Arc::new(auth::Limits::default());
    let keyed = Router::new()
        .route("/v1/decisions", get(decisions::list))
        .route("/v1/decisions/stream", get(stream::read))
        .route("/v1/decisions/events", get(events::follow))
        .layer(middleware::from_fn_with_state(
            (Arc::clone(&node), limits),
            auth::check,
        ));
    Router::new()
        .merge(keyed)
        .route("/health", get(|| async { Json(json!({"status": "up"})) }))
        .route("/network", get(network))
        .route("/", get(web::page))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(node)
}

/// What a newcomer needs to join. Public: the genesis file and the addresses say nothing that peers do not see.
async fn network(State(node): State<Arc<Node>>) -> Response {
    match control::invitation(&node).await {
        Some(invitation) => Json(invitation).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({"message": "this node joined no network"})),
        )
            .into_response(),
    }
}

/// CrowdSec's shape of an error.
fn failed(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}
