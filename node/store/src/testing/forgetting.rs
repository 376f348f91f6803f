//! Promises about what is forgotten, and what never is.

use vigie_wire::Timestamp;

use super::AnyStore;
use super::sample::{alert, at, decision, envelope, ip, place};
use crate::{AlertFilter, Counts, DecisionFilter, Remembered, Retention, SightingFilter, Tier};

const NOTHING: Retention = Retention {
    envelopes_before: Timestamp::ZERO,
    alerts_before: Timestamp::ZERO,
    decisions_before: Timestamp::ZERO,
    memory_before: Timestamp::ZERO,
};

pub(super) async fn old(store: AnyStore) {
    for (number, secs) in [(1, 10), (2, 20)] {
        let mut new = alert(number);
        new.created_at = at(secs);
        store
            .insert_alert(&new, &[decision("a", secs + 100)])
            .await
            .unwrap();
        store
            .keep_envelope(&envelope(place(1, number), &[ip(1)], secs))
            .await
            .unwrap();
        let ip = format!("192.0.2.{number}").parse().unwrap();
        let tier = Tier::Authenticated;
        store
            .remember(&Remembered {
                ip,
                tier,
                at: at(secs),
            })
            .await
            .unwrap();
    }
    store.put_note("position/x", "1").await.unwrap();
    assert_eq!(store.forget(&NOTHING).await.unwrap(), 0);
    let retention = Retention {
        envelopes_before: at(20),
        alerts_before: at(20),
        decisions_before: at(120),
        memory_before: at(20),
    };
    assert_eq!(store.forget(&retention).await.unwrap(), 5);
    assert_eq!(store.forget(&retention).await.unwrap(), 0);
    let alerts = store.alerts(&AlertFilter::default()).await.unwrap();
    assert_eq!((alerts.len(), alerts[0].alert.created_at), (1, at(20)));
    let decisions = store.decisions(&DecisionFilter::default()).await.unwrap();
    assert_eq!((decisions.len(), decisions[0].decision.until), (1, at(120)));
    assert_eq!(super::sample::places(&store).await, [place(1, 2)]);
    assert_eq!(store.remembered(Timestamp::ZERO).await.unwrap().len(), 1);
    assert_eq!(
        store.sightings(&SightingFilter::default()).await.unwrap().len(),
        1
    );
    assert_eq!(store.note("position/x").await.unwrap().as_deref(), Some("1"));
}

pub(super) async fn heads_stay(store: AnyStore) {
    for seq in 0..3 {
        store
            .append_own(&envelope(place(1, seq), &[ip(1)], 1), &[])
            .await
            .unwrap();
    }
    let mut later_epoch = place(1, 0);
    later_epoch.epoch = 2;
    store
        .append_own(&envelope(later_epoch, &[ip(1)], 1), &[])
        .await
        .unwrap();
    store
        .keep_envelope(&envelope(place(2, 5), &[ip(1)], 1))
        .await
        .unwrap();
    let retention = Retention {
        envelopes_before: at(100),
        ..NOTHING
    };
    // Five sightings and three envelopes.
    assert_eq!(store.forget(&retention).await.unwrap(), 8);
    assert_eq!(super::sample::places(&store).await, [later_epoch, place(2, 5)]);
    let bytes = store
        .range(later_epoch.publisher, 2, 0, 0, 1 << 20)
        .await
        .unwrap();
    assert_eq!(bytes, [envelope(later_epoch, &[], 1).bytes]);
    assert!(
        store
            .sightings(&SightingFilter::default())
            .await
            .unwrap()
            .is_empty()
    );
}

pub(super) async fn many(store: AnyStore) {
    let decisions: Vec<_> = (0..1_300)
        .map(|number| decision(&number.to_string(), 1))
        .collect();
    store.insert_alert(&alert(1), &decisions).await.unwrap();
    let retention = Retention {
        decisions_before: at(2),
        ..NOTHING
    };
    assert_eq!(store.forget(&retention).await.unwrap(), 1_300);
    let counts = store.counts(Timestamp::ZERO).await.unwrap();
    let expected = Counts {
        alerts: 1,
        pending_shares: 1,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
}
