//! What a newer neighbour says: carried, verified, relayed, and not held against him.

use crate::sample::{from_the_future, key};
use vigie_wire::*;

fn check(change: fn(&mut Header)) {
    let bytes = from_the_future(change, b"whatever");
    let envelope = Envelope::decode(&bytes).unwrap();
    envelope.verify(&key(1).public()).unwrap();
    assert!(!envelope.is_known());
    assert_eq!(envelope.form(), Form::Opaque);
    assert_eq!(envelope.payload(), Ok(Payload::Opaque));
    assert_eq!(envelope.sightings().count(), 0);
    assert_eq!(envelope.encode(), bytes);
    assert_eq!(envelope.erase_row(0), envelope);
    let erased = envelope.erase_body();
    assert_eq!(Envelope::decode(&erased.encode()), Ok(erased.clone()));
    assert_eq!(erased.header_hash(), envelope.header_hash());
}

#[test]
fn an_unknown_version_kind_or_flag_is_opaque() {
    check(|header| header.version = 2);
    check(|header| header.kind = Kind::Unknown(99));
    check(|header| header.kind = Kind::Unknown(0));
    check(|header| header.flags = 0x80);
    check(|header| (header.version, header.rows) = (3, u16::MAX));
}

#[test]
fn an_unknown_envelope_has_a_body_of_at_most_4_kib() {
    let refused = |length| {
        let bytes = from_the_future(|header| header.version = 2, &vec![7; length]);
        Envelope::decode(&bytes).map_err(|error| error.class())
    };
    assert!(refused(MAX_UNKNOWN_BYTES - 250).is_ok());
    assert_eq!(refused(MAX_UNKNOWN_BYTES).unwrap_err(), Class::Unknown);
    assert!(refused(0).is_ok());
}

/// Who passes on what he cannot read must not be able to change it.
#[test]
fn an_unknown_body_is_the_one_that_was_signed() {
    let good = from_the_future(|header| header.version = 2, b"whatever");
    let form = good.len() - (1 + 32 + 8);
    for at in form + 1..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        assert_eq!(Envelope::decode(&bytes).unwrap_err().reason, Reason::Root, "{at}");
    }
    let refused = |bytes: &[u8]| Envelope::decode(bytes).unwrap_err().reason;
    assert_eq!(refused(&[&good[..], b"!"].concat()), Reason::Root);
    assert_eq!(refused(&good[..form]), Reason::Truncated);
    assert_eq!(refused(&good[..form + 20]), Reason::Truncated);
    assert_eq!(refused(&[&good[..form], &[0, 0]].concat()), Reason::Trailing);
    let mut redacted = good;
    redacted[form] = 2;
    let error = Envelope::decode(&redacted).unwrap_err();
    assert_eq!(
        (error.reason, error.class()),
        (Reason::UnknownForm, Class::Unknown)
    );
}

#[test]
fn a_statement_of_an_unknown_type_is_carried_beside_known_ones() {
    let error = Statement::decode(&[77, 1, 2, 3]).unwrap_err();
    assert_eq!(
        (error.offset, error.reason, error.is_unknown()),
        (0, Reason::UnknownType, true)
    );
    let bytes = crate::vectors::cases::with_an_unknown_statement();
    let envelope = Envelope::decode(&bytes).unwrap();
    assert_eq!(envelope.encode(), bytes);
    assert_eq!(
        envelope.payload(),
        Ok(Payload::Statements(vec![crate::sample::vouch()]))
    );
    assert_eq!(
        envelope.erase_row(0).payload(),
        Ok(Payload::Statements(Vec::new()))
    );
}
