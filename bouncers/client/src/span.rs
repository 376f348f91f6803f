//! Ranges with an end in time, brought into disjoint spans. Pure.
//!
//! Ranges of decisions overlap and nest, each with its own end; a kernel's interval set knows neither
//! overlaps nor two timeouts for one address. [`flatten`] gives every address the longest-living range that
//! covers it, minus the allowed ranges. As its spans are maximal runs of one end, time passing only removes
//! whole spans and never moves a border.

use std::collections::BinaryHeap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::term::Term;

/// Which of the two address spaces. They never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Addresses `first..=last`, as numbers of one family, kept out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The lowest address.
    pub first: u128,
    /// The highest address, included.
    pub last: u128,
    /// How long, and by whose word.
    pub term: Term,
}

// === impl Family ===

impl Family {
    /// The family of a range.
    pub fn of(net: IpNet) -> Self {
        if net.addr().is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The address with this number.
    pub fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap_or(u32::MAX))),
            Self::V6 => IpAddr::V6(Ipv6Addr::from_bits(number)),
        }
    }
}

impl fmt::Display for Family {
    /// The word of `CrowdSec`'s metrics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        })
    }
}

// === impl Span ===

impl Span {
    /// All addresses of a range.
    pub fn of(net: IpNet, term: Term) -> Self {
        let (first, last) = bounds(net);
        Self { first, last, term }
    }

