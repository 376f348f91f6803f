//! The terms of a statement, and the same with a signature: two types, so that unsigned terms cannot be sent.

use std::ops::Deref;

use crate::codec::Reader;
use crate::{DecodeError, PublicKey, Reason, SecretKey, Signature, SignatureError, StatementId, domain};

/// What a statement says, before it is signed.
pub(crate) trait Terms: Sized {
    /// The domain of the signature.
    const DOMAIN: &'static [u8];
    /// The type number.
    const NUMBER: u8;
    /// Writes all fields but type number and signature.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads what `write` wrote.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
    /// Who has to sign.
    fn signer(&self) -> PublicKey;
    /// What no reader would accept.
    fn check(&self) -> Result<(), Reason>;
    /// Signatures of others inside the terms.
    fn verify_inner(&self) -> Result<(), SignatureError> {
        Ok(())
    }
}

/// Terms with the signature of whoever states them. Reads like the terms themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    terms: T,
    signature: Signature,
}

/// Terms that cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The key is not that of the one who has to sign.
    #[error("the key is not the signer's")]
    OtherKey,
    /// A field that nobody would accept.
    #[error("no reader would accept this: {0}")]
    Terms(#[from] Reason),
}

// === impl Signed ===

#[expect(
    private_bounds,
    reason = "the terms are a closed set: the structs of this module"
)]
impl<T: Terms> Signed<T> {
    pub(super) fn sign(terms: T, key: &SecretKey) -> Result<Self, StatementError> {
        if key.public() != terms.signer() {
            return Err(StatementError::OtherKey);
        }
        terms.check()?;
        let signature = key.sign(T::DOMAIN, &bytes(&terms));
        Ok(Self { terms, signature })
    }

    /// The signature.
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The terms alone.
    pub fn into_terms(self) -> T {
        self.terms
    }

    /// Whether every signature holds.
    pub fn verify(&self) -> Result<(), SignatureError> {
        self.terms
            .signer()
            .verify(T::DOMAIN, &bytes(&self.terms), &self.signature)?;
        self.terms.verify_inner()
    }

    /// The name of the statement.
    pub fn id(&self) -> StatementId {
        StatementId(domain::hash(domain::STATEMENT, &[&bytes(&self.terms)]))
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(T::NUMBER);
        self.terms.write(out);
        out.extend_from_slice(self.signature.as_bytes());
    }

    /// Reads what follows the type number.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.at();
        let terms = T::read(reader)?;
        terms.check().map_err(|reason| DecodeError::new(at, reason))?;
        Ok(Self {
            terms,
            signature: reader.signature()?,
        })
    }
}

/// What is signed and hashed: type number and fields.
fn bytes<T: Terms>(terms: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(192);
    out.push(T::NUMBER);
    terms.write(&mut out);
    out
}

impl<T> Deref for Signed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.terms
    }
}
