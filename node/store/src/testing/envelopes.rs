//! Promises about chains.

use vigie_wire::HeaderHash;

use super::sample::{alert, envelope, ip, lease, place, publisher, row};
use super::{AnyStore, sample};
use crate::{AlertFilter, Appended, Held, HeldEnvelope, Share, SightingFilter};

pub(super) async fn once(store: AnyStore) {
    let one = envelope(place(1, 0), &[ip(1), ip(2)], 1);
    assert_eq!(store.keep_envelope(&one).await.unwrap(), Appended::New);
    assert_eq!(store.keep_envelope(&one).await.unwrap(), Appended::Known);
    assert_eq!(sample::places(&store).await, [one.held]);
    assert_eq!(
        store.range(publisher(1), 1, 0, 9, 1 << 20).await.unwrap(),
        [one.bytes]
    );
    assert_eq!(
        store.sightings(&SightingFilter::default()).await.unwrap().len(),
        2
    );
}

pub(super) async fn several(store: AnyStore) {
    let known = envelope(place(1, 0), &[ip(1)], 1);
    store.keep_envelope(&known).await.unwrap();
    let mut forked = envelope(place(1, 1), &[ip(1)], 1);
    store.keep_envelope(&forked).await.unwrap();
    forked.held.hash = HeaderHash([9; 32]);
    let news = [
        envelope(place(1, 2), &[ip(1)], 1),
        envelope(place(2, 0), &[ip(2)], 1),
    ];
    let batch = [news[0].clone(), known, forked, news[1].clone(), news[1].clone()];
    assert_eq!(
        store.keep_envelopes(&batch).await.unwrap(),
        [
            Appended::New,
            Appended::Known,
            Appended::Conflict(place(1, 1).hash),
            Appended::New,
            Appended::Known
        ]
    );
    assert_eq!(store.keep_envelopes(&[]).await.unwrap(), []);
    assert_eq!(sample::places(&store).await.len(), 4);
    assert_eq!(
        store.sightings(&SightingFilter::default()).await.unwrap().len(),
        4
    );
}

pub(super) async fn conflict(store: AnyStore) {
    let one = envelope(place(1, 0), &[ip(1)], 1);
    store.keep_envelope(&one).await.unwrap();
    let mut other = envelope(place(1, 0), &[ip(2), ip(3)], 1);
    other.held.hash = HeaderHash([9; 32]);
    let id = store.insert_alert(&alert(1), &[]).await.unwrap().unwrap().0;
    let lease = lease(&*store, publisher(1)).await;
    let outcome = Appended::Conflict(one.held.hash);
    assert_eq!(store.keep_envelope(&other).await.unwrap(), outcome);
    assert_eq!(
        store
            .append_own(&lease, &other, &[(id, row(&other.held, 0))])
            .await
            .unwrap(),
        outcome
    );
    assert_eq!(sample::places(&store).await, [one.held]);
    assert_eq!(
        store.sightings(&SightingFilter::default()).await.unwrap().len(),
        1
    );
    assert_eq!(
        store.pending_shares(0, 0).await.unwrap().len(),
        1,
        "nothing left, so it still waits"
    );
}

pub(super) async fn own(store: AnyStore) {
    let lease = lease(&*store, publisher(1)).await;
    let first = store.insert_alert(&alert(1), &[]).await.unwrap().unwrap().0;
    let second = store.insert_alert(&alert(2), &[]).await.unwrap().unwrap().0;
    let one = envelope(place(1, 0), &[ip(1), ip(2)], 1);
    let shared = [(first, row(&one.held, 0)), (second, row(&one.held, 1))];
    assert_eq!(
        store.append_own(&lease, &one, &shared).await.unwrap(),
        Appended::New
    );
    let later = envelope(place(1, 1), &[ip(1)], 1);
    store
        .append_own(&lease, &later, &[(first, row(&later.held, 0))])
        .await
        .unwrap();
    assert_eq!(
        store.append_own(&lease, &one, &shared).await.unwrap(),
        Appended::Known
    );
    let alerts = store.alerts(&AlertFilter::default()).await.unwrap();
    assert_eq!(alerts[0].alert.share, Share::Shared(row(&one.held, 1)));
    assert_eq!(
        alerts[1].alert.share,
        Share::Shared(row(&one.held, 0)),
        "the first one stays"
    );
}

pub(super) async fn held_in_order(store: AnyStore) {
    let epoch = |number, held: Held| Held {
        epoch: number,
        ..held
    };
    let places = [
        epoch(0, place(1, u64::MAX)),
        epoch(1, place(1, 0)),
        epoch(1, place(1, u64::MAX >> 1)),
        epoch(1, place(1, (u64::MAX >> 1) + 1)),
        epoch(u32::MAX, place(1, 3)),
        epoch(1, place(2, 7)),
    ];
    for index in [3, 0, 5, 4, 1, 2] {
        store
            .keep_envelope(&envelope(places[index], &[], 1))
            .await
            .unwrap();
    }
    assert_eq!(sample::places(&store).await, places);
    assert_eq!(store.head_of(publisher(1)).await.unwrap(), Some(places[4]));
    assert_eq!(store.head_of(publisher(2)).await.unwrap(), Some(places[5]));
    assert_eq!(store.head_of(publisher(3)).await.unwrap(), None);
}

