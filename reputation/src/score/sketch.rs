//! The sketch of visitors over a restart: the only memory that no store of exact records holds.
//!
//! Deliberately absent: where it is kept, and how often, which are the node's.

use ipnet::IpNet;
use vigie_wire::Timestamp;

use super::Scorer;
use crate::memory::BadSketch;

// === impl Scorer ===

impl Scorer {
    /// The sketch of visitors as bytes, to be given back to [`Scorer::take_sketch`]. It holds the secret seed. About five
    /// bytes for each visitor that the configuration allows.
    pub fn sketch(&self) -> Vec<u8> {
        self.memory.write_sketch()
    }

    /// Takes up the sketch that was kept, in the place of what is remembered of visitors.
    ///
    /// # Errors
    /// The bytes are no sketch, or one of another size or seed. Then nothing changes.
    pub fn take_sketch(&mut self, bytes: &[u8]) -> Result<(), BadSketch> {
        self.memory.read_sketch(bytes)
    }

    /// How many users are remembered, and how many visitors of the present fifteen days.
    pub fn known(&self) -> (usize, usize) {
        self.memory.known()
    }

    /// Whether anybody of a network is remembered: a user by his address, a visitor by his /24, an IPv6 host by his /64.
    /// Networks that are larger than these count as known.
    pub fn knows_any_of(&self, net: IpNet, now: Timestamp) -> bool {
        self.memory.knows_any_of(net, now)
    }
}
