//! What happens next: events by time, of one time in the order in which they were planned.
//!
//! Deliberately absent: cancelling. Who handles an event sees whether it still means anything.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use vigie_reputation::wire::Timestamp;

use crate::attack::Claim;
use crate::subject::{Org, Subject};

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A day begins.
    Day(u32),
    /// An attacker reaches an organisation.
    Hit {
        attacker: u32,
        victim: Org,
        noticed: bool,
    },
    /// Somebody says something in public.
    Claim(Claim),
    /// It reaches an observer.
    Arrival { place: usize, claim: Claim },
    /// An accused innocent comes to an observer that remembers it.
    Visit { place: usize, innocent: u32 },
    /// An observer looks at a block again.
    Review { place: usize, subject: Subject },
}

/// Everything that is planned.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Planned>>,
    planned: u64,
}

#[derive(Debug)]
struct Planned {
    at: Timestamp,
    number: u64,
    event: Event,
}

// === impl Queue ===

impl Queue {
    pub(super) fn push(&mut self, at: Timestamp, event: Event) {
        self.planned += 1;
        self.heap.push(Reverse(Planned {
            at,
            number: self.planned,
            event,
        }));
    }

    pub(super) fn pop(&mut self) -> Option<(Timestamp, Event)> {
        self.heap.pop().map(|Reverse(next)| (next.at, next.event))
    }
}

// === impl Planned ===

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Planned {}
