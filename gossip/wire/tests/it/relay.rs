//! What neighbours send each other is what was signed, byte for byte, or is asked for whole.

use std::sync::Arc;

use crate::sample::{NOW, SALT, draft, every_sighting, key, sighting};
use crate::vectors::parcels::{Shelf, pack, shelf};
use proptest::prelude::*;
use vigie_wire::relay::{Name, Packed, Parcel, Unrestored, Wish, restore_all};
use vigie_wire::*;

fn sealed(number: u8, seq: u64, prev: HeaderHash, rows: Vec<Sighting>) -> Envelope {
    let draft = Draft {
        seq,
        prev,
        time_base: NOW + std::time::Duration::from_millis(seq),
        ..draft(Payload::Sightings(rows))
    };
    draft.seal(&key(number), SALT).unwrap()
}

fn sealed_any() -> impl Strategy<Value = Envelope> {
    let sealed = |(draft, number): (Draft, u8)| draft.seal(&key(number), SALT).ok();
    (crate::strategy::draft(), 0_u8..30).prop_filter_map("too long", sealed)
}

fn there_and_back(parcel: &Parcel) -> Parcel {
    let bytes = parcel.encode();
    assert!(
        bytes.len() <= parcel.room(),
        "{} of {}",
        bytes.len(),
        parcel.room()
    );
    let decoded = Parcel::decode(&bytes).unwrap();
    assert_eq!(decoded.encode(), bytes);
    decoded
}

fn carrying(envelopes: &[Arc<Packed>]) -> Parcel {
    Parcel {
        envelopes: envelopes.to_vec(),
        ..Parcel::default()
    }
}

#[test]
fn an_envelope_of_one_row_travels_in_half_its_bytes() {
    let envelope = sealed(
        3,
        7,
        HeaderHash([0x77; 32]),
        vec![sighting(crate::sample::ip("192.0.2.1"))],
    );
    let bytes = carrying(&[pack(&envelope, &shelf())]).encode();
    let (whole, one) = (envelope.encode().len(), bytes.len());
    let two = sealed(
        2,
        7,
        HeaderHash([0x77; 32]),
        vec![sighting(crate::sample::ip("192.0.2.2"))],
    );
    let both = carrying(&[pack(&envelope, &shelf()), pack(&two, &shelf())])
        .encode()
        .len();
    assert_eq!((whole, one, both - one), (210, 123, 101));
}

#[test]
fn every_envelope_comes_back_as_it_was() {
    let ground = shelf();
    let prev = HeaderHash([0x77; 32]);
    let rows = sealed(1, 7, prev, every_sighting());
    let unknown = sealed(1, 7, HeaderHash([0x78; 32]), vec![every_sighting().remove(1)]);
    let first = sealed(2, 0, HeaderHash([0; 32]), every_sighting());
    let odd = sealed(2, 0, HeaderHash([1; 32]), every_sighting());
    let stranger = sealed(99, 7, prev, every_sighting());
    let cut = rows.erase_row(0);
    let erased = rows.erase_body();
    let head = draft(Payload::Head).seal(&key(1), SALT).unwrap();
    let all = [rows, unknown, first, odd, stranger, cut, erased, head];
    let packed: Vec<_> = all.iter().map(|envelope| pack(envelope, &ground)).collect();
    let decoded = there_and_back(&carrying(&packed));
    let restored = restore_all(&decoded.envelopes, &ground);
    for (nth, (restored, original)) in restored.into_iter().zip(&all).enumerate() {
        let restored = restored.unwrap();
        assert_eq!(restored.encode(), original.encode(), "{nth}");
        assert_eq!(restored.header_hash(), original.header_hash(), "{nth}");
        assert_eq!(decoded.envelopes[nth].name(), Name::of(original.signature()));
    }
}

#[test]
fn who_knows_less_asks_for_it_whole_and_the_envelope_before_may_be_in_the_message() {
    let first = sealed(1, 7, HeaderHash([0x77; 32]), every_sighting());
    let second = sealed(1, 8, first.header_hash(), every_sighting());
    let mut sender = shelf();
    sender
        .held
        .push((first.header().publisher, 1, 7, first.header_hash()));
    let packed = [pack(&first, &sender), pack(&second, &sender)];
    assert!(
        packed
            .iter()
            .all(|packed| packed.borrows() && packed.is_follower())
    );
    let mut receiver = shelf();
    assert!(restore_all(&packed, &receiver).iter().all(Result::is_ok));
    assert_eq!(packed[1].restore(&receiver), Err(Unrestored::Ancestor));
    receiver.held.clear();
    assert_eq!(
        restore_all(&packed, &receiver),
        [Err(Unrestored::Ancestor), Err(Unrestored::Ancestor)]
    );
    receiver.publishers.clear();
    assert_eq!(packed[0].restore(&receiver), Err(Unrestored::Publisher));
    let whole = packed[0].whole(&first.encode().into());
    assert_eq!((whole.restore(&receiver), whole.borrows()), (Ok(first), false));
}

