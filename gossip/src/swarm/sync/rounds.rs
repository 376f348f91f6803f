//! When to compare: the core's pace decides, here are the peers it may choose from and the clock.

use std::time::Duration;

use libp2p::PeerId;
use tokio::time::Instant;
use vigie_gossip_core::sync::Choice;
use vigie_gossip_core::wire::Header;

use super::super::Task;
use super::super::peers::Connected;

/// Between two looks at what has passed its retention, and at who has lost his standing by time alone.
const EXPIRY: Duration = Duration::from_mins(1);

impl Task {
    pub(in super::super) fn sync_due(&mut self, now: Instant) {
        self.guides_due(now);
        if self.sync.next_expiry <= now {
            self.sync.next_expiry = now + EXPIRY;
            let dropped = self.chains.expire(self.now());
            self.drop_held(dropped);
            self.place_all();
        }
        if self.sync.pace.next_deadline() <= now {
            let members = self.peers_that(Connected::is_member);
            let seeds = self.peers_that(Connected::is_seed);
            let choice = Choice {
                members: &members,
                seeds: &seeds,
            };
            let draw = |limit| rand::random_range(0..limit);
            let due = self.sync.pace.due(&self.chains, choice, now, draw);
            for peer in due.compare {
                self.sync_with(peer);
            }
            for peer in due.repair {
                self.repair_with(peer, &due.gaps);
            }
        }
        self.end_silent_sessions(now);
        self.take_turns(now);
        self.pump();
    }

    fn peers_that(&self, are: impl Fn(&Connected) -> bool) -> Vec<PeerId> {
        let peers = self.peers.iter().filter(|(_, peer)| are(peer));
        peers.map(|(id, _)| *id).collect()
    }

    /// An envelope came by gossip: if the one before it is missing, it may be on its way, or lost.
    pub(in super::super) fn note_gap(&mut self, header: &Header) {
        self.sync.pace.note_gap(header, &self.chains, Instant::now());
    }

    /// A head came by gossip: if what it names is missing, it may be on its way, or lost.
    pub(in super::super) fn note_end(&mut self, head: &Header) {
        tracing::debug!(publisher.id = %head.publisher, epoch = head.epoch, seq = head.seq, "head");
        self.sync.pace.note_end(head, &self.chains, Instant::now());
    }
}

/// Up to a quarter more or less.
pub(super) fn jittered(every: Duration) -> Duration {
    every.mul_f64(0.75 + rand::random::<f64>() / 2.0)
}
