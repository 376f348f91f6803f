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
use tokio::time::{Instant, sleep_until};

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
    cursor: Option<Version>,
}

pub(super) async fn follow(
    State(node): State<Arc<Node>>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HashMap<String, String>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let follower = Follower {
        changes: node.table.changes(),
        filter: Filter::new(&query).scopes_or(&["ip", "range"]),
        node,
        caller,
        cursor: None,
    };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

impl Follower {
    /// Waits for the next change that concerns this reader; the first one is everything there is.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let first = self.cursor.is_none();
            self.changes.borrow_and_update();
            let snapshot = self.node.table.snapshot();
            let now = self.node.now();
            let wanted = Wanted { filter: &self.filter, bouncer: &self.caller.bouncer, dedup: true };
            let change = Change::between(&snapshot, self.cursor, now, &wanted);
            // Ends by time are compared with the clock, changes with the version: both are behind us now.
            self.cursor = Some(snapshot.version.max(now));
            if first || !change.is_empty() {
                return Event::default().event("change").json_data(change).ok();
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = sleep_until(Instant::now() + SWEEP) => {}
            }
        }
    }
}
