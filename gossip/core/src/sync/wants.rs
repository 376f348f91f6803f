//! What one session still wants, and who fetches what where several sessions of one node lack the same.
//!
//! A request is a bite: as many places as one message may bring, the newest of many chains rather than all of one, so
//! that what is active comes before what is history. What other sessions have asked for and not got is left to them,
//! until nothing else is left to ask for; then it is asked for once more, and at most a third time, so that no peer that
//! is slow or silent keeps anything from arriving. Deliberately absent: any order within what is asked for: whoever
//! answers sends the newest of it first.

use std::collections::{BTreeMap, VecDeque};

use super::message::Range;
use crate::chain::ChainIndex;
use crate::constants::RANGES_PER_MESSAGE;
use crate::wire::PublisherId;

/// Ranges that one session plans for. What is left waits for the next.
const RANGES_PLANNED: usize = 65_536;
/// A bite is dealt out among so many chains, if there are as many.
const DEALT_TO: usize = 64;
/// Fewer places of one chain are not worth a range.
const FEWEST_PLACES: u64 = 16;
/// Of several sessions one asks for so small a part of what it wants, but for no fewer places.
const PARTS: u64 = 8;
const SMALLEST_PART: u64 = 256;
/// The same may be under way in so many sessions.
const UNDER_WAY: usize = 3;

type Chain = (PublisherId, u32);

/// The ranges that one session still wants, those to be asked for next first.
#[derive(Clone, Debug, Default)]
pub(super) struct Wants {
    ranges: VecDeque<Range>,
    overflowed: bool,
}

/// What other sessions ask for: runs of places, of each chain the highest first.
#[derive(Debug, Default)]
struct Elsewhere {
    runs: BTreeMap<Chain, Vec<(u64, u64)>>,
}

// === impl Wants ===

impl Wants {
    pub(super) fn push(&mut self, range: Range) {
        if self.ranges.len() < RANGES_PLANNED {
            self.ranges.push_back(range);
        } else {
            self.overflowed = true;
        }
    }

    /// Whether something found no room, and waits for the next session.
    pub(super) const fn overflowed(&self) -> bool {
        self.overflowed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The next bite: at most so many places that are not held by now, beside what other sessions ask for.
    pub(super) fn take(&mut self, most: u64, index: &ChainIndex, elsewhere: &[Range]) -> Vec<Range> {
        let places = if elsewhere.is_empty() {
            most
        } else {
            most.min(self.part())
        };
        for depth in 0..UNDER_WAY {
            let taken = self.take_beside(places, index, &Elsewhere::at_least(depth + 1, elsewhere));
            if !taken.is_empty() {
                return taken;
            }
            if elsewhere.is_empty() {
                break;
            }
        }
        Vec::new()
    }

    /// What one of several sessions asks for at once, so that all of them have something to ask for until the end.
    fn part(&self) -> u64 {
        let places = |range: &Range| range.to.saturating_sub(range.from).saturating_add(1);
        let all = self.ranges.iter().map(places).fold(0, u64::saturating_add);
        (all / PARTS).max(SMALLEST_PART)
    }

    fn take_beside(&mut self, places: u64, index: &ChainIndex, elsewhere: &Elsewhere) -> Vec<Range> {
        let (mut taken, mut room) = (Vec::new(), places);
        // Each chain gets its share, and what some do not need the others get.
        loop {
            let before = room;
            self.deal(&mut taken, &mut room, index, elsewhere);
            if room == 0 || room == before || taken.len() >= RANGES_PER_MESSAGE {
                return taken;
            }
        }
    }

    /// Goes over all ranges once.
    fn deal(&mut self, taken: &mut Vec<Range>, room: &mut u64, index: &ChainIndex, elsewhere: &Elsewhere) {
        let among = u64::try_from(self.ranges.len().clamp(1, DEALT_TO)).unwrap_or(1);
        let each = (*room / among).max(FEWEST_PLACES);
        for _ in 0..self.ranges.len() {
            if *room == 0 || taken.len() >= RANGES_PER_MESSAGE {
                break;
            }
            let Some(range) = self.ranges.pop_front() else {
                break;
            };
            let chain = (range.publisher, range.epoch);
            let Some((from, to)) = index.lacks_within(chain, (range.from, range.to)) else {
                continue;
            };
            let Some((lowest, highest)) = elsewhere.free_below(chain, (from, to)) else {
                self.ranges.push_back(Range { from, to, ..range });
                continue;
            };
            let lowest = lowest.max(highest.saturating_sub(each.min(*room) - 1));
            *room -= highest - lowest + 1;
            taken.push(Range {
                from: lowest,
                to: highest,
                ..range
            });
            if highest < to {
                let from = highest + 1;
                self.push(Range { from, to, ..range });
            }
            if from < lowest {
                let to = lowest - 1;
                self.push(Range { from, to, ..range });
            }
        }
    }
}

// === impl Elsewhere ===

impl Elsewhere {
    /// The places that at least so many of these ranges name.
    fn at_least(depth: usize, ranges: &[Range]) -> Self {
        // Where a range ends it counts no more: one place below its lowest, since this goes down.
        let mut steps: BTreeMap<Chain, Vec<(u64, bool)>> = BTreeMap::new();
        for range in ranges {
            let of_chain = steps.entry((range.publisher, range.epoch)).or_default();
            of_chain.extend([(range.to, true), (range.from, false)]);
        }
        let runs = steps
            .into_iter()
            .map(|(chain, steps)| (chain, runs(steps, depth)));
        Self { runs: runs.collect() }
    }

