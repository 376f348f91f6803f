//! A whole envelope of sightings without what its receiver can restore: network, root, and mostly previous hash.
//!
//! Of the 213 bytes of an envelope with one row, 96 are these three; its publisher's name is 16 and its rule 8 more. What
//! is left is signed as it was, so whoever restores something else sees it by the signature. Deliberately absent:
//! envelopes of other kinds and those that lack rows, which travel as they are.

use super::body::{Body, Rows, Salts};
use super::merkle::{self, Salt};
use super::policy;
use super::sightings::{self, Pair};
use super::{
    ERASURE_ROOM_BYTES, Envelope, Header, Kind, MAX_ENVELOPE_BYTES, MAX_ROWS, SignedHeader, VERSION,
};
use crate::codec::{Reader, put_count, put_varint};
use crate::relay::{Ground, Unrestored};
use crate::{DecodeError, HeaderHash, Indicator, PublisherId, Reason, Sighting, Signature, Timestamp, Tlp};

/// Bits of the byte that a compact envelope begins with.
pub(crate) const COMPACT: u8 = 1;
const WHOLE_NAME: u8 = 2;
const OWN_PREV: u8 = 4;
const ALL_BITS: u8 = COMPACT | WHOLE_NAME | OWN_PREV;
/// What an envelope takes at most beside its rows.
const HEAD_ROOM: usize = 168;
/// A row beside the value of its indicator: index, minutes, count and confidence.
const ROW_ROOM: usize = 1 + 10 + 1 + 1;
/// A pair of behaviour and rule: in the message's table, and its number there.
const PAIR_ROOM: usize = 3 + 8 + 3;

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Author {
    /// The first bytes of his name, which are enough among those one knows.
    Short([u8; 4]),
    Whole(PublisherId),
}

/// What is sent of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Compact {
    author: Author,
    epoch: u32,
    seq: u64,
    /// None: the receiver holds the envelope before, or there is none.
    prev: Option<HeaderHash>,
    pub(crate) time_base: Timestamp,
    tlp: Tlp,
    pub(crate) policy: u8,
    pub(crate) signature: Signature,
    salt: Salt,
    rows: Vec<Sighting>,
    /// Bytes that it takes at most.
    room: usize,
}

// === impl Compact ===

impl Compact {
    /// None if something would be lost.
    pub(crate) fn of(envelope: &Envelope, ground: &impl Ground) -> Option<Self> {
        let header = envelope.header();
        let Body::Rows {
            salts: Salts::Whole(salt),
            rows: Rows::Sightings(rows),
        } = &envelope.body
        else {
            return None;
        };
        if header.network != ground.network() {
            return None;
        }
        let [a, b, c, d, ..] = header.publisher.0;
        let short = [a, b, c, d];
        let is_enough = ground.publisher(short) == Some(header.publisher);
        let follows = match header.seq.checked_sub(1) {
            // It overtakes those before it.
            Some(_) if policy::asks_urgency(header) => false,
            Some(before) => ground.hash_at(header.publisher, header.epoch, before) == Some(header.prev),
            None => header.prev == NOTHING,
        };
        Some(Self {
            author: if is_enough {
                Author::Short(short)
            } else {
                Author::Whole(header.publisher)
            },
            epoch: header.epoch,
            seq: header.seq,
            prev: (!follows).then_some(header.prev),
            time_base: header.time_base,
            tlp: header.tlp,
            policy: header.policy,
            signature: *envelope.signature(),
            salt: *salt,
            rows: rows.clone(),
            room: room(rows, sightings::table(rows).len()),
        })
    }

    /// Whether it depends on what its receiver knows, beside its network.
    pub(crate) const fn borrows(&self) -> bool {
        matches!(self.author, Author::Short(_)) || self.follows()
    }

    /// Whether the hash of the envelope before it is left out.
    pub(crate) const fn follows(&self) -> bool {
        self.prev.is_none() && self.seq > 0
    }

    pub(crate) fn pairs(&self) -> Vec<Pair> {
        sightings::table(&self.rows)
    }

    /// Bytes that it takes at most.
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// Writes it. The base is no earlier than its time, the table has all its pairs.
    pub(crate) fn write(&self, base: Timestamp, table: &[Pair], out: &mut Vec<u8>) {
        let (name, prev) = match self.author {
            Author::Short(_) => (0, self.prev.map_or(0, |_| OWN_PREV)),
            Author::Whole(_) => (WHOLE_NAME, self.prev.map_or(0, |_| OWN_PREV)),
        };
        out.push(COMPACT | name | prev);
        match &self.author {
            Author::Short(short) => out.extend_from_slice(short),
            Author::Whole(publisher) => out.extend_from_slice(&publisher.0),
        }
        put_varint(out, u64::from(self.epoch));
        put_varint(out, self.seq);
        if let Some(prev) = self.prev {
            out.extend_from_slice(&prev.0);
        }
        let earlier = base.as_millis() - self.time_base.as_millis();
        put_varint(out, u64::try_from(earlier).unwrap_or(0));
        out.push(self.tlp.bits() << 6 | self.policy);
        out.extend_from_slice(self.signature.as_bytes());
        out.extend_from_slice(&self.salt);
        put_count(out, self.rows.len());
        let own = self.pairs();
        put_count(out, own.len());
        for pair in &own {
            put_count(out, table.binary_search(pair).unwrap_or_default());
        }
        sightings::write_columns(&self.rows, self.time_base, &own, own.len() > 1, out);
    }

