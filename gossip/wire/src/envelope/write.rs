//! From a body to its bytes.

use super::body::{Body, Rows, Salts, Slot};
use super::{Envelope, form};
use crate::Timestamp;
use crate::codec::put_prefixed;

pub(super) fn envelope(envelope: &Envelope) -> Vec<u8> {
    let mut out = envelope.signed.encode();
    body(&envelope.body, envelope.header().time_base, &mut out);
    out
}

fn body(body: &Body, base: Timestamp, out: &mut Vec<u8>) {
    match body {
        Body::Erased => out.push(form::ERASED),
        Body::Opaque(bytes) => out.extend_from_slice(bytes),
        Body::Rows {
            salts: Salts::Whole(salt),
            rows,
        } => {
            out.push(form::WHOLE);
            out.extend_from_slice(salt);
            write_rows(rows, base, out);
        }
        Body::Rows {
            salts: Salts::Redacted(slots),
            rows,
        } => {
            out.push(form::REDACTED);
            write_slots(slots, out);
            write_rows(rows, base, out);
        }
    }
}

/// A bit for each row, set if it is there, the lowest first; then the leaf or the salt of each row.
fn write_slots(slots: &[Slot], out: &mut Vec<u8>) {
    for eight in slots.chunks(8) {
        let kept = eight
            .iter()
            .rev()
            .map(|slot| u8::from(matches!(slot, Slot::Kept(_))));
        out.push(kept.fold(0, |byte, bit| byte << 1 | bit));
    }
    for slot in slots {
        match slot {
            Slot::Kept(salt) => out.extend_from_slice(salt),
            Slot::Erased(leaf) => out.extend_from_slice(leaf),
        }
    }
}

fn write_rows(rows: &Rows, base: Timestamp, out: &mut Vec<u8>) {
    match rows {
        Rows::Sightings(sightings) => super::sightings::write(sightings, base, out),
        Rows::Items(items) => items.iter().for_each(|item| put_prefixed(out, item)),
    }
}
