//! Promises about what is forgotten, and what never is.

use vigie_wire::{
    Behaviour, Count, Draft, Envelope, Form, HeaderHash, NetworkId, OrgId, Payload, PublicKey, RuleHash,
    SecretKey, Sighting, Timestamp, Tlp,
};

use super::AnyStore;
use super::sample::{alert, at, decision, envelope, ip, place, publisher};
use crate::{
    AlertFilter, Appended, Counts, DecisionFilter, Held, NewEnvelope, Owner, Remembered, Retention,
    SightingFilter, Tier,
};

/// Forgets nothing.
pub(super) const NOTHING: Retention = Retention {
    bodies_before: Timestamp::ZERO,
    headers_before: Timestamp::ZERO,
    alerts_before: Timestamp::ZERO,
    detections_before: Timestamp::ZERO,
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
    store.put_note(Owner::Everybody, "position/x", "1").await.unwrap();
    assert_eq!(store.forget(&NOTHING).await.unwrap(), 0);
    let retention = Retention {
        bodies_before: at(20),
        headers_before: at(20),
        alerts_before: at(20),
        detections_before: at(10),
        decisions_before: at(120),
        memory_before: at(20),
    };
    // A body, its sighting, its header, an alert, its decision and a record.
    assert_eq!(store.forget(&retention).await.unwrap(), 6);
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
    assert_eq!(
        store
            .note(Owner::Everybody, "position/x")
            .await
            .unwrap()
            .as_deref(),
        Some("1")
    );
}

pub(super) async fn heads_stay(store: AnyStore) {
    let mut places: Vec<_> = (0..3).map(|seq| place(1, seq)).collect();
    let later_epoch = Held {
        epoch: 2,
        ..place(1, 0)
    };
    places.extend([later_epoch, place(2, 5)]);
    for held in places {
        store.keep_envelope(&envelope(held, &[ip(1)], 1)).await.unwrap();
    }
    let retention = Retention {
        headers_before: at(100),
        ..NOTHING
    };
    assert_eq!(store.forget(&retention).await.unwrap(), 3);
    assert_eq!(super::sample::places(&store).await, [later_epoch, place(2, 5)]);
    assert_eq!(store.head_of(publisher(1)).await.unwrap(), Some(later_epoch));
}

/// Sealed envelopes of one chain, each an hour after the one before, and their publisher's key.
fn chain(length: u64) -> (Vec<NewEnvelope>, PublicKey) {
    let key = SecretKey::from_seed([7; 32]);
    let mut prev = HeaderHash([0; 32]);
    let chain = (0..length).map(|seq| {
        let sighting = Sighting {
            indicator: ip(9),
            behaviour: Behaviour(5),
            rule: RuleHash([3; 8]),
            at: at(0).to_minute(),
            count: Count::of(6),
            confidence: 90,
        };
        let time_base = hour(seq);
        let draft = Draft {
            network: NetworkId([1; 16]),
            epoch: 0,
            seq,
            prev,
            time_base,
            tlp: Tlp::Green,
            policy: 0,
            payload: Payload::Sightings(vec![sighting]),
        };
        let sealed = draft.seal(&key, [8; 16]).unwrap();
        prev = sealed.header_hash();
        NewEnvelope {
            held: Held {
                publisher: sealed.header().publisher,
                epoch: 0,
                seq,
                hash: prev,
            },
            org: OrgId([1; 16]),
            kind: 0,
            time_base,
            rows: 1,
            urgent: false,
            bytes: sealed.encode(),
            sightings: sealed.sightings().collect(),
            received_at: time_base,
        }
    });
    (chain.collect(), key.public())
}

fn hour(number: u64) -> Timestamp {
    at(i64::try_from(number).unwrap() * 3_600).to_minute()
}

