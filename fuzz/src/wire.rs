//! Targets for the bytes of the network: whatever decodes has one encoding, and nothing that does not is believed.
//!
//! The same functions run over what is kept in `fuzz/corpus` as ordinary tests (`gossip/core/tests/it/fuzzed.rs`).

use vigie_gossip_core::sync::{Message, Response};
use vigie_gossip_core::wire::relay::{Ground, Packed, Parcel, Unrestored, restore_all};
use vigie_gossip_core::wire::{Bundle, DecodeError, Envelope, EquivocationProof, Form, Genesis, Statement};
use vigie_gossip_core::wire::{HeaderHash, NetworkId, PublisherId};

/// A refusal names a place within the input.
fn within(error: &DecodeError, bytes: &[u8]) {
    assert!(error.offset <= bytes.len(), "{error} of {} bytes", bytes.len());
}

/// An envelope is its bytes, and erasing changes neither its hash nor what is left.
pub fn envelope(bytes: &[u8]) {
    let envelope = match Envelope::decode(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return within(&error, bytes),
    };
    assert_eq!(envelope.encode(), bytes);
    assert_eq!(envelope.header_hash(), envelope.header().hash());
    envelope.payload().expect("what is decoded has been read once");
    let rows: Vec<u8> = envelope.rows().map(|(row, _)| row).collect();
    assert!(rows.is_sorted() && rows.len() <= usize::from(envelope.header().rows));
    // The first, the last, and one that may not be there.
    let last = rows.last().copied().unwrap_or_default();
    for less in [
        envelope.erase_row(0),
        envelope.erase_row(last),
        envelope.erase_row(last.wrapping_add(1)),
    ] {
        let again = Envelope::decode(&less.encode()).expect("what is erased still decodes");
        assert_eq!(again, less);
        assert_eq!(again.header_hash(), envelope.header_hash());
        assert!(again.rows().all(|(row, _)| rows.contains(&row)));
    }
    if envelope.is_known() {
        assert_eq!(envelope.erase_body().form(), Form::Erased);
    }
}

/// A bundle is its bytes, and its members are what it was made of.
pub fn bundle(bytes: &[u8]) {
    let bundle = match Bundle::decode(bytes) {
        Ok(bundle) => bundle,
        Err(error) => return within(&error, bytes),
    };
    assert_eq!(bundle.encode(), bytes);
    let mut made = Bundle::new();
    for member in bundle.envelopes() {
        made.push(member).expect("it had room before");
        envelope(member);
    }
    assert_eq!((made.len(), made.encode()), (bundle.len(), bundle.encode()));
}

/// A parcel is its bytes; what is restored from it is an envelope, and packed again the same.
pub fn parcel(bytes: &[u8]) {
    let parcel = match Parcel::decode(bytes) {
        Ok(parcel) => parcel,
        Err(error) => return within(&error, bytes),
    };
    assert_eq!(parcel.encode(), bytes);
    assert!(parcel.room() >= bytes.len());
    for (packed, restored) in parcel
        .envelopes
        .iter()
        .zip(restore_all(&parcel.envelopes, &Anybody))
    {
        if matches!(restored, Err(Unrestored::Malformed(_))) {
            continue;
        }
        let envelope = restored.expect("everybody and everything is known");
        let encoded = envelope.encode();
        assert_eq!(Envelope::decode(&encoded).as_ref(), Ok(&envelope));
        let again = Packed::of(&envelope, &encoded.into(), &Anybody);
        assert_eq!(
            (again.name(), again.asks_urgency()),
            (packed.name(), packed.asks_urgency())
        );
        assert_eq!(again.restore(&Anybody), Ok(envelope));
    }
}

/// Knows a publisher for every beginning, and a hash for every place.
struct Anybody;

impl Ground for Anybody {
    fn network(&self) -> NetworkId {
        NetworkId([0x4e; 16])
    }

    fn publisher(&self, short: [u8; 4]) -> Option<PublisherId> {
        let mut publisher = PublisherId([7; 16]);
        publisher.0[..4].copy_from_slice(&short);
        Some(publisher)
    }

    fn hash_at(&self, _: PublisherId, _: u32, seq: u64) -> Option<HeaderHash> {
        Some(HeaderHash([seq.to_le_bytes()[0]; 32]))
    }
}

/// A statement is its bytes; its name does not depend on its signature.
pub fn statement(bytes: &[u8]) {
    let statement = match Statement::decode(bytes) {
        Ok(statement) => statement,
        Err(error) => return within(&error, bytes),
    };
    assert_eq!(statement.encode(), bytes);
    assert!(statement.verify().is_err() || statement.signer().is_some());
    if statement.signer().is_some() {
        let mut other = bytes.to_vec();
        if let Some(last) = other.last_mut() {
            *last ^= 1;
        }
        let other = Statement::decode(&other).expect("a signature may be any bytes");
        assert_eq!(other.id(), statement.id());
    }
}

/// A proof is its bytes, and its halves make it again in either order.
pub fn proof(bytes: &[u8]) {
    let proof = match EquivocationProof::decode(bytes) {
        Ok(proof) => proof,
        Err(error) => return within(&error, bytes),
    };
    assert_eq!(proof.encode(), bytes);
    let halves = (proof.first().clone(), proof.second().clone());
    assert_eq!(EquivocationProof::new(halves.1, halves.0), Ok(proof));
}

/// A genesis file has one writing.
pub fn genesis(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Genesis::parse(text) {
        Ok(genesis) => assert_eq!(genesis.render(), text),
        Err(error) => assert!(error.line <= text.lines().count() + 1, "{error}"),
    }
}

/// A message of sync is its bytes, but for statements of later versions, which are left out.
pub fn sync(bytes: &[u8]) {
    let message = match Message::decode(bytes) {
        Ok(message) => message,
        Err(error) => return assert!(error.offset <= bytes.len(), "{error}"),
    };
    let encoded = message.encode();
    if encoded != bytes {
        let statements = matches!(message, Message::Response(Response::Statements { .. }));
        assert!(statements && encoded.len() < bytes.len());
    }
    assert_eq!(Message::decode(&encoded), Ok(message));
}
