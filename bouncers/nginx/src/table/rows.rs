//! The rows of one address family. Pure.
//!
//! Sorted by network, wider before narrower, and of one network's rows the weaker word before the stronger. Networks
//! never overlap by half, so whatever holds an address holds the row before it too: that row, its parent, its parent's
//! parent are all there is to look at. Where an address's first bits begin among the rows is noted, so that the search
//! for that row is over two or three of them and not over a hundred thousand.

use vigie_bouncer_origin::Origin;

use super::{Remediation, Words};

/// An address as a number.
pub(super) trait Address: Copy + Ord {
    /// Length of a single address's prefix.
    const WIDTH: u8;

    /// Without the bits behind the prefix; a prefix longer than [`Self::WIDTH`] is one of that.
    fn network(self, prefix: u8) -> Self;

    /// Its first bits as a number, without so many behind them.
    fn first(self, behind: u32) -> usize;
}

/// What is known of one network, apart from its address: that stands in a list of its own, which a search walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    until: u32,
    /// Index of the row around this one: of the same network, else of the narrowest one that holds it; [`NO_PARENT`]
    /// if there is none.
    parent: u32,
    prefix: u8,
    remediation: Remediation,
    origin: Origin,
}

const NO_PARENT: u32 = u32::MAX;
/// 256 KiB of notes for a large table, and for a small one as many as it has rows.
const MOST_FIRST_BITS: u32 = 16;

/// All rows of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows<A> {
    networks: Vec<A>,
    facts: Vec<Row>,
    /// So many bits stand behind those first ones of an address that have a note.
    behind: u32,
    /// For each number of first bits the first row that begins with it or more, and the end of all rows.
    starts: Vec<u32>,
    /// The last row and its parents, outermost first: what the next row may stand in. Empty when complete.
    open: Vec<u32>,
}

/// Why a row cannot follow those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// A prefix longer than an address, or bits behind it.
    Network,
    /// Not behind the row before.
    Order,
}

// === impl Address ===

impl Address for u32 {
    const WIDTH: u8 = 32;

    fn network(self, prefix: u8) -> Self {
        let host_bits = u32::from(Self::WIDTH.saturating_sub(prefix));
        self & Self::MAX.checked_shl(host_bits).unwrap_or(0)
    }

    fn first(self, behind: u32) -> usize {
        usize::try_from(self.checked_shr(behind).unwrap_or(0)).unwrap_or(0)
    }
}

impl Address for u128 {
    const WIDTH: u8 = 128;

    fn network(self, prefix: u8) -> Self {
        let host_bits = u32::from(Self::WIDTH.saturating_sub(prefix));
        self & Self::MAX.checked_shl(host_bits).unwrap_or(0)
    }

    fn first(self, behind: u32) -> usize {
        usize::try_from(self.checked_shr(behind).unwrap_or(0)).unwrap_or(0)
    }
}

// === impl Rows ===

impl<A> Default for Rows<A> {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            facts: Vec::new(),
            behind: 0,
            starts: Vec::new(),
            open: Vec::new(),
        }
    }
}

impl<A: Address> Rows<A> {
    /// With room for so many.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            networks: Vec::with_capacity(count),
            facts: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    /// Adds the next row.
    pub(super) fn push(
        &mut self,
        network: A,
        prefix: u8,
        (remediation, origin, until): (Remediation, Origin, u32),
    ) -> Result<(), Misfit> {
        if prefix > A::WIDTH || network.network(prefix) != network {
            return Err(Misfit::Network);
        }
        let before = self.networks.last().zip(self.facts.last());
        if before.is_some_and(|(other, row)| {
            (*other, row.prefix, row.remediation) >= (network, prefix, remediation)
        }) {
            return Err(Misfit::Order);
        }
        while let Some(around) = self.open.last().copied() {
            if self.holds(around, network) {
                break;
            }
            self.open.pop();
        }
        let parent = self.open.last().copied().unwrap_or(NO_PARENT);
        self.open
            .push(u32::try_from(self.facts.len()).unwrap_or(NO_PARENT));
        self.networks.push(network);
        self.facts.push(Row {
            until,
            parent,
            prefix,
            remediation,
            origin,
        });
        Ok(())
    }

    /// No more rows come.
    pub(super) fn complete(mut self) -> Self {
        self.open = Vec::new();
        let bits = self.networks.len().checked_ilog2().unwrap_or(0);
        let bits = bits.min(MOST_FIRST_BITS);
        self.behind = u32::from(A::WIDTH).saturating_sub(bits);
        let numbers = 1_usize << bits;
        self.starts = Vec::with_capacity(numbers + 1);
        for (row, network) in (0_u32..).zip(&self.networks) {
            self.starts.resize(network.first(self.behind) + 1, row);
        }
        let end = u32::try_from(self.networks.len()).unwrap_or(NO_PARENT);
        self.starts.resize(numbers + 1, end);
        self
    }

    /// The rows whose networks begin with the address's first bits: those before are all less, those behind all more.
    fn neighbours(&self, address: A) -> (usize, &[A]) {
        let starts = self.starts.get(address.first(self.behind)..);
        let Some([begin, end]) = starts.and_then(<[u32]>::first_chunk) else {
            return (0, &[]);
        };
        let (begin, end) = (*begin as usize, *end as usize);
        (begin, self.networks.get(begin..end).unwrap_or_default())
    }

    fn holds(&self, index: u32, address: A) -> bool {
        self.at(index)
            .is_some_and(|(network, row)| address.network(row.prefix) == network)
    }

    fn at(&self, index: u32) -> Option<(A, Row)> {
        let index = usize::try_from(index).ok()?;
        Some((*self.networks.get(index)?, *self.facts.get(index)?))
    }

    /// The words of all networks around `address` that are not over.
    pub(super) fn look_up(&self, address: A, now: impl Fn() -> u32) -> Words {
        let (begin, neighbours) = self.neighbours(address);
        let behind = begin.saturating_add(neighbours.partition_point(|network| *network <= address));
        let before = behind.checked_sub(1).map(u32::try_from);
        let mut index = before.and_then(Result::ok).unwrap_or(NO_PARENT);
        let mut words = Words::default();
        // There is no row NO_PARENT, and each parent stands before its children: this ends.
        while let Some((network, row)) = self.at(index) {
            if address.network(row.prefix) == network && row.until > now() {
                words = words.and(row.remediation, row.origin);
            }
            index = row.parent;
        }
        words
    }
}
