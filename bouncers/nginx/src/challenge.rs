//! What a challenged client does before it is let in: its browser computes, or its user solves a captcha. Pure: the time,
//! the secret and the client come in.
//!
//! Nobody is remembered. Whoever has done what was asked carries a cookie that can be checked with the secret, for one
//! client and two windows of time: for [`work`] the number that his browser found, for a [`captcha`] what the daemon
//! wrote down after it asked the provider. Deliberately absent: any request to anybody, and cookies that outlive this.

pub mod captcha;
mod page;
pub mod work;

use std::net::{IpAddr, Ipv6Addr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use captcha::Captcha;

pub use page::{MAX_TEMPLATE, Page, PageError};

/// What seeds and marks are made with. Whoever knows it needs neither browser nor captcha.
#[derive(Clone, Copy)]
pub struct Secret([u8; 32]);

/// What a client has to do.
#[derive(Clone, Copy, Debug)]
pub enum Asks<'a> {
    /// Find a number whose hash begins with so many nought bits.
    Work {
        /// [`work::LEAST_BITS`] to [`work::MOST_BITS`].
        bits: u8,
    },
    /// Solve a captcha.
    Captcha(&'a Captcha),
}

/// One client before one place at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// Of this machine, or of several behind one name.
    pub secret: &'a Secret,
    /// Who comes.
    pub client: IpAddr,
    /// What he has to do.
    pub asks: Asks<'a>,
    /// Length of a window in seconds, at least one. What was done in one counts in the next as well.
    pub window_secs: u64,
    /// Seconds since 1970.
    pub now_secs: u64,
}

/// A file with less holds no secret.
const LEAST_SECRET_BYTES: usize = 16;
/// So much of a keyed hash is told.
const TOLD_BYTES: usize = 16;
/// Longest window's number that is looked at.
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

    /// A keyed hash of what it is for, the client's network and the window.
    fn keyed(&self, purpose: &str, client: IpAddr, window: u64) -> Option<Hmac<Sha256>> {
        let network = match network(client) {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        // Keys of any length are taken.
        let keyed = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        let keyed = keyed.chain_update(purpose).chain_update(window.to_be_bytes());
        Some(keyed.chain_update(network.octets()))
    }

    /// Its beginning, in hexadecimal digits.
    fn tell(&self, purpose: &str, client: IpAddr, window: u64) -> String {
        let hash = self.keyed(purpose, client, window);
        let hash = hash.map(|keyed| keyed.finalize().into_bytes());
        let told = hash.as_ref().and_then(|hash| hash.get(..TOLD_BYTES));
        told.map(hex::encode).unwrap_or_default()
    }

    /// Whether this was told; how long the answer takes says nothing.
    fn has_told(&self, told: &str, purpose: &str, (client, window): (IpAddr, u64)) -> bool {
        let told = hex::decode(told).ok().filter(|told| told.len() == TOLD_BYTES);
        let keyed = self.keyed(purpose, client, window);
        told.zip(keyed)
            .is_some_and(|(told, keyed)| keyed.verify_truncated_left(&told).is_ok())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

// === impl Challenge ===

impl Challenge<'_> {
    /// Whether a cookie's value, `window-proof`, lets this client in.
    pub fn is_met(&self, cookie: &[u8]) -> bool {
        let parts = std::str::from_utf8(cookie).ok();
        let Some((window, proof)) = parts.and_then(|text| text.split_once('-')) else {
            return false;
        };
        let Some(window) = number(window) else {
            return false;
        };
        let current = self.window();
        if window != current && window.checked_add(1) != Some(current) {
            return false;
        }
        match self.asks {
            Asks::Work { bits } => {
                work::Seed::new(self.secret, self.client, window).is_solved_by(proof, bits)
            }
            Asks::Captcha(_) => captcha::is_marked(self.secret, (self.client, window), proof),
        }
    }

    /// The present window.
    pub fn window(&self) -> u64 {
        window(self.now_secs, self.window_secs)
    }

    /// How long, in seconds, a browser is to keep the cookie.
    pub const fn lasts_secs(&self) -> u64 {
        self.window_secs.saturating_mul(2)
    }
}

/// The number of the window at this second.
pub fn window(now_secs: u64, window_secs: u64) -> u64 {
    now_secs.checked_div(window_secs).unwrap_or(0)
}

/// What counts as one client: an address, and of IPv6 a /64, within which a host changes as it likes.
pub fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The cookie that carries the proof. IPv4 and IPv6 have their own: a browser that goes over both keeps both.
pub fn cookie_name(client: IpAddr) -> &'static str {
    if client.to_canonical().is_ipv4() {
        "vigie_pass4"
    } else {
        "vigie_pass6"
    }
}

/// Of digits alone, and not too many.
fn number(text: &str) -> Option<u64> {
    let digits = (1..=MOST_DIGITS).contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests;
