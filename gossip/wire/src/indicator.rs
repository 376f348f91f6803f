//! Who was seen: an address, most of the time.
//!
//! Deliberately absent: opinions about an indicator, and its encoding (`indicator/code.rs`).

mod code;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use code::MAX_INDICATOR_BYTES;

/// What a sighting speaks of. `Unknown` is carried and relayed by nodes that cannot read it, and never scored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "value")]
pub enum Indicator {
    /// One address. An IPv4 address mapped into IPv6 is always held as IPv4: see [`Indicator::ip`].
    Ip(IpAddr),
    /// A network, host bits zero.
    Range(IpNet),
    /// A domain name, lower case, without the final dot.
    Domain(Box<str>),
    /// A URL, cut to scheme and host unless the publisher opted in.
    Url(Box<str>),
    /// The SHA-256 of a file. Boxed: it is rare, and a node holds a million addresses.
    Sha256(Box<[u8; 32]>),
    /// An autonomous system.
    Asn(u32),
    /// A type that this version does not know.
    Unknown {
        /// The type's number.
        tag: u8,
        /// Its bytes, untouched.
        bytes: Box<[u8]>,
    },
}

// === impl Indicator ===

impl Indicator {
    /// An address, IPv4-mapped ones normalised, so that one host has one name.
    pub fn ip(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }

    /// The address, if the indicator is one.
    pub fn as_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            _ => None,
        }
    }
}

impl fmt::Display for Indicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Range(range) => range.fmt(f),
            Self::Domain(text) | Self::Url(text) => f.write_str(text),
            Self::Sha256(hash) => f.write_str(&hex::encode(**hash)),
            Self::Asn(number) => write!(f, "AS{number}"),
            Self::Unknown { tag, .. } => write!(f, "unknown type {tag}"),
        }
    }
}

/// Whether an address is one of the public Internet: neither private, local, multicast, documentation nor reserved.
/// Source: the IANA special-purpose address registries (RFC 6890 and its updates).
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = (a, b, c) == (192, 0, 0);
    let benchmark = a == 198 && (b & 0xfe) == 18;
    !(a == 0
        || a >= 240
        || shared
        || protocol
        || benchmark
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3; of it 2001:db8::/32 and 3fff::/20 are documentation, 2001::/23 protocols, 2002::/16 6to4.
    let global = first & 0xe000 == 0x2000;
    let documentation = (first == 0x2001 && second == 0x0db8) || (first == 0x3fff && second < 0x1000);
    let protocols = first == 0x2001 && second < 0x0200;
    global && !documentation && !protocols && first != 0x2002
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_purpose_addresses_are_not_public() {
        for text in [
            "0.1.2.3",
            "10.1.1.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fc00::1",
            "2001:db8::1",
            "2001::1",
            "2002::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "3fff:1::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in ["1.1.1.1", "192.88.99.7", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_mapped_address_has_one_name() {
        assert_eq!(
            Indicator::ip("::ffff:8.8.8.8".parse().unwrap()),
            Indicator::ip("8.8.8.8".parse().unwrap())
        );
    }
}
