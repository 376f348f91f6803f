//! The columns of sightings: each value beside its like, addresses first, one allocation for all rows.
//!
//! The order of the rows is: IPv4, IPv6, everything else, and within each the publisher's. Row numbers follow it.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::MAX_ROWS;
use crate::codec::{Reader, put_count, put_varint, unzigzag, zigzag};
use crate::{Behaviour, Count, DecodeError, Indicator, Reason, RuleHash, Sighting, Timestamp};

/// The highest confidence, in percent.
pub(super) const MAX_CONFIDENCE: u8 = 100;

const MINUTE_MILLIS: i64 = 60_000;

/// An entry of a table: what was seen, by which rule.
pub(crate) type Pair = (Behaviour, RuleHash);

/// Which of the three groups of rows.
pub(super) const fn group(indicator: &Indicator) -> u8 {
    match indicator {
        Indicator::Ip(IpAddr::V4(_)) => 0,
        Indicator::Ip(IpAddr::V6(_)) => 1,
        _ => 2,
    }
}

// === one row, as its leaf sees it ===

/// Indicator, behaviour, rule, minutes, count, confidence.
pub(super) fn write_row(sighting: &Sighting, base: Timestamp, out: &mut Vec<u8>) {
    sighting.indicator.write(out);
    put_varint(out, u64::from(sighting.behaviour.0));
    out.extend_from_slice(&sighting.rule.0);
    put_varint(out, zigzag(minutes(sighting.at, base)));
    out.extend_from_slice(&[sighting.count.log2(), sighting.confidence]);
}

const fn minutes(at: Timestamp, base: Timestamp) -> i64 {
    (at.to_minute().as_millis() - base.to_minute().as_millis()) / MINUTE_MILLIS
}

// === columns ===

/// Writes the table and the columns. The rows stand in their order.
pub(super) fn write(sightings: &[Sighting], base: Timestamp, out: &mut Vec<u8>) {
    let table = table(sightings);
    put_count(out, table.len());
    for pair in &table {
        write_pair(*pair, out);
    }
    write_columns(sightings, base, &table, true, out);
}

pub(crate) fn write_pair((behaviour, rule): Pair, out: &mut Vec<u8>) {
    put_varint(out, u64::from(behaviour.0));
    out.extend_from_slice(&rule.0);
}

/// Everything but the table. The column of its entries may be left out where there is only one.
pub(super) fn write_columns(
    sightings: &[Sighting],
    base: Timestamp,
    table: &[Pair],
    indexed: bool,
    out: &mut Vec<u8>,
) {
    let in_group = |wanted: u8| {
        sightings
            .iter()
            .filter(move |row| group(&row.indicator) == wanted)
    };
    put_count(out, in_group(0).count());
    put_count(out, in_group(1).count());
    for sighting in sightings {
        match &sighting.indicator {
            Indicator::Ip(IpAddr::V4(address)) => out.extend_from_slice(&address.octets()),
            Indicator::Ip(IpAddr::V6(address)) => out.extend_from_slice(&address.octets()),
            other => other.write(out),
        }
    }
    let index = |row: &Sighting| table.binary_search(&pair(row)).unwrap_or_default();
    if indexed {
        let indexes = sightings.iter().map(index);
        out.extend(indexes.map(|index| u8::try_from(index).unwrap_or_default()));
    }
    for sighting in sightings {
        put_varint(out, zigzag(minutes(sighting.at, base)));
    }
    out.extend(sightings.iter().map(|row| row.count.log2()));
    out.extend(sightings.iter().map(|row| row.confidence));
}

const fn pair(sighting: &Sighting) -> Pair {
    (sighting.behaviour, sighting.rule)
}

/// The pairs in use, ascending. 256 rows have at most 256 of them, so a byte is enough for an index.
pub(super) fn table(sightings: &[Sighting]) -> Vec<Pair> {
    let mut table: Vec<Pair> = sightings.iter().map(pair).collect();
    table.sort_unstable();
    table.dedup();
    table
}

