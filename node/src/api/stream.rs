//! `GET /v1/decisions/stream`: everything at startup, then what changed since this instance last read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{Method, StatusCode};
use serde::Serialize;
use vigie_store::{Bouncer, Decision, Remediation};
use vigie_wire::Timestamp;

use super::auth::Caller;
use super::failed;
use super::filter::{Filter, active};
use super::shape::Shape;
use crate::node::Node;
use crate::table::{Entry, Snapshot, Version};

/// Ends are told of once more for so long, as CrowdSec does.
const OVERLAP: Duration = Duration::from_secs(2);

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
        Ok(cursor) => cursor.filter(|_| !startup),
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
        cursor,
        now,
        &Wanted {
            filter: &filter,
            bouncer: &caller.bouncer,
            dedup,
        },
    );
    if let Err(error) = node
        .store
        .set_cursor(&caller.bouncer.name, &caller.address, mark)
        .await
    {
        tracing::warn!(%error, "a cursor could not be kept: the bouncer hears these changes again");
    }
    Json(change).into_response()
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
