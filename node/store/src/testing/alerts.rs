//! Promises about alerts and the decisions they lead to.

use super::AnyStore;
use super::sample::{alert, at, decision, envelope, ip, lease, place, publisher, row};
use crate::{Alert, AlertFilter, AlertId, DecisionFilter, Share};

/// As lists have it.
pub(super) fn without_events(mut alert: Alert) -> Alert {
    alert.alert.events = serde_json::Value::Null;
    alert
}

pub(super) async fn come_back(store: AnyStore) {
    let new = alert(1);
    let decisions = [decision("198.51.100.7", 100), decision("198.51.100.0/24", 50)];
    let (id, written) = store.insert_alert(&new, &decisions).await.unwrap().unwrap();
    assert_eq!(written.len(), 2);
    assert!(written.iter().all(|one| one.alert == Some(id)));
    assert!(written.iter().map(|one| &one.decision).eq(&decisions));
    let whole = Alert { id, alert: new };
    assert_eq!(store.alert(id).await.unwrap().as_ref(), Some(&whole));
    assert_eq!(store.alert(id + 1).await.unwrap(), None);
    let found = store.alerts(&AlertFilter::default()).await.unwrap();
    assert_eq!(found, [without_events(whole)]);
    let mut read = store.decisions(&DecisionFilter::default()).await.unwrap();
    read.reverse();
    assert_eq!(read, written);
}

pub(super) async fn once(store: AnyStore) {
    let new = alert(1);
    store
        .insert_alert(&new, &[decision("a", 1)])
        .await
        .unwrap()
        .unwrap();
    let mut again = alert(1);
    again.message = "another".into();
    assert_eq!(
        store.insert_alert(&again, &[decision("b", 1)]).await.unwrap(),
        None
    );
    let found = store.alerts(&AlertFilter::default()).await.unwrap();
    assert_eq!(store.alert(found[0].id).await.unwrap().unwrap().alert, new);
    let decisions = store.decisions(&DecisionFilter::default()).await.unwrap();
    assert_eq!(decisions.len(), 1);
    assert_eq!(&*decisions[0].decision.value, "a");
}

pub(super) async fn numbers_rise(store: AnyStore) {
    let mut last = (AlertId::MIN, AlertId::MIN);
    for number in 0..5 {
        let (id, written) = store
            .insert_alert(&alert(number), &[decision("a", 1)])
            .await
            .unwrap()
            .unwrap();
        let numbers = (id, written[0].id);
        assert!(numbers.0 > last.0 && numbers.1 > last.1);
        last = numbers;
        assert_eq!(store.delete_alerts(&[id]).await.unwrap(), 1);
        let retention = crate::Retention {
            decisions_before: at(2),
            ..super::forgetting::NOTHING
        };
        assert_eq!(store.forget(&retention).await.unwrap(), 1);
    }
}

pub(super) async fn filters(store: AnyStore) {
    let mut ids = Vec::new();
    for number in 0..4 {
        let mut new = alert(number);
        let secs = i64::try_from(number).unwrap();
        new.created_at = at(secs);
        new.value = format!("v{}", number % 2);
        new.scenario = format!("s{}", number / 2);
        ids.push(store.insert_alert(&new, &[]).await.unwrap().unwrap().0);
    }
    let check = async |filter: AlertFilter, expected: &[usize]| {
        let found = store.alerts(&filter).await.unwrap();
        let expected: Vec<_> = expected.iter().map(|index| ids[*index]).collect();
        assert_eq!(
            found.iter().map(|one| one.id).collect::<Vec<_>>(),
            expected,
            "{filter:?}"
        );
    };
    let any = AlertFilter::default;
    check(any(), &[3, 2, 1, 0]).await;
    check(
        AlertFilter {
            value: Some("v0".into()),
            ..any()
        },
        &[2, 0],
    )
    .await;
    check(
        AlertFilter {
            scenario: Some("s1".into()),
            ..any()
        },
        &[3, 2],
    )
    .await;
    check(
        AlertFilter {
            since: Some(at(2)),
            ..any()
        },
        &[3, 2],
    )
    .await;
    check(
        AlertFilter {
            until: Some(at(2)),
            ..any()
        },
        &[1, 0],
    )
    .await;
    check(AlertFilter { limit: 2, ..any() }, &[3, 2]).await;
    let both = AlertFilter {
        value: Some("v1".into()),
        scenario: Some("s0".into()),
        since: Some(at(0)),
        until: Some(at(9)),
        limit: 9,
        ..any()
    };
    check(both, &[1]).await;
    let before = AlertFilter {
        before: Some(ids[2]),
        ..any()
    };
    check(before, &[1, 0]).await;
    let detection = AlertFilter {
        detection: Some(alert(2).detection),
        ..any()
    };
    check(detection, &[2]).await;
}

pub(super) async fn deleted(store: AnyStore) {
    let (id, written) = store
        .insert_alert(&alert(1), &[decision("a", 1)])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.delete_alerts(&[id, id + 1]).await.unwrap(), 1);
    assert_eq!(store.delete_alerts(&[id]).await.unwrap(), 0);
    let left = store.decisions(&DecisionFilter::default()).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, written[0].id);
    assert_eq!(left[0].alert, None, "an alert that is gone is not named");
    assert_eq!(
        store.insert_alert(&alert(1), &[decision("a", 9)]).await.unwrap(),
        None,
        "a log that is read again does not repeat it"
    );
    assert_eq!(
        store.decisions(&DecisionFilter::default()).await.unwrap().len(),
        1
    );
}

pub(super) async fn sharing(store: AnyStore) {
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(store.insert_alert(&alert(number), &[]).await.unwrap().unwrap().0);
    }
    let mut private = alert(9);
    private.share = Share::Never;
    let private = store.insert_alert(&private, &[]).await.unwrap().unwrap().0;
    let waiting = async |limit| {
        let found = store.pending_shares(0, limit).await.unwrap();
        assert!(
            found.iter().all(|one| one.alert.events.is_null()),
            "events never leave"
        );
        found.iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(waiting(0).await, ids);
    assert_eq!(waiting(2).await, ids[..2]);
    let later = store.pending_shares(ids[1], 1).await.unwrap();
    let mut expected = alert(2);
    expected.events = serde_json::Value::Null;
    assert_eq!(
        later,
        [Alert {
            id: ids[2],
            alert: expected
        }]
    );
    let held = place(1, 0);
    let own = envelope(held, &[ip(1)], 1);
    let lease = lease(&*store, publisher(1)).await;
    store
        .append_own(&lease, &own, &[(ids[1], row(&held, 0))])
        .await
        .unwrap();
    store
        .withhold(&[ids[0], ids[1], private, i64::MAX])
        .await
        .unwrap();
    store.withhold(&[]).await.unwrap();
    assert_eq!(waiting(0).await, ids[2..]);
    let found = store.alert(ids[1]).await.unwrap().unwrap();
    assert_eq!(
        found.alert.share,
        Share::Shared(row(&held, 0)),
        "what left cannot be withheld"
    );
}

pub(super) async fn many_decisions(store: AnyStore) {
    let decisions: Vec<_> = (0..600).map(|number| decision(&number.to_string(), 1)).collect();
    let (_, written) = store.insert_alert(&alert(1), &decisions).await.unwrap().unwrap();
    assert!(written.iter().map(|one| &one.decision).eq(&decisions));
    assert!(written.is_sorted_by(|one, next| one.id < next.id));
}
