//! Other people's rules on this node: where they come from, which are installed, and in exactly which version.
//!
//! `origin` reads a hub (a directory or an https index), `catalog` knows its items, `installed` is the directory that
//! the sensor loads, `change` brings the two together. Deliberately absent: what rules mean, which is the sensor's.

pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod installed;
pub(crate) mod item;
pub(crate) mod origin;

use sha2::{Digest, Sha256};

/// The hash that pins a file, as CrowdSec's index writes it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
