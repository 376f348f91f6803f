//! Where a node is called: a record that its node key signs, that expires, and that members hand to each other.
//!
//! It names the transport's key, so whoever answers there is that node or nobody. Addresses may be any, also somebody
//! else's: what is dialled, and how often, is for the reader to bound. Deliberately absent: who is a member, which is the
//! directory's, and which record to keep.

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, identity};
use vigie_gossip_core::wire::indicator::is_public;
use vigie_gossip_core::wire::{NetworkId, PublicKey, PublisherId, SecretKey, Signature, Timestamp};

/// The domain of the signature.
pub(crate) const DOMAIN: &[u8] = b"vigie/addresses/v1";
const VERSION: u8 = 1;
/// Addresses in a record.
pub const MAX_ADDRESSES: usize = 8;
/// Bytes of an address.
pub const MAX_ADDRESS_BYTES: usize = 128;
/// Bytes of a record: the fields, the addresses with their lengths, the signature.
pub const MAX_RECORD_BYTES: usize = 98 + MAX_ADDRESSES * (1 + MAX_ADDRESS_BYTES) + 64;
/// The longest that a record holds.
pub const MAX_LIFE: std::time::Duration = std::time::Duration::from_hours(30 * 24);
/// How far a record may come from the future.
const SKEW: std::time::Duration = std::time::Duration::from_mins(2);

/// A signed record, as it was read or made: its signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Which network.
    pub network: NetworkId,
    /// Whose it is, and who signed it.
    pub node: PublicKey,
    /// The peer that answers there.
    pub peer: PeerId,
    /// When it was made: of two of one node the later holds.
    pub issued: Timestamp,
    /// From when on it counts no more.
    pub expires: Timestamp,
    /// Where: without the peer's own name. None says that it is called nowhere.
    pub addresses: Vec<Multiaddr>,
    bytes: Vec<u8>,
}

/// Bytes that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Ends early, runs on, or has more than a record may.
    #[error("wrong length")]
    Length,
    /// Another version: not a fault.
    #[error("unknown version {0}")]
    Version(u8),
    /// A key or address that is none.
    #[error("malformed field")]
    Field,
    /// Times that contradict each other, or hold for too long.
    #[error("wrong times")]
    Times,
    /// The node key did not sign this.
    #[error("the signature does not hold")]
    Signature,
}

// === impl Addresses ===

impl Addresses {
    /// Signs the first [`MAX_ADDRESSES`] of `addresses`, for at most [`MAX_LIFE`]. `transport` is the transport's ed25519
    /// key. `None` if that key is none.
    pub fn sign(
        network: NetworkId,
        key: &SecretKey,
        transport: [u8; 32],
        addresses: &[Multiaddr],
        (issued, expires): (Timestamp, Timestamp),
    ) -> Option<Self> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&network.0);
        bytes.extend_from_slice(key.public().as_bytes());
        bytes.extend_from_slice(&transport);
        bytes.extend_from_slice(&issued.as_millis().to_le_bytes());
        bytes.extend_from_slice(&expires.as_millis().to_le_bytes());
        let short = addresses.iter().filter(|one| one.len() <= MAX_ADDRESS_BYTES);
        let chosen: Vec<&Multiaddr> = short.take(MAX_ADDRESSES).collect();
        bytes.push(u8::try_from(chosen.len()).ok()?);
        for address in chosen {
            bytes.push(u8::try_from(address.len()).ok()?);
            bytes.extend_from_slice(address.as_ref());
        }
        let signature = key.sign(DOMAIN, &bytes);
        bytes.extend_from_slice(signature.as_bytes());
        Self::decode(&bytes).ok()
    }

    /// Reads a record and verifies its signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (&[version], rest) = split(bytes)?;
        if version != VERSION {
            return Err(RecordError::Version(version));
        }
        let (network, rest) = split::<16>(rest)?;
        let (node, rest) = split::<32>(rest)?;
        let (transport, rest) = split::<32>(rest)?;
        let (issued, rest) = split::<8>(rest)?;
        let (expires, rest) = split::<8>(rest)?;
        let (&[count], mut rest) = split(rest)?;
        if usize::from(count) > MAX_ADDRESSES {
            return Err(RecordError::Length);
        }
        let mut addresses = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let (&[length], after) = split(rest)?;
            let (address, after) = after
                .split_at_checked(usize::from(length))
                .ok_or(RecordError::Length)?;
            if address.len() > MAX_ADDRESS_BYTES {
                return Err(RecordError::Length);
            }
            addresses.push(Multiaddr::try_from(address.to_vec()).map_err(|_| RecordError::Field)?);
            rest = after;
        }
        let signature: [u8; 64] = rest.try_into().map_err(|_| RecordError::Length)?;
        let [issued, expires] =
            [issued, expires].map(|time| Timestamp::from_millis(i64::from_le_bytes(*time)));
        if !issued.is_on_wire() || !expires.is_on_wire() || expires <= issued || expires > issued + MAX_LIFE {
            return Err(RecordError::Times);
        }
        let node = PublicKey::from_bytes(*node).map_err(|_| RecordError::Field)?;
        let signed = bytes.get(..bytes.len() - signature.len()).unwrap_or_default();
        node.verify(DOMAIN, signed, &Signature::from_bytes(signature))
            .map_err(|_| RecordError::Signature)?;
        Ok(Self {
            network: NetworkId(*network),
            node,
            peer: peer_of_key(transport).ok_or(RecordError::Field)?,
            issued,
            expires,
            addresses,
            bytes: bytes.to_vec(),
        })
    }

    /// The bytes, as they were signed.
    pub fn encode(&self) -> &[u8] {
        &self.bytes
    }

    /// Whose it is.
    pub fn publisher(&self) -> PublisherId {
        self.node.publisher_id()
    }

    /// Whether it counts at that time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.issued <= now + SKEW && now < self.expires
    }
}

