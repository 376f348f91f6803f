//! A bundle: envelopes of many publishers in one message, because a message costs more than what it carries.
//!
//! It begins with the byte 0, which no envelope does. Deliberately absent: a signature of whoever bundled. Each envelope
//! stands for itself, and a bundle that is bad in one place is judged envelope by envelope.

use crate::codec::{Reader, put_prefixed};
use crate::{DecodeError, MAX_ENVELOPE_BYTES, Reason};

/// The first byte of a bundle.
pub const BUNDLE_MARK: u8 = 0;
/// Bytes of one bundle.
pub const MAX_BUNDLE_BYTES: usize = MAX_ENVELOPE_BYTES;

/// Encoded envelopes, one after the other. They have not been decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// As it is sent, the mark included.
    bytes: Vec<u8>,
    count: usize,
}

/// An envelope that does not fit any more, or that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bundle has no room for this envelope")]
pub struct BundleFull;

// === impl Bundle ===

impl Bundle {
    /// An empty bundle. It must not be sent empty.
    pub fn new() -> Self {
        Self {
            bytes: vec![BUNDLE_MARK],
            count: 0,
        }
    }

    /// Whether a message is a bundle rather than an envelope.
    pub const fn is_bundle(message: &[u8]) -> bool {
        matches!(message, [BUNDLE_MARK, ..])
    }

    /// Adds an encoded envelope.
    pub fn push(&mut self, envelope: &[u8]) -> Result<(), BundleFull> {
        let length = self.bytes.len();
        if envelope.is_empty() || Self::is_bundle(envelope) {
            return Err(BundleFull);
        }
        put_prefixed(&mut self.bytes, envelope);
        if self.bytes.len() > MAX_BUNDLE_BYTES {
            self.bytes.truncate(length);
            return Err(BundleFull);
        }
        self.count += 1;
        Ok(())
    }

    /// How many envelopes.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none yet.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The encoded envelopes, each still to be decoded.
    pub fn envelopes(&self) -> impl Iterator<Item = &[u8]> {
        let mut reader = Reader::within(self.bytes.get(1..).unwrap_or_default(), 1);
        std::iter::from_fn(move || reader.prefixed(MAX_BUNDLE_BYTES).ok())
    }

    /// Reads a bundle; what is inside is looked at one by one afterwards.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(DecodeError::new(MAX_BUNDLE_BYTES, Reason::TooLong));
        }
        let mut reader = Reader::new(bytes);
        reader.u8_up_to(BUNDLE_MARK)?;
        let mut count = 0;
        while count == 0 || !reader.rest().is_empty() {
            let at = reader.at();
            let envelope = reader.prefixed(MAX_BUNDLE_BYTES)?;
            if envelope.is_empty() || Self::is_bundle(envelope) {
                return Err(DecodeError::new(at, Reason::OutOfRange));
            }
            count += 1;
        }
        Ok(Self {
            bytes: bytes.into(),
            count,
        })
    }

    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        self.bytes.clone()
    }
}

impl Default for Bundle {
    fn default() -> Self {
        Self::new()
    }
}
