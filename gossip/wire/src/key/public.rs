//! A public key that has been looked at: on the curve, in its one encoding, of large order.
//!
//! Deliberately absent: a cache of the decompressed point. It costs 3 of the 30 us of a verification and 200 bytes a key.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Signature, SignatureError};
use crate::{OrgId, PublisherId, domain};

/// An ed25519 public key: of an organisation or of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// 32 bytes that are no usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyError {
    /// Not 64 hexadecimal digits.
    #[error("expected 64 hexadecimal digits")]
    NotHex,
    /// No point of the curve.
    #[error("not a point of the curve")]
    NotOnCurve,
    /// A point of which this is not the shortest writing.
    #[error("not the canonical encoding of its point")]
    NotCanonical,
    /// One of the eight points for which anybody can make signatures.
    #[error("a point of small order")]
    SmallOrder,
}

// === impl PublicKey ===

impl PublicKey {
    /// Refuses what is not on the curve, not canonically encoded, or of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::NotOnCurve)?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        if key.to_edwards().compress().to_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        Ok(Self(bytes))
    }

    /// Of a secret key: it needs no look.
    pub(super) const fn of_secret(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The name of the organisation whose key this is.
    pub fn org_id(&self) -> OrgId {
        OrgId(domain::short_hash(domain::ORGANISATION, &[&self.0]))
    }

    /// The name of the publisher whose key this is.
    pub fn publisher_id(&self) -> PublisherId {
        PublisherId(domain::short_hash(domain::PUBLISHER, &[&self.0]))
    }

    /// Whether the signature is this key's over domain and message, by ZIP-215.
    pub fn verify(&self, domain: &[u8], message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        ed25519_zebra::VerificationKey::try_from(self.0)
            .and_then(|key| key.verify(&signature.into(), &domain::transcript(domain, message)))
            .map_err(|_| SignatureError::Wrong)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::NotHex)?;
        Self::from_bytes(bytes)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
