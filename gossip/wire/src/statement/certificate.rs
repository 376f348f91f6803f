//! "This node key is ours, from then to then, for these epochs." Signed by the organisation, agreed to by the node.

use super::signed::{Signed, StatementError, Terms};
use crate::codec::{Reader, put_time, put_varint};
use crate::{
    DecodeError, NetworkId, PublicKey, Reason, SecretKey, Signature, SignatureError, Timestamp, domain,
};

/// The longest life of a certificate.
pub const MAX_CERTIFICATE_DAYS: u64 = 90;

/// An organisation names a node key its own. Times include their first millisecond and exclude their last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeCertificate {
    /// Which network.
    pub network: NetworkId,
    /// The organisation.
    pub org: PublicKey,
    /// Its node.
    pub node: PublicKey,
    /// From when.
    pub not_before: Timestamp,
    /// Until when, at most 90 days later.
    pub not_after: Timestamp,
    /// The first epoch the node may use.
    pub epoch_from: u32,
    /// The last one: epochs are authorised ahead, so that a restored node can go on without the organisation key.
    pub epoch_to: u32,
    /// The node key's consent: [`NodeCertificate::consent`]. Without it anybody could claim another's node.
    pub consent: Signature,
}

// === impl NodeCertificate ===

impl NodeCertificate {
    pub(super) const TAG: u8 = 1;

    /// What the node signs to be certified by that organisation. It is not secret and can travel to an offline machine.
    pub fn consent(network: NetworkId, org: &PublicKey, node: &SecretKey) -> Signature {
        node.sign(domain::POSSESSION, &consent_bytes(network, org, &node.public()))
    }

    /// Signs with the organisation key.
    pub fn sign(self, key: &SecretKey) -> Result<Signed<Self>, StatementError> {
        Signed::sign(self, key)
    }
}

fn consent_bytes(network: NetworkId, org: &PublicKey, node: &PublicKey) -> Vec<u8> {
    [&network.0[..], org.as_bytes(), node.as_bytes()].concat()
}

impl Terms for NodeCertificate {
    const DOMAIN: &'static [u8] = domain::CERTIFICATE;
    const NUMBER: u8 = Self::TAG;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.network.0);
        out.extend_from_slice(self.org.as_bytes());
        out.extend_from_slice(self.node.as_bytes());
        put_time(out, self.not_before);
        put_time(out, self.not_after);
        put_varint(out, u64::from(self.epoch_from));
        put_varint(out, u64::from(self.epoch_to));
        out.extend_from_slice(self.consent.as_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            network: reader.network()?,
            org: reader.key()?,
            node: reader.key()?,
            not_before: reader.time()?,
            not_after: reader.time()?,
            epoch_from: reader.number()?,
            epoch_to: reader.number()?,
            consent: reader.signature()?,
        })
    }

    fn signer(&self) -> PublicKey {
        self.org
    }

    fn check(&self) -> Result<(), Reason> {
        super::vouch::check_network(self.network)?;
        super::vouch::check_span(self.not_before, self.not_after, MAX_CERTIFICATE_DAYS)?;
        let fits = self.epoch_from <= self.epoch_to && self.org != self.node;
        if fits { Ok(()) } else { Err(Reason::Contradiction) }
    }

    fn verify_inner(&self) -> Result<(), SignatureError> {
        let bytes = consent_bytes(self.network, &self.org, &self.node);
        self.node.verify(domain::POSSESSION, &bytes, &self.consent)
    }
}

impl From<Signed<NodeCertificate>> for super::Statement {
    fn from(signed: Signed<NodeCertificate>) -> Self {
        Self::NodeCertificate(signed)
    }
}
