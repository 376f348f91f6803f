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
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use http::HeaderMap;

use super::auth::Caller;
use super::filter::Filter;
use super::stream::{Change, Wanted};
use crate::node::Node;
use crate::table::Version;

/// Ends by time are looked for this often; changes are pushed at once.
const SWEEP: Duration = Duration::from_secs(1);

struct Follower {
    node: Arc<Node>,
    caller: Caller,
    filter: Filter,
    changes: tokio::sync::watch::Receiver<Version>,
    /// How far this reader is: changes after it are told.
    cursor: Version,
}

pub(super) async fn follow(
    State(node): State<Arc<Node>>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // A reader that comes back says what it heard last; a new one has read, or reads next, the stream at its startup.
    let resumed = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let cursor = resumed.map_or_else(|| node.table.mark(node.now()).1, Version::from_millis);
    let follower = Follower {
        changes: node.table.changes(),
        filter: Filter::new(&query).scopes_or(&["ip", "range"]),
        node,
        caller,
        cursor,
    };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

impl Follower {
    /// Waits for the next change that concerns this reader; ends with the node and with the reader's key.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if !self.may_hear().await {
                return None;
            }
            self.changes.borrow_and_update();
            let now = self.node.now();
            let (snapshot, mark) = self.node.table.mark(now);
            let wanted = Wanted {
                filter: &self.filter,
                bouncer: &self.caller.bouncer,
                dedup: true,
            };
            let change = Change::between(&snapshot, Some(self.cursor), now, &wanted);
            self.cursor = mark;
            if !change.is_empty() {
                let event = Event::default()
                    .event("change")
                    .id(self.cursor.as_millis().to_string());
                return event.json_data(change).ok();
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = tokio::time::sleep(SWEEP) => {}
                () = self.node.ending.cancelled() => return None,
            }
        }
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
