//! Up to when everything that a publisher said is held, as far as his own chain tells.
//!
//! A chain has no gaps at its publisher's, and heads say where it ends. So a place that is missing here is something he
//! said and somebody did not let through; and so is a silence longer than a living publisher keeps. Only signed times
//! are looked at: when something arrived says nothing.

use super::{Named, Track};
use crate::chain::{Conduct, Place};
use crate::constants::{AWAITED, GAP_GRACE, HEARD_WITHIN};
use crate::wire::Timestamp;

/// What there is to say of most publishers, to whom nothing lacks: ten thousand are looked at every half minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// When he signed the latest that is known of him.
    heard: Option<Timestamp>,
    /// When he signed the lowest place held, if it is not the first: the latest such time of his epochs.
    begins: Option<Timestamp>,
    /// The first that lacks behind that.
    open: Option<Lack>,
}

/// What lacks: when he signed the last envelope before it, and the first word after it.
#[derive(Clone, Copy, Debug)]
struct Lack {
    before: Option<Timestamp>,
    noticed: Timestamp,
}

// === impl Track ===

impl Track {
    /// The signed time up to which nothing is known to be missing: `now` if nothing is and he was heard lately. `None`
    /// if he is not waited for: silent for a day, or convicted of equivocation. A gap as old is not waited for either, and hides no
    /// younger one.
    pub(in crate::chain) fn complete_until(
        &self,
        now: Timestamp,
        floor: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let ends = self.ends.get_or_init(|| self.look());
        let heard = ends.heard?.min(now);
        let convicted =
            !self.forks.is_empty() && matches!(self.conduct(None, floor), Conduct::Equivocation { .. });
        if convicted || now.since(heard) > AWAITED {
            return None;
        }
        let begun = ends.begins.is_none_or(|begins| now.since(begins) > AWAITED);
        let counts = |lack: &Lack| (GAP_GRACE..=AWAITED).contains(&now.since(lack.noticed));
        let lack = match ends.open {
            None if begun => None,
            Some(lack) if begun && counts(&lack) => Some(lack),
            _ => self.lacks(Some(now)).find(counts),
        };
        if let Some(lack) = lack {
            let before = lack.before.unwrap_or_else(|| now - AWAITED);
            return Some(before.min(heard).max(now - AWAITED));
        }
        Some(if now.since(heard) > HEARD_WITHIN {
            heard
        } else {
            now
        })
    }

    fn look(&self) -> Ends {
        let top = self.series.values().next_back();
        let said = top.and_then(|series| series.time_before(None));
        let firsts = self.series.values().filter_map(|series| {
            let (low, _) = series.ends().filter(|(low, _)| *low > 0)?;
            series.time_after(low - 1)
        });
        Ends {
            heard: said.max(self.named.map(|named| named.time)),
            begins: firsts.max(),
            open: self.lacks(None).next(),
        }
    }

