//! The bytes of a message between neighbours.
//!
//! Version, wish, three lists of names, envelopes. Before the envelopes stand what they share: the latest of their times,
//! and the pairs of behaviour and rule in use. One message has exactly one encoding.

use super::{Name, Packed, Parcel, Wish};
use crate::codec::{Reader, put_count, put_time};
use crate::envelope::sightings::{Pair, read_table, write_pair};
use crate::{DecodeError, Reason, Timestamp};

/// Bytes of a message.
pub const MAX_PARCEL_BYTES: usize = 64 * 1024;
/// The first byte. It is neither that of a bundle nor that of an envelope of this version.
const VERSION: u8 = 0x41;
/// Version, wish, five counts, and the time.
pub(super) const FRAME_ROOM: usize = 2 + 5 * 3 + 7;
/// Pairs of a table: more do not fit.
const MAX_PAIRS: usize = MAX_PARCEL_BYTES / 9;
/// Envelopes of a message: more do not fit.
const MAX_ENVELOPES: usize = MAX_PARCEL_BYTES / 64;

pub(super) fn write(parcel: &Parcel) -> Vec<u8> {
    let mut out = Vec::with_capacity(parcel.room());
    out.extend_from_slice(&[VERSION, parcel.wish as u8]);
    write_names(&parcel.named, &mut out);
    write_names(&parcel.asked, &mut out);
    write_names(&parcel.asked_whole, &mut out);
    put_count(&mut out, parcel.envelopes.len());
    if parcel.envelopes.is_empty() {
        return out;
    }
    let envelopes = || parcel.envelopes.iter();
    let base = envelopes().filter_map(|packed| packed.time_base()).max();
    let base = base.unwrap_or(Timestamp::ZERO);
    let mut table: Vec<Pair> = envelopes().flat_map(|packed| packed.pairs()).collect();
    table.sort_unstable();
    table.dedup();
    put_time(&mut out, base);
    put_count(&mut out, table.len());
    for pair in &table {
        write_pair(*pair, &mut out);
    }
    envelopes().for_each(|packed| packed.write(base, &table, &mut out));
    out
}

fn write_names(names: &[Name], out: &mut Vec<u8>) {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    put_count(out, names.len());
    for name in &names {
        out.extend_from_slice(&name.0);
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Parcel, DecodeError> {
    if bytes.len() > MAX_PARCEL_BYTES {
        return Err(DecodeError::new(MAX_PARCEL_BYTES, Reason::TooLong));
    }
    let mut reader = Reader::new(bytes);
    let first = reader.u8()?;
    if first != VERSION {
        return Err(DecodeError::new(0, Reason::OutOfRange));
    }
    let wish = match reader.u8_up_to(2)? {
        0 => Wish::None,
        1 => Wish::Names,
        _ => Wish::Envelopes,
    };
    let parcel = Parcel {
        wish,
        named: read_names(&mut reader)?,
        asked: read_names(&mut reader)?,
        asked_whole: read_names(&mut reader)?,
        envelopes: read_envelopes(&mut reader)?,
    };
    reader.finish()?;
    if parcel.is_empty() {
        return Err(DecodeError::new(0, Reason::Truncated));
    }
    Ok(parcel)
}

fn read_names(reader: &mut Reader<'_>) -> Result<Vec<Name>, DecodeError> {
    let count = reader.count(MAX_PARCEL_BYTES / Name::WIDTH)?;
    let at = reader.at();
    let (names, _) = reader.take(count * Name::WIDTH)?.as_chunks::<{ Name::WIDTH }>();
    let names: Vec<Name> = names.iter().copied().map(Name).collect();
    let disorder = names
        .iter()
        .zip(names.iter().skip(1))
        .position(|(one, next)| one >= next);
    match disorder {
        Some(nth) => Err(DecodeError::new(at + (nth + 1) * Name::WIDTH, Reason::Order)),
        None => Ok(names),
    }
}

fn read_envelopes(reader: &mut Reader<'_>) -> Result<Vec<std::sync::Arc<Packed>>, DecodeError> {
    let count = reader.count(MAX_ENVELOPES)?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let base_at = reader.at();
    let base = reader.time()?;
    let table_at = reader.at();
    let table = read_table(reader, MAX_PAIRS)?;
    let mut used = vec![false; table.len()];
    let mut envelopes = Vec::with_capacity(count);
    for _ in 0..count {
        let packed = Packed::read(reader, base, &table, &mut used)?;
        envelopes.push(std::sync::Arc::new(packed));
    }
    let latest = envelopes.iter().filter_map(|packed| packed.time_base()).max();
    if latest.unwrap_or(Timestamp::ZERO) != base {
        return Err(DecodeError::new(base_at, Reason::OutOfRange));
    }
    if used.iter().any(|used| !used) {
        return Err(DecodeError::new(table_at, Reason::Table));
    }
    Ok(envelopes)
}
