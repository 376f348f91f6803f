//! Who is a neighbour: a few whom we choose, as unlike each other as we have them, and who chose us, while there is room.
//!
//! Being neighbours is mutual: opening a stream asks, opening the other one says yes, ending either says no. Some are of
//! our own choice whoever crowds in. Deliberately absent: a judgement of what a neighbour passes on. Who withholds is
//! one of four, and sync asks others.

use libp2p::PeerId;
use rand::seq::SliceRandom;
use tokio::time::Instant;

use super::super::Task;
use super::super::peers::{Chosen, Connected};
use crate::behaviour::streams::{End, StreamEvent};
use crate::limits;
use crate::telemetry::Counted;

impl Task {
    pub(in super::super) fn on_relay_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Knock(peer) => self.on_knock(peer),
            StreamEvent::Frame(peer, bytes) => self.on_frame(peer, bytes),
            StreamEvent::Ended(peer, End::Garbage) => {
                tracing::info!(peer.id = %peer, "frames that are none");
                self.blame(peer, 2.0 * limits::FAULTS);
            }
            StreamEvent::Ended(peer, end) => {
                if let (End::Unsupported, Some(entry)) = (end, self.peers.get_mut(&peer)) {
                    entry.relay.speaks = false;
                }
                let now = Instant::now();
                let backoff = self.config.timing.relay_backoff;
                self.part(peer, if end == End::Moved { now } else { now + backoff });
            }
        }
    }

    /// A peer has told which protocols it speaks.
    pub(in super::super) fn note_relay(&mut self, peer: PeerId, speaks: bool) {
        let speaks = speaks && self.config.bundles;
        match self.peers.get_mut(&peer) {
            Some(entry) if entry.relay.speaks != speaks => entry.relay.speaks = speaks,
            _ => return,
        }
        self.review_neighbours(Instant::now());
    }

    /// A peer asks to be a neighbour, or answers that he is. Before he is admitted he waits, and is not read.
    pub(in super::super) fn on_knock(&mut self, peer: PeerId) {
        let most = limits::relay_neighbours(self.config.seed);
        // Some room is for those whom we choose, whoever crowds in.
        let room = self.relaying.neighbours < most
            && self.neighbours(|chosen| chosen == Chosen::ByPeer).len() < most - limits::RELAY_OWN;
        let Some(entry) = self.peers.get_mut(&peer) else {
            return;
        };
        entry.relay.speaks = true;
        entry.relay.knocking = !entry.is_member();
        if entry.relay.knocking {
            return;
        }
        if entry.relay.neighbour.is_none() {
            if !room {
                self.counters.add(Counted::RelayRefused);
                return self.with_streams(|streams| streams.close(peer));
            }
            entry.relay.neighbour = Some(Chosen::ByPeer);
        }
        self.with_streams(|streams| {
            streams.accept(peer);
            streams.open(peer);
        });
        self.review_neighbours(Instant::now());
    }

    /// A peer is admitted: if he waits for that, he is a neighbour now.
    pub(in super::super) fn welcome(&mut self, peer: PeerId) {
        if self.peers.get(&peer).is_some_and(|entry| entry.relay.knocking) {
            self.on_knock(peer);
        } else {
            self.review_neighbours(Instant::now());
        }
    }

    /// No neighbours any more, and not again before.
    pub(super) fn part(&mut self, peer: PeerId, not_before: Instant) {
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.relay.neighbour = None;
            entry.relay.not_before = Some(not_before);
        }
        self.with_streams(|streams| streams.close(peer));
        self.review_neighbours(Instant::now());
    }

    /// Who takes nothing is given up.
    pub(in super::super) fn part_with_stalled(&mut self, now: Instant) {
        let longest = self.config.timing.relay_stall;
        for peer in self.with_streams(|streams| streams.stalled(longest, now)) {
            tracing::info!(peer.id = %peer, "neighbour takes nothing");
            self.counters.add(Counted::RelayStalled);
            self.part(peer, now + self.config.timing.relay_backoff);
        }
    }

    /// Peers came, went or told what they are: who else is a neighbour, and who has to be served by gossip?
    pub(in super::super) fn review_neighbours(&mut self, now: Instant) {
        let most = limits::relay_neighbours(self.config.seed);
        let mut neighbours = self.neighbours(|_| true);
        let mut own = self.neighbours(|chosen| chosen == Chosen::ByUs).len();
        while neighbours.len() < limits::RELAY_NEIGHBOURS
            || own < limits::RELAY_OWN && neighbours.len() < most
        {
            let candidates = self.candidates(now);
            let Some(peer) = self.least_alike(&candidates, &neighbours) else {
                break;
            };
            if let Some(entry) = self.peers.get_mut(&peer) {
                entry.relay.neighbour = Some(Chosen::ByUs);
            }
            self.with_streams(|streams| streams.open(peer));
            neighbours.push(peer);
            own += 1;
        }
        let other = |peer: &Connected| peer.is_member() && peer.subscribed && !peer.relay.speaks;
        self.relaying.others = self.peers.values().any(other);
        self.relaying.neighbours = neighbours.len();
        self.relaying.passing.set_neighbours(neighbours);
    }

    fn neighbours(&self, chosen: impl Fn(Chosen) -> bool) -> Vec<PeerId> {
        let are = |peer: &Connected| peer.relay.neighbour.is_some_and(&chosen);
        let neighbours = self.peers.iter().filter(|(_, peer)| are(peer));
        neighbours.map(|(id, _)| *id).collect()
    }

    /// Whom we may ask, in random order but those first whom we called ourselves.
    fn candidates(&self, now: Instant) -> Vec<PeerId> {
        let may = |peer: &Connected| {
            let relay = &peer.relay;
            let rested = relay.not_before.is_none_or(|until| until <= now);
            peer.is_member() && relay.speaks && relay.neighbour.is_none() && rested
        };
        let asked = self.peers.iter().filter(|(_, peer)| may(peer));
        let mut candidates: Vec<(PeerId, bool)> = asked.map(|(id, peer)| (*id, peer.outbound)).collect();
        candidates.shuffle(&mut rand::rng());
        candidates.sort_by_key(|(_, outbound)| !outbound);
        candidates.into_iter().map(|(id, _)| id).collect()
    }
}
