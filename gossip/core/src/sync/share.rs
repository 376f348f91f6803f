//! Who fetches what, where several sessions of one node lack the same: each begins with another part.
//!
//! No session knows of the others. Ranges are dealt into [`SHARES`] parts by their chain; a session takes its own part
//! first and then the parts behind it, of each what is not held by then, so that no peer that is slow or silent keeps
//! anything from arriving. Of a part that is another's the older half is taken first, while that one comes down from the
//! newest. Deliberately absent: any order among the ranges of one part, which is the plan's.

use std::collections::VecDeque;

use super::message::Range;
use crate::chain::ChainIndex;

/// Into so many parts: as many sessions as a node runs at a time.
pub const SHARES: u8 = 8;
/// Of two sessions each is as far from the other as can be, and of four.
const APART: [u8; SHARES as usize] = [0, 4, 2, 6, 1, 5, 3, 7];
/// Ranges that one session plans for. What is left waits for the next.
const RANGES_PLANNED: usize = 65_536;
/// So few places are not worth a request of their own for each part.
const FEW_PLACES: u64 = 512;
/// A range of another's part that is longer is halved.
const LONG_PLACES: u64 = 128;

/// The ranges that one session still wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    parts: [VecDeque<Range>; SHARES as usize],
    /// Which part comes first.
    share: u8,
    count: usize,
    places: u64,
}

/// The share for a new session, beside those that run with these.
pub fn free_share(mut taken: impl Iterator<Item = u8> + Clone) -> u8 {
    let free = APART
        .into_iter()
        .find(|share| !taken.clone().any(|one| one == *share));
    free.or_else(|| taken.next()).unwrap_or(0)
}

fn part_of(range: &Range) -> usize {
    let number = range.publisher.0.iter().fold(0, |sum: u8, byte| sum ^ byte) ^ range.epoch.to_le_bytes()[0];
    usize::from(number % SHARES)
}

const fn places_of(range: &Range) -> u64 {
    range.to.saturating_sub(range.from).saturating_add(1)
}

// === impl Shares ===

impl Shares {
    pub(super) fn with_share(share: u8) -> Self {
        Self {
            share: share % SHARES,
            ..Self::default()
        }
    }

    pub(super) fn push(&mut self, range: Range) {
        if self.count < RANGES_PLANNED {
            self.count += 1;
            self.places = self.places.saturating_add(places_of(&range));
            self.parts[part_of(&range)].push_back(range);
        }
    }

    /// At most so many ranges, of what is not held by now.
    pub(super) fn take(&mut self, most: usize, index: &ChainIndex) -> Vec<Range> {
        let mut taken = Vec::new();
        let few = self.places <= FEW_PLACES;
        for turn in 0..SHARES {
            if taken.len() >= most || !(few || taken.is_empty()) {
                break;
            }
            let part = usize::from((self.share + turn) % SHARES);
            let of_another = turn > 0 && !few;
            while taken.len() < most {
                let Some(range) = self.pop(part) else { break };
                let chain = (range.publisher, range.epoch);
                let Some((from, to)) = index.lacks_within(chain, (range.from, range.to)) else {
                    continue;
                };
                let range = Range { from, to, ..range };
                let (now, later) = if of_another { halves(range) } else { (range, None) };
                if let Some(later) = later {
                    self.push(later);
                }
                taken.push(now);
                if of_another {
                    // Another comes down this way too: not more than one step at a time.
                    break;
                }
            }
        }
        taken
    }

    fn pop(&mut self, part: usize) -> Option<Range> {
        let range = self.parts[part].pop_front()?;
        self.count -= 1;
        self.places = self.places.saturating_sub(places_of(&range));
        Some(range)
    }
}

/// The older half, and the newer for later, if there is one.
fn halves(range: Range) -> (Range, Option<Range>) {
    if places_of(&range) <= LONG_PLACES {
        return (range, None);
    }
    let middle = range.from + (range.to - range.from) / 2;
    let (older, newer) = (
        Range { to: middle, ..range },
        Range {
            from: middle + 1,
            ..range
        },
    );
    (older, Some(newer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::PublisherId;

    fn range(publisher: u8, from: u64, to: u64) -> Range {
        Range {
            publisher: PublisherId([publisher, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            epoch: 0,
            from,
            to,
        }
    }

    fn shares(share: u8, ranges: &[Range]) -> Shares {
        let mut shares = Shares::with_share(share);
        for range in ranges {
            shares.push(*range);
        }
        shares
    }

    #[test]
    fn sessions_begin_far_from_each_other() {
        let mut taken = Vec::new();
        for expected in [0, 4, 2, 6, 1, 5, 3, 7] {
            let share = free_share(taken.iter().copied());
            assert_eq!(share, expected);
            taken.push(share);
        }
        // Of the ninth there is no more to say than that it gets one.
        assert!(free_share(taken.iter().copied()) < SHARES);
        taken.retain(|share| *share != 2);
        assert_eq!(free_share(taken.iter().copied()), 2);
    }

    #[test]
    fn each_takes_its_own_part_first_and_of_others_the_older_half() {
        let index = ChainIndex::new();
        let all: Vec<Range> = (0..8).map(|publisher| range(publisher, 0, 999)).collect();
        let mut shares = shares(3, &all);
        assert_eq!(shares.take(64, &index), [range(3, 0, 999)]);
        assert_eq!(shares.take(64, &index), [range(4, 0, 499)]);
        // The newer half waits behind the rest of its part.
        assert_eq!(shares.take(64, &index), [range(4, 500, 749)]);
        let mut left = Vec::new();
        loop {
            let taken = shares.take(64, &index);
            if taken.is_empty() {
                break;
            }
            left.extend(taken);
        }
        // Nothing is left out, and nothing comes twice.
        let mut places: Vec<(u8, u64)> = left
            .iter()
            .flat_map(|range| (range.from..=range.to).map(|seq| (range.publisher.0[0], seq)))
            .collect();
        places.sort_unstable();
        let expected = (0..8).filter(|publisher| *publisher != 3);
        let expected = expected.flat_map(|publisher| (0..1_000).map(move |seq| (publisher, seq)));
        let before = |place: &(u8, u64)| place.0 == 4 && place.1 < 750;
        assert_eq!(
            places,
            expected.filter(|place| !before(place)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_little_is_asked_for_at_once() {
        let all: Vec<Range> = (0..8).map(|publisher| range(publisher, 0, 63)).collect();
        let mut shares = shares(3, &all);
        assert_eq!(shares.take(6, &ChainIndex::new()).len(), 6);
        assert_eq!(shares.take(6, &ChainIndex::new()).len(), 2);
        assert_eq!(shares.take(6, &ChainIndex::new()), []);
    }
}
