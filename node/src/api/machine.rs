//! The door for machines: who pushes alerts, and asks as `cscli` does, shows a token.
//!
//! After this stop: `push`, `alerts`, `ending`. Deliberately absent: how a token is got, which is `login`.

use std::io::Read as _;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use flate2::read::GzDecoder;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use tokio_util::task::TaskTracker;
use vigie_store::{Client, Machine};

use super::asker::Asker;
use super::auth::{AFTER_GUESSES, Limits, address};
use super::{failed, retry_after, token};
use crate::node::Node;

/// Largest body of a machine, in bytes, also after it was unpacked.
pub(super) const LARGEST: usize = 50 << 20;
/// Clients whose decisions and reports are counted before those at rest are forgotten.
const MOST_CLIENTS: usize = 10_000;
/// The same before anybody showed a token: an agent names its scenarios, some hundred at most.
pub(super) const LARGEST_UNKNOWN: usize = 128 << 10;
/// Longest time that a body may take to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Reports per minute and client: each is a write to the disk. A quarter of an hour apart is usual.
const REPORTS: NonZeroU32 = NonZeroU32::new(6).expect("six is not zero");

/// What all routes of machines share.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) node: Arc<Node>,
    /// Wrong keys and wrong passwords count together.
    pub(super) limits: Arc<Limits>,
    /// Decisions by machine.
    decided: DefaultKeyedRateLimiter<String>,
    /// Reports by client.
    reported: DefaultKeyedRateLimiter<String>,
    /// What is written is written to its end, also for whoever hangs up meanwhile.
    pub(super) tasks: TaskTracker,
}

/// Who asks: put into the request by [`check`].
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) machine: Arc<Machine>,
    /// Whether it asks from this machine.
    pub(super) here: bool,
}

pub(super) type Doorway = State<Arc<Door>>;

/// Whether a machine may decide so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charged {
    Allowed,
    /// Not now, but after this time.
    Later(Duration),
    /// Never so much at once.
    Never,
}

// === impl Door ===

impl Door {
    pub(super) fn new(node: Arc<Node>, limits: Arc<Limits>) -> Self {
        let most = NonZeroU32::new(node.config.api.machine_decisions).unwrap_or(NonZeroU32::MIN);
        Self {
            node,
            limits,
            decided: RateLimiter::keyed(Quota::per_hour(most)),
            reported: RateLimiter::keyed(Quota::per_minute(REPORTS)),
            tasks: TaskTracker::new(),
        }
    }

    /// Charges a machine for so many decisions more.
    pub(super) fn charge(&self, machine: &str, count: u32) -> Charged {
        let Some(count) = NonZeroU32::new(count) else {
            return Charged::Allowed;
        };
        if self.decided.len() > MOST_CLIENTS {
            self.decided.retain_recent();
        }
        match self.decided.check_key_n(&machine.to_owned(), count) {
            Ok(Ok(())) => Charged::Allowed,
            Ok(Err(until)) => Charged::Later(until.wait_time_from(DefaultClock::default().now())),
            Err(_) => Charged::Never,
        }
    }

    /// Notes a report, and says whether there were too many.
    pub(super) fn is_chatting(&self, client: Client<'_>) -> bool {
        if self.reported.len() > MOST_CLIENTS {
            self.reported.retain_recent();
        }
        self.reported.check_key(&format!("{client:?}")).is_err()
    }
}

/// Lets requests with a token that holds through.
pub(super) async fn check(State(door): Doorway, request: Request, next: Next) -> Response {
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
    let (mut parts, body) = request.into_parts();
    // Whoever opened the socket in the file system is on this machine; a proxy on it is not for that.
    let here = address.is_none() || asker(&mut parts, &door.node).await == Asker::Here;
    let machine = Arc::new(machine);
    parts.extensions.insert(Caller { machine, here });
    next.run(Request::from_parts(parts, body)).await
}

async fn asker(parts: &mut Parts, node: &Arc<Node>) -> Asker {
    let Ok(asker) = Asker::from_request_parts(parts, node).await;
    asker
}

/// An agent elsewhere says whom it saw; whom to spare is said by people on this machine. Behind [`check`].
pub(super) async fn only_here(
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    if caller.here {
        return next.run(request).await;
    }
    let why = "access forbidden: this is asked from the node's own machine only";
    failed(StatusCode::FORBIDDEN, why)
}

/// CrowdSec's shape of a refused machine.
pub(super) fn unauthorized(message: &str) -> Response {
    let body = json!({"code": 401, "message": message});
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

/// A refusal that counts: too many from one address, and it is told to wait.
pub(super) fn wrong(limits: &Limits, address: Option<IpAddr>, message: &str) -> Response {
    if limits.is_guessing(address) {
        return too_many(AFTER_GUESSES, "too many wrong passwords");
    }
    unauthorized(message)
}

/// The same of a machine that has to wait.
pub(super) fn too_many(wait: Duration, message: &str) -> Response {
    let body = json!({"code": 429, "message": message});
    retry_after(wait, (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response())
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

/// The body of a request, unpacked if it is gzip, up to `largest` bytes; packed otherwise it is refused. Whoever takes longer
/// than a minute holds up others.
pub(super) async fn body(request: Request, largest: usize) -> Result<Bytes, Response> {
    let too_large = || failed(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large");
    let packed = match request.headers().get(header::CONTENT_ENCODING) {
        None => false,
        Some(coding) if coding.as_bytes().eq_ignore_ascii_case(b"identity") => false,
        Some(coding) if coding.as_bytes().eq_ignore_ascii_case(b"gzip") => true,
        Some(_) => {
            let why = "bodies may be packed by gzip only";
            return Err(failed(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
    };
    let coming = axum::body::to_bytes(request.into_body(), largest);
    let bytes = tokio::time::timeout(PATIENCE, coming)
        .await
        .map_err(|_| StatusCode::REQUEST_TIMEOUT.into_response())?
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
