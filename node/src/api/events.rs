//! `GET /v1/decisions/events`: the stream, pushed. Each event `change` has the body of a stream answer.
//!
//! What CrowdSec's API lacks: a decision reaches the bouncer when it is made, not at the next poll. A reader that does
//! not read is dropped by the connection's own backpressure: nothing is queued for it here but one version number.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vigie_wire::Timestamp;

use super::auth::Caller;
use super::failed;
use super::filter::Filter;
use super::openapi;
use super::stream::{Change, Wanted, resumed};
use crate::node::Node;
use crate::table::Version;

/// Ends by time are looked for this often; changes are pushed at once.
const SWEEP: Duration = Duration::from_secs(1);

/// Most readers at a time, of all keys together: each costs a look at the table whenever it changes.
pub(super) const MOST_FOLLOWERS: usize = 256;

struct Follower {
    node: Arc<Node>,
    caller: Caller,
    filter: Filter,
    changes: tokio::sync::watch::Receiver<Version>,
    /// How far this reader is: changes after it are told, all of them if there is none.
    cursor: Option<Version>,
    /// When the next decision ends, so far as was seen: nothing is to be told before, unless something changes.
    next_end: Option<Timestamp>,
    _place: OwnedSemaphorePermit,
}

/// Its part of the OpenAPI document.
pub(super) fn paper() -> Value {
    let mut paper = openapi::keyed("What changes, when it does", &openapi::CHOICE, &json!({}));
    let get = &mut paper["get"];
    get["responses"]["200"] = json!({
        "description": "Server-sent events `change` without end; the data of each has the schema `change`",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    });
    get["responses"]["503"] = openapi::failure("256 readers follow already");
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
    Extension(places): Extension<Arc<Semaphore>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Response> {
    let Ok(place) = places.try_acquire_owned() else {
        return Err(failed(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many readers follow the decisions",
        ));
    };
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
    let follower = Follower {
        changes,
        next_end: None,
        _place: place,
        filter: Filter::new(&query).scopes_or(&["ip", "range"]),
        node,
        caller,
        cursor,
    };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

impl Follower {
    /// Waits for the next change that concerns this reader; ends with the node and with the reader's key.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if !self.may_hear().await {
                return None;
            }
            let now = self.node.now();
            if self.changes.has_changed().ok()? || self.next_end.is_some_and(|end| end <= now) {
                self.changes.borrow_and_update();
                if let Some(event) = self.tell(now) {
                    return event.ok();
                }
            }
            tokio::select! {
                changed = self.changes.changed() => {
                    changed.ok()?;
                    self.changes.mark_changed();
                }
                () = tokio::time::sleep(SWEEP) => {}
                () = self.node.ending.cancelled() => return None,
            }
        }
    }

    /// What happened since it last heard, if that concerns it.
    fn tell(&mut self, now: Timestamp) -> Option<Result<Event, axum::Error>> {
        let (snapshot, mark) = self.node.table.mark(now);
        let wanted = Wanted {
            filter: &self.filter,
            bouncer: &self.caller.bouncer,
            dedup: true,
        };
        let change = Change::between(&snapshot, self.cursor, now, &wanted);
        self.cursor = Some(mark);
        self.next_end = snapshot.next_end(now);
        if change.is_empty() {
            return None;
        }
        let event = Event::default().event("change").id(mark.as_millis().to_string());
        Some(event.json_data(change))
    }

    /// Whether the key still holds. A database that cannot be read now takes nobody's key away.
    async fn may_hear(&self) -> bool {
        let held = self
            .node
            .store
            .bouncer_by_key(&self.caller.bouncer.key_hash)
            .await;
        held.map_or(true, |bouncer| bouncer.is_some())
    }
}
