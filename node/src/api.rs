//! The Local API v1 that bouncers and agents of CrowdSec speak, what it lacks (push), and the web page.
//!
//! One file an endpoint. Answers come from `table`; deviations from CrowdSec's behaviour are listed in docs/lapi.md.
//! Deliberately absent: commands for people, which go over the socket in the data directory (`control`).

mod alert_query;
mod alerts;
mod allowlists;
pub(crate) mod appsec;
mod asker;
mod auth;
mod behaviour;
pub(crate) mod certified;
mod change;
mod decisions;
mod ending;
mod events;
mod feed;
mod filter;
mod go;
pub(crate) mod keys;
mod login;
mod machine;
mod metrics;
mod openapi;
pub(crate) mod password;
mod push;
mod pushed;
mod shape;
mod spared;
mod stream;
mod token;
mod usage;
pub(crate) mod watchers;
mod web;
mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router, middleware};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use self::asker::Asker;
use self::feed::Feeds;
use self::machine::Door;
use self::metrics::{Counted, Requests};
use crate::control;
use crate::node::Node;

/// Largest request body, in bytes.
const LARGEST_BODY: usize = 2 << 20;

/// All routes, over a running node.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let limits = Arc::new(auth::Limits::default());
    let feeds = Arc::new(Feeds::new(node.config.api.followers()));
    let keyed = Router::new()
        .route("/v1/decisions", get(decisions::list))
        .route("/v1/decisions/stream", get(stream::read))
        .route("/v1/decisions/spared", get(spared::list))
        .route(
            "/v1/decisions/events",
            get(events::follow).layer(Extension(Arc::clone(&feeds))),
        )
        .layer(middleware::from_fn_with_state(
            (Arc::clone(&node), Arc::clone(&limits)),
            auth::check,
        ));
    let requests = Arc::new(Requests::default());
    let counted = Counted {
        limits: Arc::clone(&limits),
        feeds,
        requests: Arc::clone(&requests),
    };
    let door = Arc::new(Door::new(Arc::clone(&node), limits));
    Router::new()
        .merge(keyed)
        .merge(machines(&door))
        .merge(metrics::router(counted))
        .route("/health", get(|| async { Json(json!({"status": "up"})) }))
        .route("/openapi.json", get(openapi::serve))
        .route("/network", get(network))
        .route("/", get(web::page))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::map_response(plain))
        .layer(middleware::from_fn_with_state(requests, metrics::count))
        .with_state(node)
}

/// What machines ask, how they come to a token, and what they and bouncers report.
fn machines(door: &Arc<Door>) -> Router<Arc<Node>> {
    let ending = Router::new()
        .route("/v1/alerts", delete(ending::alerts))
        .route("/v1/alerts/{id}", delete(ending::alert))
        .route("/v1/decisions", delete(ending::decisions))
        .route("/v1/decisions/{id}", delete(ending::decision))
        .layer(middleware::from_fn(machine::only_here));
    let known = Router::new()
        .route("/v1/alerts", get(alerts::list).post(push::push))
        .route("/v1/alerts/{id}", get(alerts::show))
        .merge(ending)
        .route("/v1/allowlists", get(allowlists::list))
        .route("/v1/allowlists/{name}", get(allowlists::show))
        .route("/v1/allowlists/check", post(allowlists::check_many))
        .route("/v1/allowlists/check/{*target}", get(allowlists::check))
        .route("/v1/watchers/self", delete(watchers::leave))
        .route("/v1/refresh_token", get(login::refresh))
        .route("/v1/heartbeat", get(watchers::heartbeat))
        .layer(middleware::from_fn_with_state(Arc::clone(door), machine::check));
    let reports = Router::new()
        .route("/v1/usage-metrics", post(usage::take))
        .layer(middleware::from_fn_with_state(Arc::clone(door), usage::either));
    known
        .merge(reports)
        .route("/v1/watchers", post(watchers::register))
        .route("/v1/watchers/login", post(login::login))
        .with_state(Arc::clone(door))
}

/// What a newcomer needs to join. A seed tells everybody, because joining begins there; who belongs to a network is
/// nothing that other nodes tell strangers.
async fn network(State(node): State<Arc<Node>>, asker: Asker) -> Response {
    let invitation = if asker == Asker::Here || is_seed(&node) {
        control::invitation(&node).await
    } else {
        None
    };
    match invitation {
        Some(mut invitation) => {
            if let Some(Value::Array(peers)) = invitation.get_mut("peers") {
                peers.retain(|peer| peer.as_str().is_some_and(|address| asker.may_know(address)));
            }
            Json(invitation).into_response()
        }
        None => failed(
            StatusCode::NOT_FOUND,
            "this node joined no network that it tells of",
        ),
    }
}

fn is_seed(node: &Node) -> bool {
    node.membership.directory().is_some_and(|directory| {
        let mut seeds = directory.genesis().seeds.iter();
        seeds.any(|seed| seed.key == node.identity.org)
    })
}

/// Nothing that is said here is kept on the way, or taken for anything but what it is said to be.
async fn plain(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}

/// An answer as JSON; the four bytes `null` where there is nothing.
fn answered(body: &impl Serialize, nothing: bool) -> Response {
    if nothing {
        return Json(Value::Null).into_response();
    }
    Json(body).into_response()
}

/// CrowdSec's shape of an error.
fn failed(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"message": message}))).into_response()
}

/// A limit is reached; after `wait` it may be tried again.
fn later(wait: Duration, why: &str) -> Response {
    retry_after(wait, failed(StatusCode::TOO_MANY_REQUESTS, why))
}

/// An answer, and when to ask again: in whole seconds, one at least.
fn retry_after(wait: Duration, answer: Response) -> Response {
    let wait = [(header::RETRY_AFTER, wait.as_secs().max(1).to_string())];
    (wait, answer).into_response()
}

/// What CrowdSec answers with 500, also for filters that it does not know.
fn broken(why: &str) -> Response {
    failed(StatusCode::INTERNAL_SERVER_ERROR, why)
}

/// What an alert or a decision is called by that no number has.
fn unnumbered<E>(_: E) -> Response {
    failed(StatusCode::BAD_REQUEST, "the id is not a number")
}
