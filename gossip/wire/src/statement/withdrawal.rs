//! "I take my vouch back." Only the voucher can, and only his own.

use super::signed::{Signed, StatementError, Terms};
use super::vouch::{check_network, check_time};
use crate::codec::{Reader, put_time, put_varint};
use crate::{DecodeError, NetworkId, PublicKey, Reason, SecretKey, Timestamp, domain};

/// A voucher takes back the vouch with that serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Which network.
    pub network: NetworkId,
    /// Who vouched.
    pub voucher: PublicKey,
    /// For whom.
    pub subject: PublicKey,
    /// Which of his vouches.
    pub serial: u64,
    /// From when.
    pub at: Timestamp,
}

// === impl Withdrawal ===

impl Withdrawal {
    pub(super) const TAG: u8 = 3;

    /// Signs with the voucher's key.
    pub fn sign(self, key: &SecretKey) -> Result<Signed<Self>, StatementError> {
        Signed::sign(self, key)
    }
}

impl Terms for Withdrawal {
    const DOMAIN: &'static [u8] = domain::WITHDRAWAL;
    const NUMBER: u8 = Self::TAG;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.network.0);
        out.extend_from_slice(self.voucher.as_bytes());
        out.extend_from_slice(self.subject.as_bytes());
        put_varint(out, self.serial);
        put_time(out, self.at);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: reader.network()?,
            voucher: reader.key()?,
            subject: reader.key()?,
            serial: reader.varint()?,
            at: reader.time()?,
        })
    }

    fn signer(&self) -> PublicKey {
        self.voucher
    }

    fn check(&self) -> Result<(), Reason> {
        check_network(self.network)?;
        check_time(self.at)?;
        if self.voucher == self.subject {
            Err(Reason::Contradiction)
        } else {
            Ok(())
        }
    }
}

impl From<Signed<Withdrawal>> for super::Statement {
    fn from(signed: Signed<Withdrawal>) -> Self {
        Self::Withdrawal(signed)
    }
}
