//! Simulated time: microseconds since the run began, and the signed times that nodes make of them.
//!
//! All nodes' clocks agree. What a wrong clock does is the business of the core's own tests.

use vigie_gossip_core::wire::Timestamp;

/// Microseconds since the run began.
pub(crate) type Micros = u64;

pub(crate) const MILLI: Micros = 1_000;
pub(crate) const SECOND: Micros = 1_000_000;
/// Never.
pub(crate) const NEVER: Micros = Micros::MAX;

/// When runs begin: on a full hour in late 2026, so that a run has a whole slot of rates before it.
const START_MILLIS: i64 = 1_795_305_600_000;

/// What a node's clock shows.
pub(crate) fn signed(at: Micros) -> Timestamp {
    Timestamp::from_millis(START_MILLIS.saturating_add_unsigned(at / MILLI))
}

/// The first moment at which a node's clock shows this.
pub(crate) fn moment(at: Timestamp) -> Micros {
    u64::try_from(at.as_millis().saturating_sub(START_MILLIS))
        .map_or(0, |millis| millis.saturating_mul(MILLI))
}

/// Seconds as microseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "waits of a run are far below 2^52 microseconds, and negative ones are none"
)]
pub(crate) fn seconds(value: f64) -> Micros {
    (value.max(0.0) * 1e6) as Micros
}

/// As seconds.
#[expect(clippy::cast_precision_loss, reason = "a run is far below 2^52 microseconds")]
pub(crate) fn as_seconds(at: Micros) -> f64 {
    at as f64 / 1e6
}
