//! What the forks of one publisher amount to, and void.
//!
//! Deliberately absent: what a single fork is, which `chain::fork` says.

use std::sync::OnceLock;

use super::Track;
use crate::chain::fork::{Conduct, Follower, Fork};
use crate::chain::{Held, Place};
use crate::constants::FORKS_PER_PUBLISHER;
use crate::wire::{EquivocationProof, Timestamp};

// === impl Track ===

impl Track {
    pub(in crate::chain) fn convict(
        &mut self,
        proof: EquivocationProof,
        floor: Option<Timestamp>,
    ) -> Vec<Held> {
        let epoch = proof.first().header().epoch;
        self.publisher = proof.first().header().publisher;
        let mut fork = Fork::new(proof);
        fork.followed = self.follower(epoch);
        if self.forks.get(&epoch).is_some_and(|known| !fork.outranks(known)) {
            return Vec::new();
        }
        self.forks.insert(epoch, fork);
        self.ends = OnceLock::new();
        while self.forks.len() > FORKS_PER_PUBLISHER {
            // The last of so many convicts, whenever it was, and voids the epochs of those that go here.
            self.forks.pop_last();
        }
        self.settle_forks(floor)
    }

    pub(in crate::chain) fn forks(&self) -> impl Iterator<Item = (u32, &Fork)> {
        self.forks.iter().map(|(epoch, fork)| (*epoch, fork))
    }

    pub(in crate::chain) fn proof(&self, epoch: u32) -> Option<&EquivocationProof> {
        self.forks.get(&epoch).map(|fork| &fork.proof)
    }

    pub(in crate::chain) fn proof_name(&self, epoch: u32) -> Option<[u8; 16]> {
        self.forks.get(&epoch).map(Fork::name)
    }

    /// What the forks amount to, as if an envelope of `offered` (epoch, signed time) were held too.
    pub(in crate::chain) fn conduct(
        &self,
        offered: Option<(u32, Timestamp)>,
        floor: Option<Timestamp>,
    ) -> Conduct {
        let mut conduct = Conduct::Clean;
        let mut before: Vec<&Fork> = Vec::new();
        for (epoch, fork) in &self.forks {
            let last = before.len() + 1 >= FORKS_PER_PUBLISHER;
            if last || before.iter().any(|earlier| fork.too_soon_after(earlier)) {
                return Conduct::Equivocation { epoch: *epoch };
            }
            before.push(fork);
            let offered = offered.filter(|(other, _)| other > epoch).map(|(_, time)| time);
            let followed = fork.followed.map(|followed| followed.time);
            conduct = match followed.into_iter().chain(offered).min() {
                None => Conduct::Suspended { epoch: *epoch },
                // Older than what is held: whoever still follows was judged when the evidence was there.
                _ if floor.is_some_and(|floor| fork.grace_ends() < floor) => {
                    Conduct::Accident { epoch: *epoch }
                }
                Some(follows) if follows <= fork.grace_ends() => Conduct::Accident { epoch: *epoch },
                Some(_) => return Conduct::Equivocation { epoch: *epoch },
            };
        }
        conduct
    }

    pub(super) fn voids(&self, place: Place, time: Timestamp, floor: Option<Timestamp>) -> bool {
        if self.forks.is_empty() {
            return false;
        }
        if self
            .forks
            .get(&place.epoch)
            .is_some_and(|fork| place.seq >= fork.seq)
        {
            return true;
        }
        matches!(self.conduct(Some((place.epoch, time)), floor), Conduct::Equivocation { epoch } if place.epoch > epoch)
    }

    /// Drops what the forks void.
    pub(super) fn settle_forks(&mut self, floor: Option<Timestamp>) -> Vec<Held> {
        if self.forks.is_empty() {
            return Vec::new();
        }
        let at_forks = self.places().filter(|place| {
            self.forks
                .get(&place.epoch)
                .is_some_and(|fork| place.seq >= fork.seq)
        });
        let mut dropped = self.take_all(at_forks.collect());
        // What goes with a later fork may be all that made an earlier one an accident: then that one decides, and so on
        // down the forks.
        while let Conduct::Equivocation { epoch } = self.conduct(None, floor) {
            let later: Vec<Place> = self.places().filter(|place| place.epoch > epoch).collect();
            if later.is_empty() {
                break;
            }
            dropped.extend(self.take_all(later));
        }
        dropped
    }

    /// The earliest that is held of epochs after this one.
    fn follower(&self, epoch: u32) -> Option<Follower> {
        let places = self.budgets.earliest_after(epoch);
        let followers = places.filter_map(|place| {
            let time = self.entry(place)?.time;
            Some(Follower { time, place })
        });
        followers.min()
    }

    /// Whether a fork is judged by what stands here.
    pub(super) fn judges(&self, place: Place) -> bool {
        let mut forks = self.forks.values();
        forks.any(|fork| fork.followed.is_some_and(|followed| followed.place == place))
    }

    /// Looks for what the forks are judged by where that is held no more: once for all that went together, since each look
    /// passes over what was signed before.
    pub(super) fn follow_anew(&mut self) {
        let forks = self.forks.iter();
        let bereft = forks.filter_map(|(epoch, fork)| Some((*epoch, fork.followed?.place)));
        let bereft: Vec<u32> = bereft
            .filter(|(_, place)| self.entry(*place).is_none())
            .map(|(epoch, _)| epoch)
            .collect();
        for epoch in bereft {
            let follower = self.follower(epoch);
            if let Some(fork) = self.forks.get_mut(&epoch) {
                fork.followed = follower;
            }
        }
    }
}
