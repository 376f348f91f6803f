//! Every kind of envelope, there and back.

use crate::sample::{NOW, SALT, addresses, draft, every_payload, every_sighting, key, proof, seal};
use vigie_wire::*;

#[test]
fn every_payload_goes_there_and_back() {
    for (name, payload) in every_payload() {
        let envelope = seal(payload.clone());
        let bytes = envelope.encode();
        let decoded = Envelope::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(decoded, envelope, "{name}");
        assert_eq!(decoded.encode(), bytes, "{name}");
        decoded.verify(&key(1).public()).unwrap();
        assert_eq!(decoded.verify(&key(2).public()), Err(SignatureError::OtherKey));
        if !matches!(payload, Payload::Sightings(_)) {
            assert_eq!(decoded.payload().unwrap(), payload, "{name}");
        }
        assert_eq!(decoded.header().hash(), decoded.header_hash());
    }
}

#[test]
fn rows_stand_ipv4_then_ipv6_then_the_rest() {
    let envelope = seal(Payload::Sightings(every_sighting()));
    let order: Vec<String> = envelope
        .rows()
        .map(|(row, sighting)| format!("{row} {}", sighting.indicator))
        .collect();
    assert_eq!(
        order,
        [
            "0 192.0.2.1",
            "1 192.0.2.2",
            "2 2001:db8::1",
            "3 c2.example.net",
            "4 198.51.100.0/24",
            "5 2001:db8:1::/48",
            "6 https://phish.example.org",
            "7 abababababababababababababababababababababababababababababababab",
            "8 AS64511",
            "9 unknown type 200",
        ]
    );
    let (id, sighting) = envelope.sightings().nth(1).unwrap();
    assert_eq!(
        id,
        SightingId {
            publisher: key(1).public().publisher_id(),
            epoch: 1,
            seq: 7,
            row: 1
        }
    );
    assert_eq!(sighting, every_sighting()[9]);
}

#[test]
fn sealing_normalises_and_cuts_times() {
    let mut rows = addresses(1);
    rows[0].indicator = Indicator::Range("::ffff:198.51.100.9/128".parse().unwrap());
    rows[0].at = NOW;
    let envelope = seal(Payload::Sightings(rows));
    let (_, row) = envelope.rows().next().unwrap();
    assert_eq!(row.indicator.to_string(), "198.51.100.9");
    assert_eq!(row.at, NOW.to_minute());
}

#[test]
fn what_cannot_be_read_is_not_sealed() {
    let sealed = |payload| draft(payload).seal(&key(1), SALT).map(|_| ());
    let with = |change: fn(&mut Sighting)| {
        let mut rows = addresses(2);
        change(&mut rows[1]);
        sealed(Payload::Sightings(rows))
    };
    let row = |field| Err(SealError::Row { row: 1, field });
    assert_eq!(sealed(Payload::Sightings(Vec::new())), Err(SealError::NoRows));
    assert_eq!(sealed(Payload::Statements(Vec::new())), Err(SealError::NoRows));
    assert_eq!(
        sealed(Payload::Sightings(addresses(257))),
        Err(SealError::TooManyRows { rows: 257 })
    );
    assert_eq!(sealed(Payload::Opaque), Err(SealError::Opaque));
    assert_eq!(with(|row| row.confidence = 101), row("confidence"));
    assert_eq!(with(|row| row.at = Timestamp::from_millis(-1)), row("time"));
    assert_eq!(
        with(|row| row.indicator = Indicator::Domain("UPPER.example".into())),
        row("indicator")
    );
    assert_eq!(
        with(|row| row.indicator = Indicator::Unknown {
            tag: 4,
            bytes: [].into()
        }),
        row("indicator")
    );
    let mixed = vec![crate::sample::vouch(), crate::sample::certificate()];
    assert_eq!(
        sealed(Payload::Statements(mixed)),
        Err(SealError::MixedStatements)
    );
    let long = |sighting: Sighting| Sighting {
        indicator: Indicator::Domain("x".repeat(60).into()),
        ..sighting
    };
    let rows = addresses(256).into_iter().map(long).collect();
    assert!(matches!(
        sealed(Payload::Sightings(rows)),
        Err(SealError::TooLong { .. })
    ));
    let late = Draft {
        time_base: Timestamp::from_millis(i64::MAX),
        ..draft(Payload::Head)
    };
    assert_eq!(late.seal(&key(1), SALT), Err(SealError::Time));
    let policy = Draft {
        policy: 64,
        ..draft(Payload::Head)
    };
    assert_eq!(policy.seal(&key(1), SALT), Err(SealError::Policy));
}

#[test]
fn sizes_are_the_designed_ones() {
    let size = |rows| seal(Payload::Sightings(addresses(rows))).encode().len();
    assert_eq!([size(1), size(16), size(64), size(256)], [210, 330, 714, 2252]);
}

/// Whatever single bit changes, it is refused or not signed.
#[test]
fn no_bit_of_an_envelope_can_change() {
    let whole = seal(Payload::Sightings(addresses(3)));
    for envelope in [
        &whole,
        &whole.erase_row(1),
        &seal(Payload::Head),
        &seal(Payload::Proof(Box::new(proof()))),
    ] {
        let bytes = envelope.encode();
        for at in 0..bytes.len() * 8 {
            let mut bent = bytes.clone();
            bent[at / 8] ^= 1 << (at % 8);
            let accepted = Envelope::decode(&bent).is_ok_and(|bent| bent.verify(&key(1).public()).is_ok());
            assert!(!accepted, "bit {at}");
        }
    }
}
