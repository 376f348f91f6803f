//! Up to when everything that a publisher said is held, as far as his own chain tells.
//!
//! A chain has no gaps at its publisher's, and heads say where it ends. So a place that is missing here is something he
//! said and somebody did not let through; and so is a silence longer than a living publisher keeps. Only signed times
//! are looked at: when something arrived says nothing.

use super::{Named, Track};
use crate::chain::Conduct;
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
    /// if he is not waited for: silent for a day, a gap as old, or convicted of equivocation.
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
        let answer = |lack: Lack| {
            let before = lack.before.unwrap_or_else(|| now - AWAITED);
            (now.since(lack.noticed) <= AWAITED).then(|| before.min(heard).max(now - AWAITED))
        };
        let counts = |lack: &Lack| now.since(lack.noticed) >= GAP_GRACE;
        match ends.open {
            None if begun => {}
            Some(lack) if begun && counts(&lack) => return answer(lack),
            _ => {
                if let Some(lack) = self.lacks(Some(now)).find(counts) {
                    return answer(lack);
                }
            }
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
        let named = self
            .named
            .filter(|named| !self.series.contains_key(&named.place.epoch));
        let series = self.series.iter().flat_map(move |(epoch, series)| {
            let before = std::mem::replace(&mut below, series.time_before(None));
            let begin = now.and_then(|now| {
                let (low, _) = series.ends().filter(|(low, _)| *low > 0)?;
                let noticed = series.time_after(low - 1)?;
                // What stood before may have passed its retention, or gone for lack of room.
                let lacks = now.since(noticed) <= AWAITED && !self.is_cut_below() && !series.bars(0, low - 1);
                lacks.then_some(Lack { before, noticed })
            });
            let inner = series.open_runs().filter_map(|(from, to)| {
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

    /// Whether low places went because there were too many.
    fn is_cut_below(&self) -> bool {
        self.lowest.is_some() || self.len >= crate::constants::HELD_PER_PUBLISHER
    }
}
