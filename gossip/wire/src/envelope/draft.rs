//! From what one wants to say to a sealed envelope.
//!
//! Before this stop: `gossip/core/src/window.rs`. After it: the outbox, then `gossip/src/publish`. Deliberately absent:
//! the choice of sequence numbers, which only the owner of the chain can make.

use super::body::{Body, Rows, Salts};
use super::sightings::{MAX_CONFIDENCE, group};
use super::{
    ERASURE_ROOM_BYTES, Envelope, Header, Kind, MAX_ENVELOPE_BYTES, MAX_ROWS, SignedHeader, VERSION,
};
use super::{merkle, policy};
use crate::{HeaderHash, NetworkId, Payload, SecretKey, Sighting, Statement, Timestamp, Tlp};

/// An envelope before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Which network.
    pub network: NetworkId,
    /// Which epoch of the own chain.
    pub epoch: u32,
    /// The next place in it; of a head, the place it names.
    pub seq: u64,
    /// The hash of the header before; of a head, the hash it names.
    pub prev: HeaderHash,
    /// When it is signed.
    pub time_base: Timestamp,
    /// How far it may travel.
    pub tlp: Tlp,
    /// Six bits: see [`policy`].
    pub policy: u8,
    /// What it says.
    pub payload: Payload,
}

/// A draft that cannot become an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Nothing to say.
    #[error("there are no rows")]
    NoRows,
    /// More than fits in one envelope.
    #[error("{rows} rows are more than the {MAX_ROWS} of one envelope")]
    TooManyRows {
        /// How many.
        rows: usize,
    },
    /// More bytes than one envelope may have, room for erasure included.
    #[error("{bytes} bytes are more than the {MAX_ENVELOPE_BYTES} of one envelope")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// A time before 1970 or after 9999.
    #[error("the time cannot be written")]
    Time,
    /// A policy that does not fit six bits.
    #[error("the policy does not fit six bits")]
    Policy,
    /// A row with a value that the wire cannot carry.
    #[error("row {row}: the {field} cannot be written")]
    Row {
        /// Which, in the order of the draft.
        row: usize,
        /// Which value of it.
        field: &'static str,
    },
    /// Statements that belong in envelopes of different kinds.
    #[error("statements of different kinds do not share an envelope")]
    MixedStatements,
    /// A payload that this version could not read itself.
    #[error("an opaque payload cannot be published")]
    Opaque,
}

// === impl Draft ===

impl Draft {
    /// Brings the rows of sightings into their order (IPv4, IPv6, others), cuts their times to the minute, and signs.
    /// The numbers of the rows are those of [`Envelope::rows`] on the result. The salt must be fresh and random: it is
    /// what keeps erased rows from being guessed.
    pub fn seal(self, key: &SecretKey, salt: [u8; 16]) -> Result<Envelope, SealError> {
        if !self.time_base.is_on_wire() {
            return Err(SealError::Time);
        }
        if self.policy > policy::ALL {
            return Err(SealError::Policy);
        }
        let (kind, rows) = rows_of(self.payload)?;
        let count = match rows.len() {
            0 if kind != Kind::Head => return Err(SealError::NoRows),
            count @ 0..=MAX_ROWS => u16::try_from(count).unwrap_or(u16::MAX),
            rows => return Err(SealError::TooManyRows { rows }),
        };
        let salts = Salts::Whole(salt);
        let header = Header {
            version: VERSION,
            kind,
            flags: 0,
            network: self.network,
            publisher: key.public().publisher_id(),
            epoch: self.epoch,
            seq: self.seq,
            prev: self.prev,
            time_base: self.time_base,
            tlp: self.tlp,
            policy: self.policy,
            rows: count,
            root: merkle::root(salts.leaves(&rows, self.time_base)),
        };
        let body = if count == 0 {
            Body::Erased
        } else {
            Body::Rows { salts, rows }
        };
        let envelope = Envelope {
            signed: SignedHeader::sign(header, key),
            body,
        };
        let bytes = envelope.encode().len() + ERASURE_ROOM_BYTES * usize::from(count);
        if bytes > MAX_ENVELOPE_BYTES {
            Err(SealError::TooLong { bytes })
        } else {
            Ok(envelope)
        }
    }
}

fn rows_of(payload: Payload) -> Result<(Kind, Rows), SealError> {
    Ok(match payload {
        Payload::Sightings(sightings) => (Kind::Sightings, Rows::Sightings(ordered(sightings)?)),
        Payload::Head => (Kind::Head, Rows::Items(Vec::new())),
        Payload::Retraction(rows) => (Kind::Retraction, items(&rows, |row, out| row.write(out))),
        Payload::Disputes(disputes) => (Kind::Dispute, items(&disputes, |dispute, out| dispute.write(out))),
        Payload::Proof(proof) => (Kind::Proof, items(&[proof], |proof, out| proof.write(out))),
        Payload::Statements(statements) => {
            let kind = statements.first().map(Statement::kind).ok_or(SealError::NoRows)?;
            if statements.iter().any(|statement| statement.kind() != kind) {
                return Err(SealError::MixedStatements);
            }
            (kind, items(&statements, Statement::write))
        }
        Payload::Opaque => return Err(SealError::Opaque),
    })
}

fn items<T>(rows: &[T], write: impl Fn(&T, &mut Vec<u8>)) -> Rows {
    let item = |row| {
        let mut bytes = Vec::new();
        write(row, &mut bytes);
        bytes.into()
    };
    Rows::Items(rows.iter().map(item).collect())
}

fn ordered(mut sightings: Vec<Sighting>) -> Result<Vec<Sighting>, SealError> {
    for (row, sighting) in sightings.iter_mut().enumerate() {
        let field = |field| SealError::Row { row, field };
        sighting.at = sighting.at.to_minute();
        sighting.indicator = std::mem::replace(&mut sighting.indicator, crate::Indicator::Asn(0)).canonical();
        if !sighting.at.is_on_wire() {
            return Err(field("time"));
        }
        if sighting.confidence > MAX_CONFIDENCE {
            return Err(field("confidence"));
        }
        if !sighting.indicator.is_canonical() {
            return Err(field("indicator"));
        }
    }
    sightings.sort_by_key(|sighting| group(&sighting.indicator));
    Ok(sightings)
}
