//! One value, one encoding: what is accepted is written back the same, and nothing at all makes the decoder panic.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::sample::{SALT, every_payload, every_statement, from_the_future, genesis, key, proof, seal};
use crate::strategy;
use vigie_wire::*;

/// Whatever decodes encodes to the very bytes, and does everything it can do without panicking.
fn accepted_is_canonical(bytes: &[u8]) {
    if let Ok(envelope) = Envelope::decode(bytes) {
        assert_eq!(envelope.encode(), bytes);
        envelope.payload().expect("checked when it was decoded");
        assert!(envelope.erase_row(0).encode().len() <= MAX_ENVELOPE_BYTES);
        assert_eq!(
            envelope.header().encode(),
            envelope.signed_header().header_bytes()
        );
    }
    if let Ok(statement) = Statement::decode(bytes) {
        assert_eq!(statement.encode(), bytes);
    }
    if let Ok(bundle) = Bundle::decode(bytes) {
        assert_eq!(bundle.encode(), bytes);
        assert_eq!(bundle.envelopes().count(), bundle.len());
    }
    if let Ok(proof) = EquivocationProof::decode(bytes) {
        assert_eq!(proof.encode(), bytes);
    }
    if let Ok(signed) = SignedHeader::decode(bytes) {
        assert_eq!(signed.encode(), bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(genesis) = Genesis::parse(text)
    {
        assert_eq!(genesis.render(), text);
    }
}

/// Something real to bend: an encoding of everything there is.
fn real() -> impl Strategy<Value = Vec<u8>> {
    let mut all: Vec<Vec<u8>> = every_payload()
        .into_iter()
        .map(|(_, payload)| seal(payload).encode())
        .collect();
    let redacted: Vec<Vec<u8>> = every_payload()
        .into_iter()
        .map(|(_, payload)| seal(payload).erase_row(1).encode())
        .collect();
    all.extend(redacted);
    all.extend(
        every_statement()
            .into_iter()
            .map(|(_, statement)| statement.encode()),
    );
    all.push(from_the_future(|header| header.version = 9, b"later"));
    all.push(proof().encode());
    all.push(genesis().render().into_bytes());
    let mut bundle = Bundle::new();
    bundle.push(&all[0]).unwrap();
    bundle.push(&all[3]).unwrap();
    all.push(bundle.encode());
    prop_oneof![
        proptest::sample::select(all),
        strategy::draft().prop_map(|draft| draft.seal(&key(1), SALT).unwrap().encode()),
    ]
}

/// One change to some bytes.
#[derive(Clone, Debug)]
enum Bend {
    Flip(prop::sample::Index, u8),
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn bend() -> impl Strategy<Value = Bend> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 0_u8..8).prop_map(|(at, bit)| Bend::Flip(at, 1 << bit)),
        (
            index(),
            prop_oneof![Just(0), Just(1), Just(0x80), Just(0xff), any::<u8>()]
        )
            .prop_map(|(at, byte)| Bend::Set(at, byte)),
        (index(), prop_oneof![Just(0), Just(0x80), any::<u8>()])
            .prop_map(|(at, byte)| Bend::Insert(at, byte)),
        index().prop_map(Bend::Remove),
        index().prop_map(Bend::Cut),
    ]
}

fn bent(mut bytes: Vec<u8>, bends: &[Bend]) -> Vec<u8> {
    for bend in bends {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match bend {
            Bend::Flip(at, bits) => bytes[at.index(length)] ^= bits,
            Bend::Set(at, byte) => bytes[at.index(length)] = *byte,
            Bend::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Bend::Remove(at) => drop(bytes.remove(at.index(length))),
            Bend::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_value_comes_back(draft in strategy::draft()) {
        let sealed = draft.clone().seal(&key(1), SALT).unwrap();
        let decoded = Envelope::decode(&sealed.encode()).unwrap();
        prop_assert_eq!(&decoded, &sealed);
        match (draft.payload, decoded.payload().unwrap()) {
            (Payload::Sightings(mut given), Payload::Sightings(got)) => {
                let group = |row: &Sighting| row.indicator.as_ip().map_or(2, |ip| u8::from(ip.is_ipv6()));
                given.sort_by_key(group);
                prop_assert_eq!(given, got);
            }
            (given, got) => prop_assert_eq!(given, got),
        }
    }

    #[test]
    fn bent_bytes_are_refused_or_canonical(bytes in real(), bends in vec(bend(), 1..4)) {
        accepted_is_canonical(&bent(bytes, &bends));
    }

    #[test]
    fn no_proper_beginning_decodes(bytes in real(), at in any::<prop::sample::Index>()) {
        let cut = &bytes[..at.index(bytes.len())];
        let opaque = Envelope::decode(&bytes).is_ok_and(|envelope| !envelope.is_known());
        let bundle = Bundle::is_bundle(&bytes);
        prop_assert!(opaque || bundle || Envelope::decode(cut).is_err());
        prop_assert!(Statement::decode(cut).is_err());
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in vec(any::<u8>(), 0..600)) {
        accepted_is_canonical(&bytes);
    }
}
