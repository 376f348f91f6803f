//! Who is kept out, as a worker of nginx looks it up: a sorted list of networks, searched once a request. Pure.
//!
//! Single addresses are networks of full length. Each row knows the narrowest network around it, so one binary search
//! and a few steps outwards find the longest match that has not ended. No allocation, no panic whatever the address.
//! Deliberately absent: the time, which comes in, and the file, which is [`form`]'s.

pub mod form;
mod rows;

use std::net::IpAddr;

use rows::Rows;

/// What happens to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remediation {
    /// Let in whatever a wider row says: the local allowlist.
    Pass,
    /// Kept out.
    Ban,
    /// Of a later version. Not acted upon: nothing soft is ever hardened into a ban.
    Other(u8),
}

/// One row: a network, what happens to it, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The network's first address; bits behind the prefix do not count.
    pub address: IpAddr,
    /// Length of the prefix: 32 or 128 is a single address.
    pub prefix: u8,
    /// What happens to it.
    pub remediation: Remediation,
    /// The second ([`crate::clock`]) at which it is over.
    pub until: u32,
}

/// The table of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    v4: Rows<u32>,
    v6: Rows<u128>,
}

// === impl Remediation ===

impl Remediation {
    /// The byte that stands for it in a file.
    const fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Ban => 1,
            Self::Other(code) => code,
        }
    }

    const fn of(code: u8) -> Self {
        match code {
            0 => Self::Pass,
            1 => Self::Ban,
            other => Self::Other(other),
        }
    }

    /// The word for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Ban => "ban",
            Self::Other(_) => "other",
        }
    }
}

// === impl Table ===

impl Table {
    /// What happens to this client: the word of the longest network around it that is not over at second `now`.
    /// An IPv4 address that came in IPv6's clothes is looked up as what it is.
    pub fn look_up(&self, address: IpAddr, now: u32) -> Option<Remediation> {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.look_up(v4.to_bits(), now),
            IpAddr::V6(v6) => self.v6.look_up(v6.to_bits(), now),
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> usize {
        self.v4.len().saturating_add(self.v6.len())
    }

    /// Whether it says nothing about anybody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
