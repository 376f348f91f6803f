//! Asking those who are least likely to stand in one camp: nodes of two organisations among our anchors and the seeds.
//!
//! A random peer is the attacker's where most peers are. What anchors and seeds hold, nobody in between can leave out.
//! Deliberately absent: whom to connect to; where fewer than two are connected, all known addresses are dialled anew.

use std::time::Duration;

use libp2p::PeerId;
use rand::seq::SliceRandom;
use tokio::time::Instant;
use vigie_gossip_core::wire::OrgId;

use super::super::Task;
use super::super::peers::Connected;
use super::rounds::jittered;

/// While something is missing they are asked no more often.
const REST: Duration = Duration::from_mins(1);
/// How many are asked.
const GUIDES: usize = 2;

impl Task {
    pub(super) fn guides_due(&mut self, now: Instant) {
        if self.sync.next_guides <= now {
            self.ask_guides(now);
        }
    }

    /// Something is missing: they are asked at once, unless they were just now.
    pub(in super::super) fn ask_guides_soon(&mut self) {
        let now = Instant::now();
        if self.sync.guides_rest <= now {
            self.ask_guides(now);
        }
    }

    fn ask_guides(&mut self, now: Instant) {
        self.sync.next_guides = now + jittered(self.config.timing.guides_every);
        self.sync.guides_rest = now + REST.min(self.config.timing.guides_every);
        let mut guides: Vec<(PeerId, OrgId)> = self
            .peers
            .iter()
            .filter_map(|(id, peer)| Some((*id, self.guide(peer)?)))
            .collect();
        guides.shuffle(&mut rand::rng());
        let chosen = of_different(guides);
        if chosen.len() < GUIDES {
            self.dialer.hurry(now);
        }
        for peer in chosen {
            self.sync_with(peer);
        }
    }

    /// The organisation of a peer that is a node of an anchor or a seed.
    fn guide(&self, peer: &Connected) -> Option<OrgId> {
        let org = self.directory.org_of(peer.publisher?)?.org_id();
        let wanted = peer.is_seed() || peer.is_member() && self.anchors.contains(&org);
        wanted.then_some(org)
    }
}

/// The first ones, each of another organisation.
fn of_different<P>(from: Vec<(P, OrgId)>) -> Vec<P> {
    let mut orgs: Vec<OrgId> = Vec::with_capacity(GUIDES);
    let mut chosen = Vec::with_capacity(GUIDES);
    for (peer, org) in from {
        if chosen.len() < GUIDES && !orgs.contains(&org) {
            orgs.push(org);
            chosen.push(peer);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_organisation_is_asked_once_however_many_nodes_it_has() {
        let org = |number: u8| OrgId([number; 16]);
        let chosen = of_different(vec![
            (1, org(1)),
            (2, org(1)),
            (3, org(1)),
            (4, org(2)),
            (5, org(3)),
        ]);
        assert_eq!(chosen, [1, 4]);
        assert_eq!(of_different(vec![(1, org(1)), (2, org(1))]), [1]);
    }
}
