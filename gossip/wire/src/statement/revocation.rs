//! "This key of ours is no longer ours." An organisation revokes only its own keys, also its own last one.

use super::signed::{Signed, StatementError, Terms};
use super::vouch::check_time;
use crate::codec::{Reader, put_time};
use crate::{DecodeError, NetworkId, PublicKey, Reason, SecretKey, Timestamp, domain};

/// An organisation revokes one of its nodes, or itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Which network.
    pub network: NetworkId,
    /// The organisation.
    pub org: PublicKey,
    /// What of it.
    pub target: RevocationTarget,
    /// Since when the key may have been another's: what came later is weighed anew. Not after `at`.
    pub compromised_since: Timestamp,
    /// When it was revoked.
    pub at: Timestamp,
}

/// What is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RevocationTarget {
    /// One node key: 0, and the key.
    Node(PublicKey),
    /// The organisation key itself: 1.
    Organisation,
}

// === impl Revocation ===

impl Revocation {
    /// Names no network: such a revocation holds in every one. It is signed before any network is joined, and kept.
    pub const EVERYWHERE: NetworkId = NetworkId([0; 16]);

    pub(super) const TAG: u8 = 4;

    /// Signs with the organisation key.
    pub fn sign(self, key: &SecretKey) -> Result<Signed<Self>, StatementError> {
        Signed::sign(self, key)
    }
}

impl Terms for Revocation {
    const DOMAIN: &'static [u8] = domain::REVOCATION;
    const NUMBER: u8 = Self::TAG;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.network.0);
        out.extend_from_slice(self.org.as_bytes());
        match &self.target {
            RevocationTarget::Node(node) => {
                out.push(0);
                out.extend_from_slice(node.as_bytes());
            }
            RevocationTarget::Organisation => out.push(1),
        }
        put_time(out, self.compromised_since);
        put_time(out, self.at);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: reader.network()?,
            org: reader.key()?,
            target: match reader.u8_up_to(1)? {
                0 => RevocationTarget::Node(reader.key()?),
                _ => RevocationTarget::Organisation,
            },
            compromised_since: reader.time()?,
            at: reader.time()?,
        })
    }

    fn signer(&self) -> PublicKey {
        self.org
    }

    fn check(&self) -> Result<(), Reason> {
        check_time(self.compromised_since)?;
        check_time(self.at)?;
        if self.compromised_since <= self.at {
            Ok(())
        } else {
            Err(Reason::Contradiction)
        }
    }
}

impl From<Signed<Revocation>> for super::Statement {
    fn from(signed: Signed<Revocation>) -> Self {
        Self::Revocation(signed)
    }
}
