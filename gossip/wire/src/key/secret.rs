//! A secret key. It is wiped from memory when dropped and never prints itself.
//!
//! Deliberately absent: where it comes from. A seed is given, by the node's key file or by a test.

use std::fmt;

use ed25519_dalek::Signer;

use super::{PublicKey, Signature};
use crate::domain;

/// An ed25519 secret key: of an organisation or of a node.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

// === impl SecretKey ===

impl SecretKey {
    /// From 32 bytes of randomness.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The 32 bytes to keep.
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::of_secret(self.0.verifying_key().to_bytes())
    }

    /// Signs domain and message.
    pub fn sign(&self, domain: &[u8], message: &[u8]) -> Signature {
        Signature::from_bytes(self.0.sign(&domain::transcript(domain, message)).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}
