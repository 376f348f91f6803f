//! One chain of one epoch: what is held of it, by seq.
//!
//! Deliberately absent: rates and forks, which look across epochs and stand in `track`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::OnceLock;

use super::{Gap, Head, Held};
use crate::constants::{BARRED_PER_CHAIN, GAPS_PER_CHAIN};
use crate::rate::Class;
use crate::wire::{HeaderHash, PublisherId, Timestamp};

/// What is kept of one envelope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) hash: HeaderHash,
    pub(super) time: Timestamp,
    pub(super) rows: u16,
    pub(super) urgent: bool,
    pub(super) class: Class,
}

/// The envelopes of one epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    entries: BTreeMap<u64, Entry>,
    /// Runs of places between the lowest and the highest held of which nothing is held: first and last of each.
    missing: BTreeMap<u64, u64>,
    /// Places that the rules keep out for good, the highest so many.
    barred: BTreeSet<u64>,
    /// Of every block of which something is held, by number.
    blocks: BTreeMap<u64, Print>,
    fingerprint: Print,
}

/// A hash of what is held. Computed when somebody asks, thrown away when something changes.
type Print = OnceLock<[u8; 16]>;

/// Places of one block: one more envelope costs the hashes of at most so many, and of the blocks' hashes.
const BLOCK_PLACES: u64 = 64;

// === impl Entry ===

impl Entry {
    pub(super) const fn new(held: &Held, class: Class) -> Self {
        Self {
            hash: held.hash,
            time: held.time,
            rows: held.rows,
            urgent: held.urgent,
            class,
        }
    }

    /// Rows that count against a rate: an envelope without any is one.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.rows.max(1))
    }

    /// ... and those that count against the urgent one.
    pub(super) fn urgent_cost(&self) -> u64 {
        if self.urgent { self.cost() } else { 0 }
    }

    pub(super) const fn held(&self, publisher: PublisherId, epoch: u32, seq: u64) -> Held {
        Held {
            publisher,
            epoch,
            seq,
            hash: self.hash,
            time: self.time,
            rows: self.rows,
            urgent: self.urgent,
        }
    }
}

// === impl Series ===