    /// What lacks, in the order of places. Without `now` the beginnings of epochs are left out.
    fn lacks(&self, now: Option<Timestamp>) -> impl Iterator<Item = Lack> + '_ {
        let mut below = None;
        let lowest = self.lowest_asked();
        let named = self
            .named
            .filter(|named| !self.series.contains_key(&named.place.epoch));
        let series = self.series.iter().flat_map(move |(epoch, series)| {
            let before = std::mem::replace(&mut below, series.time_before(None));
            // What stood below may have passed its retention, or made room.
            let asked = move |seq: u64| {
                let place = Place { epoch: *epoch, seq };
                lowest.is_none_or(|lowest| lowest <= place)
            };
            let begin = now.and_then(|now| {
                let (low, _) = series.ends().filter(|(low, _)| *low > 0)?;
                let noticed = series.time_after(low - 1)?;
                let lacks = now.since(noticed) <= AWAITED && asked(low - 1) && !series.bars(0, low - 1);
                lacks.then_some(Lack { before, noticed })
            });
            let runs = series.open_runs().filter(move |(_, to)| asked(*to));
            let inner = runs.filter_map(|(from, to)| {
                Some(Lack {
                    before: series.time_before(Some(from)),
                    noticed: series.time_after(to)?,
                })
            });
            let named = self.named.filter(|named| named.place.epoch == *epoch);
            begin.into_iter().chain(inner).chain(self.lacks_at_end(named))
        });
        series.chain(self.lacks_at_end(named))
    }

    fn lacks_at_end(&self, named: Option<Named>) -> Option<Lack> {
        let named = named?;
        let (from, to) = self.end(&named)?;
        let at = self.series.get(&named.place.epoch);
        if at.is_some_and(|series| series.bars(from, to)) {
            return None;
        }
        let below = self.series.range(..=named.place.epoch).next_back();
        Some(Lack {
            before: below.and_then(|(_, series)| series.time_before(None)),
            noticed: named.since,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;
    use crate::chain::{Held, Place};
    use crate::rate::Class;
    use crate::wire::envelope::Kind;
    use crate::wire::{
        EquivocationProof, Header, HeaderHash, NetworkId, PublisherId, SecretKey, SignedHeader, Tlp,
    };

    const BEGUN: i64 = 1_795_305_600;

    fn header(kind: Kind, place: Place, secs: i64, prev: u8) -> Header {
        Header {
            version: 1,
            kind,
            flags: 0,
            network: NetworkId([1; 16]),
            publisher: PublisherId([2; 16]),
            epoch: place.epoch,
            seq: place.seq,
            prev: HeaderHash([prev; 32]),
            time_base: Timestamp::from_secs(BEGUN + secs),
            tlp: Tlp::Clear,
            policy: 0,
            rows: 1,
            root: [0; 32],
        }
    }

    fn fork(place: Place, secs: i64) -> EquivocationProof {
        let key = SecretKey::from_seed([3; 32]);
        let signed = |prev| SignedHeader::sign(header(Kind::Sightings, place, secs, prev), &key);
        EquivocationProof::new(signed(1), signed(2)).unwrap()
    }

    /// What is kept is what a new look finds, after whatever happened to the chain.
    #[test]
    fn nothing_that_happens_to_a_chain_leaves_an_old_answer_behind() {
        let mut state = 11_u64;
        let mut draw = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut answers = std::collections::BTreeSet::new();
        for _ in 0..300 {
            let mut track = Track::default();
            for step in 0..60_i64 {
                let place = Place {
                    epoch: u32::try_from(draw(2)).unwrap(),
                    seq: draw(12),
                };
                // An hour for each place, so that a day is longer than one epoch and shorter than both.
                let secs = i64::from(place.epoch) * 43_200 + i64::try_from(place.seq).unwrap() * 3_600;
                match draw(20) {
                    0..12 => {
                        let said = Held::of(&header(Kind::Sightings, place, secs, 0));
                        track.insert(said, Class::Member, None);
                    }
                    12 | 13 => drop(track.note_head(&header(Kind::Head, place, secs + step * 60, 9))),
                    14 => drop(track.take_all(vec![place])),
                    15 => track.bar(place),
                    16 => drop(track.expire(Timestamp::from_secs(BEGUN + secs - 7_200))),
                    17 => drop(track.raise_floor(1)),
                    18 => drop(track.convict(fork(place, secs), None)),
                    _ => drop(track.reconcile(draw(1_000), None, |place, _| {
                        (place.seq != 5).then_some(Class::Member)
                    })),
                }
                for (epoch, fork) in &track.forks {
                    let later = track.places().filter(|place| place.epoch > *epoch);
                    let time = |place| track.entry(place).unwrap().time;
                    let earliest = later.map(|place| (time(place), place)).min();
                    assert_eq!(fork.followed.map(|one| (one.time, one.place)), earliest);
                }
                let mut fresh = track.clone();
                fresh.ends = OnceLock::new();
                for minutes in [0, 30, 300, 700, 1_400, 2_000, 3_000] {
                    let now = Timestamp::from_secs(BEGUN + minutes * 60);
                    let (kept, new) = (track.complete_until(now, None), fresh.complete_until(now, None));
                    assert_eq!(kept, new, "{track:?} at {minutes}");
                    answers.insert(kept);
                }
            }
        }
        // Otherwise this has looked at nothing.
        assert!(answers.len() > 20, "{answers:?}");
    }
}
