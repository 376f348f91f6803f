//! Why bytes were refused, and where.
//!
//! Three classes that the validator treats differently: malformed (the peer's fault), a TLP that may not be here
//! (also his fault, and worth its own alarm), and unknown (nobody's fault: he speaks a newer version than we do).

use crate::key::KeyError;

/// Bytes that do not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {reason}")]
pub struct DecodeError {
    /// Where, counted from the first byte given.
    pub offset: usize,
    /// Why.
    pub reason: Reason,
}

/// Whose fault a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The bytes break a rule that every implementation knows.
    Malformed,
    /// A TLP that the public network does not carry.
    Tlp,
    /// Something newer than this version.
    Unknown,
}

/// Why bytes were refused. The names of [`Reason::name`] are those of the vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// Fewer bytes than announced.
    #[error("the bytes end too early")]
    Truncated,
    /// More bytes than announced.
    #[error("bytes follow the end")]
    Trailing,
    /// More bytes than allowed.
    #[error("longer than allowed")]
    TooLong,
    /// A varint with a superfluous last byte.
    #[error("a number is not in its shortest form")]
    NotMinimal,
    /// A number beyond its bound.
    #[error("a number is out of its range")]
    OutOfRange,
    /// AMBER or RED in a public envelope.
    #[error("a TLP stricter than GREEN does not travel on the public network")]
    Tlp,
    /// A number of rows that this kind cannot have.
    #[error("this kind of envelope cannot have so many rows")]
    RowCount,
    /// A body form that does not exist, or one that is not the shortest for what is kept.
    #[error("the form of the body is not one of this envelope")]
    Form,
    /// The Merkle root of the header is not that of the rows.
    #[error("the rows are not those that the header commits to")]
    Root,
    /// The table of behaviours is not ascending, or has an entry that no row uses.
    #[error("the table of behaviours is not ascending or not all used")]
    Table,
    /// An indicator that has another encoding.
    #[error("the indicator is not in its canonical form")]
    Indicator,
    /// Text that is not UTF-8, has control characters, is empty or too long.
    #[error("the text is not printable or not within its bounds")]
    Text,
    /// Not a usable key.
    #[error("not a usable public key: {0}")]
    Key(#[from] KeyError),
    /// A list that is not ascending, or repeats itself.
    #[error("a list is not in ascending order")]
    Order,
    /// Fields that cannot stand together.
    #[error("the fields contradict each other")]
    Contradiction,
    /// A statement inside an envelope of another kind.
    #[error("this kind of envelope does not carry that statement")]
    Misplaced,
    /// A type of statement that this version does not know.
    #[error("a type that this version does not know")]
    UnknownType,
    /// An envelope that this version does not know and that is too large to be relayed unread.
    #[error("unknown, and larger than what is relayed unread")]
    UnknownTooLong,
    /// An envelope that this version does not know, in a form of body that it does not know either.
    #[error("unknown, and in a form that this version cannot hold to its header")]
    UnknownForm,
}

// === impl DecodeError ===

impl DecodeError {
    pub(crate) const fn new(offset: usize, reason: Reason) -> Self {
        Self { offset, reason }
    }

    /// Whose fault it is.
    pub const fn class(&self) -> Class {
        self.reason.class()
    }

    /// Whether the bytes merely come from a newer version.
    pub const fn is_unknown(&self) -> bool {
        matches!(self.class(), Class::Unknown)
    }
}

// === impl Reason ===

impl Reason {
    /// Whose fault it is.
    pub const fn class(self) -> Class {
        match self {
            Self::Tlp => Class::Tlp,
            Self::UnknownType | Self::UnknownTooLong | Self::UnknownForm => Class::Unknown,
            _ => Class::Malformed,
        }
    }

    /// A stable name, for vectors, metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::TooLong => "too-long",
            Self::NotMinimal => "not-minimal",
            Self::OutOfRange => "out-of-range",
            Self::Tlp => "tlp",
            Self::RowCount => "row-count",
            Self::Form => "form",
            Self::Root => "root",
            Self::Table => "table",
            Self::Indicator => "indicator",
            Self::Text => "text",
            Self::Key(_) => "key",
            Self::Order => "order",
            Self::Contradiction => "contradiction",
            Self::Misplaced => "misplaced",
            Self::UnknownType => "unknown-type",
            Self::UnknownTooLong => "unknown-too-long",
            Self::UnknownForm => "unknown-form",
        }
    }
}
