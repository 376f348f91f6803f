//! Ranges with an end in time, brought into disjoint spans. Pure.
//!
//! Ranges of decisions overlap and nest, each with its own end; a kernel's interval set knows neither
//! overlaps nor two timeouts for one address. [`flatten`] gives every address the longest-living range that
//! covers it, minus the allowed ranges. As its spans are maximal runs of one end, time passing only removes
//! whole spans and never moves a border.

use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::moment::Moment;

/// Which of the two address spaces. They never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Addresses `first..=last`, as numbers of one family, kept out until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The lowest address.
    pub first: u128,
    /// The highest address, included.
    pub last: u128,
    /// When it ends.
    pub until: Moment,
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

// === impl Span ===

impl Span {
    /// All addresses of a range.
    pub fn of(net: IpNet, until: Moment) -> Self {
        Self {
            first: number(net.network()),
            last: number(net.broadcast()),
            until,
        }
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

/// Disjoint spans in ascending order: for every address the latest end of the `ranges` that hold it, without
/// the addresses of `holes`. All of one family.
pub fn flatten(mut ranges: Vec<Span>, holes: &[Span]) -> Vec<Span> {
    ranges.sort_unstable();
    let holes = merged(holes);
    let mut borders: Vec<u128> = ranges
        .iter()
        .chain(&holes)
        .flat_map(|span| [Some(span.first), span.last.checked_add(1)])
        .flatten()
        .collect();
    borders.sort_unstable();
    borders.dedup();

    let mut out: Vec<Span> = Vec::new();
    // Ranges that have begun, the latest end on top.
    let mut open: BinaryHeap<(Moment, u128)> = BinaryHeap::new();
    let mut coming = ranges.iter().peekable();
    let mut holes = holes.iter().peekable();
    for (index, &first) in borders.iter().enumerate() {
        let last = borders
            .get(index.saturating_add(1))
            .map_or(u128::MAX, |next| next.saturating_sub(1));
        while let Some(range) = coming.next_if(|range| range.first <= first) {
            open.push((range.until, range.last));
        }
        while open.peek().is_some_and(|(_, end)| *end < first) {
            open.pop();
        }
        while holes.next_if(|hole| hole.last < first).is_some() {}
        let allowed = holes.peek().is_some_and(|hole| hole.first <= first);
        if let (Some((until, _)), false) = (open.peek(), allowed) {
            push(
                &mut out,
                Span {
                    first,
                    last,
                    until: *until,
                },
            );
        }
    }
    out
}

/// Appends, joining what touches and ends together.
fn push(out: &mut Vec<Span>, span: Span) {
    match out.last_mut() {
        Some(before) if before.until == span.until && before.last.checked_add(1) == Some(span.first) => {
            before.last = span.last;
        }
        _ => out.push(span),
    }
}

fn merged(holes: &[Span]) -> Vec<Span> {
    let mut sorted = holes.to_vec();
    sorted.sort_unstable();
    let mut out: Vec<Span> = Vec::with_capacity(sorted.len());
    for hole in sorted {
        match out.last_mut() {
            Some(before) if hole.first <= before.last => before.last = before.last.max(hole.last),
            _ => out.push(hole),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(first: u128, last: u128, until: u32) -> Span {
        Span {
            first,
            last,
            until: Moment::from_secs(until),
        }
    }

    #[test]
    fn a_longer_living_inner_range_splits_the_outer_one() {
        let got = flatten(vec![span(0, 99, 10), span(40, 49, 20), span(60, 69, 5)], &[]);
        assert_eq!(got, [span(0, 39, 10), span(40, 49, 20), span(50, 99, 10)]);
    }

    #[test]
    fn allowed_addresses_are_cut_out() {
        let got = flatten(
            vec![span(0, 99, 10)],
            &[span(50, 50, 0), span(90, 200, 0), span(95, 120, 0)],
        );
        assert_eq!(got, [span(0, 49, 10), span(51, 89, 10)]);
    }

    #[test]
    fn the_last_address_of_all_is_no_border_case() {
        let top = u128::MAX;
        assert_eq!(flatten(vec![span(top - 1, top, 1)], &[]), [span(top - 1, top, 1)]);
        assert_eq!(
            flatten(vec![span(5, top, 1)], &[span(7, top, 0)]),
            [span(5, 6, 1)]
        );
    }

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        let one = (0_u128..60, 0_u128..20, 1_u32..6)
            .prop_map(|(first, len, until)| span(first, first + len, until));
        proptest::collection::vec(one, 0..12)
    }

    fn until_of(spans: &[Span], address: u128) -> Option<Moment> {
        spans
            .iter()
            .filter(|s| s.first <= address && address <= s.last)
            .map(|s| s.until)
            .max()
    }

    proptest! {
        #[test]
        fn every_address_gets_its_longest_range(ranges in spans(), holes in spans()) {
            let flat = flatten(ranges.clone(), &holes);
            for address in 0..90 {
                let allowed = until_of(&holes, address).is_some();
                let expected = if allowed { None } else { until_of(&ranges, address) };
                prop_assert_eq!(until_of(&flat, address), expected, "address {}", address);
            }
        }

        #[test]
        fn spans_are_sorted_disjoint_and_maximal(ranges in spans(), holes in spans()) {
            let flat = flatten(ranges, &holes);
            for pair in flat.windows(2) {
                let [a, b] = pair else { unreachable!() };
                prop_assert!(a.first <= a.last && a.last < b.first);
                prop_assert!(a.last + 1 < b.first || a.until != b.until);
            }
        }

        #[test]
        fn time_passing_moves_no_border(ranges in spans(), now in 0_u32..6) {
            let live = |spans: Vec<Span>| spans.into_iter().filter(|s| s.until.as_secs() > now).collect::<Vec<_>>();
            prop_assert_eq!(live(flatten(ranges.clone(), &[])), flatten(live(ranges), &[]));
        }
    }
}
