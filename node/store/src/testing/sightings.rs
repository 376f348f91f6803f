//! Promises about sightings.

use vigie_wire::{Indicator, OrgId};

use super::AnyStore;
use super::sample::{at, envelope, ip, place, row};
use crate::SightingFilter;

pub(super) async fn full_envelope(store: AnyStore) {
    let indicators: Vec<_> = (0..=255).map(ip).collect();
    let one = envelope(place(1, 0), &indicators, 5);
    store.keep_envelope(&one).await.unwrap();
    let mut found = store.sightings(&SightingFilter::default()).await.unwrap();
    found.reverse();
    assert_eq!(found.len(), 256);
    for (read, (id, sighting)) in found.iter().zip(&one.sightings) {
        assert_eq!((&read.id, &read.sighting), (id, sighting));
        assert_eq!(
            (read.org, read.received_at, read.retracted_at),
            (one.org, at(5), None)
        );
    }
}

pub(super) async fn by_indicator(store: AnyStore) {
    // Alike as texts on purpose: the family tells them apart.
    let indicators = [
        ip(7),
        Indicator::Ip("2001:db8::7".parse().unwrap()),
        Indicator::Range("198.51.100.0/24".parse().unwrap()),
        Indicator::Range("198.51.100.7/32".parse().unwrap()),
        Indicator::Domain("198.51.100.7".into()),
        Indicator::Url("198.51.100.7".into()),
        Indicator::Url("x".repeat(9_000).into()),
        Indicator::Sha256(Box::new([0xab; 32])),
        Indicator::Asn(64_496),
        Indicator::Domain("64496".into()),
        Indicator::Unknown {
            tag: 200,
            bytes: [0, 255].into(),
        },
        Indicator::Unknown {
            tag: 200,
            bytes: [].into(),
        },
    ];
    store
        .keep_envelope(&envelope(place(1, 0), &indicators, 1))
        .await
        .unwrap();
    for indicator in indicators {
        let filter = SightingFilter {
            indicator: Some(indicator.clone()),
            ..SightingFilter::default()
        };
        let found = store.sightings(&filter).await.unwrap();
        assert_eq!(found.len(), 1, "{indicator:?}");
        assert_eq!(found[0].sighting.indicator, indicator);
    }
}

pub(super) async fn newest_first(store: AnyStore) {
    for (number, received) in [(1, 20), (2, 10), (3, 30)] {
        store
            .keep_envelope(&envelope(place(number, 0), &[ip(1), ip(2)], received))
            .await
            .unwrap();
    }
    let check = async |filter: SightingFilter, expected: &[(u8, u8)]| {
        let found = store.sightings(&filter).await.unwrap();
        let expected: Vec<_> = expected
            .iter()
            .map(|(number, line)| row(&place(*number, 0), *line))
            .collect();
        assert_eq!(
            found.iter().map(|one| one.id).collect::<Vec<_>>(),
            expected,
            "{filter:?}"
        );
    };
    let any = SightingFilter::default;
    check(any(), &[(3, 1), (3, 0), (1, 1), (1, 0), (2, 1), (2, 0)]).await;
    check(
        SightingFilter {
            since: Some(at(20)),
            limit: 3,
            ..any()
        },
        &[(3, 1), (3, 0), (1, 1)],
    )
    .await;
    check(
        SightingFilter {
            org: Some(OrgId([2; 16])),
            ..any()
        },
        &[(2, 1), (2, 0)],
    )
    .await;
    check(
        SightingFilter {
            indicator: Some(ip(2)),
            ..any()
        },
        &[(3, 1), (1, 1), (2, 1)],
    )
    .await;
}

pub(super) async fn retracted(store: AnyStore) {
    let one = envelope(place(1, 0), &[ip(1), ip(2), ip(3)], 1);
    store.keep_envelope(&one).await.unwrap();
    store
        .retract(&[row(&one.held, 0), row(&place(4, 4), 0)], at(7))
        .await
        .unwrap();
    let many: Vec<_> = (0..600)
        .map(|seq| row(&place(1, seq), 0))
        .chain([row(&one.held, 2)])
        .collect();
    store.retract(&many, at(9)).await.unwrap();
    store.retract(&[], at(9)).await.unwrap();
    let found = store.sightings(&SightingFilter::default()).await.unwrap();
    let times: Vec<_> = found.iter().rev().map(|one| one.retracted_at).collect();
    assert_eq!(times, [Some(at(7)), None, Some(at(9))]);
    let late = envelope(place(4, 4), &[ip(4), ip(5)], 2);
    store.keep_envelope(&late).await.unwrap();
    let found = store
        .sightings(&SightingFilter {
            limit: 2,
            ..SightingFilter::default()
        })
        .await
        .unwrap();
    let times: Vec<_> = found.iter().rev().map(|one| one.retracted_at).collect();
    assert_eq!(times, [Some(at(7)), None], "taken back before it came");
}
