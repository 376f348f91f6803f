//! The header: the part that is signed, chained, and the same in every version, so that anybody can relay it.
//!
//! Deliberately absent: anything that only a body's kind could need.

use crate::codec::{Reader, put_time, put_varint};
use crate::{DecodeError, HeaderHash, NetworkId, PublicKey, PublisherId, Reason, SecretKey, Signature};
use crate::{SignatureError, Timestamp, Tlp, domain};

use super::{Kind, VERSION, policy};

/// What a publisher signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the format, never 0: a bundle begins with that byte.
    pub version: u8,
    /// What the body is.
    pub kind: Kind,
    /// 0 in this version.
    pub flags: u8,
    /// Which network.
    pub network: NetworkId,
    /// Whose chain.
    pub publisher: PublisherId,
    /// Which of his epochs.
    pub epoch: u32,
    /// The place in the epoch, from 0. Of a head: the place of the envelope it names.
    pub seq: u64,
    /// The hash of the header before, zero for the first of an epoch. Of a head: the hash it names.
    pub prev: HeaderHash,
    /// When it was signed, and what the times of the rows count from.
    pub time_base: Timestamp,
    /// How far it may travel.
    pub tlp: Tlp,
    /// Six bits: see [`policy`].
    pub policy: u8,
    /// Rows, also those that are erased by now.
    pub rows: u16,
    /// The Merkle root over the salted rows, zero if there are none.
    pub root: [u8; 32],
}

/// A header, its bytes, its hash, and a signature that has not been looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeader {
    header: Header,
    bytes: Box<[u8]>,
    hash: HeaderHash,
    signature: Signature,
}

// === impl Header ===

impl Header {
    /// The link of the chain.
    pub fn hash(&self) -> HeaderHash {
        hash(&self.encode())
    }

    /// Whether this version understands the body.
    pub const fn is_known(&self) -> bool {
        self.version == VERSION && self.flags == 0 && self.kind.is_known()
    }

    /// What it asserts to stand at (publisher, epoch, seq): itself, or for a head the envelope it names.
    pub fn assertion(&self) -> HeaderHash {
        if self.kind.is_chained() {
            self.hash()
        } else {
            self.prev
        }
    }

    /// The bytes that are hashed and signed.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(144);
        out.extend_from_slice(&[self.version, self.kind.number(), self.flags]);
        out.extend_from_slice(&self.network.0);
        out.extend_from_slice(&self.publisher.0);
        put_varint(&mut out, u64::from(self.epoch));
        put_varint(&mut out, self.seq);
        out.extend_from_slice(&self.prev.0);
        put_time(&mut out, self.time_base);
        out.push(self.tlp.bits() << 6 | (self.policy & policy::ALL));
        put_varint(&mut out, u64::from(self.rows));
        out.extend_from_slice(&self.root);
        out
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = reader.at();
        let [version, kind, flags] = reader.array()?;
        if version == 0 {
            return Err(DecodeError::new(start, Reason::OutOfRange));
        }
        let network = reader.network()?;
        let publisher = PublisherId(reader.array()?);
        let (epoch, seq) = (reader.number()?, reader.varint()?);
        let prev = HeaderHash(reader.array()?);
        let time_base = reader.time()?;
        let (tlp, policy) = read_tlp(reader)?;
        let (rows, root) = (reader.number()?, reader.array()?);
        let kind = Kind::from_number(kind);
        Ok(Self {
            version,
            kind,
            flags,
            network,
            publisher,
            epoch,
            seq,
            prev,
            time_base,
            tlp,
            policy,
            rows,
            root,
        })
    }
}

pub(super) fn read_tlp(reader: &mut Reader<'_>) -> Result<(Tlp, u8), DecodeError> {
    let at = reader.at();
    let byte = reader.u8()?;
    let tlp = Tlp::from_bits(byte >> 6).ok_or(DecodeError::new(at, Reason::Tlp))?;
    Ok((tlp, byte & policy::ALL))
}

fn hash(bytes: &[u8]) -> HeaderHash {
    HeaderHash(domain::hash(domain::HEADER, &[bytes]))
}

// === impl SignedHeader ===

impl SignedHeader {
    /// Signs a header. `Draft::seal` is the ordinary way; this one also makes headers of other versions, for tests.
    pub fn sign(header: Header, key: &SecretKey) -> Self {
        let bytes = header.encode();
        let signature = key.sign(domain::ENVELOPE, &bytes);
        Self {
            header,
            hash: hash(&bytes),
            bytes: bytes.into(),
            signature,
        }
    }

    /// Of parts that were taken apart before.
    pub(super) fn assemble(header: Header, signature: Signature) -> Self {
        let bytes = header.encode();
        Self {
            header,
            hash: hash(&bytes),
            bytes: bytes.into(),
            signature,
        }
    }

    /// Reads header and signature, and nothing may follow.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let signed = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(signed)
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (start, all) = (reader.at(), reader.rest());
        let header = Header::read(reader)?;
        let (bytes, _) = all.split_at(reader.at().saturating_sub(start).min(all.len()));
        let signature = reader.signature()?;
        Ok(Self {
            header,
            bytes: bytes.into(),
            hash: hash(bytes),
            signature,
        })
    }

    /// Header, then signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.header.encode();
        out.extend_from_slice(self.signature.as_bytes());
        out
    }

    /// What was signed.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its bytes, as the signature covers them.
    pub const fn header_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The link of the chain.
    pub const fn hash(&self) -> HeaderHash {
        self.hash
    }

    /// The signature, not yet verified.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// What it asserts to stand at (publisher, epoch, seq).
    pub const fn assertion(&self) -> HeaderHash {
        if self.header.kind.is_chained() {
            self.hash
        } else {
            self.header.prev
        }
    }

    /// Whether the key is the publisher's and signed this.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        if key.publisher_id() != self.header.publisher {
            return Err(SignatureError::OtherKey);
        }
        key.verify(domain::ENVELOPE, &self.bytes, &self.signature)
    }
}
