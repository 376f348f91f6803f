//! The bytes of an indicator that is not an address: a type number, a length, a value.
//!
//! Addresses have columns of their own (`envelope/sightings.rs`). Every known type has exactly one writing, and a value
//! that is not in it is refused; unknown types pass untouched.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Indicator;
use crate::codec::{Reader, put_prefixed, put_varint};
use crate::{DecodeError, Reason};

/// The type numbers, append-only.
pub(crate) mod tag {
    pub(crate) const IPV4: u8 = 1;
    pub(crate) const IPV6: u8 = 2;
    pub(crate) const RANGE: u8 = 3;
    pub(crate) const DOMAIN: u8 = 4;
    pub(crate) const URL: u8 = 5;
    pub(crate) const SHA256: u8 = 6;
    pub(crate) const ASN: u8 = 7;
}

/// The longest value of an indicator, also of an unknown type.
pub const MAX_INDICATOR_BYTES: usize = 1024;

const MAX_DOMAIN_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

// === impl Indicator ===

impl Indicator {
    /// The one form of what it names: mapped addresses as IPv4, a network of one address as that address, host bits zero.
    #[must_use]
    pub fn canonical(self) -> Self {
        match self {
            Self::Ip(address) => Self::ip(address),
            Self::Range(range) if range.prefix_len() == range.max_prefix_len() => Self::ip(range.addr()),
            Self::Range(IpNet::V6(range)) => Self::range_v6(range),
            Self::Range(range) => Self::Range(range.trunc()),
            other => other,
        }
    }

    fn range_v6(range: Ipv6Net) -> Self {
        let mapped = range
            .addr()
            .to_ipv4_mapped()
            .zip(range.prefix_len().checked_sub(96));
        let v4 = mapped.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
        Self::Range(v4.map_or(IpNet::V6(range), IpNet::V4).trunc())
    }

    /// The number of its type.
    pub(crate) const fn tag(&self) -> u8 {
        match self {
            Self::Ip(IpAddr::V4(_)) => tag::IPV4,
            Self::Ip(IpAddr::V6(_)) => tag::IPV6,
            Self::Range(_) => tag::RANGE,
            Self::Domain(_) => tag::DOMAIN,
            Self::Url(_) => tag::URL,
            Self::Sha256(_) => tag::SHA256,
            Self::Asn(_) => tag::ASN,
            Self::Unknown { tag, .. } => *tag,
        }
    }

    /// Writes type and value; addresses without, the others with a length.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        match self {
            Self::Ip(IpAddr::V4(address)) => out.extend_from_slice(&address.octets()),
            Self::Ip(IpAddr::V6(address)) => out.extend_from_slice(&address.octets()),
            Self::Range(range) => {
                let mut value = vec![range.prefix_len()];
                match range.network() {
                    IpAddr::V4(address) => value.extend_from_slice(&address.octets()),
                    IpAddr::V6(address) => value.extend_from_slice(&address.octets()),
                }
                put_prefixed(out, &value);
            }
            Self::Domain(text) | Self::Url(text) => put_prefixed(out, text.as_bytes()),
            Self::Sha256(hash) => put_prefixed(out, &**hash),
            Self::Asn(number) => {
                let mut value = Vec::with_capacity(5);
                put_varint(&mut value, u64::from(*number));
                put_prefixed(out, &value);
            }
            Self::Unknown { bytes, .. } => put_prefixed(out, bytes),
        }
    }

    /// Reads what is not an address.
    pub(crate) fn read_other(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.at();
        let number = reader.u8()?;
        let value = reader.prefixed(MAX_INDICATOR_BYTES)?;
        let refused = DecodeError::new(at, Reason::Indicator);
        match number {
            0 | tag::IPV4 | tag::IPV6 => Err(refused),
            tag::RANGE => read_range(value).ok_or(refused),
            tag::DOMAIN => text(value)
                .filter(|text| is_domain(text))
                .map(|text| Self::Domain(text.into()))
                .ok_or(refused),
            tag::URL => text(value)
                .filter(|text| is_url(text))
                .map(|text| Self::Url(text.into()))
                .ok_or(refused),
            tag::SHA256 => value
                .try_into()
                .map(|hash| Self::Sha256(Box::new(hash)))
                .map_err(|_| refused),
            tag::ASN => read_asn(value).ok_or(refused),
            tag => Ok(Self::Unknown {
                tag,
                bytes: value.into(),
            }),
        }
    }

    /// Whether it would decode as itself.
    pub(crate) fn is_canonical(&self) -> bool {
        match self {
            Self::Ip(_) => self.clone().canonical() == *self,
            other => {
                let mut bytes = Vec::new();
                other.write(&mut bytes);
                Self::read_other(&mut Reader::new(&bytes)).is_ok_and(|read| read == *other)
            }
        }
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn read_range(value: &[u8]) -> Option<Indicator> {
    let (prefix, address) = value.split_first()?;
    let address = match *address {
        [a, b, c, d] => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?)),
    };
    let range = Indicator::Range(IpNet::new(address, *prefix).ok()?);
    (range.clone().canonical() == range).then_some(range)
}

fn read_asn(value: &[u8]) -> Option<Indicator> {
    let mut reader = Reader::new(value);
    let number = reader.number().ok()?;
    reader.finish().ok()?;
    Some(Indicator::Asn(number))
}

/// Labels of a-z, 0-9, hyphen and underscore, one dot between; international names in their xn-- form.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= MAX_DOMAIN_BYTES && text.split('.').all(is_label)
}

/// Visible ASCII, beginning with a scheme in lower case and `://`.
fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let scheme_fits = scheme
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase())
        && scheme.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
        });
    scheme_fits && !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic())
}
