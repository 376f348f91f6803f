//! Proof of work: a number that behind a seed gives a SHA-256 with leading noughts.
//!
//! The page's script looks for it, and one hash checks it. Deliberately absent: proof that somebody is human. It is a
//! price in seconds of computing, for everybody who wants in.

use std::net::IpAddr;

use sha2::{Digest as _, Sha256};

use super::{Secret, number};

/// Easier makes no sense,
pub const LEAST_BITS: u8 = 1;
/// ... and for harder a telephone would take minutes.
pub const MOST_BITS: u8 = 26;

/// What one client has to work on within one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seed {
    /// Thirty-two hexadecimal digits: the page's script hashes one block of 64 bytes, of which the number gets 22.
    pub(super) text: String,
}

// === impl Seed ===

impl Seed {
    pub(super) fn new(secret: &Secret, client: IpAddr, window: u64) -> Self {
        Self {
            text: secret.tell("vigie work 1", client, window),
        }
    }

    /// Whether this number, written with digits, gives a hash with so many leading nought bits.
    pub(super) fn is_solved_by(&self, written: &str, bits: u8) -> bool {
        number(written).is_some() && self.noughts(written) >= u32::from(bits)
    }

    /// How many nought bits the hash of this begins with, at most 32.
    pub(super) fn noughts(&self, written: &str) -> u32 {
        let hash = Sha256::new().chain_update(&self.text).chain_update(":");
        let hash = hash.chain_update(written).finalize();
        let first = hash.first_chunk().copied().map_or(u32::MAX, u32::from_be_bytes);
        first.leading_zeros()
    }
}
