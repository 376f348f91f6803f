//! How a node is found and called: addresses beside those it listens on, circuits through seeds.

use std::time::Duration;

/// What others may know of where we are, and what happens where they cannot call us.
#[derive(Debug, Clone)]
pub struct Reaching {
    /// Multiaddresses that others can call beside those we listen on: what a router forwards, or a name.
    pub announce: Vec<String>,
    /// Whether this network lives on private addresses: else they are neither told nor taken from others.
    pub private: bool,
    /// Whether members in the same network segment are heard of by mDNS. It tells that segment that we are here.
    pub mdns: bool,
    /// Whether a member that nobody calls asks two seeds to be called through them.
    pub reserve: bool,
    /// What a seed carries for others.
    pub relay: RelayLimits,
}

/// What a seed carries for members that nobody can call. The defaults leave room for gossip and sync: those of libp2p,
/// two minutes and 128 KiB, would end every circuit within its first round.
#[derive(Debug, Clone)]
pub struct RelayLimits {
    /// Members that may be called through us.
    pub reservations: usize,
    /// Circuits at once.
    pub circuits: usize,
    /// Of these so many from or to one member.
    pub circuits_per_member: usize,
    /// Bytes of one circuit, both ways together; it is closed then, and may be made anew.
    pub circuit_bytes: u64,
    /// How long one circuit may stand; at most `u32::MAX` seconds.
    pub circuit_duration: Duration,
}

// === impl Reaching ===

impl Default for Reaching {
    fn default() -> Self {
        Self {
            announce: Vec::new(),
            private: false,
            mdns: false,
            reserve: true,
            relay: RelayLimits::default(),
        }
    }
}

// === impl RelayLimits ===

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            reservations: 1_024,
            circuits: 512,
            circuits_per_member: 8,
            circuit_bytes: 256 << 20,
            circuit_duration: Duration::from_hours(24),
        }
    }
}
