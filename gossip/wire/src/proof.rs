//! A proof of equivocation: one publisher, one place in his chain, two different things said to stand there.
//!
//! Anybody who has the publisher's key can check it offline. Deliberately absent: what follows from it (`gossip/core`),
//! and accidents, which only the rest of the chain can tell from lies.

use crate::codec::Reader;
use crate::{DecodeError, PublicKey, Reason, SignatureError, SignedHeader};

/// Two signed headers that contradict each other. An envelope says that it stands at its own place; a head says which
/// hash stands at the place it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivocationProof {
    first: SignedHeader,
    second: SignedHeader,
}

/// Two headers that do not contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these headers do not contradict each other")]
pub struct NotEquivocal;

// === impl EquivocationProof ===

impl EquivocationProof {
    /// Of two headers in either order: the proof has one form. Signatures are not looked at.
    pub fn new(one: SignedHeader, other: SignedHeader) -> Result<Self, NotEquivocal> {
        let (first, second) = if one.assertion() <= other.assertion() {
            (one, other)
        } else {
            (other, one)
        };
        let proof = Self { first, second };
        if proof.contradicts() {
            Ok(proof)
        } else {
            Err(NotEquivocal)
        }
    }

    fn contradicts(&self) -> bool {
        let place = |signed: &SignedHeader| {
            let header = signed.header();
            (header.network, header.publisher, header.epoch, header.seq)
        };
        place(&self.first) == place(&self.second) && self.first.assertion() < self.second.assertion()
    }

    /// The header with the smaller assertion. Publisher, epoch and seq are those of both.
    pub const fn first(&self) -> &SignedHeader {
        &self.first
    }

    /// The other one.
    pub const fn second(&self) -> &SignedHeader {
        &self.second
    }

    /// Whether the key is the publisher's and signed both.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        self.first.verify(key)?;
        self.second.verify(key)
    }

    /// Reads a proof, and nothing may follow.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let proof = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(proof)
    }

    /// Both headers with their signatures.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.first.encode());
        out.extend_from_slice(&self.second.encode());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.at();
        let proof = Self {
            first: SignedHeader::read(reader)?,
            second: SignedHeader::read(reader)?,
        };
        if proof.contradicts() {
            return Ok(proof);
        }
        let swapped = Self {
            first: proof.second,
            second: proof.first,
        };
        let reason = if swapped.contradicts() {
            Reason::Order
        } else {
            Reason::Contradiction
        };
        Err(DecodeError::new(at, reason))
    }
}
