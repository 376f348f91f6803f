//! What the sets of our generation hold: nothing at first, then kept up with every transaction that took effect.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vigie_bouncer_client::span::Family;
use vigie_bouncer_client::{Moment, Span, Term};

use super::SLACK_SECS;
use crate::transaction::{Element, Generation, Kind, Op, Set, Transaction};

/// The sets of one generation, as far as we know. Twelve bytes for an IPv4 address: half a million are the measure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    generation: Generation,
    v4: HashMap<Ipv4Addr, Term>,
    v6: HashMap<Ipv6Addr, Term>,
    v4_ranges: BTreeMap<u128, Span>,
    v6_ranges: BTreeMap<u128, Span>,
}

// === impl Mirror ===

impl Mirror {
    /// Of a generation whose sets are empty.
    pub fn of(generation: Generation) -> Self {
        Self {
            generation,
            ..Self::default()
        }
    }

    /// The generation of the sets.
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// How long the kernel keeps a single address out by itself.
    pub fn term(&self, address: IpAddr) -> Option<Term> {
        match address {
            IpAddr::V4(v4) => self.v4.get(&v4).copied(),
            IpAddr::V6(v6) => self.v6.get(&v6).copied(),
        }
    }

    /// All single addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let v4 = self.v4.keys().copied().map(IpAddr::V4);
        v4.chain(self.v6.keys().copied().map(IpAddr::V6))
    }

    /// The spans of a family, in order.
    pub fn spans(&self, family: Family) -> Vec<Span> {
        self.ranges(family).values().copied().collect()
    }

    /// How many elements the kernel holds.
    pub fn len(&self) -> usize {
        let ranges = self.v4_ranges.len().saturating_add(self.v6_ranges.len());
        self.v4.len().saturating_add(self.v6.len()).saturating_add(ranges)
    }

    /// How many elements of a kind the kernel cannot have let go of by itself, however its clock goes.
    pub fn live(&self, kind: Kind, now: Moment) -> usize {
        let live = |term: &Term| term.until > now.plus_secs(SLACK_SECS);
        match kind {
            Kind::V4 => self.v4.values().filter(|term| live(term)).count(),
            Kind::V6 => self.v6.values().filter(|term| live(term)).count(),
            Kind::V4Ranges | Kind::V6Ranges => {
                let spans = self.ranges(kind.family()).values();
                spans.filter(|span| live(&span.term)).count()
            }
        }
    }

    /// Whether the kernel holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An element that the kernel holds.
    pub fn insert(&mut self, set: Set, element: &Element) {
        let (first, last) = element.numbers();
        match (set.kind, element.first) {
            (Kind::V4, IpAddr::V4(address)) => drop(self.v4.insert(address, element.term)),
            (Kind::V6, IpAddr::V6(address)) => drop(self.v6.insert(address, element.term)),
            (Kind::V4 | Kind::V6, _) => {}
            (Kind::V4Ranges | Kind::V6Ranges, _) => {
                let span = Span {
                    first,
                    last,
                    term: element.term,
                };
                self.ranges_mut(set.kind.family()).insert(first, span);
            }
        }
    }

    fn remove(&mut self, set: Set, element: &Element) {
        match (set.kind, element.first) {
            (Kind::V4, IpAddr::V4(address)) => drop(self.v4.remove(&address)),
            (Kind::V6, IpAddr::V6(address)) => drop(self.v6.remove(&address)),
            (Kind::V4 | Kind::V6, _) => {}
            (Kind::V4Ranges | Kind::V6Ranges, _) => {
                self.ranges_mut(set.kind.family()).remove(&element.numbers().0);
            }
        }
    }

    /// Takes note of a transaction that took effect.
    pub fn record(&mut self, transaction: &Transaction) {
        for op in &transaction.ops {
            match op {
                Op::AddElements(set, elements) => elements.iter().for_each(|one| self.insert(*set, one)),
                Op::DeleteElements(set, elements) => elements.iter().for_each(|one| self.remove(*set, one)),
                _ => {}
            }
        }
    }

    /// Forgets what the kernel has let go of by itself; a little late, so that nothing is taken for gone that is
    /// still there.
    pub fn expire(&mut self, now: Moment) {
        let live = |term: &Term| term.until.plus_secs(SLACK_SECS) > now;
        self.v4.retain(|_, term| live(term));
        self.v6.retain(|_, term| live(term));
        self.v4_ranges.retain(|_, span| live(&span.term));
        self.v6_ranges.retain(|_, span| live(&span.term));
    }

    const fn ranges(&self, family: Family) -> &BTreeMap<u128, Span> {
        match family {
            Family::V4 => &self.v4_ranges,
            Family::V6 => &self.v6_ranges,
        }
    }

    const fn ranges_mut(&mut self, family: Family) -> &mut BTreeMap<u128, Span> {
        match family {
            Family::V4 => &mut self.v4_ranges,
            Family::V6 => &mut self.v6_ranges,
        }
    }
}
