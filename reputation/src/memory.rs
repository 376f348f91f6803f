//! Local primacy: whom we know ourselves, in two tiers. This is what no remote word can take away.
//!
//! Authenticated users are exact, dated records. Visitors are a sketch of two rotating generations: it may err towards
//! remembering, and so it only raises a threshold. Deliberately absent: who the users are; only addresses are kept.

use serde::{Deserialize, Serialize};

/// How well we know an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// It fetched something.
    Visitor,
    /// Somebody logged in from there, or has been using a session for long.
    Authenticated,
}

/// Sizes of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryConfig {
    /// Addresses of authenticated users; the longest unseen is demoted to a visitor when one more comes.
    pub max_authenticated: usize,
    /// Visitors per generation of fifteen days; what comes above is not remembered, and counted.
    pub max_visitors: usize,
    /// Hash seed of the sketch. Secret, so that nobody can aim at false positives; kept over restarts.
    pub seed: [u8; 32],
}

// === impl MemoryConfig ===

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            max_authenticated: 1_000_000,
            max_visitors: 1_000_000,
            seed: [0; 32],
        }
    }
}
