//! How long to wait before a Local API is asked again: doubling, bounded, and different for each of a thousand agents,
//! which all lost it in the same moment. Deliberately absent: the waiting.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The waits between failures that follow one another.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    /// Seeded from the operating system by the standard library: all the chance that is needed here.
    chance: RandomState,
}

// === impl Backoff ===

impl Backoff {
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: between half and the whole of the doubled one.
    pub(crate) fn failed(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.about(whole)
    }

    /// Whether nothing has failed since the last success.
    pub(crate) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// Between half and the whole of it.
    pub(crate) fn about(&self, whole: Duration) -> Duration {
        let thousandths = 500 + u32::try_from(self.chance.hash_one(self.failures) % 501).unwrap_or(0);
        whole.saturating_mul(thousandths) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        for doubling in 0..40_u32 {
            let whole = FIRST.saturating_mul(2_u32.saturating_pow(doubling)).min(LONGEST);
            let wait = backoff.failed();
            assert!(wait >= whole / 2 && wait <= whole, "{doubling}: {wait:?}");
        }
        backoff.succeeded();
        assert!(backoff.failed() <= FIRST);
    }
}
