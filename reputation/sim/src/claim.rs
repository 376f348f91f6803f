//! What is said and what is done: the events that scorers and nodes hear of.
//!
//! Deliberately absent: who lies. A claim says who makes it, and nothing more.

use vigie_reputation::wire::{Behaviour, Timestamp};

use crate::subject::{Name, Org, Subject};

/// What somebody says of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It did this.
    Report(Behaviour),
    /// It did not.
    Dispute,
}

/// A public claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// When it is published.
    pub at: Timestamp,
    /// When it happened, says the claim.
    pub observed: Timestamp,
    /// Who makes it.
    pub by: Org,
    /// Of whom.
    pub subject: Subject,
    /// What.
    pub word: Word,
}

/// A claim as it reaches one observer's scorer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Who makes it.
    pub by: Org,
    /// Of whom.
    pub name: Name,
    /// What.
    pub word: Word,
    /// When it happened, says the claim.
    pub observed: Timestamp,
    /// When it arrived.
    pub arrived: Timestamp,
}

/// What liars do besides talking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Publish a claim.
    Say(Claim),
    /// Send traffic to an organisation that its sensor takes for an attack: from an address of their own, from behind
    /// a shared one, or with a forged source.
    Strike {
        /// When.
        at: Timestamp,
        /// Where it seems to come from.
        from: Subject,
        /// Whom it reaches.
        victim: Org,
        /// What it looks like.
        behaviour: Behaviour,
    },
    /// The network proves that an organisation equivocated: nothing that it said or will say counts any more.
    Exposed {
        /// When.
        at: Timestamp,
        /// Whom.
        org: Org,
    },
}

// === impl Claim ===

impl Claim {
    /// A claim about something that happens as it is published.
    pub fn now(at: Timestamp, by: Org, subject: Subject, word: Word) -> Self {
        Self {
            at,
            observed: at,
            by,
            subject,
            word,
        }
    }
}
