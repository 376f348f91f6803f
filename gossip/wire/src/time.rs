//! Time as the wire and both databases hold it: whole milliseconds since the Unix epoch, UTC.
//!
//! Deliberately absent: a clock. Whoever needs "now" is given it.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Arithmetic saturates, so that hostile times cannot overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

// === impl Timestamp ===

impl Timestamp {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// The last millisecond of the year 9999: no later time is carried.
    pub const WIRE_MAX: Self = Self(253_402_300_799_999);

    /// Whether the wire can carry it: neither before the epoch nor after the year 9999.
    pub const fn is_on_wire(self) -> bool {
        0 <= self.0 && self.0 <= Self::WIRE_MAX.0
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Cut to the minute: what a sighting may tell of its time.
    pub const fn to_minute(self) -> Self {
        Self(self.0.div_euclid(60_000).saturating_mul(60_000))
    }

    /// How long ago `earlier` was, zero if it lies in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_cut_downwards_also_before_the_epoch() {
        assert_eq!(
            Timestamp::from_millis(61_999).to_minute(),
            Timestamp::from_secs(60)
        );
        assert_eq!(Timestamp::from_millis(-1).to_minute(), Timestamp::from_secs(-60));
    }

    #[test]
    fn arithmetic_saturates() {
        let far = Timestamp::from_millis(i64::MAX) + Duration::MAX;
        assert_eq!(far.as_millis(), i64::MAX);
        assert_eq!(Timestamp::ZERO.since(far), Duration::ZERO);
    }
}