pub(super) async fn held_with_header(store: AnyStore) {
    let mut one = envelope(place(1, 0), &[ip(1)], 1);
    (one.kind, one.rows, one.urgent) = (7, u16::MAX, true);
    let two = envelope(place(1, 1), &[], 1);
    let expected = [&one, &two].map(|envelope| HeldEnvelope {
        held: envelope.held,
        kind: envelope.kind,
        time_base: envelope.time_base,
        rows: envelope.rows,
        urgent: envelope.urgent,
    });
    store.keep_envelope(&one).await.unwrap();
    store.keep_envelope(&two).await.unwrap();
    assert_eq!(store.held().await.unwrap(), expected);
}

pub(super) async fn range(store: AnyStore) {
    for seq in 0..5 {
        store
            .keep_envelope(&envelope(place(1, seq), &[], 1))
            .await
            .unwrap();
    }
    store.keep_envelope(&envelope(place(2, 2), &[], 1)).await.unwrap();
    let check = async |from, to, max_bytes, expected: &[u64]| {
        let found = store.range(publisher(1), 1, from, to, max_bytes).await.unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|seq| envelope(place(1, *seq), &[], 1).bytes)
            .collect();
        assert_eq!(found, expected, "{from}..={to} up to {max_bytes} bytes");
    };
    let size = envelope(place(1, 0), &[], 1).bytes.len();
    check(0, u64::MAX, 1 << 20, &[4, 3, 2, 1, 0]).await;
    check(1, 3, 1 << 20, &[3, 2, 1]).await;
    check(0, 9, 2 * size, &[4, 3]).await;
    check(0, 9, 3 * size - 1, &[4, 3]).await;
    check(0, 9, 0, &[4]).await;
    check(3, 2, 1 << 20, &[]).await;
    check(5, 9, 1 << 20, &[]).await;
    assert!(
        store
            .range(publisher(1), 2, 0, 9, 1 << 20)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(super) async fn long_range(store: AnyStore) {
    for seq in 0..150 {
        store
            .keep_envelope(&envelope(place(1, seq), &[], 1))
            .await
            .unwrap();
    }
    let found = store
        .range(publisher(1), 1, 0, u64::MAX, usize::MAX)
        .await
        .unwrap();
    assert_eq!(found.len(), 150);
    assert_eq!(found[149], envelope(place(1, 0), &[], 1).bytes);
}

pub(super) async fn dropped(store: AnyStore) {
    for seq in 0..4 {
        store
            .keep_envelope(&envelope(place(1, seq), &[ip(1)], 1))
            .await
            .unwrap();
    }
    let other_epoch = Held {
        epoch: 2,
        ..place(1, 3)
    };
    store
        .keep_envelope(&envelope(other_epoch, &[ip(1)], 1))
        .await
        .unwrap();
    let another = Held {
        hash: HeaderHash([9; 32]),
        ..place(1, 0)
    };
    let dropped = [place(1, 2), place(1, 3), another];
    assert_eq!(store.drop_envelopes(&dropped).await.unwrap(), 2);
    assert_eq!(store.drop_envelopes(&dropped).await.unwrap(), 0);
    assert_eq!(
        sample::places(&store).await,
        [place(1, 0), place(1, 1), other_epoch]
    );
    assert_eq!(
        store.sightings(&SightingFilter::default()).await.unwrap().len(),
        3
    );
    // A drop is no retraction: what is admitted again later counts again.
    let again = envelope(place(1, 2), &[ip(1)], 1);
    assert_eq!(store.keep_envelope(&again).await.unwrap(), Appended::New);
    let found = store.sightings(&SightingFilter::default()).await.unwrap();
    assert!(found.iter().all(|one| one.retracted_at.is_none()));
    assert_eq!(found.len(), 4);
    // And a retraction outlives the drop.
    store
        .retract(&[row(&again.held, 0)], sample::at(2))
        .await
        .unwrap();
    store.drop_envelopes(&[again.held]).await.unwrap();
    store.keep_envelope(&again).await.unwrap();
    let found = store.sightings(&SightingFilter::default()).await.unwrap();
    assert_eq!(found[0].id, row(&again.held, 0));
    assert_eq!(found[0].retracted_at, Some(sample::at(2)));
}

pub(super) async fn erased(store: AnyStore) {
    let one = envelope(place(1, 0), &[ip(1), ip(2), ip(3)], 1);
    let neighbour = envelope(place(1, 1), &[ip(1)], 1);
    store.keep_envelope(&one).await.unwrap();
    store.keep_envelope(&neighbour).await.unwrap();
    let rows = [row(&one.held, 0), row(&one.held, 2), row(&neighbour.held, 0)];
    assert!(store.replace_bytes(&one.held, b"less", &rows).await.unwrap());
    let mut wrong = one.held;
    wrong.hash = HeaderHash([9; 32]);
    assert!(!store.replace_bytes(&wrong, b"wrong", &rows).await.unwrap());
    let left = store.sightings(&SightingFilter::default()).await.unwrap();
    let left: Vec<_> = left.iter().map(|one| one.id).collect();
    assert_eq!(
        left,
        [row(&neighbour.held, 0), row(&one.held, 1)],
        "rows of this envelope only"
    );
    let bytes = store.range(publisher(1), 1, 0, 0, 1 << 20).await.unwrap();
    assert_eq!(bytes, [b"less".to_vec()]);
}
