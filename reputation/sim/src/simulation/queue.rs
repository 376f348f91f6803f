//! What happens next: events by time, of one time in the order in which they were planned.
//!
//! Only the hour under way is kept in order; later hours are heaps of notes that are sorted when they begin, since most
//! events lie hours ahead. Deliberately absent: cancelling. Who handles an event sees whether it still means anything.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use vigie_reputation::Tier;
use vigie_reputation::constants::HOUR;
use vigie_reputation::wire::{Behaviour, Timestamp};

use crate::claim::Claim;
use crate::subject::{Org, Subject};

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A day begins.
    Day(u32),
    /// An hour begins.
    Hour,
    /// An attacker reaches an organisation.
    Hit {
        attacker: u32,
        victim: Org,
        noticed: bool,
    },
    /// Traffic that a sensor takes for an attack, sent by the liars.
    Strike {
        from: Subject,
        victim: Org,
        behaviour: Behaviour,
    },
    /// Somebody says something in public.
    Claim(Claim),
    /// It reaches an observer late.
    Arrival { place: u32, claim: Claim },
    /// An accused innocent comes to an observer that remembers it.
    Visit { place: u32, innocent: u32 },
    /// An attacker behaves like a visitor or a user, and will do so again so often.
    Court {
        place: u32,
        attacker: u32,
        tier: Tier,
        again: u32,
    },
    /// An observer looks at a subject again.
    Review { place: u32, subject: Subject },
    /// An observer asks about a subject of which it heard more in the meantime.
    Ask { place: u32, subject: Subject },
    /// An organisation is proven to have equivocated.
    Exposed(Org),
}

/// Everything that is planned.
#[derive(Debug, Default)]
pub(super) struct Queue {
    hour: i64,
    heap: BinaryHeap<Reverse<Planned>>,
    later: BTreeMap<i64, Vec<Reverse<Planned>>>,
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
        let number = self.planned;
        let planned = Reverse(Planned { at, number, event });
        let hour = at.as_millis().div_euclid(HOUR);
        if hour <= self.hour {
            self.heap.push(planned);
        } else {
            self.later.entry(hour).or_default().push(planned);
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Timestamp, Event)> {
        if self.heap.is_empty() {
            let (hour, planned) = self.later.pop_first()?;
            self.hour = hour;
            self.heap = planned.into();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_of_one_time_as_they_were_planned() {
        let mut queue = Queue::default();
        let at = |minutes: i64| Timestamp::from_secs(60 * minutes);
        for (minutes, day) in [(200, 1), (5, 2), (70, 3), (5, 4), (71, 5)] {
            queue.push(at(minutes), Event::Day(day));
        }
        let mut order = Vec::new();
        while let Some((_, Event::Day(day))) = queue.pop() {
            if day == 3 {
                queue.push(at(69), Event::Day(6));
            }
            order.push(day);
        }
        assert_eq!(order, [2, 4, 3, 6, 5, 1]);
    }
}
