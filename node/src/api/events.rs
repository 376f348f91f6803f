//! `GET /v1/decisions/events`: the stream, pushed. Each event `change` has the body of a stream answer.
//!
//! What CrowdSec's API lacks: a decision reaches the bouncer when it is made, not at the next poll. Who follows decisions on
//! places is told by an event `spared` that [`super::spared`] has another answer. A reader that does not read is held up by the connection's own backpressure: nothing is queued for it but one version number (`feed`).

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use ipnet::IpNet;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use vigie_store::KeyHash;

use super::auth::Caller;
use super::change::Wanted;
use super::feed::{Behind, Feed, Feeds, Full, Next, Place};
use super::filter::Filter;
use super::openapi;
use super::stream::resumed;
use super::{failed, later, retry_after};
use crate::node::Node;
use crate::table::Version;
use crate::tls::Subject;

/// Ends by time are looked for this often, and whether the key still holds; changes are pushed at once.
const SWEEP: Duration = Duration::from_secs(1);
/// After so many of these without a word a comment keeps the connection.
const SILENCE: u8 = 15;
/// When a reader without a place may look again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

const SPARED: Bytes = Bytes::from_static(b"event: spared\ndata: {}\n\n");

struct Follower {
    node: Arc<Node>,
    key: KeyHash,
    certificate: Option<Subject>,
    feed: Arc<Feed>,
    changes: watch::Receiver<Version>,
    /// Whom the node spares, if this reader looks up places.
    sparing: Option<watch::Receiver<Vec<IpNet>>>,
    sweep: Interval,
    /// Sweeps since it was told something.
    silent: u8,
    /// How far this reader is: changes after it are told, all of them if there is none.
    cursor: Option<Version>,
    /// What it is told first, as it takes it.
    behind: Option<Behind>,
    _place: Place,
}

/// Its part of the OpenAPI document.
pub(super) fn paper() -> Value {
    let mut paper = openapi::keyed("What changes, when it does", &openapi::CHOICE, &json!({}));
    let get = &mut paper["get"];
    get["responses"]["200"] = json!({
        "description": "Server-sent events `change` without end, the data of each with the schema `change`; for who asks for \
            countries or AS also `spared`, when /v1/decisions/spared has another answer",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    });
    get["responses"]["429"] =
        openapi::failure("This key follows as often as it leaves places to others; see Retry-After");
    get["responses"]["503"] = openapi::failure("As many readers follow as may");
    if let Some(parameters) = get["parameters"].as_array_mut() {
        parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "description": "Go on after this event",
            "schema": {"type": "string"},
        }));
    }
    paper
}

pub(super) async fn follow(
    State(node): State<Arc<Node>>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HashMap<String, String>>,
    Extension(feeds): Extension<Arc<Feeds>>,
    headers: HeaderMap,
) -> Response {
    // A reader that comes back says what it heard last; a new one has read, or reads next, the stream at its startup.
    let mut changes = node.table.changes();
    changes.mark_changed();
    let mark = node.table.mark(node.now()).1;
    let cursor = match headers.get("last-event-id") {
        Some(id) => {
            let millis = id.to_str().ok().and_then(|id| id.parse().ok());
            resumed(millis.map(Version::from_millis), mark)
        }
        None => Some(mark),
    };
    let wanted = Wanted {
        filter: Filter::new(&query, &caller.bouncer).scopes_or(&["ip", "range"]),
        dedup: true,
    };
    let sparing = wanted.filter.asks_for_places().then(|| node.sparing.subscribe());
    let (place, feed) = match feeds.join(caller.key, wanted, mark) {
        Ok(joined) => joined,
        Err(Full::Share) => return later(LOOK_AGAIN, "too many readers follow the decisions with this key"),
        Err(Full::All) => {
            let full = failed(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many readers follow the decisions",
            );
            return retry_after(LOOK_AGAIN, full);
        }
    };
    let mut sweep = interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower {
        key: caller.key,
        certificate: caller.certificate,
        silent: 0,
        _place: place,
        node,
        feed,
        changes,
        sparing,
        sweep,
        cursor,
        behind: None,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let events = follower.next().await?;
        Some((
            stream::iter(events.into_iter().map(Ok::<_, Infallible>)),
            follower,
        ))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(events.flatten())).into_response()
}

/// Waits for another list of whom the node spares; for ever where nobody asked for it.
async fn another(sparing: &mut Option<watch::Receiver<Vec<IpNet>>>) {
    if let Some(sparing) = sparing
        && sparing.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

impl Follower {
    /// Waits for the next changes that concern this reader; ends with the node and with the reader's key.
    async fn next(&mut self) -> Option<Vec<Bytes>> {
        loop {
            if let Some(event) = self.catch_up().await {
                return Some(vec![event]);
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                _ = self.sweep.tick() => self.silent = self.silent.saturating_add(1),
                () = another(&mut self.sparing) => return self.may_hear().await.then(|| vec![SPARED]),
                () = self.node.ending.cancelled() => return None,
            }
            if !self.may_hear().await {
                return None;
            }
            let (events, mark) = match self
                .feed
                .after(self.cursor, &self.node.table, self.node.now())
                .await
            {
                Next::Shared(events, mark) => (events, mark),
                Next::Behind(behind) => {
                    let mark = behind.mark;
                    self.behind = Some(behind);
                    (Vec::new(), mark)
                }
            };
            self.cursor = Some(mark);
            if !events.is_empty() {
                self.silent = 0;
                return Some(events);
            }
            if self.silent >= SILENCE {
                self.silent = 0;
                return Some(vec![Bytes::from_static(b":\n\n")]);
            }
        }
    }

    /// The next of what it missed, unless it has heard that.
    async fn catch_up(&mut self) -> Option<Bytes> {
        let behind = self.behind.as_mut()?;
        let event = behind.next().await;
        if event.is_none() || self.node.ending.is_cancelled() || !self.may_hear().await {
            // Whoever may hear no more is let go by the next look.
            self.behind = None;
            return None;
        }
        self.silent = 0;
        event
    }

    /// Whether key or certificate still hold. A database that cannot be read now takes nobody's key away.
    async fn may_hear(&self) -> bool {
        let (store, now) = (self.node.store.as_ref(), self.node.now());
        if self.certificate.as_ref().is_some_and(|shown| !shown.holds(now)) {
            return false;
        }
        let held = self.node.keys.find(store, &self.key, now).await;
        held.map_or(true, |bouncer| bouncer.is_some())
    }
}
