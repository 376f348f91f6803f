//! Up to when this node has heard everything that those whom it trusts have said.
//!
//! Some are always down, and some may lie about their own chains: a quarter of them, or one, is nothing. Beyond that nearly all
//! have to be complete, for what is missing may be missing on purpose. What a node trusts is its own, so this is no fact that
//! nodes share. Deliberately absent: what follows from it.

use super::ChainIndex;
use crate::constants::{WATERMARK_AMISS_ONE_IN, WATERMARK_WHOLE_BUT_ONE_IN};
use crate::wire::{PublisherId, Timestamp};

/// How far the word of those who are trusted has come here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watermark {
    /// The latest time up to which everything of at least nine tenths of them is held, or the time that was asked about if
    /// nothing is amiss: of one of them, or of a quarter, something may be missing. `None` if they are none.
    pub until: Option<Timestamp>,
    /// How many they are: those with nothing held, silent for a day or with a gap as old are not among them.
    pub voices: usize,
    /// Of how many of these something is missing, or nothing was heard lately.
    pub lacking: usize,
    /// How many are trusted, known here, and not waited for any more.
    pub given_up: usize,
    /// When a node of an anchor or a seed was compared with last, which the mesh finds out.
    pub guides_met: Option<Timestamp>,
    /// That is too long ago: `until` is no later.
    pub guides_late: bool,
}

// === impl ChainIndex ===

impl ChainIndex {
    /// The signed time up to which nothing of a publisher is known to be missing; `None` if he is not waited for.
    pub fn complete_until(&self, publisher: PublisherId, now: Timestamp) -> Option<Timestamp> {
        self.tracks.get(&publisher)?.complete_until(now, self.floor)
    }

    /// How far the word of those who are trusted has come. `voice` says who speaks with a publisher, if he is trusted
    /// and admitted: several publishers of one voice count once, by the one of whom least is here, so that nobody
    /// counts for more by having more keys.
    pub fn watermark<V: Ord>(
        &self,
        now: Timestamp,
        mut voice: impl FnMut(PublisherId) -> Option<V>,
    ) -> Watermark {
        let mut voices: Vec<(V, Option<Timestamp>)> = self
            .tracks
            .iter()
            .filter_map(|(publisher, track)| {
                Some((voice(*publisher)?, track.complete_until(now, self.floor)))
            })
            .collect();
        // Whoever has a publisher that counts is counted by those only.
        voices.sort_unstable_by(|one, other| {
            let late = |until: &Option<Timestamp>| (until.is_none(), *until);
            (&one.0, late(&one.1)).cmp(&(&other.0, late(&other.1)))
        });
        voices.dedup_by(|next, kept| next.0 == kept.0);
        let all = voices.len();
        voices.retain(|(_, until)| until.is_some());
        let (counted, lacking) = (
            voices.len(),
            voices.iter().filter(|(_, until)| *until < Some(now)).count(),
        );
        let amiss = lacking == counted || lacking > 1 && WATERMARK_AMISS_ONE_IN * lacking > counted;
        let enough = (counted - counted / WATERMARK_WHOLE_BUT_ONE_IN).checked_sub(1);
        let until = enough.and_then(|enough| {
            if !amiss {
                return Some(now);
            }
            let (_, (_, until), _) = voices.select_nth_unstable_by(enough, |one, other| other.1.cmp(&one.1));
            *until
        });
        Watermark {
            until,
            voices: counted,
            lacking,
            given_up: all - counted,
            guides_met: None,
            guides_late: false,
        }
    }
}
