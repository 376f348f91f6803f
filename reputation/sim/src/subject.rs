//! Names: organisations and subjects as the simulator numbers them, and as the scorers see them.
//!
//! The way back from an address is kept in this crate, for warning lists and for the oracle. Deliberately absent: a way
//! back for scorers.

use std::net::Ipv4Addr;

use vigie_reputation::wire::{Indicator, OrgId};

use crate::dice::mix;

/// An organisation: the honest ones first, anchors at their head, then the liars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Org(pub u32);

/// Whom a claim names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Attacks.
    Attacker(u32),
    /// Does legitimate business with many.
    Innocent(u32),
    /// Nobody uses the address; liars name it to corroborate each other.
    Nobody(u32),
    /// Belongs to the liars and really attacks whom they choose. Blocking it neither helps nor harms.
    Bot(u32),
    /// An unused address in the /24 of some innocents: the /24's number, then the host's.
    Neighbour(u32, u8),
    /// The /24 of some innocents, as a whole.
    Range(u32),
}

/// A subject as scorers see it: an IPv4 address, or a /24 moved into a block of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

/// Innocents that share one /24.
pub(crate) const INNOCENTS_PER_RANGE: u32 = 4;
/// Distance of two innocents in their /24.
const SPREAD: u32 = 256 / INNOCENTS_PER_RANGE;

const ATTACKERS: u32 = 0x0b00_0000;
const INNOCENTS: u32 = 0x1400_0000;
const RANGES: u32 = 0x1500_0000;
const NOBODIES: u32 = 0x1e00_0000;
const BOTS: u32 = 0x1f00_0000;
const BLOCK: u32 = 0xff00_0000;

// === impl Org ===

impl Org {
    /// Its name in the network. Keys are hashes, so names do not sort by number.
    pub fn id(self) -> OrgId {
        let mut bytes = [0; OrgId::WIDTH];
        let (head, tail) = bytes.split_at_mut(8);
        head.copy_from_slice(&mix(0, 0, self.0).to_be_bytes());
        tail.copy_from_slice(&u64::from(self.0).to_be_bytes());
        OrgId(bytes)
    }

    pub(crate) fn index(self) -> usize {
        index(self.0)
    }
}

// === impl Subject ===

impl Subject {
    /// Its name; different subjects have different names.
    pub fn name(self) -> Name {
        Name(match self {
            Self::Attacker(number) => ATTACKERS + (number & !BLOCK),
            Self::Innocent(number) => {
                let range = (number / INNOCENTS_PER_RANGE) & 0xffff;
                INNOCENTS + (range << 8) + (number % INNOCENTS_PER_RANGE) * SPREAD
            }
            Self::Neighbour(range, host) => {
                // Never an innocent's own place.
                let host = u32::from(host);
                let host = if host.is_multiple_of(SPREAD) {
                    host + 1
                } else {
                    host
                };
                INNOCENTS + ((range & 0xffff) << 8) + host
            }
            Self::Range(range) => RANGES + ((range & 0xffff) << 8),
            Self::Nobody(number) => NOBODIES + (number & !BLOCK),
            Self::Bot(number) => BOTS + (number & !BLOCK),
        })
    }

    /// The /24 that an innocent stands in.
    pub fn range_of(innocent: u32) -> Self {
        Self::Range(innocent / INNOCENTS_PER_RANGE)
    }
}

// === impl Name ===

impl Name {
    /// As an indicator: an address, or a network.
    pub fn indicator(self) -> Indicator {
        if self.is_range() {
            let network = Ipv4Addr::from_bits(self.0 - RANGES + INNOCENTS);
            return format!("{network}/24")
                .parse()
                .map_or(Indicator::ip(network.into()), Indicator::Range);
        }
        Indicator::ip(Ipv4Addr::from_bits(self.0).into())
    }

    /// As a number.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether it is a network.
    pub fn is_range(self) -> bool {
        self.0 & BLOCK == RANGES
    }

    /// The innocent at an address, if there is one.
    pub(crate) fn innocent(self) -> Option<u32> {
        let host = self.0 & 0xff;
        let place = (self.0 & !BLOCK) >> 8;
        (self.0 & BLOCK == INNOCENTS && host.is_multiple_of(SPREAD))
            .then(|| place * INNOCENTS_PER_RANGE + host / SPREAD)
    }

    /// The truth about an address: for the oracle alone.
    pub(crate) fn is_attacker(self) -> bool {
        self.0 & BLOCK == ATTACKERS
    }

    /// The name of an indicator, for warning lists.
    pub(crate) fn of(indicator: &Indicator) -> Option<Self> {
        match indicator.as_ip() {
            Some(std::net::IpAddr::V4(address)) => Some(Self(address.to_bits())),
            _ => None,
        }
    }
}

/// A number as a place in a list.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A length as a number.
pub(crate) fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_innocent_is_found_again_by_its_address_and_nobody_else_is_taken_for_one() {
        for number in [0, 1, 5, 4_999, 262_143] {
            assert_eq!(Subject::Innocent(number).name().innocent(), Some(number));
        }
        for host in 0..=255 {
            assert_eq!(Subject::Neighbour(3, host).name().innocent(), None);
        }
        assert_eq!(Subject::Attacker(0).name().innocent(), None);
        assert!(Subject::Attacker(7).name().is_attacker());
        assert!(!Subject::Bot(7).name().is_attacker());
        assert_eq!(
            Subject::range_of(13).name().indicator().to_string(),
            "20.0.3.0/24"
        );
    }
}
