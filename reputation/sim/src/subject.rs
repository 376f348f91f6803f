//! Names: organisations and subjects as the simulator numbers them, and as the scorers see them.
//!
//! The way back from an address is kept in this crate, for warning lists and for the oracle. Deliberately absent: a way
//! back for scorers.

use std::net::{IpAddr, Ipv4Addr};

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
}

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
    /// Its address, a public one; different subjects have different addresses.
    pub fn ip(self) -> IpAddr {
        let (block, number) = match self {
            Self::Attacker(number) => (0x0b00_0000, number),
            Self::Innocent(number) => (0x1400_0000, number),
            Self::Nobody(number) => (0x1e00_0000, number),
        };
        Ipv4Addr::from_bits(block + (number & 0x00ff_ffff)).into()
    }

    /// The same as an indicator.
    pub fn indicator(self) -> Indicator {
        Indicator::ip(self.ip())
    }

    /// The innocent at an address, if there is one.
    pub(crate) fn innocent_at(indicator: &Indicator) -> Option<u32> {
        match Self::at(indicator) {
            Some(Self::Innocent(number)) => Some(number),
            _ => None,
        }
    }

    /// The truth about an address: for the oracle alone.
    pub(crate) fn is_attacker(indicator: &Indicator) -> bool {
        matches!(Self::at(indicator), Some(Self::Attacker(_)))
    }

    fn at(indicator: &Indicator) -> Option<Self> {
        let Some(IpAddr::V4(address)) = indicator.as_ip() else {
            return None;
        };
        let number = address.to_bits() & 0x00ff_ffff;
        match address.to_bits() >> 24 {
            0x0b => Some(Self::Attacker(number)),
            0x14 => Some(Self::Innocent(number)),
            0x1e => Some(Self::Nobody(number)),
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
