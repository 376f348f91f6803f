//! The rows of one address family. Pure.
//!
//! Sorted by network, wider before narrower, and of one network's rows the weaker word before the stronger. Networks
//! never overlap by half, so whatever holds an address holds the row before it too: that row, its parent, its parent's
//! parent are all there is to look at.

use super::Remediation;

/// An address as a number.
pub(super) trait Address: Copy + Ord {
    /// Length of a single address's prefix.
    const WIDTH: u8;

    /// Without the bits behind the prefix; a prefix longer than [`Self::WIDTH`] is one of that.
    fn network(self, prefix: u8) -> Self;
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
}

const NO_PARENT: u32 = u32::MAX;

/// All rows of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rows<A> {
    networks: Vec<A>,
    facts: Vec<Row>,
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
}

impl Address for u128 {
    const WIDTH: u8 = 128;

    fn network(self, prefix: u8) -> Self {
        let host_bits = u32::from(Self::WIDTH.saturating_sub(prefix));
        self & Self::MAX.checked_shl(host_bits).unwrap_or(0)
    }
}

// === impl Rows ===

impl<A> Default for Rows<A> {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            facts: Vec::new(),
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
            open: Vec::new(),
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
        (remediation, until): (Remediation, u32),
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
        });
        Ok(())
    }

    /// No more rows come.
    pub(super) fn complete(mut self) -> Self {
        self.open = Vec::new();
        self
    }

    fn holds(&self, index: u32, address: A) -> bool {
        self.at(index)
            .is_some_and(|(network, row)| address.network(row.prefix) == network)
    }

    fn at(&self, index: u32) -> Option<(A, Row)> {
        let index = usize::try_from(index).ok()?;
        Some((*self.networks.get(index)?, *self.facts.get(index)?))
    }

    /// The strongest word of all networks around `address` that are not over.
    pub(super) fn look_up(&self, address: A, now: u32) -> Option<Remediation> {
        let behind = self.networks.partition_point(|network| *network <= address);
        let mut index = u32::try_from(behind.checked_sub(1)?).ok()?;
        let mut word = None;
        // There is no row NO_PARENT, and each parent stands before its children: this ends.
        while let Some((network, row)) = self.at(index) {
            if row.until > now && address.network(row.prefix) == network {
                word = word.max(Some(row.remediation));
            }
            index = row.parent;
        }
        word
    }
}
