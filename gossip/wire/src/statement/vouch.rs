//! "I know them." One organisation vouches for another, gives it a name and labels, for at most a year.

use std::time::Duration;

use super::Labels;
use super::signed::{Signed, StatementError, Terms};
use crate::codec::{Reader, is_name, put_prefixed, put_time, put_varint};
use crate::{DecodeError, NetworkId, PublicKey, Reason, SecretKey, Timestamp, domain};

/// The longest life of a vouch.
pub const MAX_VOUCH_DAYS: u64 = 366;

/// An organisation vouches for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch {
    /// Which network.
    pub network: NetworkId,
    /// Who vouches.
    pub voucher: PublicKey,
    /// For whom.
    pub subject: PublicKey,
    /// The subject's name as the voucher knows it, see [`crate::is_name`].
    pub name: Box<str>,
    /// What the voucher attests.
    pub labels: Labels,
    /// From when.
    pub issued: Timestamp,
    /// Until when, at most 366 days later.
    pub expires: Timestamp,
    /// The voucher's own number for it; a withdrawal names it.
    pub serial: u64,
}

// === impl Vouch ===

impl Vouch {
    pub(super) const TAG: u8 = 2;

    /// Signs with the voucher's key.
    pub fn sign(self, key: &SecretKey) -> Result<Signed<Self>, StatementError> {
        Signed::sign(self, key)
    }
}

/// Both times can be written, and the second is later by at most so many days.
pub(super) fn check_span(from: Timestamp, to: Timestamp, max_days: u64) -> Result<(), Reason> {
    let max = Duration::from_hours(24 * max_days);
    check_time(from)?;
    check_time(to)?;
    if from < to && to.since(from) <= max {
        Ok(())
    } else {
        Err(Reason::Contradiction)
    }
}

/// Only a revocation may name no network.
pub(super) fn check_network(network: NetworkId) -> Result<(), Reason> {
    if network == super::Revocation::EVERYWHERE {
        Err(Reason::Contradiction)
    } else {
        Ok(())
    }
}

pub(super) const fn check_time(time: Timestamp) -> Result<(), Reason> {
    if time.is_on_wire() {
        Ok(())
    } else {
        Err(Reason::OutOfRange)
    }
}

impl Terms for Vouch {
    const DOMAIN: &'static [u8] = domain::VOUCH;
    const NUMBER: u8 = Self::TAG;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.network.0);
        out.extend_from_slice(self.voucher.as_bytes());
        out.extend_from_slice(self.subject.as_bytes());
        put_prefixed(out, self.name.as_bytes());
        self.labels.write(out);
        put_time(out, self.issued);
        put_time(out, self.expires);
        put_varint(out, self.serial);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: reader.network()?,
            voucher: reader.key()?,
            subject: reader.key()?,
            name: reader.name()?,
            labels: Labels::read(reader)?,
            issued: reader.time()?,
            expires: reader.time()?,
            serial: reader.varint()?,
        })
    }

    fn signer(&self) -> PublicKey {
        self.voucher
    }

    fn check(&self) -> Result<(), Reason> {
        check_network(self.network)?;
        check_span(self.issued, self.expires, MAX_VOUCH_DAYS)?;
        self.labels.check()?;
        if !is_name(&self.name) {
            return Err(Reason::Text);
        }
        if self.voucher == self.subject {
            Err(Reason::Contradiction)
        } else {
            Ok(())
        }
    }
}

impl From<Signed<Vouch>> for super::Statement {
    fn from(signed: Signed<Vouch>) -> Self {
        Self::Vouch(signed)
    }
}
