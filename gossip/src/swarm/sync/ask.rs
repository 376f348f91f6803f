//! We ask. One request of each session is under way at a time, and the next waits until the node has been
//! given what the last one brought: so a peer's megabytes never outrun the store.

use libp2p::PeerId;
use libp2p::request_response::OutboundRequestId;
use tokio::time::Instant;
use vigie_gossip_core::chain::Gap;
use vigie_gossip_core::sync::{Action, Delivery, Fault, Message, Session, View};
use vigie_gossip_core::validate::{Ignored, Refusal, Unverified, Verified, verify_all};
use vigie_gossip_core::wire::Timestamp;
use vigie_gossip_core::wire::relay::Name;

use super::super::Task;
use super::super::validate::Origin;
use super::Running;
use crate::event::MeshEvent;
use crate::limits;
use crate::telemetry::Counted;

impl Task {
    /// Compares with a peer now, or as soon as a session is free.
    pub(in super::super) fn sync_with(&mut self, peer: PeerId) {
        self.begin(peer, None);
    }

    /// Asks a peer for what is missing in some chains. If it has no session free for that, it is compared with in its turn.
    pub(super) fn repair_with(&mut self, peer: PeerId, gaps: &[Gap]) {
        self.begin(peer, Some(gaps));
    }

    fn begin(&mut self, peer: PeerId, gaps: Option<&[Gap]>) {
        let Some(entry) = self.peers.get(&peer) else {
            return;
        };
        if let Some(running) = self.sync.running.get_mut(&peer) {
            // What it was asked for may have come after the answer: it is not forgotten.
            running.again = true;
            return;
        }
        let outsiders = self
            .sync
            .running
            .keys()
            .filter(|peer| self.is_outsider(peer))
            .count();
        let crowded = !entry.is_member() && outsiders >= limits::OUTSIDER_SESSIONS;
        if crowded || self.sync.running.len() >= limits::SESSIONS {
            if !self.sync.waiting.contains(&peer) {
                self.sync.waiting.push_back(peer);
            }
            return;
        }
        let mut session = Session::new(self.audience(peer));
        let elsewhere = self.asked_for();
        let view = View {
            elsewhere: &elsewhere,
            ..self.view()
        };
        let actions = match gaps {
            Some(gaps) => session.repair(gaps, &view),
            None => session.start(&view),
        };
        self.sync.running.insert(
            peer,
            Running {
                session,
                request: None,
                next: None,
                again: false,
                heard: Instant::now(),
                began: self.now(),
                since: Instant::now(),
            },
        );
        self.act(peer, actions);
    }

    fn is_outsider(&self, peer: &PeerId) -> bool {
        self.peers.get(peer).is_none_or(|entry| !entry.is_member())
    }

    pub(super) fn on_sync_response(&mut self, peer: PeerId, request: OutboundRequestId, bytes: &[u8]) {
        let expected = self
            .sync
            .running
            .get(&peer)
            .is_some_and(|running| running.request == Some(request));
        if !expected {
            return;
        }
        if bytes.is_empty() {
            self.counters.add(Counted::SyncFailed);
            return self.end_session(peer, Some(request));
        }
        let message = match Message::decode(bytes) {
            Ok(message @ Message::Response(_)) => message,
            Ok(Message::Request(_)) => return self.on_fault(peer, &Fault::Unasked),
            Err(error) => return self.on_fault(peer, &Fault::Message(error)),
        };
        let Some(mut running) = self.sync.running.remove(&peer) else {
            return;
        };
        running.request = None;
        running.heard = Instant::now();
        let elsewhere = self.asked_for();
        let view = View {
            elsewhere: &elsewhere,
            ..self.view()
        };
        let actions = running.session.on_message(message, &view);
        self.sync.running.insert(peer, running);
        self.act(peer, actions);
    }

