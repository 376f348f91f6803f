//! Who is at the other end: a peer shows its node certificate and signs, with the node key, the pair of
//! transport identities that this connection has.
//!
//! The signature needs no nonce: the noise handshake proves each `PeerId`, and the signed text names both,
//! so a recorded hello is of use to nobody else. Clock and incarnation are unsigned for the same reason.
//! Deliberately absent: the decision whether the node is a member, which is the directory's.

use libp2p::PeerId;
use vigie_gossip_core::wire::{
    NetworkId, NodeCertificate, PublicKey, SecretKey, Signature, Signed, Statement, Timestamp,
};

/// The domain of the signature.
const DOMAIN: &[u8] = b"vigie/hello/v1";
const VERSION: u8 = 1;
const SIGNATURE_BYTES: usize = 64;

/// What each side says once, and again from time to time.
#[derive(Debug, Clone)]
pub struct Hello {
    /// The sender's clock while writing this.
    pub clock: Timestamp,
    /// Drawn at start: a change means that the process behind the `PeerId` is a new one.
    pub incarnation: u64,
    /// Absent while a node has no certificate yet.
    pub proof: Option<Proof>,
}

/// A node certificate, and the proof that the sender holds its key.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Which organisation vouches for which node key.
    pub certificate: Signed<NodeCertificate>,
    /// By the node key, over network and both peers.
    pub signature: Signature,
}

/// A hello that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// Ends early or runs on.
    #[error("wrong length")]
    Length,
    /// Another version.
    #[error("unknown version {0}")]
    Version(u8),
    /// The proof's flag or certificate does not decode.
    #[error("malformed proof")]
    Proof,
}

// === impl Proof ===

impl Proof {
    /// Signs for a connection from `own` to `peer`.
    pub fn sign(certificate: Signed<NodeCertificate>, key: &SecretKey, own: PeerId, peer: PeerId) -> Self {
        let signature = key.sign(DOMAIN, &transcript(certificate.network, own, peer));
        Self {
            certificate,
            signature,
        }
    }

    /// The node key, if the sender `peer` proved to us, `own`, that it holds it.
    pub fn verify(&self, network: NetworkId, own: PeerId, peer: PeerId) -> Option<PublicKey> {
        let key = self.certificate.node;
        key.verify(DOMAIN, &transcript(network, peer, own), &self.signature)
            .ok()
            .map(|()| key)
    }
}

/// Network, prover, verifier; each peer with its length before it.
fn transcript(network: NetworkId, prover: PeerId, verifier: PeerId) -> Vec<u8> {
    let mut text = network.0.to_vec();
    for peer in [prover, verifier] {
        let bytes = peer.to_bytes();
        text.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        text.extend_from_slice(&bytes);
    }
    text
}

// === impl Hello ===

impl Hello {
    /// Version, clock, incarnation, then nothing or 1, certificate length (two bytes), certificate, signature.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.clock.as_millis().to_le_bytes());
        bytes.extend_from_slice(&self.incarnation.to_le_bytes());
        match &self.proof {
            None => bytes.push(0),
            Some(proof) => {
                let certificate = Statement::NodeCertificate(proof.certificate.clone()).encode();
                bytes.push(1);
                bytes.extend_from_slice(&u16::try_from(certificate.len()).unwrap_or(u16::MAX).to_le_bytes());
                bytes.extend_from_slice(&certificate);
                bytes.extend_from_slice(proof.signature.as_bytes());
            }
        }
        bytes
    }

    /// The only reading of these bytes. Verifies nothing.
    pub fn decode(bytes: &[u8]) -> Result<Self, HelloError> {
        let (&[version], rest) = split(bytes)?;
        if version != VERSION {
            return Err(HelloError::Version(version));
        }
        let (clock, rest) = split::<8>(rest)?;
        let (incarnation, rest) = split::<8>(rest)?;
        let (&[proven], rest) = split(rest)?;
        let proof = match (proven, rest.is_empty()) {
            (0, true) => None,
            (1, false) => Some(decode_proof(rest)?),
            (0 | 1, _) => return Err(HelloError::Length),
            _ => return Err(HelloError::Proof),
        };
        Ok(Self {
            clock: Timestamp::from_millis(i64::from_le_bytes(*clock)),
            incarnation: u64::from_le_bytes(*incarnation),
            proof,
        })
    }
}

