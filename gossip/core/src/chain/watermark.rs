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
    /// How many groups they are: those with nothing held, or all silent for a day, are not among them.
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
    /// and admitted, and in which group he counts: several publishers of one organisation are as complete as the one of whom
    /// least is here, and a group, of whom one vouched for the others, is one voice, as complete as the median of its
    /// organisations. So nobody counts for more by having more keys, or more names.
    pub fn watermark<G: Ord + Copy, O: Ord>(
        &self,
        now: Timestamp,
        mut voice: impl FnMut(PublisherId) -> Option<(G, O)>,
    ) -> Watermark {
        let mut all: Vec<((G, O), Option<Timestamp>)> = self
            .tracks
            .iter()
            .filter_map(|(publisher, track)| {
                Some((voice(*publisher)?, track.complete_until(now, self.floor)))
            })
            .collect();
        // Whoever has a publisher that counts is counted by those only.
        all.sort_unstable_by(|one, other| {
            let late = |until: &Option<Timestamp>| (until.is_none(), *until);
            (&one.0, late(&one.1)).cmp(&(&other.0, late(&other.1)))
        });
        all.dedup_by(|next, kept| next.0 == kept.0);
        let mut voices: Vec<Timestamp> = Vec::with_capacity(all.len());
        let mut given_up = 0;
        let mut members: Vec<Timestamp> = Vec::new();
        for group in all.chunk_by(|one, other| one.0.0 == other.0.0) {
            members.clear();
            members.extend(group.iter().filter_map(|(_, until)| *until));
            members.sort_unstable();
            match median(&members) {
                Some(median) => voices.push(median),
                None => given_up += 1,
            }
        }
        let (counted, lacking) = (voices.len(), voices.iter().filter(|until| **until < now).count());
        let until = whole_until(&mut voices, now);
        Watermark {
            until,
            voices: counted,
            lacking,
            given_up,
            guides_met: None,
            guides_late: false,
        }
    }
}

/// As complete as a group is, of whose members each is complete up to one of these, in ascending order: the lower median.
pub fn median(members: &[Timestamp]) -> Option<Timestamp> {
    members.get(members.len().saturating_sub(1) / 2).copied()
}

/// The rule itself, of groups of which each is complete up to one of these; their order is lost. A quarter of them may be
/// behind `now`, or one who is not the only one; beyond that it is the time up to which nine tenths are complete. `None` of none.
pub fn whole_until(voices: &mut [Timestamp], now: Timestamp) -> Option<Timestamp> {
    let counted = voices.len();
    let lacking = voices.iter().filter(|until| **until < now).count();
    let enough = (counted - counted / WATERMARK_WHOLE_BUT_ONE_IN).checked_sub(1)?;
    let amiss = lacking == counted || lacking > 1 && WATERMARK_AMISS_ONE_IN * lacking > counted;
    if !amiss {
        return Some(now);
    }
    let (_, until, _) = voices.select_nth_unstable_by(enough, |one, other| other.cmp(one));
    Some(*until)
}
