//! What the kernel is asked to do, all of it or nothing. Before: [`crate::plan`]. After: [`crate::apply`].

use std::net::IpAddr;

use vigie_bouncer_client::Moment;
use vigie_bouncer_client::span::{Family, number};

/// One of the four sets of our table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Set {
    /// Single IPv4 addresses, a hash.
    V4,
    /// Single IPv6 addresses, a hash.
    V6,
    /// IPv4 ranges, intervals.
    V4Ranges,
    /// IPv6 ranges, intervals.
    V6Ranges,
}

/// Where packets are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// For this machine itself.
    Input,
    /// Through this machine: containers, virtual machines, a router's networks.
    Forward,
}

/// Addresses in a set until a moment. In the sets of single addresses `first` is `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// The lowest address.
    pub first: IpAddr,
    /// The highest, included.
    pub last: IpAddr,
    /// When the kernel is to let go of it by itself.
    pub until: Moment,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Create our table unless it is there.
    AddTable,
    /// Remove our table and all in it.
    DeleteTable,
    /// Create a set unless it is there.
    AddSet(Set),
    /// Create the counter of what a set has dropped unless it is there.
    AddCounter(Set),
    /// Remove a chain and its rules.
    DeleteChain(Hook),
    /// Create a chain that accepts what its rules do not drop.
    AddChain(Hook, i32),
    /// Count and drop what comes from members of the set.
    AddRule(Hook, Set),
    /// Put elements into a set.
    AddElements(Set, Vec<Element>),
    /// Take elements out of a set.
    DeleteElements(Set, Vec<Element>),
}

/// Steps that take effect together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// In this order.
    pub ops: Vec<Op>,
}

// === impl Set ===

impl Set {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::V4, Self::V6, Self::V4Ranges, Self::V6Ranges];

    /// Its name in the kernel.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "vigie_v4",
            Self::V6 => "vigie_v6",
            Self::V4Ranges => "vigie_v4_ranges",
            Self::V6Ranges => "vigie_v6_ranges",
        }
    }

    /// The set of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.name() == name)
    }

    /// The family of its members.
    pub const fn family(self) -> Family {
        match self {
            Self::V4 | Self::V4Ranges => Family::V4,
            Self::V6 | Self::V6Ranges => Family::V6,
        }
    }

    /// Whether it holds ranges.
    pub const fn is_interval(self) -> bool {
        matches!(self, Self::V4Ranges | Self::V6Ranges)
    }

    /// The set of single addresses that takes this one.
    pub const fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The set of ranges of this family.
    pub const fn ranges(family: Family) -> Self {
        match family {
            Family::V4 => Self::V4Ranges,
            Family::V6 => Self::V6Ranges,
        }
    }
}

// === impl Hook ===

impl Hook {
    /// Its name, and that of our chain there.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Forward => "forward",
        }
    }

    /// The hook of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Input, Self::Forward]
            .into_iter()
            .find(|hook| hook.name() == name)
    }
}

// === impl Element ===

impl Element {
    /// A single address.
    pub const fn single(address: IpAddr, until: Moment) -> Self {
        Self {
            first: address,
            last: address,
            until,
        }
    }

    /// How many addresses lie between its borders, as numbers.
    pub fn numbers(&self) -> (u128, u128) {
        (number(self.first), number(self.last))
    }
}

// === impl Transaction ===

impl Transaction {
    /// How many entries of element lists it holds; a range is two of them.
    pub fn weight(&self) -> usize {
        self.ops.iter().map(Op::weight).sum()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

impl Op {
    /// Entries of element lists in this step.
    pub fn weight(&self) -> usize {
        match self {
            Self::AddElements(set, elements) | Self::DeleteElements(set, elements) => elements
                .len()
                .saturating_mul(if set.is_interval() { 2 } else { 1 }),
            _ => 0,
        }
    }
}
