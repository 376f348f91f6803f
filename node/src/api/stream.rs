//! `GET /v1/decisions/stream`: everything at startup, then what changed since this instance last read.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{Method, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use vigie_store::{Bouncer, Decision, Remediation};
use vigie_wire::Timestamp;

use super::auth::Caller;
use super::failed;
use super::filter::{Filter, active};
use super::openapi;
use super::shape::Shape;
use crate::node::Node;
use crate::table::{Entry, Snapshot, Version};

/// Ends are told of once more for so long, as CrowdSec does.
const OVERLAP: Duration = Duration::from_secs(2);

/// A long answer is handed to the connection in pieces of so many bytes, each when there is room for it.
const CHUNK: usize = 16 << 10;

/// What a stream answer says.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    new: Vec<Shape>,
    deleted: Vec<Shape>,
}

pub(super) async fn read(
    State(node): State<Arc<Node>>,
    method: Method,
    Extension(caller): Extension<Caller>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if method == Method::HEAD {
        return StatusCode::OK.into_response();
    }
    let startup = query.get("startup").is_some_and(|value| value == "true");
    let cursor = match node.store.cursor(&caller.bouncer.name, &caller.address).await {
        Ok(cursor) => cursor,
        Err(error) => {
            tracing::error!(%error, "a cursor could not be read");
            return failed(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the node cannot read its database",
            );
        }
    };
    let filter = Filter::new(&query).scopes_or(&["ip", "range"]);
    let dedup = query.get("dedup").is_none_or(|value| value != "false");
    let now = node.now();
    let (snapshot, mark) = node.table.mark(now);
    let change = Change::between(
        &snapshot,
        resumed(cursor, mark).filter(|_| !startup),
        now,
        &Wanted {
            filter: &filter,
            bouncer: &caller.bouncer,
            dedup,
        },
    );
    let Ok(bytes) = serde_json::to_vec(&change) else {
        return failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer could not be written",
        );
    };
    let heard = async move {
        let Caller { bouncer, address } = caller;
        if let Err(error) = node.store.set_cursor(&bouncer.name, &address, mark).await {
            tracing::warn!(%error, "a cursor could not be kept: the bouncer hears these changes again");
        }
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, whole(bytes.into(), heard)).into_response()
}

/// Its part of the OpenAPI document.
pub(super) fn paper() -> Value {
    let own = [
        ("startup", "true: everything that holds"),
        (
            "dedup",
            "false: also those that a longer one on the same value covers",
        ),
        ("type", "Only this remediation"),
    ];
    let change = json!({"$ref": "#/components/schemas/change"});
    let summary = "What changed since this key was last here from this address";
    openapi::keyed(summary, &[&own[..], &openapi::CHOICE].concat(), &change)
}

/// Where a reader goes on who was so far: from the beginning if that is a place that was never reached, because the
/// clock was set back, an old database restored, or the place made up.
pub(super) fn resumed(cursor: Option<Version>, mark: Version) -> Option<Version> {
    cursor.filter(|cursor| *cursor <= mark)
}

/// A body of these bytes, and what is done once they went out. Nothing is done if the reader leaves before that. The
/// body has no announced length: its last chunk, which is empty, goes out when all is done, so a reader that has the
/// whole answer and asks again is known to have it.
fn whole(bytes: Bytes, then: impl Future<Output = ()> + Send + 'static) -> Body {
    let starts = (0..bytes.len()).step_by(CHUNK);
    let chunks = starts.map(move |start| {
        let end = bytes.len().min(start + CHUNK);
        Ok::<_, Infallible>(bytes.slice(start..end))
    });
    let last = async {
        // What was handed over goes to the socket before this comes back, and if it cannot, this does not come back.
        tokio::task::yield_now().await;
        then.await;
        Ok(Bytes::new())
    };
    Body::from_stream(stream::iter(chunks.collect::<Vec<_>>()).chain(stream::once(last)))
}

/// What one reader is served.
pub(super) struct Wanted<'a> {
    pub(super) filter: &'a Filter,
    pub(super) bouncer: &'a Bouncer,
    pub(super) dedup: bool,
}

/// What two rows must share for the longer one to stand for both.
type Key<'a> = (&'a str, &'a str, Remediation);

// === impl Change ===

impl Change {
    /// What changed from `cursor` on; everything if there is none.
    pub(super) fn between(
        snapshot: &Snapshot,
        cursor: Option<Version>,
        now: Timestamp,
        wanted: &Wanted<'_>,
    ) -> Self {
        let served = || {
            snapshot
                .entries
                .values()
                .filter(|entry| wanted.filter.admits(&entry.held, wanted.bouncer))
        };
        let mut longest: HashMap<Key<'_>, Timestamp> = HashMap::new();
        for entry in served() {
            let until = longest.entry(key(&entry.held)).or_default();
            *until = entry.held.decision.until.max(*until);
        }
        // A row is left out if a longer one on the same value stands for it, among those that this reader is served.
        let stands = |held: &Decision| {
            !wanted.dedup
                || longest
                    .get(&key(held))
                    .is_none_or(|until| held.decision.until >= *until)
        };
        let fresh = |entry: &&Entry| cursor.is_none_or(|cursor| entry.version > cursor);
        let shape = |entry: &Entry| Shape::of(&entry.held, now);
        Self {
            new: served()
                .filter(|entry| active(&entry.held, now) && stands(&entry.held))
                .filter(fresh)
                .map(shape)
                .collect(),
            deleted: served()
                .filter(|entry| !active(&entry.held, now) && stands(&entry.held))
                .filter(|entry| {
                    fresh(entry) || cursor.is_some_and(|cursor| entry.held.decision.until > cursor - OVERLAP)
                })
                .map(shape)
                .collect(),
        }
    }

    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.new.is_empty() && self.deleted.is_empty()
    }
}

