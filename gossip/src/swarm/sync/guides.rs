//! Asking those who are least likely to stand in one camp: nodes of two organisations among our anchors and the seeds.
//!
//! A random peer is the attacker's where most peers are. What anchors and seeds hold, nobody in between can leave out: so the last
//! comparison with them bounds the watermark, and who reaches none of them knows that he may be surrounded. Deliberately absent: whom to connect to; where fewer than two are connected, all known addresses are dialled anew.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::PeerId;
use rand::seq::SliceRandom;
use tokio::time::Instant;
use vigie_gossip_core::wire::{OrgId, Timestamp};

use super::super::Task;
use super::super::peers::Connected;
use super::rounds::jittered;

/// While something is missing they are asked no more often.
const REST: Duration = Duration::from_mins(1);
/// How many are asked.
const GUIDES: usize = 2;
/// Who was not met for so long is not waited for any more.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);
/// So many are remembered.
const MOST: usize = 64;
/// Of so many that are known two must have been met, for one may be stolen; else one.
const KNOWN_FOR_TWO: usize = 4;

/// When a comparison with a guide began that ended well, by organisation.
#[derive(Debug, Default)]
pub(super) struct Compared(BTreeMap<OrgId, Timestamp>);

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

    /// A comparison ended well: what a guide held when it began is here.
    pub(super) fn note_compared(&mut self, peer: PeerId) {
        let guide = self.peers.get(&peer).and_then(|entry| self.guide(entry));
        let began = self.sync.running.get(&peer).map(|running| running.began);
        if let (Some(guide), Some(began)) = (guide, began) {
            self.sync.compared.note(guide, began);
        }
    }

    /// When guides were met last; `None` if none was for a week, or ever.
    pub(in super::super) fn guides_met(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.sync.compared.last(now)
    }

    /// Whether that is so long ago that the node may be surrounded. Before that they are asked for cause.
    pub(in super::super) fn guides_late(&mut self, met: Option<Timestamp>, now: Timestamp) -> bool {
        let Some(met) = met else { return false };
        let every = self.config.timing.guides_every;
        // Rounds are a quarter longer at most.
        if now.since(met) > every + every / 4 {
            self.ask_guides_soon();
        }
        // Sixteen minutes: before a hearing that began with it is over.
        now.since(met) > 2 * every
    }

    fn ask_guides(&mut self, now: Instant) {
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
        let every = self.config.timing.guides_every;
        if chosen.is_empty() {
            // Soon again, and for cause as soon as one is there.
            self.sync.next_guides = now + REST.min(every);
        } else {
            self.sync.next_guides = now + jittered(every);
            self.sync.guides_rest = now + REST.min(every);
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

// === impl Compared ===

impl Compared {
    fn note(&mut self, guide: OrgId, began: Timestamp) {
        self.0.insert(guide, began);
        if self.0.len() > MOST
            && let Some(oldest) = self.0.iter().min_by_key(|(_, at)| **at).map(|(org, _)| *org)
        {
            self.0.remove(&oldest);
        }
    }

    /// When as many had been met as it takes.
    fn last(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.0.retain(|_, at| now.since(*at) < REMEMBERED);
        let mut times: Vec<Timestamp> = self.0.values().copied().collect();
        times.sort_unstable_by(|one, other| other.cmp(one));
        let needed = if times.len() < KNOWN_FOR_TWO { 1 } else { 2 };
        times.get(needed - 1).copied()
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
    fn the_last_comparison_counts_and_of_many_guides_the_last_but_one() {
        let org = |number: u8| OrgId([number; 16]);
        let at = |minute: i64| Timestamp::from_secs(1_795_305_600 + 60 * minute);
        let mut compared = Compared::default();
        assert_eq!(compared.last(at(0)), None);
        for (number, minute) in [(1, 5), (2, 3), (3, 4)] {
            compared.note(org(number), at(minute));
        }
        assert_eq!(compared.last(at(9)), Some(at(5)));
        compared.note(org(4), at(8));
        assert_eq!(compared.last(at(9)), Some(at(5)), "one of four may be stolen");
        compared.note(org(4), at(9));
        assert_eq!(compared.last(at(9)), Some(at(5)));
        compared.note(org(2), at(7));
        assert_eq!(compared.last(at(9)), Some(at(7)));
        let week = 7 * 24 * 60;
        assert_eq!(
            compared.last(at(week + 8)),
            Some(at(9)),
            "the others are forgotten"
        );
        assert_eq!(compared.last(at(week + 9)), None);
        for number in 0..200 {
            compared.note(org(number), at(i64::from(number)));
        }
        assert_eq!(compared.0.len(), MOST);
        assert!(!compared.0.contains_key(&org(135)) && compared.0.contains_key(&org(136)));
    }

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
