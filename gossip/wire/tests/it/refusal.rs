//! Limits that are too long for a vector, and proofs of equivocation.

use crate::sample::{NOW, SALT, addresses, draft, key, proof, seal};
use vigie_wire::*;

#[test]
fn the_limit_of_an_envelope_leaves_room_for_erasure() {
    let long = |length: usize| {
        let mut rows = addresses(64);
        for row in &mut rows {
            row.indicator = Indicator::Unknown {
                tag: 99,
                bytes: vec![7; 204].into(),
            };
        }
        rows[0].indicator = Indicator::Unknown {
            tag: 99,
            bytes: vec![7; length].into(),
        };
        draft(Payload::Sightings(rows)).seal(&key(1), SALT)
    };
    let Err(SealError::TooLong { bytes }) = long(1024) else {
        panic!("expected to be too long")
    };
    let most = 1024 - (bytes - MAX_ENVELOPE_BYTES);
    let full = long(most).unwrap();
    assert_eq!(full.encode().len() + 64 * 32, MAX_ENVELOPE_BYTES);
    assert_eq!(Envelope::decode(&full.encode()), Ok(full.clone()));
    assert!(long(most + 1).is_err());
    let redacted = full.erase_row(0).encode();
    assert!(redacted.len() <= MAX_ENVELOPE_BYTES);
    assert!(Envelope::decode(&redacted).is_ok());
    let error = Envelope::decode(&vec![1; MAX_ENVELOPE_BYTES + 1]).unwrap_err();
    assert_eq!(
        (error.offset, error.reason),
        (MAX_ENVELOPE_BYTES, Reason::TooLong)
    );
}

fn heads(one: &Envelope, other: &Envelope) -> Result<EquivocationProof, NotEquivocal> {
    EquivocationProof::new(one.signed_header().clone(), other.signed_header().clone())
}

#[test]
fn two_envelopes_in_one_place_are_a_proof() {
    let proof = proof();
    assert_eq!(EquivocationProof::decode(&proof.encode()), Ok(proof.clone()));
    proof.verify(&key(1).public()).unwrap();
    assert_eq!(proof.verify(&key(2).public()), Err(SignatureError::OtherKey));
    let swapped = EquivocationProof::new(proof.second().clone(), proof.first().clone());
    assert_eq!(swapped, Ok(proof));
}

#[test]
fn a_head_and_another_envelope_are_a_proof() {
    let envelope = seal(Payload::Sightings(addresses(1)));
    let head = |hash| {
        Draft {
            prev: hash,
            time_base: NOW,
            ..draft(Payload::Head)
        }
        .seal(&key(1), SALT)
        .unwrap()
    };
    assert!(
        heads(&envelope, &head(envelope.header_hash())).is_err(),
        "the head tells the truth"
    );
    heads(&envelope, &head(HeaderHash([9; 32])))
        .unwrap()
        .verify(&key(1).public())
        .unwrap();
    heads(&head(HeaderHash([8; 32])), &head(HeaderHash([9; 32]))).unwrap();
}

#[test]
fn different_places_prove_nothing() {
    let one = seal(Payload::Sightings(addresses(1)));
    let at = |change: fn(&mut Draft), number| {
        let mut draft = draft(Payload::Sightings(addresses(2)));
        change(&mut draft);
        draft.seal(&key(number), SALT).unwrap()
    };
    assert!(heads(&one, &one).is_err());
    assert!(heads(&one, &one.erase_body()).is_err());
    assert!(heads(&one, &at(|draft| draft.seq = 8, 1)).is_err());
    assert!(heads(&one, &at(|draft| draft.epoch = 2, 1)).is_err());
    assert!(heads(&one, &at(|draft| draft.network = NetworkId([0; 16]), 1)).is_err());
    assert!(heads(&one, &at(|_| (), 2)).is_err());
}