impl Series {
    pub(super) fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(&seq)
    }

    /// Holds this, and returns what stood at its place.
    pub(super) fn insert(&mut self, seq: u64, entry: Entry) -> Option<Entry> {
        self.fill(seq);
        self.fingerprint = Print::new();
        self.blocks.insert(seq / BLOCK_PLACES, Print::new());
        self.entries.insert(seq, entry)
    }

    pub(super) fn remove(&mut self, seq: u64) -> Option<Entry> {
        let gone = self.entries.remove(&seq)?;
        self.open(seq);
        self.fingerprint = Print::new();
        let block = seq / BLOCK_PLACES;
        if self.entries.range(places_of(block)).next().is_some() {
            self.blocks.insert(block, Print::new());
        } else {
            self.blocks.remove(&block);
        }
        Some(gone)
    }

    /// The lowest and the highest place held.
    pub(super) fn ends(&self) -> Option<(u64, u64)> {
        let (low, _) = self.entries.first_key_value()?;
        let (high, _) = self.entries.last_key_value()?;
        Some((*low, *high))
    }

    /// The signed time of the highest place held, or of the highest below `seq`.
    pub(super) fn time_before(&self, seq: Option<u64>) -> Option<Timestamp> {
        let last = match seq {
            Some(seq) => self.entries.range(..seq).next_back(),
            None => self.entries.last_key_value(),
        };
        last.map(|(_, entry)| entry.time)
    }

    /// The signed time of the lowest place held above `seq`.
    pub(super) fn time_after(&self, seq: u64) -> Option<Timestamp> {
        let above = self.entries.range(seq.checked_add(1)?..).next();
        above.map(|(_, entry)| entry.time)
    }

    /// What is missing between places held and was not kept out, ascending.
    pub(super) fn open_runs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let runs = self.missing.iter().map(|(from, to)| (*from, *to));
        runs.filter(|(from, to)| !self.bars(*from, *to))
    }

    /// The rules keep this place out, here as everywhere.
    pub(super) fn bar(&mut self, seq: u64) {
        self.barred.insert(seq);
        if self.barred.len() > BARRED_PER_CHAIN {
            self.barred.pop_first();
        }
    }

    /// Whether all of these places were kept out.
    pub(super) fn bars(&self, from: u64, to: u64) -> bool {
        let places = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        places < self.barred.len() && self.barred.range(from..=to).count() == places + 1
    }

    /// `seq` is about to be held.
    fn fill(&mut self, seq: u64) {
        let Some((low, high)) = self.ends() else {
            return;
        };
        if high < seq {
            self.lack(high + 1, seq - 1);
        } else if seq < low {
            self.lack(seq + 1, low - 1);
        } else if let Some((from, to)) = self.run_at(seq) {
            self.missing.remove(&from);
            self.lack(from, seq.saturating_sub(1));
            self.lack(seq.saturating_add(1), to);
        }
    }

    /// `seq` is held no more. What lies beyond the ends is no gap.
    fn open(&mut self, seq: u64) {
        match self.ends() {
            None => self.missing.clear(),
            // One run at most lies between an end and its neighbour.
            Some((low, _)) if seq < low => {
                if self
                    .missing
                    .first_key_value()
                    .is_some_and(|(from, _)| *from < low)
                {
                    self.missing.pop_first();
                }
            }
            Some((_, high)) if high < seq => {
                if self
                    .missing
                    .last_key_value()
                    .is_some_and(|(from, _)| high < *from)
                {
                    self.missing.pop_last();
                }
            }
            Some(_) => {
                let below = seq.checked_sub(1).and_then(|seq| self.run_at(seq));
                let above = seq.checked_add(1).and_then(|seq| self.run_at(seq));
                for (from, _) in below.into_iter().chain(above) {
                    self.missing.remove(&from);
                }
                self.lack(
                    below.map_or(seq, |(from, _)| from),
                    above.map_or(seq, |(_, to)| to),
                );
            }
        }
    }

    fn run_at(&self, seq: u64) -> Option<(u64, u64)> {
        let (from, to) = self.missing.range(..=seq).next_back()?;
        (seq <= *to).then_some((*from, *to))
    }

    /// The lowest and the highest place of these at which nothing is held.
    pub(super) fn lacks_within(&self, from: u64, to: u64) -> Option<(u64, u64)> {
        let Some((low, high)) = self.ends() else {
            return (from <= to).then_some((from, to));
        };
        let outside = |seq: u64| seq < low || high < seq;
        let lowest = if outside(from) || self.run_at(from).is_some() {
            from
        } else {
            let run = self.missing.range(from..).next().map(|(begin, _)| *begin);
            run.unwrap_or(high.saturating_add(1))
        };
        let highest = if outside(to) || self.run_at(to).is_some() {
            to
        } else {
            let run = self.missing.range(..=to).next_back().map(|(_, end)| *end);
            run.or(low.checked_sub(1))?
        };
        (from <= lowest && lowest <= highest && highest <= to).then_some((lowest, highest))
    }

    fn lack(&mut self, from: u64, to: u64) {
        if from <= to {
            self.missing.insert(from, to);
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &Entry)> {
        self.entries.iter().map(|(seq, entry)| (*seq, entry))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut Entry)> {
        self.entries.iter_mut().map(|(seq, entry)| (*seq, entry))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn hashes(&self, range: RangeInclusive<u64>) -> impl Iterator<Item = (u64, HeaderHash)> + '_ {
        // A map panics on a range that runs backwards.
        let range = (!range.is_empty()).then_some(range);
        range
            .into_iter()
            .flat_map(|range| self.entries.range(range).rev())
            .map(|(seq, entry)| (*seq, entry.hash))
    }

    pub(super) fn head(&self, publisher: PublisherId, epoch: u32) -> Option<Head> {
        let (low, _) = self.entries.first_key_value()?;
        let (seq, top) = self.entries.last_key_value()?;
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        Some(Head {
            publisher,
            epoch,
            seq: *seq,
            hash: top.hash,
            low: *low,
            count,
            fingerprint: self.fingerprint(),
        })
    }

    /// The highest so many of those that begin below this seq.
    pub(super) fn gaps_below(&self, publisher: PublisherId, epoch: u32, below: u64) -> Vec<Gap> {
        let runs = self.missing.range(..below).rev().take(GAPS_PER_CHAIN);
        runs.map(|(from, to)| Gap {
            publisher,
            epoch,
            from: *from,
            to: *to,
        })
        .collect()
    }

    fn fingerprint(&self) -> [u8; 16] {
        *self.fingerprint.get_or_init(|| {
            let prints = self.blocks.iter();
            let prints = prints.flat_map(|(block, print)| *print.get_or_init(|| self.print(*block)));
            hash("vigie/chain/v1", &prints.collect::<Vec<u8>>())
        })
    }

    fn print(&self, block: u64) -> [u8; 16] {
        let mut held = Vec::with_capacity(self.entries.len().min(64) * (8 + 32));
        for (seq, entry) in self.entries.range(places_of(block)) {
            held.extend_from_slice(&seq.to_le_bytes());
            held.extend_from_slice(&entry.hash.0);
        }
        hash("vigie/block/v1", &held)
    }
}

