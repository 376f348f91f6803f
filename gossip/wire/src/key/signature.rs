//! 64 bytes that claim to be a signature, and what verifying them can say.
//!
//! Deliberately absent: a "verified" mark. Only the stages of `gossip/core` have one.

use std::fmt;

/// An ed25519 signature, not yet verified.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 64]);

/// A signature that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is not that key's over these bytes.
    #[error("the signature is wrong")]
    Wrong,
    /// The key given is not the one that had to sign.
    #[error("the key is not the one of the signer")]
    OtherKey,
    /// A change of seeds is signed by several: verify it with [`crate::statement::SeedChange::verify`].
    #[error("only the seeds in force can verify this")]
    NeedsSeeds,
    /// Fewer seeds signed than the network asks for.
    #[error("{signed} seeds signed, {needed} are needed")]
    NoQuorum {
        /// How many did.
        signed: usize,
        /// How many must.
        needed: u8,
    },
}

// === impl Signature ===

impl Signature {
    /// Any 64 bytes: only verifying tells.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl From<&Signature> for ed25519_zebra::Signature {
    fn from(signature: &Signature) -> Self {
        Self::from_bytes(&signature.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(self.0))
    }
}
