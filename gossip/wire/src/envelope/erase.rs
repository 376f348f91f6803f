//! Erasure: a row goes, its leaf stays, and the salt that could confirm a guess goes with the row.

use super::Envelope;
use super::body::{Body, Rows, Salts, Slot};

/// The body without that row.
pub(super) fn row(envelope: &Envelope, row: u8) -> Body {
    let Body::Rows { salts, rows } = &envelope.body else {
        return envelope.body.clone();
    };
    let Some(position) = envelope.body.kept().take(rows.len()).position(|kept| kept == row) else {
        return envelope.body.clone();
    };
    if rows.len() == 1 {
        return Body::Erased;
    }
    let leaves = salts.leaves(rows, envelope.header().time_base);
    let mut slots = salts.slots(rows.len());
    if let (Some(slot), Some(leaf)) = (slots.get_mut(usize::from(row)), leaves.get(usize::from(row))) {
        *slot = Slot::Erased(*leaf);
    }
    Body::Rows {
        salts: Salts::Redacted(slots.into()),
        rows: without(rows, position),
    }
}

fn without(rows: &Rows, position: usize) -> Rows {
    let mut rows = rows.clone();
    match &mut rows {
        Rows::Sightings(sightings) => drop(sightings.remove(position)),
        Rows::Items(items) => drop(items.remove(position)),
    }
    rows
}
