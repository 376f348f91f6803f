//! Statements: what organisations sign about keys, carried in envelopes and in sync, self-contained and self-signed.
//!
//! Deliberately absent: who believes them. Admission (`gossip/core/src/directory.rs`) is a pure function of these.

mod certificate;
mod continues;
mod labels;
mod revocation;
mod seed_change;
mod signed;
mod vouch;
mod withdrawal;

pub use certificate::{MAX_CERTIFICATE_DAYS, NodeCertificate};
pub use continues::Continues;
pub use labels::Labels;
pub use revocation::{Revocation, RevocationTarget};
pub use seed_change::{MAX_SEED_SIGNATURES, SeedAction, SeedChange};
pub use signed::{Signed, StatementError};
pub use vouch::{MAX_VOUCH_DAYS, Vouch};
pub use withdrawal::Withdrawal;

use crate::codec::Reader;
use crate::envelope::Kind;
use crate::{DecodeError, NetworkId, PublicKey, Reason, SignatureError, StatementId};

/// One statement. Its type number is its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// 1: an organisation names a node key its own.
    NodeCertificate(Signed<NodeCertificate>),
    /// 2: an organisation vouches for another.
    Vouch(Signed<Vouch>),
    /// 3: a voucher takes its own vouch back.
    Withdrawal(Signed<Withdrawal>),
    /// 4: an organisation revokes a key of its own.
    Revocation(Signed<Revocation>),
    /// 5: a voucher says that a new key continues an old one.
    Continues(Signed<Continues>),
    /// 6: k seeds change the seeds.
    SeedChange(SeedChange),
}

// === impl Statement ===

impl Statement {
    /// Reads one statement, and nothing may follow.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let statement = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(statement)
    }

    /// The bytes, signatures included.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.write(&mut out);
        out
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.at();
        Ok(match reader.u8()? {
            NodeCertificate::TAG => Self::NodeCertificate(Signed::read(reader)?),
            Vouch::TAG => Self::Vouch(Signed::read(reader)?),
            Withdrawal::TAG => Self::Withdrawal(Signed::read(reader)?),
            Revocation::TAG => Self::Revocation(Signed::read(reader)?),
            Continues::TAG => Self::Continues(Signed::read(reader)?),
            SeedChange::TAG => Self::SeedChange(SeedChange::read(reader)?),
            _ => return Err(DecodeError::new(at, Reason::UnknownType)),
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::NodeCertificate(signed) => signed.write(out),
            Self::Vouch(signed) => signed.write(out),
            Self::Withdrawal(signed) => signed.write(out),
            Self::Revocation(signed) => signed.write(out),
            Self::Continues(signed) => signed.write(out),
            Self::SeedChange(change) => change.write(out),
        }
    }

    /// Verifies every signature in it. A change of seeds needs the seeds: [`SeedChange::verify`].
    pub fn verify(&self) -> Result<(), SignatureError> {
        match self {
            Self::NodeCertificate(signed) => signed.verify(),
            Self::Vouch(signed) => signed.verify(),
            Self::Withdrawal(signed) => signed.verify(),
            Self::Revocation(signed) => signed.verify(),
            Self::Continues(signed) => signed.verify(),
            Self::SeedChange(_) => Err(SignatureError::NeedsSeeds),
        }
    }

    /// Its name: the hash of everything but the signatures, so that signing twice does not make two of it.
    pub fn id(&self) -> StatementId {
        match self {
            Self::NodeCertificate(signed) => signed.id(),
            Self::Vouch(signed) => signed.id(),
            Self::Withdrawal(signed) => signed.id(),
            Self::Revocation(signed) => signed.id(),
            Self::Continues(signed) => signed.id(),
            Self::SeedChange(change) => change.id(),
        }
    }

    /// Which network it is for.
    pub fn network(&self) -> NetworkId {
        match self {
            Self::NodeCertificate(signed) => signed.network,
            Self::Vouch(signed) => signed.network,
            Self::Withdrawal(signed) => signed.network,
            Self::Revocation(signed) => signed.network,
            Self::Continues(signed) => signed.network,
            Self::SeedChange(change) => change.network,
        }
    }

    /// Who signed it; several sign a change of seeds.
    pub fn signer(&self) -> Option<PublicKey> {
        match self {
            Self::NodeCertificate(signed) => Some(signed.org),
            Self::Vouch(signed) => Some(signed.voucher),
            Self::Withdrawal(signed) => Some(signed.voucher),
            Self::Revocation(signed) => Some(signed.org),
            Self::Continues(signed) => Some(signed.voucher),
            Self::SeedChange(_) => None,
        }
    }

    /// The kind of envelope that carries it.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::NodeCertificate(_) | Self::SeedChange(_) => Kind::Certificate,
            Self::Vouch(_) | Self::Withdrawal(_) | Self::Continues(_) => Kind::Vouch,
            Self::Revocation(_) => Kind::Revocation,
        }
    }
}
