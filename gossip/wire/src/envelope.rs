//! An envelope: a signed header, and a body whose rows the header commits to one by one.
//!
//! Before this stop: `sighting`, `statement`. After it: `gossip/src/publish`, and at the neighbour `gossip/src/validate`.
//! One row, or the whole body, can be erased, and chain and signature still hold. Deliberately absent: admission, time,
//! and whether anybody should believe it.

mod body;
pub(crate) mod compact;
mod draft;
mod erase;
mod form;
mod header;
mod kind;
mod merkle;
pub mod policy;
mod read;
pub(crate) mod sightings;
mod write;

use body::{Body, Rows};
pub use draft::{Draft, SealError};
pub use form::Form;
pub use header::{Header, SignedHeader};
pub use kind::Kind;
pub use merkle::opaque_root;

use crate::key::Claim;
use crate::{
    DecodeError, HeaderHash, Payload, PublicKey, Sighting, SightingId, Signature, SignatureError, domain,
};

/// The version of the format that this code speaks.
pub const VERSION: u8 = 1;
/// Rows in one envelope.
pub const MAX_ROWS: usize = 256;
/// Bytes of one envelope, and of one bundle.
pub const MAX_ENVELOPE_BYTES: usize = 16 * 1024;
/// Bytes of an envelope that is relayed without being understood.
pub const MAX_UNKNOWN_BYTES: usize = 4 * 1024;
/// Room that a whole envelope leaves for each of its rows, so that it stays within its limit when rows are erased.
pub const ERASURE_ROOM_BYTES: usize = 32;

/// A decoded envelope. Its signature has not been looked at: see `gossip/core` for the stages that do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    signed: SignedHeader,
    body: Body,
}

// === impl Envelope ===

impl Envelope {
    /// Reads what a peer or a store gives. Unknown versions, kinds and flags are no error: see [`Envelope::is_known`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        read::envelope(bytes)
    }

    /// The bytes: exactly those it was decoded from.
    pub fn encode(&self) -> Vec<u8> {
        write::envelope(self)
    }

    /// What is signed.
    pub const fn header(&self) -> &Header {
        self.signed.header()
    }

    /// Header and signature, without the body: what an equivocation proof is made of.
    pub const fn signed_header(&self) -> &SignedHeader {
        &self.signed
    }

    /// The signature, not yet verified.
    pub const fn signature(&self) -> &Signature {
        self.signed.signature()
    }

    /// The link of the chain.
    pub const fn header_hash(&self) -> HeaderHash {
        self.signed.hash()
    }

    /// How much of the body is there.
    pub const fn form(&self) -> Form {
        self.body.form()
    }

    /// Whether this version understands the body: version, kind and flags are known.
    pub const fn is_known(&self) -> bool {
        self.header().is_known()
    }

    /// Whether the key, which must be the publisher's, signed the header.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        self.signed.verify(key)
    }

    /// The same, to be verified in a batch. The caller has looked the key up by the publisher's name.
    pub fn claim(&self, key: PublicKey) -> Claim<'_> {
        Claim {
            key,
            domain: domain::ENVELOPE,
            message: self.signed.header_bytes(),
            signature: *self.signature(),
        }
    }

    /// What the rows that are still there say.
    pub fn payload(&self) -> Result<Payload, DecodeError> {
        read::payload(self)
    }

    /// The sightings that are still there, by the number of their row.
    pub fn rows(&self) -> impl Iterator<Item = (u8, &Sighting)> {
        let sightings = match &self.body {
            Body::Rows {
                rows: Rows::Sightings(sightings),
                ..
            } => sightings.as_slice(),
            _ => &[],
        };
        self.body.kept().zip(sightings)
    }

    /// The same with their names in the network.
    pub fn sightings(&self) -> impl Iterator<Item = (SightingId, Sighting)> {
        self.rows()
            .map(|(row, sighting)| (self.sighting_id(row), sighting.clone()))
    }

    /// The name of one row.
    pub const fn sighting_id(&self, row: u8) -> SightingId {
        let Header {
            publisher,
            epoch,
            seq,
            ..
        } = *self.header();
        SightingId {
            publisher,
            epoch,
            seq,
            row,
        }
    }

    /// The same envelope without that row; unchanged if there is no such row. Salts stay secret for erased rows, so
    /// nobody can guess an erased address from what is left. A body that this version cannot read is left as it is.
    pub fn erase_row(&self, row: u8) -> Self {
        Self {
            signed: self.signed.clone(),
            body: erase::row(self, row),
        }
    }

    /// The same envelope without its body.
    pub fn erase_body(&self) -> Self {
        Self {
            signed: self.signed.clone(),
            body: Body::Erased,
        }
    }
}
