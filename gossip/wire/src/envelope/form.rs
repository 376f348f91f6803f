//! How much of a body is there: its first byte, the same in every version.

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// No body: erased, or the envelope has no rows.
    Erased,
    /// Every row.
    Whole,
    /// Some rows, and the leaf hashes of the others.
    Redacted,
    /// A body that this version cannot read.
    Opaque,
}

pub(super) const ERASED: u8 = 0;
pub(super) const WHOLE: u8 = 1;
pub(super) const REDACTED: u8 = 2;
