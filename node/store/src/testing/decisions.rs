//! Promises about decisions.

use super::AnyStore;
use super::sample::{at, decision};
use crate::{Decision, DecisionFilter, DecisionId, NewDecision, Origin};

async fn insert(store: &AnyStore, decisions: &[NewDecision]) -> Vec<DecisionId> {
    let mut ids = Vec::new();
    for one in decisions {
        let written = store.insert_decision(one).await.unwrap();
        assert_eq!((&written.decision, written.alert), (one, None));
        ids.push(written.id);
    }
    ids
}

fn ids_of(decisions: &[Decision]) -> Vec<DecisionId> {
    decisions.iter().map(|one| one.id).collect()
}

pub(super) async fn filters(store: AnyStore) {
    let mut rows = [
        decision("a", 10),
        decision("b", 20),
        decision("a", 30),
        decision("c", 40),
    ];
    rows[1].scope = "Range".into();
    rows[2].origin = Origin::Manual;
    let ids = insert(&store, &rows).await;
    let check = async |filter: DecisionFilter, expected: &[usize]| {
        let found = store.decisions(&filter).await.unwrap();
        let expected: Vec<_> = expected.iter().map(|index| ids[*index]).collect();
        assert_eq!(ids_of(&found), expected, "{filter:?}");
    };
    let any = DecisionFilter::default;
    check(any(), &[3, 2, 1, 0]).await;
    check(
        DecisionFilter {
            id: Some(ids[2]),
            ..any()
        },
        &[2],
    )
    .await;
    check(
        DecisionFilter {
            value: Some("a".into()),
            ..any()
        },
        &[2, 0],
    )
    .await;
    check(
        DecisionFilter {
            value: Some("A".into()),
            ..any()
        },
        &[],
    )
    .await;
    check(
        DecisionFilter {
            scope: Some("Range".into()),
            ..any()
        },
        &[1],
    )
    .await;
    check(
        DecisionFilter {
            origin: Some(Origin::Manual),
            ..any()
        },
        &[2],
    )
    .await;
    check(DecisionFilter { limit: 3, ..any() }, &[3, 2, 1]).await;
    let both = DecisionFilter {
        value: Some("a".into()),
        active_at: Some(at(15)),
        ..any()
    };
    check(both, &[2]).await;
}

pub(super) async fn end_is_exclusive(store: AnyStore) {
    let ids = insert(&store, &[decision("a", 10), decision("b", 20)]).await;
    let find = async |active_at, ended_since| {
        let filter = DecisionFilter {
            active_at,
            ended_since,
            ..DecisionFilter::default()
        };
        ids_of(&store.decisions(&filter).await.unwrap())
    };
    assert_eq!(find(Some(at(10)), None).await, ids[1..]);
    assert_eq!(find(Some(at(9)), None).await, [ids[1], ids[0]]);
    assert_eq!(find(None, Some(at(10))).await, [ids[1], ids[0]]);
    assert_eq!(find(None, Some(at(11))).await, ids[1..]);
}

pub(super) async fn ended(store: AnyStore) {
    let rows = [
        decision("a", 10),
        decision("a", 20),
        decision("b", 20),
        decision("a", 30),
    ];
    let ids = insert(&store, &rows).await;
    let filter = DecisionFilter {
        value: Some("a".into()),
        ..DecisionFilter::default()
    };
    let ended = store.end_decisions(&filter, at(15)).await.unwrap();
    assert_eq!(ids_of(&ended), [ids[3], ids[1]]);
    assert!(ended.iter().all(|one| one.decision.until == at(15)));
    assert_eq!(store.end_decisions(&filter, at(15)).await.unwrap(), []);
    let left: Vec<_> = store.decisions(&DecisionFilter::default()).await.unwrap();
    let untils: Vec<_> = left.iter().rev().map(|one| one.decision.until).collect();
    assert_eq!(untils, [at(10), at(15), at(20), at(15)]);
}

pub(super) async fn ended_early(store: AnyStore) {
    let rows = [30, 30, 12, 30].map(|until| decision("a", until));
    let ids = insert(&store, &rows).await;
    store.end_these(&ids[..1], at(5)).await.unwrap();
    store.end_these(&ids[..3], at(10)).await.unwrap();
    let early = async |since, now| {
        let found = store.ended_early(at(since), at(now)).await.unwrap();
        let mut found: Vec<_> = found
            .iter()
            .map(|(one, planned)| (one.id, one.decision.until, *planned))
            .collect();
        found.sort_unstable();
        found
    };
    let [first, second, third] = [(0, 5, 30), (1, 10, 30), (2, 10, 12)]
        .map(|(nth, until, planned): (usize, _, _)| (ids[nth], at(until), at(planned)));
    assert_eq!(early(5, 11).await, [first, second, third]);
    assert_eq!(early(6, 11).await, [second, third]);
    assert_eq!(early(5, 12).await, [first, second]);
    assert_eq!(early(5, 30).await, []);
}

pub(super) async fn ended_with_limit(store: AnyStore) {
    let ids = insert(&store, &[decision("a", 30), decision("a", 30), decision("a", 10)]).await;
    let filter = DecisionFilter {
        limit: 1,
        ..DecisionFilter::default()
    };
    let ended = store.end_decisions(&filter, at(15)).await.unwrap();
    assert_eq!(ids_of(&ended), [ids[1]], "the newest of the active ones");
}

pub(super) async fn ended_by_number(store: AnyStore) {
    let rows: Vec<_> = (0..1_000).map(|_| decision("a", 30)).collect();
    let mut ids = insert(&store, &rows).await;
    let kept = ids.pop().unwrap();
    let over = insert(&store, &[decision("a", 10)]).await;
    let asked = [&ids[..], &over, &[i64::MAX]].concat();
    let ended = store.end_these(&asked, at(15)).await.unwrap();
    assert!(ended.iter().all(|one| one.decision.until == at(15)));
    let mut found = ids_of(&ended);
    found.sort_unstable();
    assert_eq!(found, ids);
    assert_eq!(store.end_these(&asked, at(15)).await.unwrap(), []);
    assert_eq!(store.end_these(&[], at(15)).await.unwrap(), []);
    let active = DecisionFilter {
        active_at: Some(at(15)),
        ..DecisionFilter::default()
    };
    assert_eq!(ids_of(&store.decisions(&active).await.unwrap()), [kept]);
}
