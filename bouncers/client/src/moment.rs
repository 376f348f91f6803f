//! Time as a bouncer needs it: whole seconds on a clock that only moves forward.
//!
//! Deliberately absent: the time of day. Decisions arrive with a remaining duration and leave towards the
//! kernel as a remaining timeout; a machine whose wall clock jumps keeps its blocks as they were.

use std::time::Duration;

use tokio::time::Instant;

/// Whole seconds since an arbitrary start. Four bytes, because half a million of them are held at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u32);

/// The clock that gives moments. It and [`since_boot`] are the only places of this crate that ask what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

/// Moments begin here rather than at nought, so that "a little ago" can be said from the first second on.
const ORIGIN_SECS: u32 = 1_000;

/// Time since the machine was started, sleep included, on Linux' `CLOCK_BOOTTIME`: nobody can set it.
pub fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(now).unwrap_or_default()
}

// === impl Moment ===

impl Moment {
    /// The earliest moment: long over.
    pub const PAST: Self = Self(0);

    /// From whole seconds on the clock; for tests and for the clock itself.
    pub const fn from_secs(secs: u32) -> Self {
        Self(secs)
    }

    /// Seconds on the clock.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// This moment and `seconds` more; the end of the clock if that is beyond it.
    pub const fn plus_secs(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// This moment and `duration` more, rounded up to the second: better a second long than a second short.
    pub fn plus(self, duration: Duration) -> Self {
        let more = u64::from(duration.subsec_nanos() > 0);
        let seconds = duration.as_secs().saturating_add(more);
        self.plus_secs(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// Seconds from `now` until this moment, nought if it is over.
    pub const fn secs_after(self, now: Self) -> u32 {
        self.0.saturating_sub(now.0)
    }

    /// How far two moments lie apart.
    pub const fn distance_secs(self, other: Self) -> u32 {
        self.0.abs_diff(other.0)
    }
}

// === impl Clock ===

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        let gone = u32::try_from(self.start.elapsed().as_secs()).unwrap_or(u32::MAX);
        Moment(ORIGIN_SECS.saturating_add(gone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_round_up_and_the_end_of_the_clock_holds() {
        let now = Moment::from_secs(10);
        assert_eq!(now.plus(Duration::from_millis(1)), Moment::from_secs(11));
        assert_eq!(now.plus(Duration::from_secs(5)), Moment::from_secs(15));
        assert_eq!(now.plus(Duration::MAX), Moment::from_secs(u32::MAX));
        assert_eq!(Moment::PAST.secs_after(now), 0);
    }
}