fn key(held: &Decision) -> Key<'_> {
    (
        &held.decision.value,
        &held.decision.scope,
        held.decision.remediation,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::BodyExt;

    use super::*;
    use crate::table::Table;
    use crate::testing::decision;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn bouncer() -> Bouncer {
        Bouncer {
            name: "b".into(),
            key_hash: [0; 32],
            remediations: vec![Remediation::Ban],
            created_at: NOW,
            last_seen: None,
            agent: String::new(),
            address: String::new(),
        }
    }

    fn check(table: &Table, cursor: Option<Version>, now: Timestamp, new: &[i64], deleted: &[i64]) {
        let filter = Filter::new(&HashMap::new()).scopes_or(&["ip", "range"]);
        let wanted = Wanted {
            filter: &filter,
            bouncer: &bouncer(),
            dedup: true,
        };
        let change = serde_json::to_value(Change::between(&table.snapshot(), cursor, now, &wanted)).unwrap();
        let ids = |list: &str| -> Vec<i64> {
            change[list]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["id"].as_i64().unwrap())
                .collect()
        };
        assert_eq!((ids("new"), ids("deleted")), (new.to_vec(), deleted.to_vec()));
    }

    #[tokio::test]
    async fn a_place_is_kept_only_if_the_whole_answer_was_taken() {
        let answer = |kept: &Arc<AtomicBool>| {
            let kept = Arc::clone(kept);
            whole(vec![b'x'; 2 * CHUNK + 1].into(), async move {
                kept.store(true, Ordering::Relaxed);
            })
        };
        let kept = Arc::new(AtomicBool::new(false));
        let mut cut = answer(&kept);
        for expected in [CHUNK, CHUNK, 1] {
            let frame = cut.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap().len(), expected);
        }
        drop(cut);
        assert!(!kept.load(Ordering::Relaxed));
        let taken = answer(&kept).collect().await.unwrap();
        assert_eq!(taken.to_bytes().len(), 2 * CHUNK + 1);
        assert!(kept.load(Ordering::Relaxed));
    }

    #[test]
    fn a_place_in_the_future_is_none() {
        let later = NOW + Duration::from_millis(1);
        assert_eq!(resumed(Some(NOW), NOW), Some(NOW));
        assert_eq!(resumed(Some(later), NOW), None);
        assert_eq!(resumed(None, NOW), None);
    }

    #[test]
    fn a_reader_hears_each_change_once_and_each_end() {
        let table = Table::new(Vec::new(), NOW);
        table.put(&[decision(1, "192.88.99.1", NOW)], NOW);
        check(&table, None, NOW, &[1], &[]);
        let cursor = Some(table.mark(NOW).1);
        check(&table, cursor, NOW, &[], &[]);
        table.put(&[decision(2, "192.88.99.2", NOW)], NOW);
        check(&table, cursor, NOW, &[2], &[]);
        let mut ended = decision(1, "192.88.99.1", NOW);
        ended.decision.until = NOW;
        table.put(&[ended], NOW);
        check(&table, cursor, NOW + Duration::from_secs(1), &[2], &[1]);
        // Ends are told once more within the overlap, then not again.
        let cursor = Some(table.mark(NOW + Duration::from_secs(1)).1);
        check(&table, cursor, NOW + Duration::from_secs(2), &[], &[1]);
        let cursor = Some(table.mark(NOW + Duration::from_secs(3)).1);
        check(&table, cursor, NOW + Duration::from_secs(3_599), &[], &[]);
        check(&table, cursor, NOW + Duration::from_secs(3_601), &[], &[2]);
    }

    #[test]
    fn the_longer_decision_stands_for_the_shorter() {
        let table = Table::new(Vec::new(), NOW);
        let mut longer = decision(2, "192.88.99.1", NOW);
        longer.decision.until = NOW + Duration::from_secs(7_200);
        table.put(&[decision(1, "192.88.99.1", NOW), longer], NOW);
        check(&table, None, NOW, &[2], &[]);
        check(
            &table,
            Some(NOW + Duration::from_secs(3_000)),
            NOW + Duration::from_secs(3_700),
            &[],
            &[],
        );
    }

    #[test]
    fn soft_rungs_are_left_out_for_a_key_that_was_not_granted_them() {
        let table = Table::new(Vec::new(), NOW);
        let mut soft = decision(1, "192.88.99.1", NOW);
        soft.decision.remediation = Remediation::Challenge;
        table.put(&[soft], NOW);
        check(&table, None, NOW, &[], &[]);
    }
}
