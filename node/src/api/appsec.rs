//! The place of CrowdSec's `AppSec` engine, on a listener of its own: checks the key and lets everything pass.
//!
//! A bouncer that is set up to ask such an engine gets the answer that it waits for, and nothing more: **no request is
//! inspected here**. Bodies are read away, because a bouncer that is still sending takes an early answer for a failure.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware};
use http::{HeaderName, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::json;

use super::{auth, plain};
use crate::node::Node;

/// Where bouncers put their key for this listener.
const KEY: HeaderName = HeaderName::from_static("x-crowdsec-appsec-api-key");
/// Most bytes of a body that are read away; who sends more is answered and cut off.
const LARGEST_BODY: usize = 10 << 20;
/// How long that may take.
const LONGEST_BODY: Duration = Duration::from_secs(10);

/// Answers any method and path.
pub(crate) fn router(node: Arc<Node>) -> Router {
    Router::new()
        .fallback(pass)
        .layer(middleware::map_response(plain))
        .with_state((node, Arc::new(auth::Limits::default())))
}

async fn pass(State((node, limits)): State<(Arc<Node>, Arc<auth::Limits>)>, request: Request) -> Response {
    let address = auth::address(&request);
    let known = match request.headers().get(&KEY) {
        Some(key) => auth::bouncer(&node, &limits, &auth::hash_of(key), address).await,
        None => Ok(None),
    };
    let Ok(Some(_)) = known else {
        return auth::refused(known.err(), &limits, address, StatusCode::UNAUTHORIZED);
    };
    let allowed = Json(json!({"action": "allow", "http_status": 200}));
    if read_away(request.into_body()).await {
        allowed.into_response()
    } else {
        ([(header::CONNECTION, "close")], allowed).into_response()
    }
}

/// Whether the body ended within its bounds.
async fn read_away(mut body: Body) -> bool {
    let whole = async {
        let mut left = LARGEST_BODY;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    };
    tokio::time::timeout(LONGEST_BODY, whole).await.unwrap_or(false)
}
