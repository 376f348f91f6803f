//! Passing envelopes on in bundles: to each neighbour what it has not sent us itself, together with what else is due.
//!
//! A message costs the same whatever it carries, so what is not urgent leaves a neighbour's queue only so long after
//! that queue's last departure, and all at once; in quiet times nothing waits. The wait has a second effect: most
//! neighbours who have an envelope too say so before it would have been sent to them, and are spared it. Nobody
//! aggregates for others, so there is nobody to trust, to wait for or to be censored by.
//! Deliberately absent: streams, and repair. What is lost here, anti-entropy brings.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::constants::{RELAY_DISTANCE, RELAY_WAITING_BYTES};
use crate::wire::bundle::MAX_BUNDLE_BYTES;
use crate::wire::{HeaderHash, Timestamp};

/// Room for the mark of a bundle, and for the length of each envelope.
const MARK_BYTES: usize = 1;
const LENGTH_BYTES: usize = 3;

/// An envelope that waits.
type Waiting = (HeaderHash, Arc<[u8]>);

/// What one neighbour is to be given.
#[derive(Clone, Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    came: Option<Timestamp>,
    last_left: Option<Timestamp>,
}

/// What leaves now for one neighbour: no more than fits one bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel<P> {
    /// Whom for.
    pub to: P,
    /// Envelopes, in the order they came.
    pub envelopes: Vec<Waiting>,
}

/// The neighbours' queues.
#[derive(Clone, Debug)]
pub struct Relay<P> {
    queues: BTreeMap<P, Queue>,
    dropped: u64,
}

// === impl Relay ===

impl<P> Default for Relay<P> {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            dropped: 0,
        }
    }
}

impl<P: Copy + Ord> Relay<P> {
    /// Whoever is no neighbour any more loses what waits for him; new ones begin with nothing.
    pub fn set_neighbours(&mut self, neighbours: impl IntoIterator<Item = P>) {
        let mut before = std::mem::take(&mut self.queues);
        let queue = |peer| (peer, before.remove(&peer).unwrap_or_default());
        self.queues = neighbours.into_iter().map(queue).collect();
    }

    /// An envelope is stored and may go on, to everybody but these, who have it.
    pub fn push(&mut self, hash: HeaderHash, bytes: &Arc<[u8]>, except: &[P], now: Timestamp) {
        for (peer, queue) in &mut self.queues {
            if except.contains(peer) {
                continue;
            }
            if queue.bytes + bytes.len() > RELAY_WAITING_BYTES {
                self.dropped += 1;
                continue;
            }
            queue.came.get_or_insert(now);
            queue.bytes += bytes.len();
            queue.waiting.push_back((hash, Arc::clone(bytes)));
        }
    }

    /// A neighbour has this one: it need not be sent to him.
    pub fn heard(&mut self, hash: HeaderHash, from: P) {
        let Some(queue) = self.queues.get_mut(&from) else {
            return;
        };
        if let Some(nth) = queue.waiting.iter().position(|(waiting, _)| *waiting == hash)
            && let Some((_, bytes)) = queue.waiting.remove(nth)
        {
            queue.bytes -= bytes.len();
        }
        if queue.waiting.is_empty() {
            queue.came = None;
        }
    }

    /// When [`Relay::poll`] has something to give; none while nothing waits.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.queues.values().filter_map(Queue::due).min()
    }

    /// What leaves now.
    pub fn poll(&mut self, now: Timestamp) -> Vec<Parcel<P>> {
        let mut parcels = Vec::new();
        for (peer, queue) in &mut self.queues {
            if queue.due().is_some_and(|due| due <= now) {
                let to = *peer;
                parcels.extend(
                    queue
                        .take(now)
                        .into_iter()
                        .map(|envelopes| Parcel { to, envelopes }),
                );
            }
        }
        parcels
    }

    /// Envelopes that a neighbour was not given because too much waited for him.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

// === impl Queue ===

impl Queue {
    /// At once if a bundle is full, else so long after the last ones left.
    fn due(&self) -> Option<Timestamp> {
        let came = self.came?;
        if self.bytes >= MAX_BUNDLE_BYTES {
            return Some(came);
        }
        Some(
            self.last_left
                .map_or(came, |left| came.max(left + RELAY_DISTANCE)),
        )
    }

    fn take(&mut self, now: Timestamp) -> Vec<Vec<Waiting>> {
        let mut bundles: Vec<Vec<Waiting>> = Vec::new();
        let mut room = 0;
        for (hash, bytes) in self.waiting.drain(..) {
            let needed = bytes.len() + LENGTH_BYTES;
            if needed > room || bundles.is_empty() {
                room = MAX_BUNDLE_BYTES - MARK_BYTES;
                bundles.push(Vec::new());
            }
            if let Some(bundle) = bundles.last_mut() {
                bundle.push((hash, bytes));
            }
            room = room.saturating_sub(needed);
        }
        (self.bytes, self.came, self.last_left) = (0, None, Some(now));
        bundles
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Bundle;

    const T0: Timestamp = Timestamp::from_secs(1_795_305_600);

    fn hash(number: u8) -> HeaderHash {
        HeaderHash([number; 32])
    }

    fn envelope(bytes: usize) -> Arc<[u8]> {
        vec![1; bytes].into()
    }

    fn given(parcels: &[Parcel<u8>]) -> Vec<(u8, Vec<u8>)> {
        let numbers = |parcel: &Parcel<u8>| parcel.envelopes.iter().map(|(hash, _)| hash.0[0]).collect();
        parcels
            .iter()
            .map(|parcel| (parcel.to, numbers(parcel)))
            .collect()
    }

    #[test]
    fn in_quiet_times_nothing_waits_and_in_others_it_leaves_together() {
        let mut relay = Relay::default();
        relay.set_neighbours([1, 2]);
        relay.push(hash(7), &envelope(200), &[2], T0);
        assert_eq!(given(&relay.poll(T0)), [(1, vec![7])]);
        for number in [8, 9] {
            relay.push(hash(number), &envelope(200), &[], T0);
        }
        assert_eq!(given(&relay.poll(T0)), [(2, vec![8, 9])]);
        assert_eq!(relay.next_deadline(), Some(T0 + RELAY_DISTANCE));
        assert_eq!(given(&relay.poll(T0 + RELAY_DISTANCE)), [(1, vec![8, 9])]);
        assert_eq!(relay.next_deadline(), None);
    }

    #[test]
    fn who_has_it_is_not_given_it() {
        let mut relay = Relay::default();
        relay.set_neighbours([1]);
        relay.push(hash(1), &envelope(200), &[], T0);
        relay.heard(hash(1), 1);
        assert_eq!((relay.next_deadline(), relay.poll(T0).len()), (None, 0));
        relay.push(hash(2), &envelope(200), &[], T0);
        relay.set_neighbours([2]);
        assert_eq!(relay.poll(T0).len(), 0);
    }

    #[test]
    fn a_parcel_fits_a_bundle_and_a_queue_is_bounded() {
        let mut relay = Relay::default();
        relay.set_neighbours([1]);
        for _ in 0..2_000 {
            relay.push(hash(3), &envelope(700), &[], T0);
        }
        let parcels = relay.poll(T0);
        let count: usize = parcels.iter().map(|parcel| parcel.envelopes.len()).sum();
        assert_eq!((count, relay.dropped()), (RELAY_WAITING_BYTES / 700, 2_000 - 374));
        for parcel in parcels {
            let mut bundle = Bundle::new();
            for (_, bytes) in &parcel.envelopes {
                bundle.push(bytes).unwrap();
            }
        }
    }
}
