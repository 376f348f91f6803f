//! Bouncer keys: who may ask, and how often one may guess.
//!
//! Keys have 256 bits, so a plain hash suffices and guessing is hopeless; the limit is there to keep guessers cheap: beyond
//! it their keys are not asked the database for. A right key is never refused, whoever else stands behind its address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::{Clock as _, DefaultClock, QuantaInstant};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use vigie_reputation::host_of;
use vigie_store::{Bouncer, Client, KeyHash, StoreError};
use vigie_wire::Timestamp;

use super::{certified, failed, later};
use crate::node::Node;
use crate::tls::Subject;

/// Wrong keys per minute and address before it is told to wait.
const WRONG_PER_MINUTE: NonZeroU32 = NonZeroU32::new(30).expect("thirty is not zero");
/// Machines per minute and address that register themselves: each costs a slow hash.
const NEW_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// Passwords per minute and address that are looked at: agents log in once an hour.
const TRIED_PER_MINUTE: NonZeroU32 = NonZeroU32::new(60).expect("sixty is not zero");
/// So long until one more wrong key or password is looked at.
pub(super) const AFTER_GUESSES: Duration = Duration::from_secs(60 / WRONG_PER_MINUTE.get() as u64);
/// ... and one more password.
pub(super) const AFTER_TRIES: Duration = Duration::from_secs(60 / TRIED_PER_MINUTE.get() as u64);
/// The same visitor is noted again after this.
const NOTED: Duration = Duration::from_mins(1);
/// Longest program name that is kept, in bytes.
const LONGEST_AGENT: usize = 128;
/// Addresses and visits that are held before those at rest are forgotten.
const MOST_ADDRESSES: usize = 10_000;

/// Who asks: put into the request by [`check`].
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) bouncer: Arc<Bouncer>,
    /// The hash of the key that it showed, or of the one that stands for its certificate.
    pub(super) key: KeyHash,
    /// The certificate by which it is known; `None` if it showed a key.
    pub(super) certificate: Option<Subject>,
    /// Address of the instance, empty over a unix socket. Cursors belong to key and address.
    pub(super) address: String,
}

/// What is remembered of those who ask, so that nobody costs more than he should.
#[derive(Debug)]
pub(super) struct Limits {
    /// Wrong keys, by address (a /64 counts as one).
    wrong: DefaultKeyedRateLimiter<IpAddr>,
    /// Those that showed too many, until they may show one more.
    guessing: Mutex<HashMap<IpAddr, QuantaInstant>>,
    /// Wrong keys and passwords since the start, too many or not.
    refused: AtomicU64,
    /// Passwords, right or wrong, by address: each costs a slow hash.
    tried: DefaultKeyedRateLimiter<IpAddr>,
    /// Machines that came by themselves, by address.
    new: DefaultKeyedRateLimiter<IpAddr>,
    /// Visits that were noted in the database within the last minute.
    noted: Mutex<HashMap<Visit, Timestamp>>,
}

/// The key's hash, and the address and program that it came from.
type Visit = ([u8; 32], String, String);

impl Default for Limits {
    fn default() -> Self {
        Self {
            wrong: RateLimiter::keyed(Quota::per_minute(WRONG_PER_MINUTE)),
            guessing: Mutex::default(),
            refused: AtomicU64::new(0),
            tried: RateLimiter::keyed(Quota::per_minute(TRIED_PER_MINUTE)),
            new: RateLimiter::keyed(Quota::per_minute(NEW_PER_MINUTE)),
            noted: Mutex::default(),
        }
    }
}

// === impl Limits ===

impl Limits {
    /// Notes that a password is to be looked at, and says whether there were too many.
    pub(super) fn is_trying(&self, address: Option<IpAddr>) -> bool {
        exceeds(&self.tried, address)
    }

    /// Notes a registration, and says whether there were too many.
    pub(super) fn is_crowding(&self, address: Option<IpAddr>) -> bool {
        exceeds(&self.new, address)
    }

    /// Notes a wrong key or password, and says whether there were too many. Only those that were not too many are logged.
    pub(super) fn is_guessing(&self, address: Option<IpAddr>) -> bool {
        self.refused.fetch_add(1, Ordering::Relaxed);
        if self.wrong.len() > MOST_ADDRESSES {
            self.wrong.retain_recent();
        }
        let who = who(address);
        let Err(until) = self.wrong.check_key(&who) else {
            tracing::warn!(address = %who, "a request without a valid key");
            return false;
        };
        let mut guessing = self.guessing.lock().unwrap_or_else(PoisonError::into_inner);
        if guessing.len() >= MOST_ADDRESSES {
            let now = DefaultClock::default().now();
            guessing.retain(|_, until| *until > now);
        }
        if guessing.len() < MOST_ADDRESSES {
            guessing.insert(who, until.earliest_possible());
        }
        true
    }

