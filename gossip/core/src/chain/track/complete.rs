//! Up to when everything that a publisher said is held, as far as his own chain tells.
//!
//! A chain has no gaps at its publisher's, and heads say where it ends. So a place that is missing here is something he
//! said and somebody did not let through; and so is a silence longer than a living publisher keeps. Only signed times
//! are looked at: when something arrived says nothing.

use super::{Named, Track};
use crate::chain::Conduct;
use crate::constants::{AWAITED, GAP_GRACE, HEARD_WITHIN};
use crate::wire::Timestamp;

// === impl Track ===

impl Track {
    /// The signed time up to which nothing is known to be missing: `now` if nothing is and he was heard lately. `None`
    /// if he is not waited for: silent for a day, a gap as old, or convicted of equivocation.
    pub(in crate::chain) fn complete_until(
        &self,
        now: Timestamp,
        floor: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let heard = self.heard()?.min(now);
        let convicted =
            !self.forks.is_empty() && matches!(self.conduct(None, floor), Conduct::Equivocation { .. });
        if convicted || now.since(heard) > AWAITED {
            return None;
        }
        for (before, noticed) in self.lacks(now) {
            if now.since(noticed) > AWAITED {
                return None;
            }
            if now.since(noticed) >= GAP_GRACE {
                let before = before.unwrap_or_else(|| now - AWAITED);
                return Some(before.min(heard).max(now - AWAITED));
            }
        }
        Some(if now.since(heard) > HEARD_WITHIN {
            heard
        } else {
            now
        })
    }

    /// When he signed the latest that is known of him.
    fn heard(&self) -> Option<Timestamp> {
        let top = self.series.values().next_back();
        let said = top.and_then(|series| series.time_before(None));
        said.max(self.named.map(|named| named.time))
    }

    /// What lacks, in the order of places: when he signed the last envelope before it, and the first word after it.
    fn lacks(&self, now: Timestamp) -> impl Iterator<Item = (Option<Timestamp>, Timestamp)> + '_ {
        // Where all is held, as of most, nothing is looked at but the ends.
        let mut below = None;
        let named = self
            .named
            .filter(|named| !self.series.contains_key(&named.place.epoch));
        let series = self.series.iter().flat_map(move |(epoch, series)| {
            let before = std::mem::replace(&mut below, series.time_before(None));
            let begin = series.ends().filter(|(low, _)| *low > 0).and_then(|(low, _)| {
                let first = series.time_after(low.saturating_sub(1))?;
                // What stood before may have passed its retention, or gone for lack of room.
                let lacks = now.since(first) <= AWAITED
                    && !self.is_cut_below()
                    && !series.bars(0, low.saturating_sub(1));
                lacks.then_some((before, first))
            });
            let inner = series
                .open_runs()
                .filter_map(|(from, to)| Some((series.time_before(Some(from)), series.time_after(to)?)));
            let named = self.named.filter(|named| named.place.epoch == *epoch);
            begin.into_iter().chain(inner).chain(self.lacks_at_end(named))
        });
        series.chain(self.lacks_at_end(named))
    }

    fn lacks_at_end(&self, named: Option<Named>) -> Option<(Option<Timestamp>, Timestamp)> {
        let named = named?;
        let (from, to) = self.end(&named)?;
        let at = self.series.get(&named.place.epoch);
        if at.is_some_and(|series| series.bars(from, to)) {
            return None;
        }
        let below = self.series.range(..=named.place.epoch).next_back();
        let before = below.and_then(|(_, series)| series.time_before(None));
        Some((before, named.since))
    }

    /// Whether low places went because there were too many.
    fn is_cut_below(&self) -> bool {
        self.lowest.is_some() || self.len >= crate::constants::HELD_PER_PUBLISHER
    }
}
