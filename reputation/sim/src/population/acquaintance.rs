//! Which node knows which innocent from its own legitimate traffic, and how well.
//!
//! Three questions, each a parameter: does it do business with the node, does the node remember it, did it log in.
//! Answers are hashed from the pair, so that a million pairs take no memory. Deliberately absent: visits as they
//! happen, which `node` draws when they matter.

use vigie_reputation::Tier;

use crate::dice::{mix, unit};
use crate::setup::Acquainted;
use crate::subject::Org;

/// How an innocent stands to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquaintance {
    /// It never comes.
    Stranger,
    /// It is part of the node's legitimate traffic.
    Client {
        /// What the node remembers of it, if anything.
        remembered: Option<Tier>,
    },
}

/// All of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Acquaintances {
    model: Acquainted,
    key: u64,
}

// === impl Acquaintances ===

impl Acquaintances {
    pub(super) fn new(model: Acquainted, key: u64) -> Self {
        Self { model, key }
    }

    /// How an innocent of this popularity stands to a node.
    pub fn between(&self, org: Org, innocent: u32, popularity: f64) -> Acquaintance {
        let model = &self.model;
        let answer = |question: u64| unit(mix(self.key.wrapping_add(question), org.0, innocent));
        let comes = (model.floor + model.slope * popularity).min(model.ceiling);
        if answer(0) >= comes {
            return Acquaintance::Stranger;
        }
        let remembered = (answer(1) < model.remembered).then(|| {
            if answer(2) < model.authenticated {
                Tier::Authenticated
            } else {
                Tier::Visitor
            }
        });
        Acquaintance::Client { remembered }
    }

    /// Mean days between the visits of an innocent of this popularity to a node that it does business with.
    pub fn days_between_visits(&self, popularity: f64) -> f64 {
        1.0 / (self.model.visits_per_day * popularity).max(1e-3)
    }
}

// === impl Acquaintance ===

impl Acquaintance {
    /// Whether it is part of the node's legitimate traffic.
    pub fn is_client(self) -> bool {
        self != Self::Stranger
    }

    /// How well the node knows it.
    pub fn tier(self) -> Option<Tier> {
        match self {
            Self::Client { remembered } => remembered,
            Self::Stranger => None,
        }
    }
}
