//! "The new key is the same organisation as the old one": said by a voucher when an organisation key was lost.

use super::signed::{Signed, StatementError, Terms};
use super::vouch::{check_network, check_time};
use crate::codec::{Reader, put_time};
use crate::{DecodeError, NetworkId, PublicKey, Reason, SecretKey, Timestamp, domain};

/// A voucher says that a new organisation continues an old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continues {
    /// Which network.
    pub network: NetworkId,
    /// Who says so.
    pub voucher: PublicKey,
    /// The key that was lost.
    pub old: PublicKey,
    /// The key that takes over.
    pub new: PublicKey,
    /// When.
    pub at: Timestamp,
}

// === impl Continues ===

impl Continues {
    pub(super) const TAG: u8 = 5;

    /// Signs with the voucher's key.
    pub fn sign(self, key: &SecretKey) -> Result<Signed<Self>, StatementError> {
        Signed::sign(self, key)
    }
}

impl Terms for Continues {
    const DOMAIN: &'static [u8] = domain::CONTINUES;
    const NUMBER: u8 = Self::TAG;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.network.0);
        out.extend_from_slice(self.voucher.as_bytes());
        out.extend_from_slice(self.old.as_bytes());
        out.extend_from_slice(self.new.as_bytes());
        put_time(out, self.at);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: reader.network()?,
            voucher: reader.key()?,
            old: reader.key()?,
            new: reader.key()?,
            at: reader.time()?,
        })
    }

    fn signer(&self) -> PublicKey {
        self.voucher
    }

    fn check(&self) -> Result<(), Reason> {
        check_network(self.network)?;
        check_time(self.at)?;
        let apart = self.old != self.new && self.voucher != self.old && self.voucher != self.new;
        if apart { Ok(()) } else { Err(Reason::Contradiction) }
    }
}

impl From<Signed<Continues>> for super::Statement {
    fn from(signed: Signed<Continues>) -> Self {
        Self::Continues(signed)
    }
}