#[test]
fn what_overtakes_others_has_its_previous_hash_with_it() {
    let draft = Draft {
        policy: envelope::policy::URGENT,
        ..draft(Payload::Sightings(every_sighting()))
    };
    let urgent = draft.seal(&key(1), SALT).unwrap();
    let packed = pack(&urgent, &shelf());
    assert!(packed.asks_urgency() && !packed.is_follower());
    assert!(there_and_back(&carrying(&[packed])).envelopes[0].asks_urgency());
}

#[test]
fn another_story_at_the_place_before_does_not_verify_and_is_nobodys_fault() {
    let envelope = sealed(1, 7, HeaderHash([0x77; 32]), every_sighting());
    let packed = pack(&envelope, &shelf());
    let mut other = shelf();
    other
        .held
        .iter_mut()
        .for_each(|held| held.3 = HeaderHash([0x66; 32]));
    let restored = packed.restore(&other).unwrap();
    assert!(restored.verify(&key(1).public()).is_err() && packed.borrows());
}

#[test]
fn a_parcel_has_one_encoding_and_refusals_name_their_place() {
    let names = |from: u8| (from..from + 3).map(|byte| Name([byte; 8])).collect();
    let parcel = Parcel {
        wish: Wish::Names,
        named: names(1),
        asked: names(2),
        asked_whole: names(3),
        envelopes: vec![pack(
            &sealed(1, 7, HeaderHash([0x77; 32]), every_sighting()),
            &shelf(),
        )],
    };
    assert_eq!(there_and_back(&parcel), parcel);
    let bytes = parcel.encode();
    for length in 0..bytes.len() {
        let error = Parcel::decode(&bytes[..length]).unwrap_err();
        assert!(
            error.offset <= length && error.reason == Reason::Truncated,
            "{length}: {error}"
        );
    }
    for (at, byte, offset, reason) in [
        (0, 0, 0, Reason::OutOfRange),
        (1, 3, 1, Reason::OutOfRange),
        (11, 0, 11, Reason::Order),
    ] {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        let error = Parcel::decode(&bytes).unwrap_err();
        assert_eq!((error.offset, error.reason), (offset, reason), "{at}");
    }
    let refused = |bytes: &[u8]| Parcel::decode(bytes).unwrap_err().reason;
    assert_eq!(refused(&[0x41, 0, 0, 0, 0, 0]), Reason::Truncated);
    assert_eq!(refused(&[&bytes[..], &[0]].concat()), Reason::Trailing);
    assert_eq!(refused(&vec![0x41; relay::MAX_PARCEL_BYTES + 1]), Reason::TooLong);
}

proptest! {
    #[test]
    fn a_changed_byte_is_another_parcel_or_none(at in 0..4_000_usize, to in any::<u8>()) {
        let rows = every_sighting();
        let all = [(1, 7), (2, 7), (9, 0)].map(|(number, seq)| sealed(number, seq, HeaderHash([0x77; 32]), rows.clone()));
        let mut parcel = carrying(&all.each_ref().map(|envelope| pack(envelope, &shelf())));
        parcel.named = vec![Name([1; 8]), Name([2; 8])];
        let mut bytes = parcel.encode();
        let at = at % bytes.len();
        bytes[at] = to;
        match Parcel::decode(&bytes) {
            Ok(decoded) => {
                prop_assert_eq!(decoded.encode(), bytes);
                for envelope in restore_all(&decoded.envelopes, &shelf()).into_iter().flatten() {
                    prop_assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope));
                }
            }
            Err(error) => prop_assert!(error.offset <= bytes.len()),
        }
    }

    #[test]
    fn any_envelope_survives_the_way(envelopes in prop::collection::vec(sealed_any(), 1..4)) {
        let mut ground = Shelf::default();
        for envelope in &envelopes {
            let header = envelope.header();
            ground.publishers.push(header.publisher);
            if header.seq % 2 == 1 {
                ground.held.push((header.publisher, header.epoch, header.seq - 1, header.prev));
            }
        }
        ground.publishers.sort_unstable();
        ground.publishers.dedup();
        let packed: Vec<_> = envelopes.iter().map(|envelope| pack(envelope, &ground)).collect();
        let decoded = there_and_back(&carrying(&packed));
        for (packed, envelope) in decoded.envelopes.iter().zip(&envelopes) {
            prop_assert_eq!(packed.restore(&ground).unwrap().encode(), envelope.encode());
        }
    }
}
