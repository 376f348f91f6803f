//! When to compare: in rounds, and after a gap.

use std::time::Duration;

use libp2p::PeerId;
use rand::seq::IteratorRandom;
use tokio::time::Instant;
use vigie_gossip_core::chain::Place;
use vigie_gossip_core::wire::{Header, PublisherId};

use super::super::Task;
use super::super::peers::Connected;
use crate::limits;

/// Between two looks at what has passed its retention, and at who has lost his standing by time alone.
const EXPIRY: Duration = Duration::from_mins(1);

impl Task {
    pub(in super::super) fn sync_due(&mut self, now: Instant) {
        if self.sync.next_round <= now {
            self.sync.next_round = now + jittered(self.config.timing.sync_every);
            self.round();
        }
        self.guides_due(now);
        if self.sync.next_expiry <= now {
            self.sync.next_expiry = now + EXPIRY;
            let dropped = self.chains.expire(self.now());
            self.drop_held(dropped);
            self.place_all();
        }
        let soon: Vec<_> = self
            .sync
            .soon
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in soon {
            self.sync.soon.remove(&peer);
            self.sync_with(peer);
        }
        self.repair_gaps(now);
        self.end_silent_sessions(now);
        self.pump();
    }

    /// A random member, and a random seed besides.
    fn round(&mut self) {
        let member = self.random_peer(Connected::is_member);
        let seed = self
            .random_peer(Connected::is_seed)
            .filter(|seed| Some(*seed) != member);
        for peer in member.into_iter().chain(seed) {
            self.sync_with(peer);
        }
    }

    fn random_peer(&self, of: impl Fn(&Connected) -> bool) -> Option<PeerId> {
        self.peers
            .iter()
            .filter(|(_, peer)| of(peer))
            .map(|(id, _)| *id)
            .choose(&mut rand::rng())
    }

    /// An envelope came by gossip: if the one before it is missing, it may be on its way, or lost.
    pub(in super::super) fn note_gap(&mut self, header: &Header) {
        let Some(seq) = header.seq.checked_sub(1) else {
            return;
        };
        let place = Place {
            epoch: header.epoch,
            seq,
        };
        self.watch(header.publisher, place);
    }

    /// A head came by gossip: if what it names is missing, it may be on its way, or lost.
    pub(in super::super) fn note_end(&mut self, head: &Header) {
        tracing::debug!(publisher.id = %head.publisher, epoch = head.epoch, seq = head.seq, "head");
        self.watch(head.publisher, Place::of(head));
    }

    fn watch(&mut self, publisher: PublisherId, place: Place) {
        let missing = self.chains.hash_at(publisher, place).is_none();
        if missing && self.sync.gaps.len() < limits::GAPS {
            let at = Instant::now() + self.config.timing.gap_wait;
            self.sync.gaps.entry((publisher, place.epoch)).or_insert(at);
        }
    }

    fn repair_gaps(&mut self, now: Instant) {
        // Somebody who always leaves gaps makes us ask no more often than they are given to close.
        if self.sync.next_repair > now {
            return;
        }
        let due: Vec<_> = self
            .sync
            .gaps
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(chain, _)| *chain)
            .collect();
        let mut open = false;
        for chain in due {
            self.sync.gaps.remove(&chain);
            let (publisher, epoch) = chain;
            let from_the_start = self
                .chains
                .head(publisher, epoch)
                .is_some_and(|head| head.low > 0);
            open |= from_the_start || !self.chains.gaps_of(publisher, epoch).is_empty();
        }
        if open {
            self.sync.next_repair = now + self.config.timing.gap_wait;
            self.round();
        }
    }
}

/// Up to a quarter more or less.
pub(super) fn jittered(every: Duration) -> Duration {
    every.mul_f64(0.75 + rand::random::<f64>() / 2.0)
}
