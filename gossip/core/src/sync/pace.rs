//! When to compare with whom: in rounds, soon after a connection or a stranger's word, and after a gap that did not close.
//!
//! Time comes in as an argument and chance as a function, so that the live node and the simulator decide alike. Peers
//! are whatever the shell names them by, and times whatever it counts by: a clock that nobody sets, if it has one. Deliberately absent: sessions, and how many of them may run at once.

use std::collections::BTreeMap;
use std::ops::Add;
use std::time::Duration;

use crate::chain::{ChainIndex, Gap, Place};
use crate::constants::{GAP_WAIT, GAPS_WATCHED, GAPS_WATCHED_OF_ONE, RANGE_PLACES, SYNC_INTERVAL};
use crate::wire::{Header, PublisherId, Timestamp};

/// A gap is asked for so often, at pauses that double; then it is left to the rounds.
const REPAIRS: u32 = 4;

/// How long rounds and gaps wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    /// Between two rounds; each is moved by up to a quarter either way.
    pub every: Duration,
    /// How long a gap seen on live traffic may close by itself.
    pub gap_wait: Duration,
}

/// Whom a round may choose from: connected, and admitted.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a, P> {
    /// Members, seeds among them.
    pub members: &'a [P],
    /// Seeds.
    pub seeds: &'a [P],
}

/// Whom to ask now, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due<P> {
    /// Compare everything with these.
    pub compare: Vec<P>,
    /// Ask these for `gaps` only; none of them is among `compare`.
    pub repair: Vec<P>,
    /// What is missing still after it was given time.
    pub gaps: Vec<Gap>,
}

/// What is due when.
#[derive(Clone, Debug)]
pub struct Pace<P, T = Timestamp> {
    tempo: Tempo,
    next_round: T,
    next_repair: T,
    soon: BTreeMap<P, T>,
    /// Chains in which a place was jumped over, at most [`GAPS_WATCHED`].
    gaps: BTreeMap<(PublisherId, u32), Watched<T>>,
}

/// One chain with a gap.
#[derive(Clone, Copy, Debug)]
struct Watched<T> {
    /// When it is asked for.
    due: T,
    /// How often it was.
    asked: u32,
}

// === impl Tempo ===

impl Default for Tempo {
    fn default() -> Self {
        Self {
            every: SYNC_INTERVAL,
            gap_wait: GAP_WAIT,
        }
    }
}

// === impl Pace ===

impl<P: Copy + Ord, T: Copy + Ord + Add<Duration, Output = T>> Pace<P, T> {
    /// The first round is due at once.
    pub const fn new(tempo: Tempo, now: T) -> Self {
        Self {
            tempo,
            next_round: now,
            next_repair: now,
            soon: BTreeMap::new(),
            gaps: BTreeMap::new(),
        }
    }

    /// The first round is due then.
    pub const fn first_round(&mut self, at: T) {
        self.next_round = at;
    }

    /// Compares with a peer after the pause that gaps are given to close by themselves.
    pub fn soon(&mut self, peer: P, now: T) {
        self.soon.entry(peer).or_insert(now + self.tempo.gap_wait);
    }

    /// The peer is gone.
    pub fn forget(&mut self, peer: P) {
        self.soon.remove(&peer);
    }

    /// An envelope came by gossip: if the one before it is missing, it may be on its way, or lost.
    pub fn note_gap(&mut self, header: &Header, index: &ChainIndex, now: T) {
        if let Some(seq) = header.seq.checked_sub(1) {
            let epoch = header.epoch;
            self.watch(header.publisher, Place { epoch, seq }, index, now);
        }
    }

    /// A head came by gossip: the same of what it names.
    pub fn note_end(&mut self, head: &Header, index: &ChainIndex, now: T) {
        self.watch(head.publisher, Place::of(head), index, now);
    }

