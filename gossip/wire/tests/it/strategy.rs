//! Arbitrary values in the ranges of the wire.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::sample::{NETWORK, NOW};
use vigie_wire::*;

pub(crate) fn indicator() -> impl Strategy<Value = Indicator> {
    prop_oneof![
        4 => any::<[u8; 4]>().prop_map(|octets| Indicator::ip(std::net::IpAddr::from(octets))),
        2 => any::<[u8; 16]>().prop_map(|octets| Indicator::ip(std::net::IpAddr::from(octets))),
        1 => (any::<[u8; 4]>(), 0_u8..=32).prop_map(|(octets, prefix)| range(octets.into(), prefix)),
        1 => (any::<[u8; 16]>(), 0_u8..=128).prop_map(|(octets, prefix)| range(octets.into(), prefix)),
        1 => "[a-z0-9_-]{1,20}(\\.[a-z0-9-]{1,20}){0,3}".prop_map(|text| Indicator::Domain(text.into())),
        1 => "(https?|ftp)://[!-~]{1,40}".prop_map(|text| Indicator::Url(text.into())),
        1 => any::<Box<[u8; 32]>>().prop_map(Indicator::Sha256),
        1 => any::<u32>().prop_map(Indicator::Asn),
        1 => (8_u8.., vec(any::<u8>(), 0..30))
            .prop_map(|(tag, bytes)| Indicator::Unknown { tag, bytes: bytes.into() }),
    ]
}

fn range(address: std::net::IpAddr, prefix: u8) -> Indicator {
    Indicator::Range(ipnet::IpNet::new(address, prefix).unwrap()).canonical()
}

pub(crate) fn sighting() -> impl Strategy<Value = Sighting> {
    let rule = prop_oneof![Just([0; 8]), Just([1; 8]), any::<[u8; 8]>()];
    let minutes = prop_oneof![8 => -90_i64..10, 1 => -10_000_000_i64..10_000_000];
    (
        indicator(),
        prop_oneof![0_u16..5, any::<u16>()],
        rule,
        minutes,
        0_u8..64,
        0_u8..=100,
    )
        .prop_map(
            |(indicator, behaviour, rule, minutes, count, confidence)| Sighting {
                indicator,
                behaviour: Behaviour(behaviour),
                rule: RuleHash(rule),
                at: Timestamp::from_millis(NOW.to_minute().as_millis() + minutes * 60_000),
                count: Count::from_log2(count).unwrap(),
                confidence,
            },
        )
}

pub(crate) fn sightings(max: usize) -> impl Strategy<Value = Vec<Sighting>> {
    vec(sighting(), 1..=max)
}

pub(crate) fn payload() -> impl Strategy<Value = Payload> {
    let retracted =
        (any::<u32>(), any::<u64>(), any::<u8>()).prop_map(|(epoch, seq, row)| Retracted { epoch, seq, row });
    let dispute = (
        any::<[u8; 16]>(),
        any::<u32>(),
        any::<u64>(),
        any::<u8>(),
        any::<u8>(),
    )
        .prop_map(|(publisher, epoch, seq, row, reason)| Dispute {
            sighting: SightingId {
                publisher: PublisherId(publisher),
                epoch,
                seq,
                row,
            },
            reason: DisputeReason::from_number(reason),
        });
    let given: Vec<Payload> = crate::sample::every_payload()
        .into_iter()
        .map(|(_, payload)| payload)
        .collect();
    prop_oneof![
        6 => sightings(60).prop_map(Payload::Sightings),
        1 => vec(retracted, 1..=256).prop_map(Payload::Retraction),
        1 => vec(dispute, 1..=100).prop_map(Payload::Disputes),
        1 => proptest::sample::select(given),
    ]
}

pub(crate) fn draft() -> impl Strategy<Value = Draft> {
    let place = (
        any::<u32>(),
        any::<u64>(),
        any::<[u8; 32]>(),
        any::<bool>(),
        0_u8..64,
    );
    (place, payload()).prop_map(|((epoch, seq, prev, clear, policy), payload)| Draft {
        network: NETWORK,
        epoch,
        seq,
        prev: HeaderHash(prev),
        time_base: NOW,
        tlp: if clear { Tlp::Clear } else { Tlp::Green },
        policy,
        payload,
    })
}
