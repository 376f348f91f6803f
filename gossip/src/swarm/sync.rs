//! Anti-entropy: what gossip lost, sync brings. The core's sessions decide what to ask and what to answer;
//! here stand the streams, the timers and the bounds.
//!
//! Who dials compares at once, who was dialled a little later (the other may not have read our hello yet).
//! Again once the peer subscribes: what was said between the first comparison and that, gossip had nobody to tell.
//! After that every half minute with a random member and a random seed, every ten with nodes of two organisations among
//! anchors and seeds, and soon after a gap or a publisher
//! that nobody introduced. Each side fetches for itself. Outsiders get CLEAR, and statements are fetched from
//! them: a newcomer brings its own.

mod answer;
mod ask;
mod forks;
mod guides;
mod reading;
mod rounds;

use std::collections::{HashMap, VecDeque};

use libp2p::PeerId;
use libp2p::request_response::{Event, Message as Exchange, OutboundRequestId};
use tokio::time::Instant;
use vigie_gossip_core::sync::{Audience, Pace, Range, Session, Tempo, View};
use vigie_gossip_core::validate::Unverified;
use vigie_gossip_core::wire::Timestamp;

use super::Task;
use crate::config::Timing;
use crate::telemetry::Counted;
use guides::Compared;
pub(super) use reading::Read;
use reading::Reading;

/// One session of ours, with one request under way.
struct Running {
    session: Session,
    request: Option<OutboundRequestId>,
    /// Bytes of the next request, held back until the envelopes of the last response are at the node.
    next: Option<Vec<u8>>,
    /// Something was missed while this one ran, perhaps after it had asked: another one follows.
    again: bool,
    /// When it last heard of the peer.
    heard: Instant,
    /// When it began: what the peer held then is here at its end.
    began: Timestamp,
    /// The same, by a clock that nobody sets.
    since: Instant,
}

/// Sessions, what they brought, and when the next are due.
pub(super) struct Sync {
    /// At most [`crate::limits::SESSIONS`].
    running: HashMap<PeerId, Running>,
    /// Peers waiting for a session: each at most once, and connected.
    waiting: VecDeque<PeerId>,
    /// Whom to compare with when; peers that are connected only.
    pace: Pace<PeerId, Instant>,
    /// Envelopes that sessions brought and the node has not been given: at most one message of each session.
    inbox: VecDeque<(PeerId, Unverified)>,
    /// Whose turn it is while the relay's inbox waits too.
    turn: bool,
    reading: Reading,
    /// When nodes of anchors and seeds are asked, and not before when they are asked for cause.
    next_guides: Instant,
    guides_rest: Instant,
    compared: Compared,
    next_expiry: Instant,
}

// === impl Sync ===

impl Sync {
    pub(super) fn new(now: Instant, timing: &Timing) -> Self {
        let tempo = Tempo {
            every: timing.sync_every,
            gap_wait: timing.gap_wait,
        };
        Self {
            running: HashMap::new(),
            waiting: VecDeque::new(),
            pace: Pace::new(tempo, now),
            inbox: VecDeque::new(),
            turn: false,
            reading: Reading::default(),
            next_guides: now,
            guides_rest: now,
            compared: Compared::default(),
            next_expiry: now,
        }
    }

    pub(super) fn is_reading(&self) -> bool {
        !self.reading.is_empty()
    }

    pub(super) async fn next_read(&mut self) -> Option<Read> {
        self.reading.next().await
    }

    pub(super) fn forget_peer(&mut self, peer: PeerId) {
        self.running.remove(&peer);
        self.pace.forget(peer);
        self.waiting.retain(|waiting| *waiting != peer);
    }
}

impl Task {
    pub(super) fn on_sync_event(&mut self, event: Event<Vec<u8>, Vec<u8>>) {
        match event {
            Event::Message {
                peer,
                message: Exchange::Request { request, channel, .. },
                ..
            } => {
                self.on_sync_request(peer, &request, channel);
            }
            Event::Message {
                peer,
                message: Exchange::Response { request_id, response },
                ..
            } => {
                self.on_sync_response(peer, request_id, &response);
            }
            Event::OutboundFailure {
                peer,
                request_id,
                error,
                ..
            } => {
                tracing::debug!(peer.id = %peer, %error, "sync failed");
                self.counters.add(Counted::SyncFailed);
                self.end_session(peer, Some(request_id));
            }
            Event::InboundFailure { peer, error, .. } => {
                tracing::debug!(peer.id = %peer, %error, "sync not answered");
            }
            Event::ResponseSent { .. } => {}
        }
    }

    fn audience(&self, peer: PeerId) -> Audience {
        let member = self
            .peers
            .get(&peer)
            .is_some_and(super::peers::Connected::is_member);
        if member {
            Audience::Members
        } else {
            Audience::Public
        }
    }

    fn view(&self) -> View<'_> {
        View {
            index: &self.chains,
            directory: &self.directory,
            own: self.own(),
            now: self.now(),
            elsewhere: &[],
        }
    }

    /// What the sessions ask for that are running now.
    fn asked_for(&self) -> Vec<Range> {
        let running = self.sync.running.values();
        running.flat_map(|running| running.session.asks_for()).collect()
    }
}