    fn watch(&mut self, publisher: PublisherId, place: Place, index: &ChainIndex, now: T) {
        let missing = index.hash_at(publisher, place).is_none();
        let of_one = self.gaps.range((publisher, 0)..=(publisher, u32::MAX));
        if missing && self.gaps.len() < GAPS_WATCHED && of_one.count() < GAPS_WATCHED_OF_ONE {
            self.gaps.entry((publisher, place.epoch)).or_insert(Watched {
                due: now + self.tempo.gap_wait,
                asked: 0,
            });
        }
    }

    /// When [`Pace::due`] may have something to say.
    pub fn next_deadline(&self) -> T {
        let soon = self.soon.values().min().copied();
        let repair = self.gaps.values().map(|watched| watched.due).min();
        let repair = repair.map(|due| due.max(self.next_repair));
        [soon, repair].into_iter().flatten().fold(self.next_round, T::min)
    }

    /// Whom to compare with now. `below(n)` draws a number under `n`.
    pub fn due(
        &mut self,
        index: &ChainIndex,
        choice: Choice<'_, P>,
        now: T,
        mut below: impl FnMut(usize) -> usize,
    ) -> Due<P> {
        let mut compare = Vec::new();
        if self.next_round <= now {
            self.next_round = now + jittered(self.tempo.every, &mut below);
            compare = round(choice, &mut below);
        }
        compare.extend(self.soon.extract_if(.., |_, at| *at <= now).map(|(peer, _)| peer));
        let gaps = self.gaps_open(index, now);
        let mut repair = Vec::new();
        if !gaps.is_empty() {
            repair = round(choice, &mut below);
            repair.retain(|peer| !compare.contains(peer));
        }
        Due {
            compare,
            repair,
            gaps,
        }
    }

    /// What is still missing after it was given its time; twice as long until it is asked for again, since whoever was
    /// asked may be silent. Somebody who always leaves gaps makes us ask no more often than they are given to close.
    fn gaps_open(&mut self, index: &ChainIndex, now: T) -> Vec<Gap> {
        if self.next_repair > now {
            return Vec::new();
        }
        let mut open = Vec::new();
        let wait = self.tempo.gap_wait;
        self.gaps.retain(|(publisher, epoch), watched| {
            if watched.due > now {
                return true;
            }
            let before = open.len();
            open.extend(before_the_first(index, *publisher, *epoch));
            open.extend(index.gaps_of(*publisher, *epoch));
            watched.asked += 1;
            watched.due = now + wait * (1 << watched.asked.min(REPAIRS));
            open.len() > before && watched.asked < REPAIRS
        });
        if !open.is_empty() {
            self.next_repair = now + self.tempo.gap_wait;
        }
        open
    }
}

/// What may stand below the lowest place that is held.
fn before_the_first(index: &ChainIndex, publisher: PublisherId, epoch: u32) -> Option<Gap> {
    let to = index.head(publisher, epoch)?.low.checked_sub(1)?;
    Some(Gap {
        publisher,
        epoch,
        from: to.saturating_sub(RANGE_PLACES - 1),
        to,
    })
}

/// A random member, and a random seed besides.
fn round<P: Copy + Ord>(choice: Choice<'_, P>, below: &mut impl FnMut(usize) -> usize) -> Vec<P> {
    let mut draw = |from: &[P]| (!from.is_empty()).then(|| from.get(below(from.len())).copied());
    let member = draw(choice.members).flatten();
    let seed = draw(choice.seeds).flatten().filter(|seed| Some(*seed) != member);
    member.into_iter().chain(seed).collect()
}

