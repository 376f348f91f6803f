//! From bytes to an envelope: every rule of the encoding is checked here, the signature is not.

use super::body::{Body, Rows, Salts, Slot};
use super::{ERASURE_ROOM_BYTES, Envelope, MAX_ENVELOPE_BYTES, MAX_UNKNOWN_BYTES};
use super::{Header, Kind, SignedHeader, form, merkle};
use crate::codec::Reader;
use crate::{DecodeError, Dispute, EquivocationProof, Payload, Reason, Retracted, Statement};

pub(super) fn envelope(bytes: &[u8]) -> Result<Envelope, DecodeError> {
    if bytes.len() > MAX_ENVELOPE_BYTES {
        return Err(DecodeError::new(MAX_ENVELOPE_BYTES, Reason::TooLong));
    }
    let mut reader = Reader::new(bytes);
    let signed = SignedHeader::read(&mut reader)?;
    let body = if signed.header().is_known() {
        known_body(&mut reader, signed.header(), bytes.len())?
    } else {
        opaque_body(&mut reader, signed.header(), bytes.len())?
    };
    reader.finish()?;
    Ok(Envelope { signed, body })
}

/// Not understood, but held to what its publisher signed: otherwise whoever passes it on could put anything in its place,
/// and those who know the later version would blame the next one who passes that on.
fn opaque_body(reader: &mut Reader<'_>, header: &Header, length: usize) -> Result<Body, DecodeError> {
    if length > MAX_UNKNOWN_BYTES {
        return Err(DecodeError::new(MAX_UNKNOWN_BYTES, Reason::UnknownTooLong));
    }
    let (at, body) = (reader.at(), reader.rest());
    match reader.u8()? {
        form::ERASED => return Ok(Body::Erased),
        form::WHOLE => {}
        _ => return Err(DecodeError::new(at, Reason::UnknownForm)),
    }
    let commitment = reader.array()?;
    let content = reader.take(reader.rest().len())?;
    if merkle::opaque_root(&commitment, content) != header.root {
        return Err(DecodeError::new(at, Reason::Root));
    }
    Ok(Body::Opaque(body.into()))
}

fn known_body(reader: &mut Reader<'_>, header: &Header, length: usize) -> Result<Body, DecodeError> {
    let at = reader.at();
    let count = usize::from(header.rows);
    if !header.kind.fits(count) {
        return Err(DecodeError::new(at, Reason::RowCount));
    }
    if count == 0 && header.root != [0; 32] {
        return Err(DecodeError::new(at, Reason::Root));
    }
    let salts = match reader.u8()? {
        form::ERASED => return Ok(Body::Erased),
        form::WHOLE if count > 0 => Salts::Whole(reader.array()?),
        form::REDACTED if count > 1 => Salts::Redacted(read_slots(reader, count)?),
        _ => return Err(DecodeError::new(at, Reason::Form)),
    };
    if matches!(salts, Salts::Whole(_)) && length + ERASURE_ROOM_BYTES * count > MAX_ENVELOPE_BYTES {
        return Err(DecodeError::new(at, Reason::TooLong));
    }
    let kept = match &salts {
        Salts::Whole(_) => count,
        Salts::Redacted(slots) => slots.iter().filter(|slot| matches!(slot, Slot::Kept(_))).count(),
    };
    let rows = match header.kind {
        Kind::Sightings => Rows::Sightings(super::sightings::read(reader, kept, header.time_base)?),
        kind => Rows::Items(read_items(reader, kept, kind)?),
    };
    // Before the hashes: they are the dear part.
    reader.finish()?;
    if merkle::root(salts.leaves(&rows, header.time_base)) != header.root {
        return Err(DecodeError::new(at, Reason::Root));
    }
    Ok(Body::Rows { salts, rows })
}

fn read_slots(reader: &mut Reader<'_>, count: usize) -> Result<Box<[Slot]>, DecodeError> {
    let at = reader.at();
    let bits = reader.take(count.div_ceil(8))?;
    let set: u32 = bits.iter().map(|byte| byte.count_ones()).sum();
    let is_kept = |row: usize| bits.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1);
    let kept = (0..count).filter(|row| is_kept(*row)).count();
    let padded = usize::try_from(set).is_ok_and(|set| set != kept);
    if padded || kept == 0 || kept == count {
        return Err(DecodeError::new(at, Reason::Form));
    }
    let slot = |row| {
        if is_kept(row) {
            reader.array().map(Slot::Kept)
        } else {
            reader.array().map(Slot::Erased)
        }
    };
    (0..count).map(slot).collect()
}

fn read_items(reader: &mut Reader<'_>, count: usize, kind: Kind) -> Result<Vec<Box<[u8]>>, DecodeError> {
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        let bytes = reader.prefixed(MAX_ENVELOPE_BYTES)?;
        let start = reader.at().saturating_sub(bytes.len());
        read_item(&mut Reader::within(bytes, start), kind)?;
        items.push(bytes.into());
    }
    Ok(items)
}

/// One row of any kind but sightings.
enum Item {
    Retracted(Retracted),
    Dispute(Dispute),
    Statement(Statement),
    Proof(Box<EquivocationProof>),
    /// A statement of a type that this version does not know.
    Unknown,
}

fn read_item(reader: &mut Reader<'_>, kind: Kind) -> Result<Item, DecodeError> {
    let at = reader.at();
    let item = match kind {
        Kind::Retraction => Item::Retracted(Retracted::read(reader)?),
        Kind::Dispute => Item::Dispute(Dispute::read(reader)?),
        Kind::Proof => Item::Proof(Box::new(EquivocationProof::read(reader)?)),
        _ => match Statement::read(reader) {
            Ok(statement) if statement.kind() == kind => Item::Statement(statement),
            Ok(_) => return Err(DecodeError::new(at, Reason::Misplaced)),
            Err(error) if error.is_unknown() => return Ok(Item::Unknown),
            Err(error) => return Err(error),
        },
    };
    reader.finish()?;
    Ok(item)
}

pub(super) fn payload(envelope: &Envelope) -> Result<Payload, DecodeError> {
    let kind = envelope.header().kind;
    let items = match &envelope.body {
        Body::Rows {
            rows: Rows::Sightings(sightings),
            ..
        } => return Ok(Payload::Sightings(sightings.clone())),
        Body::Rows {
            rows: Rows::Items(items),
            ..
        } => items,
        Body::Erased if kind == Kind::Head && envelope.is_known() => return Ok(Payload::Head),
        Body::Erased | Body::Opaque(_) => return Ok(Payload::Opaque),
    };
    let (mut retracted, mut disputes, mut statements) = (Vec::new(), Vec::new(), Vec::new());
    for item in items {
        match read_item(&mut Reader::new(item), kind)? {
            Item::Retracted(row) => retracted.push(row),
            Item::Dispute(dispute) => disputes.push(dispute),
            Item::Statement(statement) => statements.push(statement),
            Item::Proof(proof) => return Ok(Payload::Proof(proof)),
            Item::Unknown => {}
        }
    }
    Ok(match kind {
        Kind::Retraction => Payload::Retraction(retracted),
        Kind::Dispute => Payload::Disputes(disputes),
        _ => Payload::Statements(statements),
    })
}
