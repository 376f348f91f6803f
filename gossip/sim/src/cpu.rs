//! What the core costs: processor time of this thread, measured around its calls.
//!
//! One in so many calls of the frequent kinds is timed and stands for the others. It is the one figure of a run that
//! does not follow from the seed. What libp2p costs is not run here, and is taken from a measurement.

use rustix::time::{ClockId, clock_gettime};

/// Processor time that rust-libp2p costs for a copy of a message received, its forwarding included: measured at 34 to
/// 70 microseconds with 6 to 8 neighbours and messages of 200 to 300 bytes.
pub(crate) const LIBP2P_MICROS_PER_COPY: u64 = 50;

/// Kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Decoding an envelope and checking its signature: done once for each envelope, counted for each node.
    Verify,
    /// Restoring and verifying the new envelopes of a message between neighbours together.
    Batch,
    /// Taking an envelope apart for such messages, twice for each envelope.
    Pack,
    /// Encoding such a message.
    Encode,
    /// Decoding it.
    Unpack,
    /// The relay's own bookkeeping.
    Relay,
    /// Admission, and noting what is stored.
    Admit,
    /// The window, sealing and signing.
    Publish,
    /// Sessions, answers and digests.
    Sync,
}

const KINDS: usize = 9;
/// One call in so many is timed.
const ONE_IN: [u64; KINDS] = [1, 1, 1, 16, 1, 16, 16, 1, 1];

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    calls: u64,
    timed: u64,
    nanos: u64,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    tallies: [Tally; KINDS],
    /// What asking the clock twice costs.
    empty: u64,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new() -> Self {
        let empty = (0..256).map(|_| {
            let begun = nanos();
            nanos().saturating_sub(begun)
        });
        Self {
            empty: empty.min().unwrap_or(0),
            ..Self::default()
        }
    }

    /// Does it, and times it if it is its turn.
    pub(crate) fn time<T>(&mut self, work: Work, action: impl FnOnce() -> T) -> T {
        let kind = work as usize;
        let tally = &mut self.tallies[kind];
        tally.calls += 1;
        if !tally.calls.is_multiple_of(ONE_IN[kind]) {
            return action();
        }
        let begun = nanos();
        let result = action();
        tally.timed += 1;
        tally.nanos += nanos().saturating_sub(begun).saturating_sub(self.empty);
        result
    }

    /// Microseconds of one call in the mean.
    #[expect(
        clippy::cast_precision_loss,
        reason = "sums of a run are far below 2^52 nanoseconds"
    )]
    pub(crate) fn mean(&self, work: Work) -> f64 {
        let tally = self.tallies[work as usize];
        if tally.timed == 0 {
            return 0.0;
        }
        tally.nanos as f64 / tally.timed as f64 / 1e3
    }

    /// Microseconds of all calls, those that were not timed included.
    #[expect(clippy::cast_precision_loss, reason = "calls of a run are far below 2^52")]
    pub(crate) fn total(&self, work: Work) -> f64 {
        self.mean(work) * self.tallies[work as usize].calls as f64
    }
}

fn nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
