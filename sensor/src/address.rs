//! Addresses as logs write them.
//!
//! Deliberately absent: ranges, and names.

use std::net::IpAddr;

/// The address that a text is. One of IPv4 that a dual-stack service wrote as IPv6 is the same as without.
pub(crate) fn read(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}
