//! Why an envelope is not taken, whose fault that is, and what gossip does about it.

use crate::chain::Suspicion;
use crate::directory::Why;
use crate::wire::{Class, DecodeError, NetworkId, PublisherId, SignatureError};

/// An envelope that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Whoever passed it on should have known.
    #[error("rejected: {0}")]
    Rejected(#[source] Rejected),
    /// Nobody's fault, or the publisher's: whoever passed it on may have known less, or something else.
    #[error("ignored: {0}")]
    Ignored(#[source] Ignored),
}

/// What every forwarder can check by himself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The bytes break the encoding.
    #[error("it does not decode: {0}")]
    Malformed(#[source] DecodeError),
    /// A TLP that the public network does not carry.
    #[error("its TLP must not be here: {0}")]
    Tlp(#[source] DecodeError),
    /// The publisher did not sign it.
    #[error("its signature does not hold: {0}")]
    Signature(#[source] SignatureError),
}

/// What depends on what one knows, and when.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// A newer version, and too large to be relayed unread.
    #[error("it is of a version that this node does not know: {0}")]
    Unknown(#[source] DecodeError),
    /// Another network's.
    #[error("it belongs to network {0}")]
    OtherNetwork(NetworkId),
    /// No certificate names its publisher yet: fetch statements.
    #[error("no certificate names publisher {0}")]
    UnknownPublisher(PublisherId),
    /// Its publisher is not admitted at its signed time.
    #[error("its publisher has no say: {0}")]
    Outsider(#[source] Why),
    /// Its signed time has not come. Sync brings it again.
    #[error("its time has not come")]
    Future,
    /// It is older than what is held.
    #[error("it is older than what is held")]
    Expired,
    /// It is of the last day and came without all its rows, which a forwarder may have cut to silence them.
    #[error("it is of the last day and not whole")]
    Incomplete,
    /// It is held already.
    #[error("it is held already")]
    Duplicate,
    /// A head that names nothing newer than is known, or is no news itself.
    #[error("it names no newer place")]
    Stale,
    /// Too much is on its way to the store. Sync brings it again.
    #[error("the store is busy")]
    Busy,
    /// Another envelope is held at its place: the beginning of a proof.
    #[error("another envelope stands at its place")]
    Fork(Box<Suspicion>),
    /// It comes at or after a proven fork.
    #[error("it comes after a proven fork")]
    AfterFork,
    /// Its publisher has used up the slot of its signed time.
    #[error("its publisher has said more than his rate allows")]
    OverRate,
}

/// What gossip answers to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acceptance {
    /// Pass it on.
    Accept,
    /// Do not pass it on, and think no worse of whoever sent it.
    Ignore,
    /// Do not pass it on, and count it against whoever sent it.
    Reject,
}

/// What it costs the peer who sent it, as transport. Never a publisher's reputation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Penalty {
    /// Nothing.
    None,
    /// About fifty of these in an hour end the connection.
    Low,
    /// About five of these in an hour end the connection.
    High,
}

// === impl Refusal ===

impl Refusal {
    /// A stable name, for metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Rejected(Rejected::Malformed(_)) => "malformed",
            Self::Rejected(Rejected::Tlp(_)) => "tlp",
            Self::Rejected(Rejected::Signature(_)) => "signature",
            Self::Ignored(Ignored::Unknown(_)) => "unknown_version",
            Self::Ignored(Ignored::OtherNetwork(_)) => "other_network",
            Self::Ignored(Ignored::UnknownPublisher(_)) => "unknown_publisher",
            Self::Ignored(Ignored::Outsider(_)) => "outsider",
            Self::Ignored(Ignored::Future) => "future",
            Self::Ignored(Ignored::Expired) => "expired",
            Self::Ignored(Ignored::Incomplete) => "incomplete",
            Self::Ignored(Ignored::Duplicate) => "duplicate",
            Self::Ignored(Ignored::Stale) => "stale",
            Self::Ignored(Ignored::Busy) => "busy",
            Self::Ignored(Ignored::Fork(_)) => "fork",
            Self::Ignored(Ignored::AfterFork) => "after_fork",
            Self::Ignored(Ignored::OverRate) => "over_rate",
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error.class() {
            Class::Malformed => Self::Rejected(Rejected::Malformed(error)),
            Class::Tlp => Self::Rejected(Rejected::Tlp(error)),
            Class::Unknown => Self::Ignored(Ignored::Unknown(error)),
        }
    }
}

impl From<Ignored> for Refusal {
    fn from(ignored: Ignored) -> Self {
        Self::Ignored(ignored)
    }
}

/// What gossip does about a refusal: the one place that says so.
pub const fn outcome(refusal: &Refusal) -> (Acceptance, Penalty) {
    match refusal {
        Refusal::Rejected(Rejected::Malformed(_) | Rejected::Signature(_) | Rejected::Tlp(_)) => {
            (Acceptance::Reject, Penalty::High)
        }
        Refusal::Ignored(ignored) => match ignored {
            // Cheap for him to know, so a little is counted; a peer that has the wrong network is misconfigured.
            Ignored::OtherNetwork(_) => (Acceptance::Ignore, Penalty::Low),
            // Whoever holds the first of two stories needs the second for a proof, and has it only if it is passed on.
            // No more than the publisher could say anyhow: once the fork is proven nothing at or behind it is looked at.
            Ignored::Fork(_) => (Acceptance::Accept, Penalty::None),
            Ignored::Unknown(_)
            | Ignored::UnknownPublisher(_)
            | Ignored::Outsider(_)
            | Ignored::Future
            | Ignored::Expired
            | Ignored::Incomplete
            | Ignored::Duplicate
            | Ignored::Stale
            | Ignored::Busy
            | Ignored::AfterFork
            | Ignored::OverRate => (Acceptance::Ignore, Penalty::None),
        },
    }
}