fn split<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), RecordError> {
    bytes.split_first_chunk().ok_or(RecordError::Length)
}

fn peer_of_key(transport: &[u8; 32]) -> Option<PeerId> {
    let key = identity::ed25519::PublicKey::try_from_bytes(transport).ok()?;
    Some(identity::PublicKey::from(key).to_peer_id())
}

/// Several records, as they travel: u8 count, then each after a u16 length.
pub(crate) fn encode_list<'a>(records: impl IntoIterator<Item = &'a Addresses>) -> Vec<u8> {
    let mut bytes = vec![0];
    for record in records {
        let length = u16::try_from(record.bytes.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&record.bytes);
        if let Some(count) = bytes.first_mut() {
            *count = count.saturating_add(1);
        }
    }
    bytes
}

/// The records of a list, each undecoded; `None` if it is no list, or longer than `most`.
pub(crate) fn split_list(bytes: &[u8], most: usize) -> Option<Vec<&[u8]>> {
    let (count, mut rest) = bytes.split_first()?;
    if usize::from(*count) > most {
        return None;
    }
    let mut records = Vec::with_capacity(usize::from(*count));
    for _ in 0..*count {
        let (length, after) = rest.split_first_chunk()?;
        let (record, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        records.push(record);
        rest = after;
    }
    rest.is_empty().then_some(records)
}

/// Whether an address may be told to others, or dialled on the word of others: an IP address that is public, or any if the
/// network lives on private ones; a name only where `named`; TCP or QUIC; through a seed or not.
pub(crate) fn is_shareable(address: &Multiaddr, private: bool, named: bool) -> bool {
    let mut parts = address.iter();
    let host = match parts.next() {
        Some(Protocol::Ip4(ip)) => private || is_public(ip.into()),
        Some(Protocol::Ip6(ip)) => private || is_public(ip.into()),
        Some(Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dns(_)) => named,
        _ => false,
    };
    let port = match parts.next() {
        Some(Protocol::Tcp(port)) => port != 0,
        Some(Protocol::Udp(port)) => port != 0 && parts.next() == Some(Protocol::QuicV1),
        _ => false,
    };
    let end = match parts.next() {
        None => true,
        Some(Protocol::P2p(_)) => parts.next() == Some(Protocol::P2pCircuit) && parts.next().is_none(),
        Some(_) => false,
    };
    host && port && end
}

/// The seed that an address leads through, if it leads through one.
pub(crate) fn relay_of(address: &Multiaddr) -> Option<PeerId> {
    let mut last = None;
    for part in address {
        match part {
            Protocol::P2p(peer) => last = Some(peer),
            Protocol::P2pCircuit => return last,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NETWORK: NetworkId = NetworkId([9; 16]);

    fn record(addresses: &[&str], life: Duration) -> Option<Addresses> {
        let key = SecretKey::from_seed([2; 32]);
        let transport = identity::Keypair::ed25519_from_bytes([3; 32]).unwrap();
        let transport = transport.public().try_into_ed25519().unwrap().to_bytes();
        let addresses: Vec<Multiaddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
        let issued = Timestamp::from_secs(1_000_000);
        Addresses::sign(NETWORK, &key, transport, &addresses, (issued, issued + life))
    }

    #[test]
    fn what_is_signed_is_read_and_nothing_else() {
        let hour = Duration::from_hours(1);
        let seed =
            "/ip4/192.0.2.1/tcp/443/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN/p2p-circuit";
        for addresses in [&[][..], &["/ip6/2001:db8::1/udp/8481/quic-v1", seed]] {
            let record = record(addresses, hour).unwrap();
            assert_eq!(record.addresses.len(), addresses.len());
            let bytes = record.encode().to_vec();
            assert_eq!(Addresses::decode(&bytes).unwrap(), record);
            for at in 0..bytes.len() {
                assert!(Addresses::decode(&bytes[..at]).is_err());
                let mut other = bytes.clone();
                other[at] ^= 1;
                assert!(Addresses::decode(&other).is_err(), "{at}");
            }
            assert!(Addresses::decode(&[&bytes[..], &[0]].concat()).is_err());
        }
        let most = record(&["/ip4/192.0.2.1/tcp/1"; 20], hour).unwrap();
        assert_eq!(most.addresses.len(), MAX_ADDRESSES);
        assert!(record(&[], MAX_LIFE).is_some());
        assert!(record(&[], MAX_LIFE + hour).is_none());
        assert!(record(&[], Duration::ZERO).is_none());
    }

    #[test]
    fn a_record_holds_from_its_making_to_its_end() {
        let record = record(&[], Duration::from_hours(1)).unwrap();
        let [before, soon] = [3, 1].map(Duration::from_mins);
        assert!(!record.holds(Timestamp::from_secs(1_000_000 - before.as_secs().cast_signed())));
        assert!(record.holds(Timestamp::from_secs(1_000_000 - soon.as_secs().cast_signed())));
        assert!(!record.holds(record.expires));
    }

    #[test]
    fn a_list_is_split_as_it_was_joined() {
        let record = record(&["/ip4/192.0.2.1/tcp/1"], Duration::from_hours(1)).unwrap();
        let list = encode_list([&record, &record]);
        assert_eq!(split_list(&list, 2).unwrap(), [record.encode(); 2]);
        assert!(split_list(&list, 1).is_none());
        for end in 0..list.len() {
            assert!(split_list(&list[..end], 9).is_none());
        }
        assert!(split_list(&[&list[..], &[0]].concat(), 9).is_none());
    }

    #[test]
    fn the_seed_of_a_circuit_is_the_peer_before_it() {
        let [relay, peer] = [(); 2].map(|()| PeerId::random());
        let direct = format!("/ip4/9.9.9.9/tcp/1/p2p/{relay}");
        let of = |address: &str| relay_of(&address.parse().unwrap());
        assert_eq!(of(&direct), None);
        assert_eq!(of(&format!("{direct}/p2p-circuit")), Some(relay));
        assert_eq!(of(&format!("{direct}/p2p-circuit/p2p/{peer}")), Some(relay));
        assert_eq!(of("/ip4/9.9.9.9/tcp/1/p2p-circuit"), None);
    }

    #[test]
    fn only_what_anybody_can_dial_is_shared() {
        let relay = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
        let check = |address: &str, expected: [bool; 3]| {
            let address = address.replace("RELAY", relay).parse().unwrap();
            let seen = [(false, false), (true, false), (false, true)]
                .map(|(private, named)| is_shareable(&address, private, named));
            assert_eq!(seen, expected, "{address}");
        };
        check("/ip4/9.9.9.9/tcp/443", [true; 3]);
        check("/ip6/2620:fe::fe/udp/8481/quic-v1", [true; 3]);
        check("/ip4/9.9.9.9/tcp/443/p2p/RELAY/p2p-circuit", [true; 3]);
        for private in [
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/10.0.0.1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip4/0.0.0.0/tcp/1",
        ] {
            check(private, [false, true, false]);
        }
        check("/dns4/seed.example/tcp/443", [false, false, true]);
        for never in [
            "/dnsaddr/seed.example",
            "/ip4/9.9.9.9/tcp/0",
            "/ip4/9.9.9.9/udp/53",
            "/ip4/9.9.9.9/tcp/1/ws",
            "/ip4/9.9.9.9/tcp/1/p2p/RELAY",
            "/ip4/9.9.9.9/tcp/1/p2p/RELAY/p2p-circuit/p2p/RELAY",
            "/ip4/9.9.9.9",
        ] {
            check(never, [false; 3]);
        }
    }
}
