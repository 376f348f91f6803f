//! What happens when: events in order of time, and of their making where times are equal.
//!
//! A ring of buckets of about a millisecond, since nearly all events lie within seconds: an event costs a push and a
//! small sort rather than a walk through a heap of millions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use crate::clock::Micros;

/// Microseconds of a bucket.
const BUCKET: Micros = 1_024;
/// Buckets in the ring: 17 seconds.
const RING: u64 = 16_384;

/// What happens. Numbers are those of nodes, messages, links and exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A copy of a message reaches a node.
    Copy { to: u32, from: u32, message: u32 },
    /// A node has stored what a message brought.
    Stored { node: u32, message: u32 },
    /// A node hears that a neighbour has a message.
    Have { to: u32, from: u32, message: u32 },
    /// A node asks a neighbour for a message.
    Want { to: u32, from: u32, message: u32 },
    /// A node's sensor sees something.
    Sight { node: u32 },
    /// A node's window has something to give.
    Window { node: u32 },
    /// A node looks after its meshes and gossips what it has.
    Heartbeat { node: u32 },
    /// A node may have somebody to compare with.
    Pace { node: u32 },
    /// A sync request reaches who is asked.
    Asked { exchange: u32 },
    /// A sync response reaches who asked.
    Answered { exchange: u32 },
    /// A sync request got no response.
    Timeout { exchange: u32 },
    /// The next request of a session leaves.
    Next { node: u32, peer: u32 },
    /// The network falls into halves.
    Split,
    /// The halves meet again.
    Heal,
    /// A node notices that a connection is dead.
    Dead { node: u32, link: u32 },
    /// A node dials again; an extra dial that fails leaves the next one where it was.
    Redial { node: u32, link: u32, extra: bool },
    /// A node tries one peer behind an outage.
    Probe { node: u32 },
    /// A node is killed.
    Crash { node: u32 },
    /// It starts again.
    Restart { node: u32 },
    /// A liar tells two stories.
    Lie { node: u32 },
    /// A node has messages for its neighbours.
    Relay { node: u32 },
    /// Such a message reaches a node.
    Parcel { to: u32, from: u32, parcel: u32 },
    /// A node has stored what was new in one.
    Unpacked { node: u32, life: u32, parcel: u32 },
    /// A second has passed.
    Second,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: Micros,
    order: u64,
    event: Event,
}

/// Events to come.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    current: BinaryHeap<Reverse<Entry>>,
    /// Buckets from `first` on.
    ring: VecDeque<Vec<Entry>>,
    first: u64,
    later: BTreeMap<u64, Vec<Entry>>,
    order: u64,
    len: usize,
}

// === impl Queue ===

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            ring: (1..RING).map(|_| Vec::new()).collect(),
            first: 1,
            ..Self::default()
        }
    }

    /// Something happens at that time; times that have passed mean now.
    pub(crate) fn push(&mut self, at: Micros, event: Event) {
        self.order += 1;
        self.len += 1;
        let entry = Entry {
            at,
            order: self.order,
            event,
        };
        let bucket = at / BUCKET;
        let ahead = bucket
            .checked_sub(self.first)
            .and_then(|ahead| usize::try_from(ahead).ok());
        match ahead {
            None => self.current.push(Reverse(entry)),
            Some(ahead) => match self.ring.get_mut(ahead) {
                Some(near) => near.push(entry),
                None => self.later.entry(bucket).or_default().push(entry),
            },
        }
    }

    /// What happens next.
    pub(crate) fn pop(&mut self) -> Option<(Micros, Event)> {
        while self.len > 0 {
            if let Some(Reverse(entry)) = self.current.pop() {
                self.len -= 1;
                return Some((entry.at, entry.event));
            }
            self.advance();
        }
        None
    }

    fn advance(&mut self) {
        let Some(mut next) = self.ring.pop_front() else {
            return;
        };
        self.current.extend(next.drain(..).map(Reverse));
        let last = self.first + RING - 1;
        self.first += 1;
        self.ring.push_back(self.later.remove(&last).unwrap_or(next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_time_then_of_making() {
        let mut queue = Queue::new();
        let times = [5, 40_000_000, 5, 1_024, 17_000_000, 3_000, 0, 100_000_000];
        for (node, at) in (0..).zip(times) {
            queue.push(at, Event::Sight { node });
        }
        let order: Vec<u32> = std::iter::from_fn(|| queue.pop())
            .map(|(_, event)| match event {
                Event::Sight { node } => node,
                _ => u32::MAX,
            })
            .collect();
        assert_eq!(order, [6, 0, 2, 3, 5, 4, 1, 7]);
    }
}
