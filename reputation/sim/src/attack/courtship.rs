//! A22 and A23: attackers that behave before they attack, to be remembered as visitors or as users.
//!
//! A user who was accused in the meantime also refutes his accusers when he logs in again. Deliberately absent: liars;
//! these attackers need none.

use serde::{Deserialize, Serialize};
use vigie_reputation::Tier;

use super::{Adversary, Courtship};

/// Their parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Court {
    /// As whom they pass.
    pub tier: Tier,
    /// Share of the attackers that do so.
    pub attackers: f64,
    /// Share of the nodes where they can: any has a page, few have an account for them.
    pub nodes: f64,
    /// How often they come again.
    pub times: u32,
    /// Hours between.
    pub every_hours: f64,
}

/// The attackers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suitors {
    attack: Court,
}

// === impl Court ===

impl Court {
    pub(super) fn fetch() -> Self {
        Self {
            tier: Tier::Visitor,
            attackers: 1.0,
            nodes: 1.0,
            times: 0,
            every_hours: 24.0,
        }
    }

    pub(super) fn login() -> Self {
        Self {
            tier: Tier::Authenticated,
            attackers: 0.1,
            nodes: 0.2,
            times: 12,
            every_hours: 6.0,
        }
    }
}

// === impl Suitors ===

impl Suitors {
    pub(super) fn new(attack: Court) -> Self {
        Self { attack }
    }
}

impl Adversary for Suitors {
    fn courtship(&self) -> Option<Courtship> {
        Some(Courtship {
            tier: self.attack.tier,
            attackers: self.attack.attackers,
            nodes: self.attack.nodes,
            times: self.attack.times,
            every_hours: self.attack.every_hours,
        })
    }
}
