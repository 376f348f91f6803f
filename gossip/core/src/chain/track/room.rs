//! The hours of signed time that are held of one publisher: an hour is, while there is no more than so much of later
//! ones. It goes whole, since a part of it would be judged by another budget than all of it.
//!
//! Deliberately absent: the retention, which is the same for all publishers.

use super::Track;
use crate::chain::fork::Follower;
use crate::chain::{Held, Place};
use crate::rate::Slot;

// === impl Track ===

impl Track {
    /// The first slot of the hours that are held still; `None` if all are.
    pub(super) fn opens(&self) -> Option<Slot> {
        if self.len <= self.later {
            return None;
        }
        *self.opens.get_or_init(|| self.budgets.opens(self.later))
    }

    /// Whether later hours have taken the room of this one's. Not of what a fork is judged by: without it a restored
    /// backup would become equivocation because much was said since.
    pub(super) fn outgrew(&self, held: &Held) -> bool {
        self.opens().is_some_and(|opens| Slot::of(held.time) < opens) && {
            let offered = Follower::of(held);
            let mut before = self.forks.range(..held.epoch).map(|(_, fork)| fork.followed);
            !before.any(|followed| followed.is_none_or(|followed| offered <= followed))
        }
    }

    /// Below this place hours went: if he signs in order, all that stood there. If he does not, a look at hashes finds the
    /// rest.
    pub(in crate::chain) fn lowest_kept(&self) -> Option<Place> {
        let went = self.opens().is_some();
        let first = went.then(|| self.places().find(|place| !self.judges(*place)));
        self.lowest.max(first.flatten())
    }

    /// Nothing below need be asked for: it went, here or everywhere.
    pub(super) fn lowest_asked(&self) -> Option<Place> {
        let expired = self.expired.map(|expired| Place {
            seq: expired.seq.saturating_add(1),
            ..expired
        });
        self.lowest_kept().max(expired)
    }

    /// Whether what stood here went with the last day that did: whoever still has it will not for long.
    pub(in crate::chain) fn expired(&self, place: Place) -> bool {
        self.expired.is_some_and(|expired| place <= expired)
    }

    /// Drops the hours that later ones leave no room for.
    pub(super) fn settle_room(&mut self) -> Vec<Held> {
        let Some(opens) = self.opens() else {
            return Vec::new();
        };
        let went = self.budgets.before(opens).filter(|place| !self.judges(*place));
        self.take_all(went.collect())
    }
}
