//! Erasure: whatever goes, chain, signature and the remaining rows still hold.

use proptest::prelude::*;

use crate::sample::{NOW, addresses, every_payload, key, seal};
use crate::strategy;
use vigie_wire::*;

/// Encodes, decodes and verifies what is left.
fn hold(erased: &Envelope, original: &Envelope) {
    let again = Envelope::decode(&erased.encode()).unwrap();
    assert_eq!(&again, erased);
    assert_eq!(again.header_hash(), original.header_hash());
    again.verify(&key(1).public()).unwrap();
}

#[test]
fn every_kind_loses_rows_one_by_one() {
    for (name, payload) in every_payload() {
        let original = seal(payload);
        let rows = original.header().rows;
        let mut erased = original.clone();
        for row in 0..rows {
            erased = erased.erase_row(row.try_into().unwrap());
            hold(&erased, &original);
            let expected = if row + 1 == rows {
                Form::Erased
            } else {
                Form::Redacted
            };
            assert_eq!(erased.form(), expected, "{name}");
        }
        hold(&original.erase_body(), &original);
        assert_eq!(original.erase_body(), erased, "{name}: no rows have one form");
    }
}

#[test]
fn an_erased_proof_is_not_taken_for_one() {
    let (_, payload) = every_payload().pop().unwrap();
    assert_eq!(seal(payload).erase_row(0).payload(), Ok(Payload::Opaque));
}

/// Who has the redacted form must not be able to confirm a guess: neither the salt of the body nor that of the row is
/// in it, and the leaf is that of the salted row.
#[test]
fn an_erased_address_cannot_be_guessed() {
    let original = seal(Payload::Sightings(addresses(4)));
    let erased = original.erase_row(2).encode();
    let salt = crate::sample::SALT;
    assert!(!erased.windows(16).any(|window| window == salt));
    let salts = crate::vectors::cases::row_salts(&salt, 4);
    let holds = |salt: &[u8; 16]| erased.windows(16).any(|window| window == salt);
    assert_eq!(
        salts.iter().map(holds).collect::<Vec<_>>(),
        [true, true, false, true]
    );
    let (_, row) = original.rows().nth(2).unwrap();
    let leaf = crate::vectors::cases::leaf(&salts[2], row, NOW);
    assert!(erased.windows(32).any(|window| window == leaf));
    let address = [192, 0, 2, 2];
    assert!(!erased.windows(4).any(|window| window == address));
}

#[test]
fn a_row_that_is_not_there_is_not_erased() {
    let original = seal(Payload::Sightings(addresses(2)));
    assert_eq!(original.erase_row(2), original);
    let once = original.erase_row(0);
    assert_eq!(once.erase_row(0), once);
    let ids: Vec<u8> = once.sightings().map(|(id, _)| id.row).collect();
    assert_eq!(ids, [1]);
}

proptest! {
    #[test]
    fn any_rows_in_any_order_may_go(
        sightings in strategy::sightings(40),
        rows in proptest::collection::vec(0_u8..40, 0..60),
    ) {
        let original = seal(Payload::Sightings(sightings));
        let mut erased = original.clone();
        for row in &rows {
            erased = erased.erase_row(*row);
            hold(&erased, &original);
        }
        let left: Vec<_> = original.sightings().filter(|(id, _)| !rows.contains(&id.row)).collect();
        prop_assert_eq!(erased.sightings().collect::<Vec<_>>(), left);
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        let other_way = sorted.iter().fold(original, |envelope, row| envelope.erase_row(*row));
        prop_assert_eq!(other_way.encode(), erased.encode());
    }
}
