//! Bent columns, without the root that would refuse them anyway: what is read is written back the same.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{read, write};
use crate::codec::Reader;
use crate::{Behaviour, Count, Indicator, RuleHash, Sighting, Timestamp};

const BASE: Timestamp = Timestamp::from_millis(1_795_314_920_123);

fn sighting() -> impl Strategy<Value = Sighting> {
    let indicator = prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| Indicator::ip(std::net::IpAddr::from(octets))),
        any::<[u8; 16]>().prop_map(|octets| Indicator::ip(std::net::IpAddr::from(octets))),
        Just(Indicator::Range("198.51.100.0/24".parse().unwrap())),
        Just(Indicator::Domain("a.example".into())),
        any::<u32>().prop_map(Indicator::Asn),
        Just(Indicator::Unknown {
            tag: 99,
            bytes: [1, 2].into()
        }),
    ];
    (indicator, 0_u16..3, 0_u8..3, -200_i64..10, 0_u8..64, 0_u8..=100).prop_map(
        |(indicator, behaviour, rule, minutes, count, confidence)| Sighting {
            indicator,
            behaviour: Behaviour(behaviour),
            rule: RuleHash([rule; 8]),
            at: Timestamp::from_millis(BASE.to_minute().as_millis() + minutes * 60_000),
            count: Count::from_log2(count).unwrap_or_default(),
            confidence,
        },
    )
}

fn columns(mut rows: Vec<Sighting>) -> (usize, Vec<u8>) {
    rows.sort_by_key(|row| super::group(&row.indicator));
    let mut bytes = Vec::new();
    write(&rows, BASE, &mut bytes);
    (rows.len(), bytes)
}

fn accepted_is_canonical(rows: usize, bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let Ok(sightings) = read(&mut reader, rows, BASE) else {
        return false;
    };
    if reader.finish().is_err() {
        return false;
    }
    let mut again = Vec::new();
    write(&sightings, BASE, &mut again);
    assert_eq!(again, bytes);
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn bent_columns_are_refused_or_canonical(
        rows in vec(sighting(), 1..12),
        bends in vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 0..3),
    ) {
        let (count, mut bytes) = columns(rows);
        for (at, byte, how) in &bends {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = *byte,
                1 => bytes[at] ^= 1 << (byte % 8),
                2 => bytes.insert(at, *byte),
                _ => drop(bytes.remove(at)),
            }
            if bytes.is_empty() {
                break;
            }
        }
        let accepted = accepted_is_canonical(count, &bytes);
        prop_assert!(accepted || !bends.is_empty());
    }

    #[test]
    fn any_columns_are_refused_or_canonical(rows in 1_usize..5, bytes in vec(prop_oneof![0_u8..4, any::<u8>()], 0..80)) {
        accepted_is_canonical(rows, &bytes);
    }
}
