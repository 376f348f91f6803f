//! What an address is, apart from what anybody says of it: shared by many, part of a CDN, a resolver, protected.
//!
//! Each class has a base threshold and a hardest rung that the word of others can lead to. Our own sensor's decision is
//! policy's and knows no class. Deliberately absent: where the lists come from, see `warning`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vigie_wire::Indicator;

use crate::constants::{H_INFRASTRUCTURE, H_SHARED};
use crate::verdict::{Reason, Rung};

/// What a warning list says of a subject. Of several the later here holds: the softer action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Nothing.
    #[default]
    Ordinary,
    /// It stands next to infrastructure: five groups.
    Infrastructure,
    /// Rented by the hour, such as a cloud: four groups, and never for longer than an hour.
    Hosting,
    /// Many share it: VPN, proxy, a company's way out. Challenged at most.
    SharedEgress,
    /// Carrier NAT: many households share it. Challenged at most.
    CarrierNat,
    /// Part of a content delivery network: whole sites speak from it. Challenged at most.
    Cdn,
    /// A public resolver, which answers and never asks: never acted upon on remote word.
    Resolver,
    /// It must never be acted upon on remote word: what the operator lists.
    Protected,
}

/// Looks a subject up in the warning lists. Must answer alike for as long as a verdict should be reproducible.
pub type ClassLookup = Arc<dyn Fn(&Indicator) -> Class + Send + Sync>;

// === impl Class ===

impl Class {
    /// All of them, the least protected first.
    pub const ALL: [Self; 8] = [
        Self::Ordinary,
        Self::Infrastructure,
        Self::Hosting,
        Self::SharedEgress,
        Self::CarrierNat,
        Self::Cdn,
        Self::Resolver,
        Self::Protected,
    ];

    /// Its own base threshold, milli-nats; `None`: that of the behaviour.
    pub(crate) const fn base(self) -> Option<i64> {
        match self {
            Self::Ordinary | Self::Resolver | Self::Protected => None,
            Self::Hosting | Self::SharedEgress | Self::CarrierNat => Some(H_SHARED),
            Self::Infrastructure | Self::Cdn => Some(H_INFRASTRUCTURE),
        }
    }

    /// The hardest rung that the word of others can lead to. A challenge costs a person a moment and stops a program,
    /// so behind a shared address it is the one remedy that hits who it is meant for.
    pub const fn hardest(self) -> Rung {
        match self {
            Self::Ordinary | Self::Infrastructure => Rung::Ban24h,
            Self::Hosting => Rung::Ban1h,
            Self::SharedEgress | Self::CarrierNat | Self::Cdn => Rung::Challenge,
            Self::Resolver | Self::Protected => Rung::Observe,
        }
    }

    /// Whether a login from there says nothing about who else is there.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::SharedEgress | Self::CarrierNat | Self::Cdn)
    }

    /// Why the verdict is softer for it.
    pub(crate) const fn reason(self) -> Option<Reason> {
        match self {
            Self::Ordinary => None,
            Self::Infrastructure => Some(Reason::Infrastructure),
            Self::Hosting => Some(Reason::Hosting),
            Self::SharedEgress => Some(Reason::SharedEgress),
            Self::CarrierNat => Some(Reason::CarrierNat),
            Self::Cdn => Some(Reason::Cdn),
            Self::Resolver => Some(Reason::Resolver),
            Self::Protected => Some(Reason::Protected),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordinary => "ordinary",
            Self::Infrastructure => "infrastructure",
            Self::Hosting => "hosting",
            Self::SharedEgress => "shared egress",
            Self::CarrierNat => "carrier NAT",
            Self::Cdn => "content delivery",
            Self::Resolver => "resolver",
            Self::Protected => "protected",
        })
    }
}