fn places_of(block: u64) -> RangeInclusive<u64> {
    let first = block.saturating_mul(BLOCK_PLACES);
    first..=first.saturating_add(BLOCK_PLACES - 1)
}

fn hash(context: &str, bytes: &[u8]) -> [u8; 16] {
    let mut hash = [0; 16];
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(bytes).finalize_xof().fill(&mut hash);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            hash: HeaderHash([1; 32]),
            time: Timestamp::from_secs(1),
            rows: 1,
            urgent: false,
            class: Class::Member,
        }
    }

    /// The same, put together at once.
    fn anew(series: &Series) -> Series {
        let mut anew = Series::default();
        for (seq, entry) in series.iter() {
            anew.insert(seq, *entry);
        }
        anew
    }

    /// Whatever comes and goes, the runs are what a walk over the places finds, and the fingerprint is that of what is held.
    #[test]
    fn runs_and_fingerprints_are_what_a_walk_finds() {
        let mut series = Series::default();
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (seq, takes) = (100 + (state >> 33) % 40, (state >> 60) < 8);
            if takes {
                series.remove(seq);
            } else {
                series.insert(seq, entry());
            }
            let mut walked: Vec<(u64, u64)> = Vec::new();
            if let Some((low, high)) = series.ends() {
                for seq in (low..high).filter(|seq| series.get(*seq).is_none()) {
                    match walked.last_mut().filter(|(_, to)| to + 1 == seq) {
                        Some((_, to)) => *to = seq,
                        None => walked.push((seq, seq)),
                    }
                }
            }
            assert_eq!(series.open_runs().collect::<Vec<_>>(), walked);
            assert_eq!(series.fingerprint(), anew(&series).fingerprint());
            let (from, to) = (100 + (state >> 20) % 45, 100 + (state >> 40) % 45);
            let lacking: Vec<u64> = (from..=to).filter(|seq| series.get(*seq).is_none()).collect();
            let ends = lacking.first().copied().zip(lacking.last().copied());
            assert_eq!(series.lacks_within(from, to), ends, "{from} to {to}");
        }
    }

    #[test]
    fn what_was_kept_out_is_no_gap_and_is_bounded() {
        let mut series = Series::default();
        series.insert(0, entry());
        series.insert(4, entry());
        series.bar(1);
        series.bar(2);
        assert_eq!(series.open_runs().collect::<Vec<_>>(), [(1, 3)]);
        series.bar(3);
        assert_eq!(series.open_runs().count(), 0);
        (10..10_000).for_each(|seq| series.bar(seq));
        assert_eq!(series.barred.len(), BARRED_PER_CHAIN);
        assert!(!series.bars(0, u64::MAX));
    }
}