/// Reads so many rows.
pub(super) fn read(
    reader: &mut Reader<'_>,
    rows: usize,
    base: Timestamp,
) -> Result<Vec<Sighting>, DecodeError> {
    let table_at = reader.at();
    let table = read_table(reader, rows)?;
    read_columns(reader, rows, base, (table_at, &table), true)
}

/// The columns of so many rows, whose table begins at that byte. Without indexes all rows have its first entry.
pub(super) fn read_columns(
    reader: &mut Reader<'_>,
    rows: usize,
    base: Timestamp,
    (table_at, table): (usize, &[Pair]),
    indexed: bool,
) -> Result<Vec<Sighting>, DecodeError> {
    let mut sightings = read_indicators(reader, rows)?;
    let indexes_at = reader.at();
    let mut used = [false; MAX_ROWS];
    let indexes = if indexed {
        reader.take(rows)?
    } else {
        &[0; MAX_ROWS]
    };
    for (nth, (row, index)) in sightings.iter_mut().zip(indexes).enumerate() {
        let index = usize::from(*index);
        let Some(((behaviour, rule), used)) = table.get(index).zip(used.get_mut(index)) else {
            return Err(DecodeError::new(indexes_at + nth, Reason::OutOfRange));
        };
        (row.behaviour, row.rule, *used) = (*behaviour, *rule, true);
    }
    if used.iter().take(table.len()).any(|used| !used) {
        return Err(DecodeError::new(table_at, Reason::Table));
    }
    for row in &mut sightings {
        row.at = read_time(reader, base)?;
    }
    for row in &mut sightings {
        row.count = Count::from_log2(reader.u8_up_to(63)?).unwrap_or_default();
    }
    for row in &mut sightings {
        row.confidence = reader.u8_up_to(MAX_CONFIDENCE)?;
    }
    Ok(sightings)
}

/// A table of at most so many entries.
pub(crate) fn read_table(reader: &mut Reader<'_>, most: usize) -> Result<Vec<Pair>, DecodeError> {
    let length = reader.count(most)?;
    let mut table: Vec<Pair> = Vec::with_capacity(length.min(MAX_ROWS));
    for _ in 0..length {
        let at = reader.at();
        let pair = (Behaviour(reader.number()?), RuleHash(reader.array()?));
        if table.last().is_some_and(|last| *last >= pair) {
            return Err(DecodeError::new(at, Reason::Table));
        }
        table.push(pair);
    }
    Ok(table)
}

/// The rows with their indicators; the other columns fill the rest in.
fn read_indicators(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<Sighting>, DecodeError> {
    let v4 = reader.count(rows)?;
    let v6 = reader.count(rows - v4)?;
    let mut sightings = Vec::with_capacity(rows);
    let (octets, _) = reader.take(4 * v4)?.as_chunks::<4>();
    sightings.extend(
        octets
            .iter()
            .map(|octets| blank(Indicator::Ip(Ipv4Addr::from(*octets).into()))),
    );
    for _ in 0..v6 {
        let at = reader.at();
        let address = Ipv6Addr::from(reader.array::<16>()?);
        if address.to_ipv4_mapped().is_some() {
            return Err(DecodeError::new(at, Reason::Indicator));
        }
        sightings.push(blank(Indicator::Ip(address.into())));
    }
    for _ in v4 + v6..rows {
        sightings.push(blank(Indicator::read_other(reader)?));
    }
    Ok(sightings)
}

const fn blank(indicator: Indicator) -> Sighting {
    let (behaviour, rule) = (Behaviour(0), RuleHash([0; 8]));
    Sighting {
        indicator,
        behaviour,
        rule,
        at: Timestamp::ZERO,
        count: Count::ONE,
        confidence: 0,
    }
}

fn read_time(reader: &mut Reader<'_>, base: Timestamp) -> Result<Timestamp, DecodeError> {
    let at = reader.at();
    let millis = unzigzag(reader.varint()?).saturating_mul(MINUTE_MILLIS);
    let time = Timestamp::from_millis(base.to_minute().as_millis().saturating_add(millis));
    if time.is_on_wire() {
        Ok(time)
    } else {
        Err(DecodeError::new(at, Reason::OutOfRange))
    }
}
