//! Prefixes as a sorted line of segments: one binary search says which lists hold an address.
//!
//! Networks nest or lie apart, so one pass with a stack cuts them into segments that do not overlap. Deliberately
//! absent: the lists themselves; a segment has the number of a set of them.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A number of an interned set of lists; zero is the empty one.
pub(super) type SetId = u32;

/// The empty set.
pub(super) const NONE: SetId = 0;

/// An address as a number that has a successor.
pub(super) trait Key: Copy + Ord {
    fn next(self) -> Option<Self>;
}

impl Key for u32 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Key for u128 {
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// From each start on, until the next, this set holds.
#[derive(Clone, Debug)]
pub(super) struct Segments<K> {
    starts: Vec<K>,
    sets: Vec<SetId>,
}

// === impl Segments ===

impl<K: Key> Segments<K> {
    /// Of networks, each from its first to its last address; `with` gives the set that has one list more.
    pub(super) fn build(mut nets: Vec<(K, K, u16)>, mut with: impl FnMut(SetId, u16) -> SetId) -> Self {
        nets.sort_unstable_by(|(a, a_end, a_list), (b, b_end, b_list)| {
            (a, b_end, a_list).cmp(&(b, a_end, b_list))
        });
        let mut segments = Self {
            starts: Vec::new(),
            sets: Vec::new(),
        };
        let mut open: Vec<(K, SetId)> = Vec::new();
        for (start, end, list) in nets {
            while let Some((over, _)) = open.pop_if(|(over, _)| *over < start) {
                segments.close(over, &open);
            }
            let around = open.last().map_or(NONE, |(_, set)| *set);
            let set = with(around, list);
            open.push((end, set));
            segments.begin(start, set);
        }
        while let Some((over, _)) = open.pop() {
            segments.close(over, &open);
        }
        segments.starts.shrink_to_fit();
        segments.sets.shrink_to_fit();
        segments
    }

    /// The set that holds an address.
    pub(super) fn get(&self, key: K) -> SetId {
        let after = self.starts.partition_point(|start| *start <= key);
        after
            .checked_sub(1)
            .and_then(|place| self.sets.get(place))
            .copied()
            .unwrap_or(NONE)
    }

    /// Every set that holds an address between these two.
    pub(super) fn between(&self, first: K, last: K) -> impl Iterator<Item = SetId> {
        let from = self
            .starts
            .partition_point(|start| *start <= first)
            .saturating_sub(1);
        let to = self.starts.partition_point(|start| *start <= last);
        // What lies before the first start is held by nothing.
        self.sets.get(from..to).unwrap_or_default().iter().copied()
    }

    fn close(&mut self, last: K, around: &[(K, SetId)]) {
        if let Some(next) = last.next() {
            self.begin(next, around.last().map_or(NONE, |(_, set)| *set));
        }
    }

    fn begin(&mut self, start: K, set: SetId) {
        // Two that begin or end together make one segment: the later holds.
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.sets.pop();
        }
        if self.sets.last().copied().unwrap_or(NONE) != set {
            self.starts.push(start);
            self.sets.push(set);
        }
    }
}

/// First and last address as numbers.
pub(super) fn ends_v4(net: ipnet::Ipv4Net) -> (u32, u32) {
    (
        Ipv4Addr::to_bits(net.network()),
        Ipv4Addr::to_bits(net.broadcast()),
    )
}

/// See [`ends_v4`].
pub(super) fn ends_v6(net: ipnet::Ipv6Net) -> (u128, u128) {
    (
        Ipv6Addr::to_bits(net.network()),
        Ipv6Addr::to_bits(net.broadcast()),
    )
}
