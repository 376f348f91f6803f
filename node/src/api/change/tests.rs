//! What readers are told, and that it is what a look at every decision would have told them.

use std::collections::HashMap;

use proptest::prelude::*;
use vigie_store::Remediation;

use super::*;
use crate::table::{Entry, Table};
use crate::testing::{bouncer, decision};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

/// What a key for bans is served that asks for nothing special.
pub(in crate::api) fn wanted() -> Wanted {
    Wanted {
        filter: Filter::new(&HashMap::new(), &bouncer()).scopes_or(&["ip", "range"]),
        dedup: true,
    }
}

type Told = (Vec<DecisionId>, Vec<DecisionId>);

fn told(table: &Table, cursor: Option<Version>, now: Timestamp, wanted: &Wanted) -> Told {
    let change = Change::between(table.snapshot(), cursor, now, Arc::new(wanted.clone()));
    let bytes: Vec<u8> = change.flat_map(|piece| piece.to_vec()).collect();
    let body: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let ids = |list: &str| {
        let rows = body[list].as_array().unwrap().iter();
        rows.map(|row| row["id"].as_i64().unwrap()).collect()
    };
    (ids("new"), ids("deleted"))
}

fn check(table: &Table, cursor: Option<Version>, now: Timestamp, new: &[i64], deleted: &[i64]) {
    assert_eq!(
        told(table, cursor, now, &wanted()),
        (new.to_vec(), deleted.to_vec())
    );
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
    let cursor = Some(NOW + Duration::from_secs(3_000));
    check(&table, cursor, NOW + Duration::from_secs(3_700), &[], &[]);
}

#[test]
fn soft_rungs_are_left_out_for_a_key_that_was_not_granted_them() {
    let table = Table::new(Vec::new(), NOW);
    let mut soft = decision(1, "192.88.99.1", NOW);
    soft.decision.remediation = Remediation::Challenge;
    table.put(&[soft], NOW);
    check(&table, None, NOW, &[], &[]);
}

#[test]
fn a_long_answer_comes_in_pieces_and_a_table_that_changes_meanwhile_does_not_change_it() {
    let table = Table::new(
        (0..1_000).map(|id| decision(id, "192.88.99.1", NOW)).collect(),
        NOW,
    );
    let mut change = Change::between(table.snapshot(), None, NOW, Arc::new(wanted()));
    let first = change.next().unwrap();
    assert!((PIECE..PIECE + 512).contains(&first.len()));
    table.put(&[decision(1_000, "192.88.99.1", NOW)], NOW);
    let all: Vec<u8> = first.into_iter().chain(change.flatten()).collect();
    let body: serde_json::Value = serde_json::from_slice(&all).unwrap();
    assert_eq!(body["new"].as_array().unwrap().len(), 1_000);
}

/// The same by looking at everything.
fn scanned(table: &Table, cursor: Option<Version>, now: Timestamp, wanted: &Wanted) -> Told {
    let snapshot = table.snapshot();
    let served: Vec<&Entry> = snapshot
        .values()
        .filter(|entry| wanted.filter.admits(&entry.held))
        .collect();
    let alike = |one: &Decision, two: &Decision| {
        one.decision.value == two.decision.value
            && one.decision.scope == two.decision.scope
            && one.decision.remediation == two.decision.remediation
            && one.decision.until < two.decision.until
    };
    let stands = |held: &Decision| !wanted.dedup || !served.iter().any(|entry| alike(held, &entry.held));
    let fresh = |entry: &Entry| cursor.is_none_or(|cursor| entry.version > cursor);
    let late = |entry: &Entry| cursor.is_some_and(|cursor| entry.held.decision.until > cursor - OVERLAP);
    let ids = |chosen: &dyn Fn(&Entry) -> bool| {
        let chosen = served.iter().filter(|entry| stands(&entry.held) && chosen(entry));
        chosen.map(|entry| entry.held.id).collect()
    };
    (
        ids(&|entry| active(&entry.held, now) && fresh(entry)),
        ids(&|entry| !active(&entry.held, now) && (fresh(entry) || late(entry))),
    )
}

proptest! {
    #[test]
    fn a_delta_is_what_a_scan_would_tell(
        history in prop::collection::vec((0..20_i64, 0..4_usize, 0..3_usize, 0..100_i64, 0..20_i64), 1..60),
        since in prop::option::of(0..600_i64),
        later in 0..100_i64,
        dedup: bool,
    ) {
        let table = Table::new(Vec::new(), NOW);
        let mut now = NOW;
        for (id, value, rung, lasts, pause) in history {
            now = Timestamp::from_secs(now.as_secs() + pause);
            let mut held = decision(id, ["192.88.99.1", "192.88.99.2", "192.88.99.0/24", "FR"][value], now);
            held.decision.remediation = [Remediation::Ban, Remediation::Ban, Remediation::Throttle][rung];
            held.decision.until = Timestamp::from_secs(now.as_secs() - 10 + lasts);
            table.put(&[held], now);
        }
        let cursor = since.map(|secs| Timestamp::from_secs(NOW.as_secs() + secs)).filter(|cursor| *cursor <= now);
        let wanted = Wanted { dedup, ..wanted() };
        let now = Timestamp::from_secs(now.as_secs() + later);
        prop_assert_eq!(told(&table, cursor, now, &wanted), scanned(&table, cursor, now, &wanted));
    }
}