fn split<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), HelloError> {
    bytes.split_first_chunk().ok_or(HelloError::Length)
}

fn decode_proof(bytes: &[u8]) -> Result<Proof, HelloError> {
    let (length, rest) = split::<2>(bytes)?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (certificate, signature) = rest.split_at_checked(length).ok_or(HelloError::Length)?;
    let signature: [u8; SIGNATURE_BYTES] = signature.try_into().map_err(|_| HelloError::Length)?;
    let Ok(Statement::NodeCertificate(certificate)) = Statement::decode(certificate) else {
        return Err(HelloError::Proof);
    };
    Ok(Proof {
        certificate,
        signature: Signature::from_bytes(signature),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NETWORK: NetworkId = NetworkId([9; 16]);

    fn proof(own: PeerId, peer: PeerId) -> Proof {
        let (org, node) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
        let not_before = Timestamp::from_secs(1_000_000);
        let certificate = NodeCertificate {
            network: NETWORK,
            org: org.public(),
            node: node.public(),
            not_before,
            not_after: not_before + Duration::from_hours(1),
            epoch_from: 0,
            epoch_to: 1,
            consent: NodeCertificate::consent(NETWORK, &org.public(), &node),
        };
        Proof::sign(certificate.sign(&org).unwrap(), &node, own, peer)
    }

    fn hello(proof: Option<Proof>) -> Vec<u8> {
        Hello {
            clock: Timestamp::from_millis(-5),
            incarnation: u64::MAX,
            proof,
        }
        .encode()
    }

    #[test]
    fn what_is_said_is_read_and_nothing_else() {
        let (one, other) = (PeerId::random(), PeerId::random());
        for bytes in [hello(None), hello(Some(proof(one, other)))] {
            assert_eq!(Hello::decode(&bytes).unwrap().encode(), bytes);
            for end in 0..bytes.len() {
                assert!(Hello::decode(&bytes[..end]).is_err());
            }
            assert!(Hello::decode(&[&bytes[..], &[0]].concat()).is_err());
        }
        let mut newer = hello(None);
        newer[0] = 2;
        assert_eq!(Hello::decode(&newer).unwrap_err(), HelloError::Version(2));
    }

    #[test]
    fn the_page_has_the_names_that_must_be_the_same_everywhere() {
        let page = include_str!("../../docs/protocol.md");
        let network = NETWORK.to_string();
        let topics = crate::topic::Topics::of(NETWORK);
        let names = [
            crate::topic::hello_protocol(NETWORK).to_string(),
            crate::topic::sync_protocol(NETWORK).to_string(),
            crate::topic::relay_protocol(NETWORK).to_string(),
            topics.urgent.to_string(),
            topics.sightings.to_string(),
            topics.directory.to_string(),
            String::from_utf8(DOMAIN.to_vec()).unwrap(),
            crate::topic::exchange_protocol(NETWORK).to_string(),
            String::from_utf8(crate::addresses::DOMAIN.to_vec()).unwrap(),
        ];
        for name in names {
            let name = name.replace(&network, "<network>");
            assert!(page.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn a_proof_is_for_one_pair_of_peers_in_one_direction() {
        let (one, other, third) = (PeerId::random(), PeerId::random(), PeerId::random());
        let proof = proof(one, other);
        assert_eq!(
            proof.verify(NETWORK, other, one),
            Some(SecretKey::from_seed([2; 32]).public())
        );
        assert_eq!(proof.verify(NETWORK, one, other), None);
        assert_eq!(proof.verify(NETWORK, third, one), None);
        assert_eq!(proof.verify(NETWORK, other, third), None);
        assert_eq!(proof.verify(NetworkId([8; 16]), other, one), None);
    }
}
