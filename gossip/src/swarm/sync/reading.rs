//! Ranges that are being read from the node's store: for a peer that asked, or to prove a fork.

use futures::future::{BoxFuture, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use libp2p::PeerId;
use libp2p::request_response::ResponseChannel;
use tokio::sync::oneshot;
use tokio::time::timeout;
use vigie_gossip_core::chain::Suspicion;
use vigie_gossip_core::sync::{Fetch, Wanted};

use super::super::Task;
use crate::event::MeshEvent;
use crate::limits;
use crate::telemetry::Counted;

/// What the envelopes are for.
#[derive(Debug)]
pub(super) enum Purpose {
    Proof(Box<Suspicion>),
    Serve {
        peer: PeerId,
        channel: ResponseChannel<Vec<u8>>,
        fetch: Fetch,
    },
}

/// The node's answer.
#[derive(Debug)]
pub(in super::super) struct Read {
    pub(super) purpose: Purpose,
    /// None if the node could read nothing of it, or not in time.
    pub(super) envelopes: Option<Vec<Vec<u8>>>,
}

/// Ranges at the node.
#[derive(Default)]
pub(super) struct Reading {
    waiting: FuturesUnordered<BoxFuture<'static, Read>>,
}

// === impl Reading ===

impl Reading {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) async fn next(&mut self) -> Option<Read> {
        self.waiting.next().await
    }
}

impl Task {
    /// Asks the node. When it is behind, a peer is declined and a fork waits for its next sign.
    pub(super) fn read(&mut self, wanted: Vec<Wanted>, purpose: Purpose) {
        if self.sync.reading.waiting.len() >= limits::SERVING || !self.outbox.is_clear() {
            self.counters.add(Counted::SyncDeclined);
            return;
        }
        let answers: Vec<_> = wanted.into_iter().map(|range| self.want(range)).collect();
        self.sync.reading.waiting.push(Box::pin(async move {
            let all = timeout(limits::SERVING_TIMEOUT, join_all(answers)).await;
            let all = all
                .ok()
                .filter(|all| all.is_empty() || all.iter().any(Result::is_ok));
            Read {
                purpose,
                envelopes: all.map(|all| all.into_iter().flatten().flatten().collect()),
            }
        }));
    }

    fn want(&mut self, range: Wanted) -> oneshot::Receiver<Vec<Vec<u8>>> {
        let Wanted {
            publisher,
            epoch,
            from,
            to,
            max_bytes,
        } = range;
        let (reply, answer) = oneshot::channel();
        self.outbox.push(MeshEvent::RangeWanted {
            publisher,
            epoch,
            from,
            to,
            max_bytes,
            reply,
        });
        answer
    }
}
