//! Who fetches what, where several sessions of one node lack the same: each begins with another part.
//!
//! No session knows of the others. Ranges are dealt into [`SHARES`] parts by their chain; a session takes its own part
//! first and then the parts behind it, of each what is not held by then, so that no peer that is slow or silent keeps
//! anything from arriving, and a node with one peer gets all from that one. A part that may be another's is begun at its
//! other end, and of its long ranges the older half is asked for first, while that one comes down from the newest; but by
//! the first session never, as it may be the only one. Deliberately absent: any order within what is asked for: whoever
//! answers sends the newest of it first.

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
/// A longer range is not left to one session alone.
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
            let from_the_end = turn > 0 && !few;
            while taken.len() < most {
                let Some(range) = self.pop(part, from_the_end) else {
                    break;
                };
                let chain = (range.publisher, range.epoch);
                let Some((from, to)) = index.lacks_within(chain, (range.from, range.to)) else {
                    continue;
                };
                let lacking = Range { from, to, ..range };
                let of_another = from_the_end && self.share != APART[0];
                if of_another && places_of(&lacking) > LONG_PLACES {
                    let middle = from + (to - from) / 2;
                    taken.push(Range {
                        to: middle,
                        ..lacking
                    });
                    self.push(Range {
                        from: middle + 1,
                        ..lacking
                    });
                    // Or it would be the next one at this end.
                    break;
                }
                taken.push(lacking);
            }
        }
        taken
    }

    fn pop(&mut self, part: usize, from_the_end: bool) -> Option<Range> {
        let part = &mut self.parts[part];
        let range = if from_the_end {
            part.pop_back()
        } else {
            part.pop_front()
        }?;
        self.count -= 1;
        self.places = self.places.saturating_sub(places_of(&range));
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Held;
    use crate::wire::{HeaderHash, PublisherId, Timestamp};

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
    fn each_takes_its_own_part_first_and_others_from_the_end() {
        let index = ChainIndex::new();
        // Two chains in each of the eight parts.
        let all: Vec<Range> = (0..16).map(|publisher| range(publisher, 0, 99)).collect();
        let mut shares = shares(3, &all);
        assert_eq!(shares.take(64, &index), [range(3, 0, 99), range(11, 0, 99)]);
        assert_eq!(shares.take(64, &index), [range(12, 0, 99), range(4, 0, 99)]);
        assert_eq!(shares.take(1, &index), [range(13, 0, 99)]);
        // Whoever has one peer gets all from that one: nothing is left out, and nothing comes twice.
        let mut left = Vec::new();
        loop {
            let taken = shares.take(64, &index);
            if taken.is_empty() {
                break;
            }
            left.extend(taken.iter().map(|range| range.publisher.0[0]));
        }
        left.sort_unstable();
        assert_eq!(left, [0, 1, 2, 5, 6, 7, 8, 9, 10, 14, 15]);
    }

    #[test]
    fn ten_thousand_chains_take_a_few_requests() {
        let index = ChainIndex::new();
        let mut shares = Shares::with_share(0);
        for number in 0..10_000_u16 {
            let [low, high] = number.to_le_bytes();
            let mut one = range(low, 5, 9);
            one.publisher.0[1] = high;
            shares.push(one);
        }
        let requests = std::iter::from_fn(|| Some(shares.take(64, &index)).filter(|taken| !taken.is_empty()));
        assert!(requests.count() <= 10_000 / 64 + 8);
    }

    #[test]
    fn of_a_range_of_another_the_older_half_comes_first_but_to_the_only_session() {
        let mut index = ChainIndex::new();
        for seq in 800..1_000 {
            index.load(Held {
                publisher: range(1, 0, 0).publisher,
                epoch: 0,
                seq,
                hash: HeaderHash([1; 32]),
                time: Timestamp::from_secs(1),
                rows: 1,
                urgent: false,
            });
        }
        let mut later = shares(4, &[range(1, 0, 999)]);
        assert_eq!(later.take(64, &index), [range(1, 0, 399)]);
        // The rest is little enough for anybody.
        assert_eq!(later.take(64, &index), [range(1, 400, 799)]);
        let mut first = shares(0, &[range(1, 0, 999)]);
        assert_eq!(first.take(64, &index), [range(1, 0, 799)]);
        assert_eq!(first.take(64, &index), []);
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
