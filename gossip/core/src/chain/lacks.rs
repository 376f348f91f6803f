//! What is missing of the chains that are held, and of that what anybody need be asked for.
//!
//! Deliberately absent: whom to ask, and when, which is sync's.

use super::track::Track;
use super::{ChainIndex, Gap, Place};
use crate::wire::PublisherId;

// === impl ChainIndex ===

impl ChainIndex {
    /// What is missing between places that are held, at most [`crate::constants::GAPS_PER_CHAIN`] of each chain.
    pub fn gaps(&self) -> Vec<Gap> {
        self.tracks
            .iter()
            .flat_map(|(publisher, track)| track.gaps(*publisher))
            .collect()
    }

    /// What is missing in one chain.
    pub fn gaps_of(&self, publisher: PublisherId, epoch: u32) -> Vec<Gap> {
        let track = self.tracks.get(&publisher);
        track
            .map(|track| track.gaps_in(publisher, epoch))
            .unwrap_or_default()
    }

    /// What is missing between what is held of one chain, and begins below this seq: the highest so many.
    pub(crate) fn gaps_below(&self, (publisher, epoch): (PublisherId, u32), below: u64) -> Vec<Gap> {
        let track = self.tracks.get(&publisher);
        track
            .map(|track| track.gaps_below(publisher, epoch, below))
            .unwrap_or_default()
    }

    /// The lowest and the highest of these seqs, the last included, that is not held and would be taken; `None` if there is
    /// none.
    pub(crate) fn lacks_within(
        &self,
        (publisher, epoch): (PublisherId, u32),
        (from, to): (u64, u64),
    ) -> Option<(u64, u64)> {
        match self.tracks.get(&publisher) {
            Some(track) => track.lacks_within(epoch, (from, to)),
            None => (from <= to).then_some((from, to)),
        }
    }

    /// Whether nothing is asked for at this place, since what was signed before and after it made room for later hours.
    pub(crate) fn lies_below(&self, publisher: PublisherId, place: Place) -> bool {
        let lowest = self.tracks.get(&publisher).and_then(Track::lowest_kept);
        lowest.is_some_and(|lowest| place < lowest)
    }

    /// Whether what stood at this place went with the last day that did, here and soon everywhere.
    pub(crate) fn expired(&self, publisher: PublisherId, place: Place) -> bool {
        let track = self.tracks.get(&publisher);
        track.is_some_and(|track| track.expired(place))
    }

    /// Whether the rules keep all of these seqs out, the last included, as far as that is remembered.
    pub(crate) fn keeps_out(&self, (publisher, epoch): (PublisherId, u32), (from, to): (u64, u64)) -> bool {
        let track = self.tracks.get(&publisher);
        track.is_some_and(|track| track.keeps_out(epoch, (from, to)))
    }
}
