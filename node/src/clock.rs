//! The node's only clock. Everything below is given the time; only the composition root reads it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_wire::Timestamp;

/// A source of "now", shared by every task.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The machine's clock.
pub(crate) fn system() -> Clock {
    Arc::new(now)
}

/// The machine's time, for commands that run once.
pub(crate) fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// For people: RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.as_secs())
        .map_or_else(|_| at.as_millis().to_string(), |time| time.to_string())
}
