//! The door for machines: who pushes alerts, and asks as `cscli` does, shows a token.
//!
//! After this stop: `push`, `alerts`, `undecide`. Deliberately absent: how a token is got, which is `login`.

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use vigie_store::Machine;

use super::auth::{Limits, is_guessing};
use super::{failed, token};
use crate::node::Node;

/// Largest body of a machine, in bytes, also after it was unpacked.
pub(super) const LARGEST: usize = 50 << 20;
/// The same before anybody showed a token.
pub(super) const LARGEST_UNKNOWN: usize = 2 << 20;

/// What all routes of machines share.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) node: Arc<Node>,
    /// Wrong keys and wrong passwords count together.
    pub(super) limits: Arc<Limits>,
    /// Decisions by machine.
    decided: DefaultKeyedRateLimiter<String>,
}

/// Who asks: put into the request by [`check`].
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) machine: Arc<Machine>,
    /// Whether it asks from this machine.
    pub(super) here: bool,
}

pub(super) type Doorway = State<Arc<Door>>;

// === impl Door ===

impl Door {
    pub(super) fn new(node: Arc<Node>, limits: Arc<Limits>) -> Self {
        let most = NonZeroU32::new(node.config.api.machine_decisions).unwrap_or(NonZeroU32::MIN);
        Self {
            node,
            limits,
            decided: RateLimiter::keyed(Quota::per_hour(most)),
        }
    }

    /// Whether a machine may make so many decisions more.
    pub(super) fn may_decide(&self, machine: &str, count: usize) -> bool {
        let Ok(count) = u32::try_from(count) else {
            return false;
        };
        let Some(count) = NonZeroU32::new(count) else {
            return true;
        };
        let answer = self.decided.check_key_n(&machine.to_owned(), count);
        matches!(answer, Ok(Ok(())))
    }
}

/// Lets requests with a token that holds through.
pub(super) async fn check(State(door): Doorway, mut request: Request, next: Next) -> Response {
    let address = address(&request);
    let Some(shown) = shown(request.headers()) else {
        return unauthorized("cookie token is empty");
    };
    let known = match token::claimed(&shown) {
        Some(name) => match door.node.store.machine(&name).await {
            Ok(known) => known,
            Err(error) => {
                tracing::error!(%error, "a token could not be checked");
                return failed(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the node cannot read its database",
                );
            }
        },
        None => None,
    };
    let now = door.node.now();
    let Some(machine) =
        known.filter(|machine| machine.validated && token::holds(&shown, &machine.secret, now))
    else {
        return unauthorized("the token is void or over");
    };
    request.extensions_mut().insert(Caller {
        machine: Arc::new(machine),
        here: address.is_none_or(|ip| ip.is_loopback()),
    });
    next.run(request).await
}

/// Where a request comes from; `None` over a unix socket.
pub(super) fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.0.ip().to_canonical())
}

/// CrowdSec's shape of a refused machine.
pub(super) fn unauthorized(message: &str) -> Response {
    let body = json!({"code": 401, "message": message});
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

/// A refusal that counts: too many from one address, and it is told to wait.
pub(super) fn wrong(limits: &Limits, address: Option<IpAddr>, message: &str) -> Response {
    if is_guessing(limits, address) {
        let body = json!({"code": 429, "message": "too many wrong passwords"});
        return (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
    }
    unauthorized(message)
}

/// The token of a request: as a bearer, or as the cookie `jwt`.
fn shown(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
    let cookie = || {
        let mut cookies = text(header::COOKIE)?.split(';');
        cookies.find_map(|cookie| cookie.trim().strip_prefix("jwt="))
    };
    bearer.or_else(cookie).map(|token| token.trim().to_owned())
}

/// The body of a request, unpacked if it is gzip, up to `largest` bytes.
pub(super) async fn body(request: Request, largest: usize) -> Result<Bytes, Response> {
    let too_large = || failed(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large");
    let packed = request
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    let bytes = axum::body::to_bytes(request.into_body(), largest)
        .await
        .map_err(|_| too_large())?;
    if !packed {
        return Ok(bytes);
    }
    let unpack = move || {
        let mut whole = Vec::new();
        let most = u64::try_from(largest).unwrap_or(u64::MAX).saturating_add(1);
        let read = GzDecoder::new(bytes.as_ref()).take(most).read_to_end(&mut whole);
        read.map(|_| whole)
    };
    match tokio::task::spawn_blocking(unpack).await {
        Ok(Ok(whole)) if whole.len() <= largest => Ok(whole.into()),
        Ok(Ok(_)) => Err(too_large()),
        Ok(Err(_)) | Err(_) => Err(failed(StatusCode::BAD_REQUEST, "the body is not gzip")),
    }
}
