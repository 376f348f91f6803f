//! What an envelope is for, by number.

use std::fmt;

use serde::{Serialize, Serializer};

/// The kind of an envelope. Numbers are append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 1: who was seen.
    Sightings,
    /// 2: rows of the own chain taken back.
    Retraction,
    /// 3: the publisher's latest envelope; outside the chain.
    Head,
    /// 4: node certificates and changes of seeds.
    Certificate,
    /// 5: vouches, their withdrawal, and successions.
    Vouch,
    /// 6: revocations.
    Revocation,
    /// 7: objections to sightings of others.
    Dispute,
    /// 8: a proof of equivocation.
    Proof,
    /// A kind that this version does not know. It belongs to the chain.
    Unknown(u8),
}

// === impl Kind ===

impl Kind {
    /// By number.
    pub const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Sightings,
            2 => Self::Retraction,
            3 => Self::Head,
            4 => Self::Certificate,
            5 => Self::Vouch,
            6 => Self::Revocation,
            7 => Self::Dispute,
            8 => Self::Proof,
            other => Self::Unknown(other),
        }
    }

    /// The number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Sightings => 1,
            Self::Retraction => 2,
            Self::Head => 3,
            Self::Certificate => 4,
            Self::Vouch => 5,
            Self::Revocation => 6,
            Self::Dispute => 7,
            Self::Proof => 8,
            Self::Unknown(number) => number,
        }
    }

    /// The name, for logs and metrics: the same for all unknown kinds.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sightings => "sightings",
            Self::Retraction => "retraction",
            Self::Head => "head",
            Self::Certificate => "certificate",
            Self::Vouch => "vouch",
            Self::Revocation => "revocation",
            Self::Dispute => "dispute",
            Self::Proof => "proof",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Whether such envelopes are links of the chain. A head only speaks about it.
    pub const fn is_chained(self) -> bool {
        !matches!(self, Self::Head)
    }

    pub(super) const fn is_known(self) -> bool {
        !matches!(Self::from_number(self.number()), Self::Unknown(_))
    }

    /// Whether a kind may have that many rows.
    pub(super) const fn fits(self, rows: usize) -> bool {
        match self {
            Self::Head => rows == 0,
            Self::Proof => rows == 1,
            _ => 1 <= rows && rows <= super::MAX_ROWS,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(number) => write!(f, "kind {number}"),
            known => f.write_str(known.name()),
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