    fn act(&mut self, peer: PeerId, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(message) => {
                    if let Some(running) = self.sync.running.get_mut(&peer) {
                        running.next = Some(message.encode());
                    }
                }
                Action::Deliver(delivery) => self.on_delivery(peer, delivery),
                Action::OwnHead { epoch, seq, hash } => {
                    self.outbox.push(MeshEvent::OwnHead { epoch, seq, hash });
                }
                Action::PeerClock(clock) => self.note_clock(peer, clock),
                Action::Blame(fault) => self.on_fault(peer, &fault),
                Action::Done(outcome) => {
                    tracing::debug!(
                        peer.id = %peer, outcome.requests, outcome.envelopes, outcome.complete, "compared"
                    );
                    if outcome.complete {
                        self.note_compared(peer);
                    }
                    self.end_session(peer, None);
                }
                Action::FetchFromStore(_) => {}
            }
        }
        self.pump();
    }

    fn on_delivery(&mut self, peer: PeerId, delivery: Delivery) {
        match delivery {
            Delivery::Statements(mut statements) => {
                // A stranger who came to us has its own to show. Whom we dialled may have to teach us everything.
                let entry = self.peers.get(&peer);
                if !entry.is_some_and(|entry| entry.outbound || entry.is_member()) {
                    statements.truncate(limits::STRANGERS_STATEMENTS);
                    self.end_session(peer, None);
                }
                self.learn(statements, peer);
            }
            Delivery::Proofs(proofs) => proofs
                .into_iter()
                .for_each(|proof| self.convict(proof, Some(peer))),
            Delivery::Envelopes(envelopes) => {
                self.sync
                    .inbox
                    .extend(envelopes.into_iter().map(|envelope| (peer, envelope)));
            }
        }
    }

    /// An envelope that came otherwise than by a session, if there is room.
    pub(in super::super) fn take_later(&mut self, from: PeerId, envelope: Unverified) {
        let room = self.sync.inbox.len() < limits::UNASKED && envelope.header().kind.is_chained();
        if room {
            self.sync.inbox.push_back((from, envelope));
        } else {
            self.counters.add(Counted::SyncRefused);
        }
    }

    /// Gives the node what it can take, then lets sessions go on.
    pub(in super::super) fn pump(&mut self) {
        loop {
            let room = limits::STORING
                .saturating_sub(self.storing.len())
                .min(self.outbox.room());
            self.open_frames();
            let relay = self.heard_count() > 0 && (self.sync.turn || self.sync.inbox.is_empty());
            self.sync.turn = !relay;
            let waiting = if relay {
                self.heard_count()
            } else {
                self.sync.inbox.len()
            };
            let count = waiting.min(limits::BATCH);
            // Together they cost half, so a batch waits until there is room for all of it.
            if count == 0 || room < count {
                break;
            }
            let batch = if relay {
                self.heard_of(count)
            } else {
                let brought = self.sync.inbox.drain(..count);
                brought
                    .map(|(from, envelope)| (Origin::Sync { from }, envelope))
                    .collect()
            };
            self.take_batch(batch);
        }
        if self.sync.inbox.is_empty() {
            self.send_next();
        }
    }

    fn take_batch(&mut self, mut batch: Vec<(Origin, Unverified)>) {
        batch.retain(|(_, envelope)| !envelope.is_held(&self.chains));
        let (origins, envelopes): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let verified = verify_all(envelopes, &self.directory, self.now(), &rand::random());
        for (origin, result) in origins.into_iter().zip(verified) {
            match origin {
                Origin::Relay { from, packed } => self.take_heard(from, packed, result),
                Origin::Sync { from } | Origin::Gossip { from, .. } => self.take_brought(from, result),
            }
        }
    }

    fn take_brought(&mut self, from: PeerId, result: Result<Verified, Refusal>) {
        match result.and_then(|verified| self.admit(verified)) {
            Ok(admitted) => {
                self.counters.add(Counted::SyncAdmitted);
                let name = Name::of(admitted.envelope().signature());
                self.relaying.heard(name, from);
                self.relaying.settle(name);
                self.store(admitted, Origin::Sync { from });
            }
            // Asking again at once would bring the same.
            Err(Refusal::Ignored(Ignored::UnknownPublisher(_) | Ignored::Outsider(_))) => {
                self.counters.add(Counted::SyncRefused);
            }
            Err(refusal) => {
                self.counters.add(Counted::SyncRefused);
                self.on_refusal(refusal, from);
            }
        }
    }

    fn send_next(&mut self) {
        let ready: Vec<_> = self
            .sync
            .running
            .iter_mut()
            .filter_map(|(peer, running)| Some((*peer, running.next.take()?)))
            .collect();
        for (peer, bytes) in ready {
            let request = self.swarm.behaviour_mut().sync.send_request(&peer, bytes);
            if let Some(running) = self.sync.running.get_mut(&peer) {
                running.request = Some(request);
            }
        }
    }

    fn note_clock(&mut self, peer: PeerId, clock: Timestamp) {
        let own = self.now();
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.skew_millis = Some(clock.as_millis().saturating_sub(own.as_millis()));
        }
    }

    fn on_fault(&mut self, peer: PeerId, fault: &Fault) {
        tracing::info!(peer.id = %peer, %fault, "sync ended by the peer's fault");
        self.counters.add(Counted::SyncFailed);
        self.end_session(peer, None);
        self.blame(peer, limits::FAULT_HIGH);
    }

    /// Ends the session with a peer, if `request` is the one under way or none is named; the next may begin.
    pub(super) fn end_session(&mut self, peer: PeerId, request: Option<OutboundRequestId>) {
        let same = |running: &Running| request.is_none() || running.request == request;
        if self.sync.running.get(&peer).is_some_and(same)
            && let Some(ended) = self.sync.running.remove(&peer)
            && ended.again
        {
            self.sync_soon(peer);
        }
        let waiting = self.sync.waiting.len();
        for _ in 0..waiting {
            if self.sync.running.len() >= limits::SESSIONS {
                break;
            }
            // One that must still wait goes to the back of the line.
            let Some(next) = self.sync.waiting.pop_front() else {
                break;
            };
            self.sync_with(next);
        }
    }

    /// Ends sessions that got neither an answer nor an error: nothing may keep a peer from being compared with again.
    pub(super) fn end_silent_sessions(&mut self, now: Instant) {
        let longest = self.config.timing.request_timeout * 2;
        let silent = |running: &Running| now.saturating_duration_since(running.heard) > longest;
        let waiting_for_us = !self.sync.inbox.is_empty();
        let over: Vec<PeerId> = self
            .sync
            .running
            .iter()
            .filter(|(_, running)| silent(running) && !(waiting_for_us && running.next.is_some()))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in over {
            tracing::warn!(peer.id = %peer, "a comparison got no answer and no error");
            self.counters.add(Counted::SyncFailed);
            self.end_session(peer, None);
        }
    }

    /// Where others wait, who has had a session for long goes to the end of their line.
    pub(super) fn take_turns(&mut self, now: Instant) {
        if self.sync.waiting.is_empty() {
            return;
        }
        // Where seats are left, those who wait are outsiders, and wait for outsiders.
        let full = self.sync.running.len() >= limits::SESSIONS;
        let waiting_for_us = !self.sync.inbox.is_empty();
        let theirs = self.sync.running.iter().filter(|(peer, running)| {
            let ours = waiting_for_us && running.next.is_some();
            !ours && (full || self.is_outsider(peer))
        });
        if let Some(peer) = overdue(theirs.map(|(peer, running)| (*peer, running.since)), now) {
            tracing::debug!(peer.id = %peer, "a comparison goes on later: others wait");
            if let Some(running) = self.sync.running.get_mut(&peer) {
                running.again = true;
            }
            self.end_session(peer, None);
        }
    }

    /// Compares with a peer after the pause that gaps are given to close by themselves.
    pub(in super::super) fn sync_soon(&mut self, peer: PeerId) {
        if self.peers.contains_key(&peer) {
            self.sync.pace.soon(peer, Instant::now());
        }
    }
}

/// Of these sessions the one that has gone on for longest, if that is longer than a turn.
fn overdue<P>(sessions: impl Iterator<Item = (P, Instant)>, now: Instant) -> Option<P> {
    let (peer, since) = sessions.min_by_key(|(_, since)| *since)?;
    (now.saturating_duration_since(since) >= limits::SESSION_TURN).then_some(peer)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn of_those_who_had_their_turn_the_longest_goes() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let sessions = [(1, start + second), (2, start), (3, start + 2 * second)];
        let overdue = |now| overdue(sessions.into_iter(), now);
        assert_eq!(overdue(start + limits::SESSION_TURN - second), None);
        assert_eq!(overdue(start + limits::SESSION_TURN), Some(2));
        assert_eq!(super::overdue(std::iter::empty::<(u8, Instant)>(), start), None);
    }
}
