//! What the kernel is asked to do, all of it or nothing. Before: [`crate::plan`]. After: [`crate::apply`].

use std::fmt;
use std::net::IpAddr;

use vigie_bouncer_client::span::{Family, number};
use vigie_bouncer_client::{Origin, Term};

/// What a set holds. Every generation has a set of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Single IPv4 addresses, a hash.
    V4,
    /// Single IPv6 addresses, a hash.
    V6,
    /// IPv4 ranges, intervals.
    V4Ranges,
    /// IPv6 ranges, intervals.
    V6Ranges,
}

/// The sets that are filled together, from nothing. Later ones have higher numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u32);

/// A set of our table: a map from whom to keep out to who is to count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set {
    /// What it holds.
    pub kind: Kind,
    /// Which other sets it was filled with.
    pub generation: Generation,
}

/// What was dropped by the word of an origin, in one family. Counters outlive the generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    /// By whose word.
    pub origin: Origin,
    /// Whose packets.
    pub family: Family,
}

/// Where packets are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// For this machine itself.
    Input,
    /// Through this machine: containers, virtual machines, a router's networks.
    Forward,
}

/// Addresses in a set for a term, after which the kernel is to let go of them by itself. In the sets of single addresses
/// `first` is `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element {
    /// The lowest address.
    pub first: IpAddr,
    /// The highest, included.
    pub last: IpAddr,
    /// How long, and by whose word.
    pub term: Term,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Create our table unless it is there.
    AddTable,
    /// Remove our table and all in it.
    DeleteTable,
    /// Create a counter unless it is there.
    AddCounter(Counter),
    /// Create a set unless it is there.
    AddSet(Set),
    /// Remove a set and all in it. No rule may look at it any more.
    DeleteSet(Set),
    /// Remove a chain and its rules.
    DeleteChain(Hook),
    /// Create a chain that accepts what its rules do not drop.
    AddChain(Hook, i32),
    /// Drop what comes from members of the set, and have it counted by the counter that the member names.
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

// === impl Kind ===

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::V4, Self::V6, Self::V4Ranges, Self::V6Ranges];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "banned_v4",
            Self::V6 => "banned_v6",
            Self::V4Ranges => "banned_v4_ranges",
            Self::V6Ranges => "banned_v6_ranges",
        }
    }

    /// The family of the members.
    pub const fn family(self) -> Family {
        match self {
            Self::V4 | Self::V4Ranges => Family::V4,
            Self::V6 | Self::V6Ranges => Family::V6,
        }
    }

    /// Whether the members are ranges.
    pub const fn is_interval(self) -> bool {
        matches!(self, Self::V4Ranges | Self::V6Ranges)
    }
}

// === impl Generation ===

impl Generation {
    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Its set of a kind.
    pub const fn set(self, kind: Kind) -> Set {
        Set {
            kind,
            generation: self,
        }
    }

    /// All its sets.
    pub fn sets(self) -> [Set; 4] {
        Kind::ALL.map(|kind| self.set(kind))
    }

    /// Its set of single addresses that takes this one.
    pub const fn of(self, address: IpAddr) -> Set {
        self.set(if address.is_ipv4() { Kind::V4 } else { Kind::V6 })
    }

    /// Its set of ranges of this family.
    pub const fn ranges(self, family: Family) -> Set {
        self.set(match family {
            Family::V4 => Kind::V4Ranges,
            Family::V6 => Kind::V6Ranges,
        })
    }
}

// === impl Set ===

impl Set {
    /// The set of this name.
    pub fn named(name: &str) -> Option<Self> {
        let (name, number) = name.rsplit_once('_')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
        Some(Generation(number.parse().ok()?).set(kind))
    }
}

impl fmt::Display for Set {
    /// Its name in the kernel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.kind.name(), self.generation.0)
    }
}

// === impl Counter ===

impl Counter {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let families = |origin| [Family::V4, Family::V6].map(|family| Self { origin, family });
        Origin::ALL.into_iter().flat_map(families)
    }

    /// The counter of this name.
    pub fn named(name: &str) -> Option<Self> {
        let (origin, family) = name.rsplit_once('_')?;
        let family = [Family::V4, Family::V6]
            .into_iter()
            .find(|one| suffix(*one) == family)?;
        Origin::named(origin).map(|origin| Self { origin, family })
    }
}

impl fmt::Display for Counter {
    /// Its name in the kernel.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.origin, suffix(self.family))
    }
}

const fn suffix(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
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
    pub const fn single(address: IpAddr, term: Term) -> Self {
        Self {
            first: address,
            last: address,
            term,
        }
    }

    /// Which counter is to count it.
    pub const fn counter(&self) -> Counter {
        let family = if self.first.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        Counter {
            origin: self.term.origin,
            family,
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
                .saturating_mul(if set.kind.is_interval() { 2 } else { 1 }),
            _ => 0,
        }
    }
}