    /// Wrong keys and passwords since the start.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether this address showed so many wrong keys that one more would be too many.
    fn has_guessed(&self, address: Option<IpAddr>) -> bool {
        let guessing = self.guessing.lock().unwrap_or_else(PoisonError::into_inner);
        let until = guessing.get(&who(address));
        until.is_some_and(|until| *until > DefaultClock::default().now())
    }

    /// Whether to note this visit: a live bouncer asks for each of its visitors, and a note costs a write to the disk.
    fn is_notable(&self, visit: Visit, now: Timestamp) -> bool {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |at: &Timestamp| *at <= now && now.since(*at) < NOTED;
        if noted.len() >= MOST_ADDRESSES {
            noted.retain(|_, at| recent(at));
        }
        if noted.get(&visit).is_some_and(recent) {
            return false;
        }
        if noted.len() < MOST_ADDRESSES {
            noted.insert(visit, now);
        }
        true
    }
}

/// Lets requests with a known key through.
pub(super) async fn check(
    State((node, limits)): State<(Arc<Node>, Arc<Limits>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = address(&request);
    let shown = request.headers().get("x-api-key").map(hash_of);
    let known = match &shown {
        Some(key) => bouncer(&node, &limits, key, address).await,
        None => certified::bouncer(&node, request.extensions())
            .await
            .map(|found| found.map(Arc::new)),
    };
    let Ok(Some(bouncer)) = known else {
        return refused(known.err(), &limits, address, StatusCode::FORBIDDEN);
    };
    let by_certificate = shown.is_none();
    let caller = Caller {
        key: shown.unwrap_or(bouncer.key_hash),
        certificate: request.extensions().get().filter(|_| by_certificate).cloned(),
        address: address.map(|ip| ip.to_string()).unwrap_or_default(),
        bouncer,
    };
    if request.method() != Method::HEAD {
        let agent = agent(request.headers());
        let now = node.now();
        let visit = (caller.key, caller.address.clone(), agent.clone());
        if limits.is_notable(visit, now)
            && let Err(error) = node
                .store
                .touch_client(
                    Client::Bouncer(&caller.bouncer.name),
                    &agent,
                    &caller.address,
                    now,
                )
                .await
        {
            tracing::warn!(%error, "a bouncer's visit could not be noted");
        }
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Where a request comes from; `None` over a unix socket.
pub(super) fn address(request: &Request) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(peer.0.ip().to_canonical())
}

/// What the node keeps of a key.
pub(super) fn hash_of(key: &HeaderValue) -> KeyHash {
    *blake3::hash(key.as_bytes()).as_bytes()
}

/// Whose key has this hash.
pub(super) async fn bouncer(
    node: &Node,
    limits: &Limits,
    key: &KeyHash,
    address: Option<IpAddr>,
) -> Result<Option<Arc<Bouncer>>, StoreError> {
    let (store, now) = (node.store.as_ref(), node.now());
    if limits.has_guessed(address) {
        return node.keys.find_among(store, key, now).await;
    }
    node.keys.find(store, key, now).await
}

/// What whoever is nobody is told: `status` unless it guesses, or unless we could not look.
pub(super) fn refused(
    error: Option<StoreError>,
    limits: &Limits,
    address: Option<IpAddr>,
    status: StatusCode,
) -> Response {
    if let Some(error) = error {
        tracing::error!(%error, "a key could not be checked");
        return failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the node cannot read its database",
        );
    }
    if limits.is_guessing(address) {
        return later(AFTER_GUESSES, "too many requests without a valid key");
    }
    failed(status, "access forbidden")
}

fn exceeds(limiter: &DefaultKeyedRateLimiter<IpAddr>, address: Option<IpAddr>) -> bool {
    if limiter.len() > MOST_ADDRESSES {
        limiter.retain_recent();
    }
    limiter.check_key(&who(address)).is_err()
}

/// Whose requests count together: those of the unix socket are this machine's.
pub(super) fn who(address: Option<IpAddr>) -> IpAddr {
    address.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), host_of)
}

fn agent(headers: &HeaderMap) -> String {
    let text = headers
        .get("user-agent")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    text.chars()
        .filter(|c| !c.is_control())
        .take(LONGEST_AGENT)
        .collect()
}

#[cfg(test)]
pub(super) mod tests;
