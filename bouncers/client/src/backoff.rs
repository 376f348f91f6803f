//! How long to wait before trying again: doubling, bounded, and different for each of a thousand bouncers.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The waits between attempts that fail one after another.
#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    /// Seeded by the standard library from the operating system: all the chance that is needed here.
    chance: RandomState,
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

// === impl Backoff ===

impl Backoff {
    pub(crate) fn new() -> Self {
        Self {
            failures: 0,
            chance: RandomState::new(),
        }
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// The wait after one more failure: between half and the whole of the doubled one.
    pub(crate) fn failed(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.saturating_sub(1).min(10);
        let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        self.between_half_and(whole)
    }

    /// A wait that differs between bouncers, for when all of them lost the same node at once.
    pub(crate) fn between_half_and(&self, whole: Duration) -> Duration {
        let thousandths = self.chance.hash_one(self.failures) % 500;
        let more = u32::try_from(thousandths).unwrap_or(0).saturating_add(500);
        whole.saturating_mul(more) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound() {
        let mut backoff = Backoff::new();
        for attempt in 0..40_u32 {
            let whole = FIRST.saturating_mul(2_u32.saturating_pow(attempt)).min(LONGEST);
            let wait = backoff.failed();
            assert!(
                wait >= whole / 2 && wait <= whole,
                "attempt {attempt}: {wait:?} of {whole:?}"
            );
        }
        backoff.succeeded();
        assert!(backoff.failed() <= FIRST);
    }
}