pub(super) async fn bodies_first(store: AnyStore) {
    let (chain, key) = chain(4);
    store.keep_envelopes(&chain).await.unwrap();
    let held = store.held().await.unwrap();
    let bodies = Retention {
        bodies_before: hour(2),
        ..NOTHING
    };
    // Two bodies with a sighting each.
    assert_eq!(store.forget(&bodies).await.unwrap(), 4);
    assert_eq!(store.forget(&bodies).await.unwrap(), 0);
    assert_eq!(store.held().await.unwrap(), held, "every place is held as before");
    let mut range = store
        .range(chain[0].held.publisher, 0, 0, 9, 1 << 20)
        .await
        .unwrap();
    range.reverse();
    let mut prev = HeaderHash([0; 32]);
    for (bytes, kept) in range.iter().zip(&chain) {
        let envelope = Envelope::decode(bytes).unwrap();
        envelope.verify(&key).unwrap();
        assert_eq!(envelope.header().prev, prev);
        prev = envelope.header_hash();
        let old = kept.time_base < hour(2);
        assert_eq!(envelope.form() == Form::Erased, old);
        assert_eq!(*bytes == kept.bytes, !old);
    }
    let left = store.sightings(&SightingFilter::default()).await.unwrap();
    assert_eq!(left.iter().map(|one| one.id.seq).collect::<Vec<_>>(), [3, 2]);
    let restored = store.replace_bytes(&chain[0].held, &chain[0].bytes, &[]).await;
    assert!(!restored.unwrap(), "nobody puts a body back");
    assert_eq!(store.keep_envelope(&chain[0]).await.unwrap(), Appended::Known);
    assert_eq!(
        store.sightings(&SightingFilter::default()).await.unwrap().len(),
        2
    );
    let headers = Retention {
        headers_before: hour(1),
        ..bodies
    };
    assert_eq!(store.forget(&headers).await.unwrap(), 1);
    assert_eq!(store.held().await.unwrap(), held[1..]);
}

pub(super) async fn dated(store: AnyStore) {
    // Signed two hundred seconds ahead of its arrival; the other came late, by sync.
    let mut ahead = envelope(place(1, 0), &[ip(1)], 10);
    ahead.time_base = at(210);
    let mut late = envelope(place(2, 0), &[ip(2)], 200);
    late.time_base = at(10);
    store.keep_envelopes(&[ahead, late]).await.unwrap();
    let before = |secs| Retention {
        bodies_before: at(secs),
        ..NOTHING
    };
    assert_eq!(store.forget(&before(10)).await.unwrap(), 0);
    assert_eq!(store.forget(&before(11)).await.unwrap(), 4);
}

pub(super) async fn many_bodies(store: AnyStore) {
    let indicators: Vec<_> = (0..20).map(ip).collect();
    let many: Vec<_> = (0..50)
        .map(|seq| envelope(place(1, seq), &indicators, 1))
        .collect();
    store.keep_envelopes(&many).await.unwrap();
    let retention = Retention {
        bodies_before: at(2),
        ..NOTHING
    };
    // They are no envelopes of this version: nothing of their bytes stays, and nobody is given them.
    assert_eq!(store.forget(&retention).await.unwrap(), 50 + 50 * 20);
    assert_eq!(store.held().await.unwrap().len(), 50);
    assert!(
        store
            .range(publisher(1), 1, 0, 99, 1 << 20)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(super) async fn detections(store: AnyStore) {
    let mut new = alert(1);
    new.created_at = at(10);
    store.insert_alert(&new, &[]).await.unwrap();
    let alerts = Retention {
        alerts_before: at(20),
        ..NOTHING
    };
    assert_eq!(store.forget(&alerts).await.unwrap(), 1);
    assert_eq!(
        store.insert_alert(&new, &[]).await.unwrap(),
        None,
        "it was acted upon"
    );
    let detections = Retention {
        detections_before: at(20),
        ..NOTHING
    };
    assert_eq!(store.forget(&detections).await.unwrap(), 1);
    assert!(store.insert_alert(&new, &[]).await.unwrap().is_some());
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