    /// The highest run of these places, from the lowest to the highest, that is in none of the runs.
    fn free_below(&self, chain: Chain, (from, to): (u64, u64)) -> Option<(u64, u64)> {
        let mut highest = to;
        for (low, high) in self.runs.get(&chain).into_iter().flatten() {
            if highest < *low {
                continue;
            }
            if *high < highest {
                return Some((from.max(high + 1), highest));
            }
            highest = low.checked_sub(1).filter(|below| from <= *below)?;
        }
        Some((from, highest))
    }
}

/// The runs of places that so many ranges have in common, the highest first. `steps`: of each range its highest place with
/// `true` and its lowest with `false`.
fn runs(mut steps: Vec<(u64, bool)>, depth: usize) -> Vec<(u64, u64)> {
    // Going down, and at one place first what begins there.
    steps.sort_unstable_by(|one, other| other.cmp(one));
    let (mut runs, mut open, mut high) = (Vec::new(), 0_usize, 0);
    for (place, begins) in steps {
        if begins {
            open += 1;
            if open == depth {
                high = place;
            }
        } else {
            if open == depth {
                runs.push((place, high));
            }
            open = open.saturating_sub(1);
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::tests::load;

    fn range(publisher: u8, from: u64, to: u64) -> Range {
        Range {
            publisher: PublisherId([publisher; 16]),
            epoch: 0,
            from,
            to,
        }
    }

    fn wants(ranges: &[Range]) -> Wants {
        let mut wants = Wants::default();
        for range in ranges {
            wants.push(*range);
        }
        wants
    }

    #[test]
    fn the_newest_of_all_chains_comes_before_the_rest_of_any() {
        let index = ChainIndex::new();
        let mut wants = wants(&[range(1, 0, 999), range(2, 0, 9), range(3, 500, 999)]);
        let first = wants.take(300, &index, &[]);
        assert_eq!(
            first,
            [
                range(1, 900, 999),
                range(2, 0, 9),
                range(3, 900, 999),
                // What the second did not need.
                range(1, 855, 899),
                range(3, 855, 899),
            ]
        );
        let second = wants.take(300, &index, &[]);
        assert_eq!(second, [range(1, 705, 854), range(3, 705, 854)]);
    }

    #[test]
    fn what_finds_no_room_is_not_forgotten_silently() {
        let mut wants = Wants::default();
        for nth in 0..=u64::try_from(RANGES_PLANNED).unwrap() {
            assert!(!wants.overflowed());
            wants.push(range(1, 2 * nth, 2 * nth));
        }
        assert!(wants.overflowed());
    }

    #[test]
    fn what_came_meanwhile_is_not_asked_for() {
        let mut index = ChainIndex::new();
        load(&mut index, range(1, 0, 0).publisher, (40..=49).chain(95..=99), 1);
        let mut wants = wants(&[range(1, 30, 99), range(1, 42, 45)]);
        let asked = wants.take(200, &index, &[]);
        assert_eq!(asked, [range(1, 30, 94)]);
        assert!(wants.take(200, &index, &[]).is_empty() && wants.is_empty());
    }

    /// Or every session would ask every peer for it, and refuse it again.
    #[test]
    fn what_went_for_lack_of_room_is_not_asked_for() {
        let mut index = ChainIndex::new();
        let held = u64::try_from(crate::constants::HELD_OF_LATER_HOURS).unwrap() + 1;
        load(&mut index, range(1, 0, 0).publisher, 100..100 + held, 1);
        let all = [
            range(1, 0, 99),
            range(1, 50, 110),
            range(1, 100 + held, 101 + held),
        ];
        let asked = wants(&all).take(4_096, &index, &[]);
        assert_eq!(asked, [range(1, 100 + held, 101 + held)]);
    }

    #[test]
    fn what_others_ask_for_is_left_to_them_while_there_is_something_else() {
        let index = ChainIndex::new();
        let mut wants = wants(&[range(1, 0, 99)]);
        let elsewhere = [range(1, 80, 99), range(1, 60, 85), range(2, 0, 99)];
        assert_eq!(wants.take(40, &index, &elsewhere), [range(1, 20, 59)]);
        assert_eq!(wants.take(40, &index, &elsewhere), [range(1, 0, 19)]);
        // What one of them asks for comes before what two do.
        assert_eq!(
            wants.take(40, &index, &elsewhere),
            [range(1, 86, 99), range(1, 60, 79)]
        );
        assert_eq!(wants.take(40, &index, &elsewhere), [range(1, 80, 85)]);
        assert!(wants.is_empty());
    }

    #[test]
    fn what_three_ask_for_is_left_alone_but_not_forgotten() {
        let index = ChainIndex::new();
        let mut wants = wants(&[range(1, 0, 9)]);
        let elsewhere = [range(1, 0, 9); 3];
        assert_eq!(wants.take(40, &index, &elsewhere), []);
        assert!(!wants.is_empty());
        assert_eq!(wants.take(40, &index, &elsewhere[1..]), [range(1, 0, 9)]);
    }

    #[test]
    fn ten_thousand_chains_take_a_few_requests() {
        let index = ChainIndex::new();
        let mut wants = Wants::default();
        for number in 0..10_000_u16 {
            let [low, high] = number.to_le_bytes();
            let mut one = range(low, 5, 9);
            one.publisher.0[1] = high;
            wants.push(one);
        }
        let requests =
            std::iter::from_fn(|| Some(wants.take(4_096, &index, &[])).filter(|taken| !taken.is_empty()));
        assert!(requests.count() <= 10_000 / RANGES_PER_MESSAGE + 1);
    }

    #[test]
    fn the_highest_places_there_are_overflow_nothing() {
        let index = ChainIndex::new();
        let all = [range(1, 0, u64::MAX)];
        let asked = wants(&all).take(u64::MAX, &index, &[]);
        assert_eq!(asked, [range(1, 1, u64::MAX)]);
        let asked = wants(&all).take(16, &index, &[range(1, 5, u64::MAX)]);
        assert_eq!(asked, [range(1, 0, 4)]);
    }

    /// Every place is asked for once and none is left out, whatever the sessions that run beside each other take.
    #[test]
    fn sessions_beside_each_other_ask_for_everything_and_nothing_twice() {
        let index = ChainIndex::new();
        let all: Vec<Range> = (0..5)
            .map(|publisher| range(publisher, 0, 500 + u64::from(publisher)))
            .collect();
        let mut sessions: Vec<Wants> = (0..4).map(|_| wants(&all)).collect();
        let mut under_way: Vec<Range> = Vec::new();
        let total: u64 = all.iter().map(|range| range.to + 1).sum();
        let mut asked = 0;
        for turn in 0..64 {
            let session = turn % sessions.len();
            let bite = sessions[session].take_beside(97, &index, &Elsewhere::at_least(1, &under_way));
            asked += bite.iter().map(|range| range.to - range.from + 1).sum::<u64>();
            under_way.extend(bite);
        }
        assert_eq!(asked, total);
        let runs = Elsewhere::at_least(1, &under_way).runs;
        assert!(all.iter().all(|range| {
            let of_chain = &runs[&(range.publisher, 0)];
            of_chain.iter().map(|(low, high)| high - low + 1).sum::<u64>() == range.to + 1
        }));
        assert!(
            Elsewhere::at_least(2, &under_way)
                .runs
                .values()
                .all(Vec::is_empty)
        );
    }
}