/// Up to a quarter more or less.
fn jittered(every: Duration, below: &mut impl FnMut(usize) -> usize) -> Duration {
    let thousandths = u32::try_from(750 + below(501)).unwrap_or(1_000);
    every * thousandths / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::tests::load;

    const T0: Timestamp = Timestamp::from_secs(1_795_305_600);

    fn due(pace: &mut Pace<u32>, at: Timestamp) -> Vec<u32> {
        let choice = Choice {
            members: &[1, 2],
            seeds: &[2],
        };
        let due = pace.due(&ChainIndex::new(), choice, at, |_| 0);
        assert_eq!((due.repair, due.gaps), (vec![], vec![]));
        due.compare
    }

    #[test]
    fn a_round_has_a_member_and_a_seed_and_comes_again() {
        let mut pace = Pace::new(Tempo::default(), T0);
        assert_eq!(due(&mut pace, T0), [1, 2]);
        assert_eq!(due(&mut pace, T0 + Duration::from_secs(20)), []);
        assert_eq!(pace.next_deadline(), T0 + Duration::from_millis(22_500));
        assert_eq!(due(&mut pace, T0 + Duration::from_secs(38)), [1, 2]);
    }

    #[test]
    fn soon_is_after_the_pause_and_once() {
        let mut pace = Pace::new(Tempo::default(), T0);
        due(&mut pace, T0);
        pace.soon(7, T0);
        pace.soon(7, T0 + Duration::from_secs(1));
        pace.soon(8, T0);
        pace.forget(8);
        assert_eq!(due(&mut pace, T0 + Duration::from_secs(1)), []);
        assert_eq!(due(&mut pace, T0 + Duration::from_secs(2)), [7]);
        assert_eq!(due(&mut pace, T0 + Duration::from_secs(3)), []);
    }

    #[test]
    fn one_publisher_with_gaps_in_all_his_epochs_leaves_room_for_others() {
        let (index, mut pace) = (ChainIndex::new(), Pace::<u32>::new(Tempo::default(), T0));
        for epoch in 0..2_000 {
            pace.watch(PublisherId([6; 16]), Place { epoch, seq: 4 }, &index, T0);
        }
        assert_eq!(pace.gaps.len(), GAPS_WATCHED_OF_ONE);
        pace.watch(PublisherId([7; 16]), Place { epoch: 0, seq: 4 }, &index, T0);
        assert_eq!(pace.gaps.len(), GAPS_WATCHED_OF_ONE + 1);
    }

    #[test]
    fn a_gap_that_stays_is_asked_for_and_nothing_else() {
        let publisher = PublisherId([7; 16]);
        let mut index = ChainIndex::new();
        load(&mut index, publisher, [3, 5], 1);
        let mut pace = Pace::new(Tempo::default(), T0);
        due(&mut pace, T0);
        pace.watch(publisher, Place { epoch: 0, seq: 4 }, &index, T0);
        assert_eq!(pace.next_deadline(), T0 + GAP_WAIT);
        let choice = Choice {
            members: &[1, 2],
            seeds: &[2],
        };
        let due = pace.due(&index, choice, T0 + GAP_WAIT, |_| 0);
        let places: Vec<_> = due.gaps.iter().map(|gap| (gap.from, gap.to)).collect();
        assert_eq!(
            (due.compare, due.repair, places),
            (vec![], vec![1, 2], vec![(0, 2), (4, 4)])
        );
    }

    #[test]
    fn a_gap_is_asked_for_again_at_longer_pauses_until_it_is_closed_or_given_up() {
        let publisher = PublisherId([7; 16]);
        let choice = Choice {
            members: &[1],
            seeds: &[],
        };
        let seconds = |index: &ChainIndex, closes: Option<u64>| {
            let mut index = index.clone();
            let mut pace = Pace::new(Tempo::default(), T0);
            pace.first_round(T0 + Duration::from_secs(3_600));
            pace.watch(publisher, Place { epoch: 0, seq: 1 }, &index, T0);
            let mut asked = Vec::new();
            for second in 0..120 {
                if closes == Some(second) {
                    load(&mut index, publisher, [1], 1);
                }
                let due = pace.due(&index, choice, T0 + Duration::from_secs(second), |_| 0);
                if !due.repair.is_empty() {
                    asked.push(second);
                }
            }
            assert!(pace.gaps.is_empty());
            asked
        };
        let mut index = ChainIndex::new();
        load(&mut index, publisher, [0, 2], 1);
        assert_eq!(seconds(&index, None), [2, 6, 14, 30]);
        assert_eq!(seconds(&index, Some(5)), [2]);
    }
}