    /// Whether the two have an address in common.
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The number of an address within its family.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The lowest and the highest address of a range, as numbers of its family.
pub fn bounds(net: IpNet) -> (u128, u128) {
    (number(net.network()), number(net.broadcast()))
}

/// Disjoint spans in ascending order: for every address the longest term of the `ranges` that hold it, without
/// the addresses from each of the `holes`' first to its last. All of one family.
pub fn flatten(mut ranges: Vec<Span>, holes: &[(u128, u128)]) -> Vec<Span> {
    ranges.sort_unstable();
    let holes = merged(holes);
    let bounds = ranges.iter().map(|span| (span.first, span.last));
    let mut borders: Vec<u128> = bounds
        .chain(holes.iter().copied())
        .flat_map(|(first, last)| [Some(first), last.checked_add(1)])
        .flatten()
        .collect();
    borders.sort_unstable();
    borders.dedup();

    let mut out: Vec<Span> = Vec::new();
    // Ranges that have begun, the latest end on top.
    let mut open: BinaryHeap<(Term, u128)> = BinaryHeap::new();
    let mut coming = ranges.iter().peekable();
    let mut holes = holes.iter().peekable();
    for (index, &first) in borders.iter().enumerate() {
        let last = borders
            .get(index.saturating_add(1))
            .map_or(u128::MAX, |next| next.saturating_sub(1));
        while let Some(range) = coming.next_if(|range| range.first <= first) {
            open.push((range.term, range.last));
        }
        while open.peek().is_some_and(|(_, end)| *end < first) {
            open.pop();
        }
        while holes.next_if(|(_, end)| *end < first).is_some() {}
        let allowed = holes.peek().is_some_and(|(begin, _)| *begin <= first);
        if let (Some((term, _)), false) = (open.peek(), allowed) {
            let term = *term;
            push(&mut out, Span { first, last, term });
        }
    }
    out
}

/// Appends, joining what touches and has the same term.
fn push(out: &mut Vec<Span>, span: Span) {
    match out.last_mut() {
        Some(before) if before.term == span.term && before.last.checked_add(1) == Some(span.first) => {
            before.last = span.last;
        }
        _ => out.push(span),
    }
}

fn merged(holes: &[(u128, u128)]) -> Vec<(u128, u128)> {
    let mut sorted = holes.to_vec();
    sorted.sort_unstable();
    let mut out: Vec<(u128, u128)> = Vec::with_capacity(sorted.len());
    for (first, last) in sorted {
        match out.last_mut() {
            Some((_, end)) if first <= *end => *end = last.max(*end),
            _ => out.push((first, last)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Moment, Origin};

    fn span(first: u128, last: u128, until: u32) -> Span {
        by(Origin::Mesh, first, last, until)
    }

    fn by(origin: Origin, first: u128, last: u128, until: u32) -> Span {
        let until = Moment::from_secs(until);
        Span {
            first,
            last,
            term: Term { until, origin },
        }
    }

    #[test]
    fn a_longer_living_inner_range_splits_the_outer_one() {
        let got = flatten(vec![span(0, 99, 10), span(40, 49, 20), span(60, 69, 5)], &[]);
        assert_eq!(got, [span(0, 39, 10), span(40, 49, 20), span(50, 99, 10)]);
    }

    #[test]
    fn neighbours_of_two_origins_stay_two() {
        let ranges = [by(Origin::Mesh, 0, 9, 5), by(Origin::Sensor, 10, 19, 5)];
        assert_eq!(flatten(ranges.to_vec(), &[]), ranges);
        // Of two that end together one counts, the same whatever the order.
        let around = by(Origin::Sensor, 0, 9, 5);
        for both in [[ranges[0], around], [around, ranges[0]]] {
            assert_eq!(flatten(both.to_vec(), &[]).len(), 1);
            assert_eq!(flatten(both.to_vec(), &[]), flatten(vec![around, ranges[0]], &[]));
        }
    }

    #[test]
    fn allowed_addresses_are_cut_out() {
        let got = flatten(vec![span(0, 99, 10)], &[(50, 50), (90, 200), (95, 120)]);
        assert_eq!(got, [span(0, 49, 10), span(51, 89, 10)]);
    }

    #[test]
    fn the_last_address_of_all_is_no_border_case() {
        let top = u128::MAX;
        assert_eq!(flatten(vec![span(top - 1, top, 1)], &[]), [span(top - 1, top, 1)]);
        assert_eq!(flatten(vec![span(5, top, 1)], &[(7, top)]), [span(5, 6, 1)]);
    }

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let one = (0_u128..60, 0_u128..20, 1_u32..6, 0_u8..3).prop_map(|(first, len, until, origin)| {
            by(Origin::numbered(origin).unwrap(), first, first + len, until)
        });
        proptest::collection::vec(one, 0..12)
    }

    fn holes() -> impl Strategy<Value = Vec<(u128, u128)>> {
        let one = (0_u128..60, 0_u128..20).prop_map(|(first, len)| (first, first + len));
        proptest::collection::vec(one, 0..12)
    }

    fn until_of(spans: &[Span], address: u128) -> Option<Moment> {
        spans
            .iter()
            .filter(|s| s.first <= address && address <= s.last)
            .map(|s| s.term.until)
            .max()
    }

    proptest! {
        #[test]
        fn every_address_gets_its_longest_range(ranges in spans(), holes in holes()) {
            let flat = flatten(ranges.clone(), &holes);
            for address in 0..90 {
                let allowed = holes.iter().any(|(first, last)| (*first..=*last).contains(&address));
                let expected = if allowed { None } else { until_of(&ranges, address) };
                prop_assert_eq!(until_of(&flat, address), expected, "address {}", address);
            }
        }

        #[test]
        fn spans_are_sorted_disjoint_and_maximal(ranges in spans(), holes in holes()) {
            let flat = flatten(ranges, &holes);
            for pair in flat.windows(2) {
                let [a, b] = pair else { unreachable!() };
                prop_assert!(a.first <= a.last && a.last < b.first);
                prop_assert!(a.last + 1 < b.first || a.term != b.term);
            }
        }

        #[test]
        fn time_passing_moves_no_border(ranges in spans(), now in 0_u32..6) {
            let live = |spans: Vec<Span>| spans.into_iter().filter(|s| s.term.until.as_secs() > now).collect::<Vec<_>>();
            prop_assert_eq!(live(flatten(ranges.clone(), &[])), flatten(live(ranges), &[]));
        }
    }
}
