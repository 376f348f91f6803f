//! Sets of time, as sorted half-open intervals of milliseconds: when somebody is admitted.
//!
//! Admission is computed for all times at once, so that a question about one signed time is a look-up and two nodes
//! that were asked at different moments agree. Deliberately absent: clocks.

use std::time::Duration;

use crate::wire::Timestamp;

/// Disjoint, sorted, non-empty, non-touching intervals `[start, end)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Intervals(Vec<(i64, i64)>);

// === impl Intervals ===

impl Intervals {
    /// No time at all.
    pub const fn never() -> Self {
        Self(Vec::new())
    }

    /// All time.
    pub fn always() -> Self {
        Self(vec![(i64::MIN, i64::MAX)])
    }

    /// From `start` on.
    pub fn from(start: Timestamp) -> Self {
        Self(vec![(start.as_millis(), i64::MAX)])
    }

    /// From `start` until just before `end`; never if `end` is not after `start`.
    pub fn between(start: Timestamp, end: Timestamp) -> Self {
        let (start, end) = (start.as_millis(), end.as_millis());
        if start < end {
            Self(vec![(start, end)])
        } else {
            Self::never()
        }
    }

    /// Whether it is never.
    pub fn is_never(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing of it lies at `at` or later.
    pub fn has_ended(&self, at: Timestamp) -> bool {
        self.0.last().is_none_or(|(_, end)| *end <= at.as_millis())
    }

    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        let at = at.as_millis();
        self.0
            .partition_point(|(start, _)| *start <= at)
            .checked_sub(1)
            .and_then(|last| self.0.get(last))
            .is_some_and(|(_, end)| at < *end)
    }

    /// The intervals, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        self.0
            .iter()
            .map(|(start, end)| (Timestamp::from_millis(*start), Timestamp::from_millis(*end)))
    }

    /// What lies before `end`.
    pub fn until(&self, end: Timestamp) -> Self {
        let end = end.as_millis();
        Self(
            self.0
                .iter()
                .filter(|(start, _)| *start < end)
                .map(|(start, stop)| (*start, (*stop).min(end)))
                .collect(),
        )
    }

    /// What lies in both.
    pub fn and(&self, other: &Self) -> Self {
        covered(&[self, other], 2)
    }

    /// What does not lie in the other.
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        for (start, end) in &self.0 {
            let mut from = *start;
            for (skip, resume) in other
                .0
                .iter()
                .filter(|(skip, resume)| skip < end && resume > start)
            {
                if from < *skip {
                    rest.push((from, *skip));
                }
                from = from.max(*resume);
            }
            if from < *end {
                rest.push((from, *end));
            }
        }
        Self(rest)
    }

    /// What lies in at least one of them.
    pub fn any(sets: &[Self]) -> Self {
        covered(&sets.iter().collect::<Vec<_>>(), 1)
    }

    /// What lies in at least `count` of them.
    pub fn at_least(count: usize, sets: &[Self]) -> Self {
        covered(&sets.iter().collect::<Vec<_>>(), count)
    }

    /// How much of it has passed before `at`.
    pub fn elapsed_before(&self, at: Timestamp) -> Duration {
        let millis = self.until(at).0.iter().fold(0_u64, |sum, (start, end)| {
            sum.saturating_add(end.abs_diff(*start))
        });
        Duration::from_millis(millis)
    }

    /// The part of it that comes after `elapsed` of it has passed.
    pub fn after(&self, elapsed: Duration) -> Self {
        let mut left = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let mut rest = Vec::new();
        for (start, end) in &self.0 {
            let length = end.abs_diff(*start);
            let skipped = left.min(length);
            left -= skipped;
            if skipped < length {
                rest.push((start.saturating_add_unsigned(skipped), *end));
            }
        }
        Self(rest)
    }
}

/// Sweeps over the edges; at one instant ends come before starts, and equal neighbours are joined again.
fn covered(sets: &[&Intervals], count: usize) -> Intervals {
    let mut edges: Vec<(i64, i32)> = sets
        .iter()
        .flat_map(|set| &set.0)
        .flat_map(|(start, end)| [(*start, 1), (*end, -1)])
        .collect();
    edges.sort_unstable();
    let wanted = i32::try_from(count).unwrap_or(i32::MAX);
    let (mut depth, mut open) = (0, None);
    let mut found: Vec<(i64, i64)> = Vec::new();
    for (at, step) in edges {
        depth += step;
        match open {
            None if depth >= wanted => open = Some(at),
            Some(start) if depth < wanted => {
                open = None;
                match found.last_mut() {
                    Some(last) if last.1 == start => last.1 = at,
                    _ if start < at => found.push((start, at)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Intervals(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn set(pairs: &[(i64, i64)]) -> Intervals {
        let sets: Vec<_> = pairs
            .iter()
            .map(|(a, b)| Intervals::between(at(*a), at(*b)))
            .collect();
        Intervals::any(&sets)
    }

    #[test]
    fn half_open_joined_and_sorted() {
        assert_eq!(set(&[(5, 7), (1, 3), (3, 5)]), set(&[(1, 7)]));
        let two = set(&[(1, 3), (5, 7)]);
        assert!(!two.contains(at(0)) && two.contains(at(1)) && !two.contains(at(3)) && two.contains(at(6)));
        assert!(Intervals::between(at(3), at(3)).is_never());
        assert!(Intervals::always().contains(at(i64::MIN)));
    }

    #[test]
    fn two_of_three() {
        let sets = [set(&[(0, 10)]), set(&[(5, 15)]), set(&[(8, 20)])];
        assert_eq!(Intervals::at_least(2, &sets), set(&[(5, 15)]));
        assert_eq!(sets[0].and(&sets[2]), set(&[(8, 10)]));
    }

    #[test]
    fn elapsed_time_skips_the_holes() {
        let two = set(&[(0, 10), (20, 30)]);
        assert_eq!(two.elapsed_before(at(25)), Duration::from_millis(15));
        assert_eq!(two.after(Duration::from_millis(12)), set(&[(22, 30)]));
        assert!(two.after(Duration::from_millis(20)).is_never());
        assert_eq!(two.until(at(5)), set(&[(0, 5)]));
        assert_eq!(set(&[(0, 30)]).without(&set(&[(10, 20)])), two);
        assert_eq!(two.without(&set(&[(5, 25)])), set(&[(0, 5), (25, 30)]));
    }
}
