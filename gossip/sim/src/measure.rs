//! What is counted while it runs.

use crate::clock::{MILLI, Micros};

/// How a row travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// In an urgent envelope.
    Urgent,
    /// Told for the first time.
    New,
    /// Counted together with others of its kind.
    Repeat,
}

/// Milliseconds kept apart: an hour. What takes longer is in the last.
const MILLIS: usize = 3_600_000;

/// How long things took, by the millisecond.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delays {
    by_millis: Vec<u64>,
    count: u64,
}

/// Of the whole run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measure {
    pub(crate) sightings: u64,
    pub(crate) repeats: u64,
    pub(crate) rows: u64,
    pub(crate) envelopes: u64,
    pub(crate) payload_bytes: u64,
    /// First arrivals of gossip messages, and all of them.
    pub(crate) firsts: u64,
    pub(crate) copies: u64,
    /// Messages between neighbours received, and envelopes in them.
    pub(crate) parcels: u64,
    pub(crate) unbundled: u64,
    /// Rows that a node other than the author's came to hold.
    pub(crate) delivered: u64,
    /// Envelopes that came by gossip, and by sync.
    pub(crate) by_gossip: u64,
    pub(crate) by_sync: u64,
    /// (Envelope, honest node) pairs held, authors' own included, of envelopes that count.
    pub(crate) held: u64,
    /// Messages between neighbours sent, envelopes in them, those that were new where they arrived, and of those the
    /// ones verified in fact.
    pub(crate) bundles: u64,
    pub(crate) bundled: u64,
    pub(crate) batched: u64,
    pub(crate) batch_timed: u64,
    pub(crate) over_rate: u64,
    pub(crate) urgent: Delays,
    pub(crate) new: Delays,
    pub(crate) repeated: Delays,
    /// When the last envelope from before the end of the partition reached the last node after it.
    pub(crate) healed: Option<Micros>,
    /// When each lie began, how many honest nodes hold its proof, and when the last one came to.
    pub(crate) lies: Vec<Lie>,
    pub(crate) sessions: u64,
    pub(crate) declined: u64,
    pub(crate) timeouts: u64,
    pub(crate) asked_again: u64,
}

/// One equivocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lie {
    pub(crate) liar: u32,
    pub(crate) told: Micros,
    pub(crate) proven_at: u64,
    pub(crate) last: Micros,
}

// === impl Delays ===

impl Delays {
    pub(crate) fn add(&mut self, delay: Micros) {
        let millis = usize::try_from(delay.div_ceil(MILLI))
            .unwrap_or(MILLIS)
            .min(MILLIS);
        if self.by_millis.len() <= millis {
            self.by_millis.resize(millis + 1, 0);
        }
        self.by_millis[millis] += 1;
        self.count += 1;
    }

    /// The milliseconds within which so many of a thousand came; `None` if none came at all.
    pub(crate) fn within(&self, of_thousand: u64) -> Option<u64> {
        let wanted = (self.count * of_thousand).div_ceil(1_000).max(1);
        let mut so_far = 0;
        let found = self.by_millis.iter().position(|count| {
            so_far += count;
            so_far >= wanted
        });
        found.and_then(|millis| u64::try_from(millis).ok())
    }
}

// === impl Measure ===

impl Measure {
    pub(crate) fn delay(&mut self, class: Class, delay: Micros) {
        match class {
            Class::Urgent => self.urgent.add(delay),
            Class::New => self.new.add(delay),
            Class::Repeat => self.repeated.add(delay),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_added() {
        let mut delays = Delays::default();
        assert_eq!(delays.within(500), None);
        for millis in 1..=100 {
            delays.add(millis * MILLI);
        }
        assert_eq!(
            [500, 990, 1_000].map(|share| delays.within(share)),
            [Some(50), Some(99), Some(100)]
        );
    }
}
