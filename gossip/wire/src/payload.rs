//! What the rows of an envelope say, by kind.
//!
//! Before this stop: whoever publishes. After it: `envelope/draft.rs`. Deliberately absent: statements and proofs
//! themselves, which have files of their own.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::{Reader, put_varint};
use crate::{DecodeError, EquivocationProof, PublisherId, Sighting, SightingId, Statement};

/// The content of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Who was seen.
    Sightings(Vec<Sighting>),
    /// Rows of the publisher's own chain that he takes back.
    Retraction(Vec<Retracted>),
    /// Nothing: the header says which envelope is the publisher's latest.
    Head,
    /// Certificates, vouches, revocations and the like. Types that this version does not know are left out.
    Statements(Vec<Statement>),
    /// Objections to sightings of others.
    Disputes(Vec<Dispute>),
    /// Somebody said two different things in one place.
    Proof(Box<EquivocationProof>),
    /// What this version cannot read, or what has been erased.
    Opaque,
}

/// A row that its own publisher takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Retracted {
    /// The epoch.
    pub epoch: u32,
    /// The envelope.
    pub seq: u64,
    /// The row.
    pub row: u8,
}

/// An objection to a sighting of another publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dispute {
    /// To which.
    pub sighting: SightingId,
    /// Why.
    pub reason: DisputeReason,
}

/// Why a sighting is disputed. Numbers are append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DisputeReason {
    /// The address is ours, and we have looked: 1.
    Owner,
    /// A known, harmless service, such as a search engine or a research scanner: 2.
    Benign,
    /// Many unrelated people leave through this address: 3.
    Shared,
    /// The address has another holder by now: 4.
    Reassigned,
    /// The rule takes harmless behaviour for an attack: 5.
    FaultyRule,
    /// Users of the publisher log in from there, and did long before the accusation: 6.
    User,
    /// A reason that this version does not know.
    Unknown(u8),
}

// === impl Retracted ===

impl Retracted {
    /// The name of the sighting, given whose chain it is.
    pub const fn by(self, publisher: PublisherId) -> SightingId {
        SightingId {
            publisher,
            epoch: self.epoch,
            seq: self.seq,
            row: self.row,
        }
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        put_varint(out, u64::from(self.epoch));
        put_varint(out, self.seq);
        out.push(self.row);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: reader.number()?,
            seq: reader.varint()?,
            row: reader.u8()?,
        })
    }
}

// === impl Dispute ===

impl Dispute {
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let SightingId {
            publisher,
            epoch,
            seq,
            row,
        } = self.sighting;
        out.extend_from_slice(&publisher.0);
        Retracted { epoch, seq, row }.write(out);
        out.push(self.reason.number());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let publisher = PublisherId(reader.array()?);
        let sighting = Retracted::read(reader)?.by(publisher);
        Ok(Self {
            sighting,
            reason: DisputeReason::from_number(reader.u8()?),
        })
    }
}

// === impl DisputeReason ===

impl DisputeReason {
    /// By number.
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Owner,
            2 => Self::Benign,
            3 => Self::Shared,
            4 => Self::Reassigned,
            5 => Self::FaultyRule,
            6 => Self::User,
            other => Self::Unknown(other),
        }
    }

    /// The number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Owner => 1,
            Self::Benign => 2,
            Self::Shared => 3,
            Self::Reassigned => 4,
            Self::FaultyRule => 5,
            Self::User => 6,
            Self::Unknown(number) => number,
        }
    }
}

/// As its number: a name would not survive a reader that does not know it.
impl Serialize for DisputeReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

impl<'de> Deserialize<'de> for DisputeReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).map(Self::from_number)
    }
}
