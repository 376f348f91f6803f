//! The work that a browser does before a challenged client is let in. Pure: the time, the secret and the client come in.
//!
//! Nobody is remembered. Of a secret, the client's network and the hour a seed is made; the [`Page`] has the browser
//! look for a number that, behind the seed, gives a SHA-256 with so many leading noughts, and hand it in with a cookie.
//! Whoever has neither the secret nor that address can make no use of it, and after two hours nobody can. Deliberately
//! absent: proof that somebody is human. This is a price, paid with seconds of computing by whoever wants in.

mod page;

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

pub use page::{MAX_TEMPLATE, Page, PageError};

/// What a challenge asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Leading bits of the hash that have to be nought, [`LEAST_BITS`] to [`MOST_BITS`]: two to that power are the
    /// numbers to be tried, in the mean.
    pub bits: u8,
    /// Length of a window in seconds, at least one. What was solved in one counts in the next as well.
    pub window_secs: u64,
}

/// What seeds are made with. Whoever knows it can compute ahead.
#[derive(Clone, Copy)]
pub struct Secret([u8; 32]);

/// What one client has to work on within one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    window: u64,
    /// Thirty-two hexadecimal digits: the page's script hashes one block of 64 bytes, of which the number gets 22.
    text: String,
}

/// Easier makes no sense,
pub const LEAST_BITS: u8 = 1;
/// ... and for harder a telephone would take minutes.
pub const MOST_BITS: u8 = 26;
/// A file with less holds no secret.
const LEAST_SECRET_BYTES: usize = 16;
/// So much of the keyed hash is the seed.
const SEED_BYTES: usize = 16;
/// Longest number that is looked at.
const MOST_DIGITS: usize = 15;

// === impl Secret ===

impl Secret {
    /// Of bytes that were drawn.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Of a file that an administrator wrote, white space around it aside. `None` if it is too short to be one.
    pub fn from_file(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.trim_ascii();
        (bytes.len() >= LEAST_SECRET_BYTES).then(|| Self(Sha256::digest(bytes).into()))
    }

    /// What this client is to work on in this window.
    fn seed(&self, client: IpAddr, window: u64) -> Seed {
        let network = match network(client) {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let mut text = String::with_capacity(2 * SEED_BYTES);
        // Keys of any length are taken.
        if let Ok(keyed) = Hmac::<Sha256>::new_from_slice(&self.0) {
            let keyed = keyed.chain_update(b"vigie challenge 1");
            let keyed = keyed.chain_update(window.to_be_bytes());
            let hash = keyed.chain_update(network.octets()).finalize().into_bytes();
            for byte in hash.iter().take(SEED_BYTES) {
                // Writing into a string cannot fail.
                write!(text, "{byte:02x}").unwrap_or_default();
            }
        }
        Seed { window, text }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

// === impl Seed ===

impl Seed {
    /// Whether this number, written with digits, is what was asked for.
    fn is_solved_by(&self, number: &str, bits: u8) -> bool {
        let hash = Sha256::new().chain_update(&self.text).chain_update(":");
        let hash = hash.chain_update(number).finalize();
        let first = hash.first_chunk().copied().map_or(u32::MAX, u32::from_be_bytes);
        first.leading_zeros() >= u32::from(bits)
    }
}

// === impl Terms ===

impl Terms {
    /// What a client is to work on at this second since 1970.
    pub fn seed(&self, secret: &Secret, client: IpAddr, now_secs: u64) -> Seed {
        secret.seed(client, self.window(now_secs))
    }

    /// Whether a cookie's value, `window-number`, lets this client in at this second since 1970.
    pub fn are_met(&self, secret: &Secret, client: IpAddr, (cookie, now_secs): (&[u8], u64)) -> bool {
        let parts = std::str::from_utf8(cookie).ok();
        let Some((window, number)) = parts.and_then(|text| text.split_once('-')) else {
            return false;
        };
        let digits = |text: &str| {
            (1..=MOST_DIGITS).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit())
        };
        let Some(window) = window.parse::<u64>().ok().filter(|_| digits(window)) else {
            return false;
        };
        let current = self.window(now_secs);
        (window == current || window.checked_add(1) == Some(current))
            && digits(number)
            && secret.seed(client, window).is_solved_by(number, self.bits)
    }

    fn window(&self, now_secs: u64) -> u64 {
        now_secs.checked_div(self.window_secs).unwrap_or(0)
    }
}

/// What counts as one client: an address, and of IPv6 a /64, within which a host changes as it likes.
pub fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The cookie that carries the number. IPv4 and IPv6 have their own: a browser that goes over both keeps both.
pub fn cookie_name(client: IpAddr) -> &'static str {
    if client.to_canonical().is_ipv4() {
        "vigie_pass4"
    } else {
        "vigie_pass6"
    }
}

#[cfg(test)]
mod tests;
