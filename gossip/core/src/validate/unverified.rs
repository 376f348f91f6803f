//! An envelope that decodes. Anybody may have written it.

use std::sync::Arc;

use super::{Ignored, Refusal, Rejected, Verified};
use crate::chain::ChainIndex;
use crate::directory::Directory;
use crate::wire::relay::Name;
use crate::wire::{Envelope, Form, Header, HeaderHash, PublicKey, Timestamp};

/// An envelope that decodes, and its bytes. Copies share both.
#[derive(Clone, Debug)]
pub struct Unverified {
    pub(super) envelope: Arc<Envelope>,
    pub(super) bytes: Arc<[u8]>,
}

// === impl Unverified ===

impl Unverified {
    /// Checks size and encoding.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let envelope = Arc::new(Envelope::decode(bytes)?);
        Ok(Self {
            envelope,
            bytes: bytes.into(),
        })
    }

    /// Of an envelope that was restored from what a neighbour sent of it.
    pub fn restored(envelope: Envelope) -> Self {
        Self {
            bytes: envelope.encode().into(),
            envelope: Arc::new(envelope),
        }
    }

    /// What it claims about itself.
    pub fn header(&self) -> &Header {
        self.envelope.header()
    }

    /// The hash of its header, by which others name it.
    pub fn hash(&self) -> HeaderHash {
        self.envelope.header_hash()
    }

    /// What neighbours call it.
    pub fn name(&self) -> Name {
        Name::of(self.envelope.signature())
    }

    /// Whether it is held already: asked first, since it costs less than a signature.
    pub fn is_held(&self, index: &ChainIndex) -> bool {
        let known = self.header().kind.is_chained() && index.knows(self.header());
        known && (is_cut(&self.envelope) || !index.is_cut(self.header()))
    }

    /// Whether this key signed it, whoever has a say.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.envelope.verify(key).is_ok()
    }

    /// Checks network, key and signature.
    pub fn verify(self, directory: &Directory, now: Timestamp) -> Result<Verified, Refusal> {
        let key = self.key(directory, now)?;
        self.envelope
            .verify(&key)
            .map_err(|error| Refusal::Rejected(Rejected::Signature(error)))?;
        Ok(Verified::new(self))
    }

    /// The key that has to have signed it. What its time alone rules out is not worth a signature.
    pub(super) fn key(&self, directory: &Directory, now: Timestamp) -> Result<PublicKey, Refusal> {
        let header = self.header();
        if header.network != directory.network() {
            return Err(Ignored::OtherNetwork(header.network).into());
        }
        if header.time_base > now + crate::constants::FUTURE_SKEW {
            return Err(Ignored::Future.into());
        }
        let unknown = Ignored::UnknownPublisher(header.publisher);
        directory.key_of(header.publisher).ok_or_else(|| unknown.into())
    }
}

/// Whether it came without all its rows.
pub(super) fn is_cut(envelope: &Envelope) -> bool {
    let header = envelope.header();
    let has_body = header.rows > 0 || header.root != [0; 32];
    has_body && matches!(envelope.form(), Form::Erased | Form::Redacted)
}
