//! Events on their way to the node: the channel, and a bounded line before it.
//!
//! The swarm task never waits for the node. When the line is long, envelopes are refused first (sync brings
//! them again); only far behind that are other events dropped, and counted.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::event::MeshEvent;
use crate::limits;
use crate::telemetry::{Counted, Counters};

/// The node's ear.
pub(crate) struct Outbox {
    events: mpsc::Sender<MeshEvent>,
    waiting: VecDeque<MeshEvent>,
    counters: Arc<Counters>,
}

// === impl Outbox ===

impl Outbox {
    pub(crate) fn new(events: mpsc::Sender<MeshEvent>, counters: Arc<Counters>) -> Self {
        Self {
            events,
            waiting: VecDeque::new(),
            counters,
        }
    }

    /// Whether an event would go out at once: what can be had again later is only sent then.
    pub(crate) fn is_clear(&self) -> bool {
        self.waiting.is_empty() && self.events.capacity() > 0
    }

    /// How many would.
    pub(crate) fn room(&self) -> usize {
        if self.waiting.is_empty() {
            self.events.capacity()
        } else {
            0
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, event: MeshEvent) {
        if self.waiting.len() >= limits::OUTBOX {
            self.counters.add(Counted::OutboxDropped);
            return;
        }
        self.waiting.push_back(event);
        while let Ok(permit) = self.events.try_reserve() {
            let Some(event) = self.waiting.pop_front() else {
                break;
            };
            permit.send(event);
        }
    }

    /// Waits for room and sends one. False when the node has gone.
    pub(crate) async fn flush(&mut self) -> bool {
        let Ok(permit) = self.events.reserve().await else {
            return false;
        };
        if let Some(event) = self.waiting.pop_front() {
            permit.send(event);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_channel_delays_and_keeps_the_order() {
        let (events, mut heard) = mpsc::channel(1);
        let mut outbox = Outbox::new(events, Arc::default());
        for address in ["a", "b", "c"] {
            outbox.push(MeshEvent::Listening(address.to_owned()));
        }
        assert!(!outbox.is_clear());
        for expected in ["a", "b", "c"] {
            let Some(MeshEvent::Listening(address)) = heard.recv().await else {
                panic!("an address")
            };
            assert_eq!(address, expected);
            assert!(outbox.flush().await);
        }
        assert!(outbox.is_clear());
    }
}
