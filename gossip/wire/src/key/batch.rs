//! Many signatures at once: cheaper when all hold, and exact about who is to blame when one does not.
//!
//! ZIP-215 makes batch and single verification agree. Should a batch fail, each signature is verified alone, so a
//! liar costs his neighbours time but never their name.

use std::convert::Infallible;

use ed25519_zebra::{VerificationKeyBytes, batch};
use rand_core::{TryCryptoRng, TryRng};

use super::{PublicKey, Signature};
use crate::domain;

/// Someone is said to have signed something.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// By this key.
    pub key: PublicKey,
    /// In this domain.
    pub domain: &'a [u8],
    /// These bytes.
    pub message: &'a [u8],
    /// With this signature.
    pub signature: Signature,
}

/// For each claim whether it holds. The 32 bytes of entropy must be fresh: who could predict them might slip a wrong
/// signature through. The claims are mixed in, so that entropy used twice does no harm by itself.
pub fn verify_batch(claims: &[Claim<'_>], entropy: &[u8; 32]) -> Vec<bool> {
    if let [claim] = claims {
        return vec![claim.verify()];
    }
    let mut verifier = batch::Verifier::new();
    let mut hasher = blake3::Hasher::new_derive_key(domain::BATCH);
    hasher.update(entropy);
    for claim in claims {
        let message = domain::transcript(claim.domain, claim.message);
        hasher
            .update(claim.key.as_bytes())
            .update(claim.signature.as_bytes());
        hasher.update(blake3::hash(&message).as_bytes());
        let key = VerificationKeyBytes::from(*claim.key.as_bytes());
        verifier.queue((key, (&claim.signature).into(), &message[..]));
    }
    if verifier.verify(Coefficients(hasher.finalize_xof())).is_ok() {
        return vec![true; claims.len()];
    }
    claims.iter().map(Claim::verify).collect()
}

/// The randomness of a batch's equation.
struct Coefficients(blake3::OutputReader);

// === impl Claim ===

impl Claim<'_> {
    /// Whether it holds, verified alone.
    pub fn verify(&self) -> bool {
        self.key
            .verify(self.domain, self.message, &self.signature)
            .is_ok()
    }
}

// === impl Coefficients ===

impl TryRng for Coefficients {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Coefficients {}
