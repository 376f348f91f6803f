//! `GET /v1/decisions/stream`: everything at startup, then what changed since this instance last read.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::auth::Caller;
use super::change::{Change, Wanted};
use super::failed;
use super::filter::Filter;
use super::openapi;
use crate::node::Node;
use crate::table::Version;

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
    let wanted = Wanted {
        filter: Filter::new(&query, &caller.bouncer).scopes_or(&["ip", "range"]),
        dedup: query.get("dedup").is_none_or(|value| value != "false"),
    };
    let now = node.now();
    let (snapshot, mark) = node.table.mark(now);
    let cursor = resumed(cursor, mark).filter(|_| !startup);
    let change = Change::between(snapshot, cursor, now, Arc::new(wanted));
    let heard = async move {
        let Caller { bouncer, address, .. } = caller;
        if let Err(error) = node.store.set_cursor(&bouncer.name, &address, mark).await {
            tracing::warn!(%error, "a cursor could not be kept: the bouncer hears these changes again");
        }
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, whole(change, heard)).into_response()
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

/// A body of these pieces, each made when there is room for it, and what is done once they went out. Nothing is done if
/// the reader leaves before that. The body has no announced length: its last chunk, which is empty, goes out when all is
/// done, so a reader that has the whole answer and asks again is known to have it.
fn whole(
    pieces: impl Iterator<Item = Bytes> + Send + 'static,
    then: impl Future<Output = ()> + Send + 'static,
) -> Body {
    let last = async {
        // What was handed over goes to the socket before this comes back, and if it cannot, this does not come back.
        tokio::task::yield_now().await;
        then.await;
        Ok(Bytes::new())
    };
    Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)).chain(stream::once(last)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use http_body_util::BodyExt;
    use vigie_wire::Timestamp;

    use super::*;

    #[tokio::test]
    async fn a_place_is_kept_only_if_the_whole_answer_was_taken() {
        let answer = |kept: &Arc<AtomicBool>| {
            let kept = Arc::clone(kept);
            let pieces = ["one", "two", "3"].map(Bytes::from);
            whole(pieces.into_iter(), async move {
                kept.store(true, Ordering::Relaxed);
            })
        };
        let kept = Arc::new(AtomicBool::new(false));
        let mut cut = answer(&kept);
        for expected in ["one", "two", "3"] {
            let frame = cut.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), expected);
        }
        drop(cut);
        assert!(!kept.load(Ordering::Relaxed));
        let taken = answer(&kept).collect().await.unwrap();
        assert_eq!(taken.to_bytes(), "onetwo3");
        assert!(kept.load(Ordering::Relaxed));
    }

    #[test]
    fn a_place_in_the_future_is_none() {
        let now = Timestamp::from_secs(1_790_000_000);
        let later = Timestamp::from_millis(now.as_millis() + 1);
        assert_eq!(resumed(Some(now), now), Some(now));
        assert_eq!(resumed(Some(later), now), None);
        assert_eq!(resumed(None, now), None);
    }
}
