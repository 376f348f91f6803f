//! Lengths of time, and the moment at which every run begins.
//!
//! Deliberately absent: a clock. The simulator's time is the time of its next event.

use std::time::Duration;

use vigie_reputation::wire::Timestamp;

/// 1 January 2026, the same for every run.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_767_225_600);
/// One hour.
pub(crate) const HOUR: Duration = Duration::from_hours(1);
/// One day.
pub(crate) const DAY: Duration = Duration::from_hours(24);

/// So many hours; none if that is no length of time.
pub(crate) fn hours(count: f64) -> Duration {
    Duration::try_from_secs_f64(count * 3_600.0).unwrap_or(Duration::ZERO)
}

/// So many days, counted whole.
pub(crate) fn days(count: u32) -> Duration {
    DAY.saturating_mul(count)
}

/// The other way round.
pub(crate) fn in_hours(span: Duration) -> f64 {
    span.as_secs_f64() / 3_600.0
}