    /// Reads what follows its first byte, and notes which entries of the table it uses.
    pub(crate) fn read(
        reader: &mut Reader<'_>,
        first: u8,
        base: Timestamp,
        table: &[Pair],
        used: &mut [bool],
    ) -> Result<Self, DecodeError> {
        if first & COMPACT == 0 || first > ALL_BITS {
            return reader.fail(Reason::Form);
        }
        let author = if first & WHOLE_NAME == 0 {
            Author::Short(reader.array()?)
        } else {
            Author::Whole(PublisherId(reader.array()?))
        };
        let (epoch, seq) = (reader.number()?, reader.varint()?);
        let prev = read_prev(reader, first, seq)?;
        let time_base = read_time(reader, base)?;
        let (tlp, policy) = super::header::read_tlp(reader)?;
        let (signature, salt) = (reader.signature()?, reader.array()?);
        let at = reader.at();
        let rows = reader.count(MAX_ROWS)?;
        if rows == 0 {
            return Err(DecodeError::new(at, Reason::RowCount));
        }
        let table_at = reader.at();
        let own = read_own(reader, rows, table, used)?;
        let indexed = own.len() > 1;
        let rows = sightings::read_columns(reader, rows, time_base, (table_at, &own), indexed)?;
        Ok(Self {
            author,
            epoch,
            seq,
            prev,
            time_base,
            tlp,
            policy,
            signature,
            salt,
            room: room(&rows, own.len()),
            rows,
        })
    }

    /// The envelope as it was, if the ground is that of whoever sent it.
    pub(crate) fn restore(&self, ground: &impl Ground) -> Result<Envelope, Unrestored> {
        let publisher = match self.author {
            Author::Whole(publisher) => publisher,
            Author::Short(short) => ground.publisher(short).ok_or(Unrestored::Publisher)?,
        };
        let prev = match (self.prev, self.seq.checked_sub(1)) {
            (Some(prev), _) => prev,
            (None, None) => NOTHING,
            (None, Some(before)) => ground
                .hash_at(publisher, self.epoch, before)
                .ok_or(Unrestored::Ancestor)?,
        };
        let rows = Rows::Sightings(self.rows.clone());
        let salts = Salts::Whole(self.salt);
        let header = Header {
            version: VERSION,
            kind: Kind::Sightings,
            flags: 0,
            network: ground.network(),
            publisher,
            epoch: self.epoch,
            seq: self.seq,
            prev,
            time_base: self.time_base,
            tlp: self.tlp,
            policy: self.policy,
            rows: u16::try_from(self.rows.len()).unwrap_or(u16::MAX),
            root: merkle::root(salts.leaves(&rows, self.time_base)),
        };
        let envelope = Envelope {
            signed: SignedHeader::assemble(header, self.signature),
            body: Body::Rows { salts, rows },
        };
        if envelope.encode().len() + ERASURE_ROOM_BYTES * self.rows.len() > MAX_ENVELOPE_BYTES {
            let error = DecodeError::new(MAX_ENVELOPE_BYTES, Reason::TooLong);
            return Err(Unrestored::Malformed(error));
        }
        Ok(envelope)
    }
}

/// What stands in the place of the previous hash at the beginning of an epoch.
const NOTHING: HeaderHash = HeaderHash([0; 32]);

fn room(rows: &[Sighting], pairs: usize) -> usize {
    let values = rows.iter().map(|row| match &row.indicator {
        Indicator::Ip(address) if address.is_ipv4() => 4,
        Indicator::Ip(_) => 16,
        Indicator::Domain(text) | Indicator::Url(text) => 8 + text.len(),
        Indicator::Unknown { bytes, .. } => 8 + bytes.len(),
        _ => 40,
    });
    HEAD_ROOM + PAIR_ROOM * pairs + ROW_ROOM * rows.len() + values.sum::<usize>()
}

/// Written out only where it does not follow.
fn read_prev(reader: &mut Reader<'_>, first: u8, seq: u64) -> Result<Option<HeaderHash>, DecodeError> {
    if first & OWN_PREV == 0 {
        return Ok(None);
    }
    let at = reader.at();
    let prev = HeaderHash(reader.array()?);
    if seq == 0 && prev == NOTHING {
        return Err(DecodeError::new(at, Reason::Form));
    }
    Ok(Some(prev))
}

fn read_time(reader: &mut Reader<'_>, base: Timestamp) -> Result<Timestamp, DecodeError> {
    let at = reader.at();
    let earlier: i64 = reader.number()?;
    let time = Timestamp::from_millis(base.as_millis().saturating_sub(earlier));
    if time.is_on_wire() {
        Ok(time)
    } else {
        Err(DecodeError::new(at, Reason::OutOfRange))
    }
}

/// The entries of the message's table that this envelope's own has, ascending.
fn read_own(
    reader: &mut Reader<'_>,
    rows: usize,
    table: &[Pair],
    used: &mut [bool],
) -> Result<Vec<Pair>, DecodeError> {
    let count = reader.count(rows)?;
    let mut own: Vec<Pair> = Vec::with_capacity(count);
    for _ in 0..count {
        let at = reader.at();
        let entry: usize = reader.number()?;
        let Some((pair, used)) = table.get(entry).zip(used.get_mut(entry)) else {
            return Err(DecodeError::new(at, Reason::OutOfRange));
        };
        if own.last().is_some_and(|last| last >= pair) {
            return Err(DecodeError::new(at, Reason::Table));
        }
        own.push(*pair);
        *used = true;
    }
    Ok(own)
}
