//! How busy the mesh is, and how far apart own departures are to be therefore.
//!
//! Every envelope costs every node a signature, so the busier the mesh, the more rows should share one. All nodes hear
//! about the same and so arrive at about the same distance by themselves: nobody asks for it, and nobody can, for what a
//! publisher may say is bounded and so is the distance.
//! Deliberately absent: what is old. A late joiner who fetches history is not in a busy mesh.

use std::time::Duration;

use crate::constants::{WINDOW_NEW, WINDOW_NEW_BUSY, WINDOW_PER_ENVELOPE, WINDOW_TRAFFIC};
use crate::wire::Timestamp;

/// The span is counted second by second, and forgotten so.
const PARTS: usize = 10;
const PART: Duration = Duration::from_secs(1);
const _: () = assert!(WINDOW_TRAFFIC.as_secs() == 10, "the parts make up the span");

/// Envelopes of others, heard of late.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// The part of time that `heard[0]` counts, and before it the others.
    part: u64,
    heard: [u32; PARTS],
    /// When counting began: what was heard in less than the span stands for more.
    since: Option<Timestamp>,
}

// === impl Traffic ===

impl Traffic {
    /// Another publisher's envelope was admitted, who signed it at this time.
    pub fn hear(&mut self, signed: Timestamp, now: Timestamp) {
        if now.since(signed) > WINDOW_TRAFFIC {
            return;
        }
        self.forget(now);
        self.since.get_or_insert(now);
        if let Some(present) = self.heard.first_mut() {
            *present = present.saturating_add(1);
        }
    }

    /// How far apart departures of new rows are to be: [`WINDOW_NEW`] to [`WINDOW_NEW_BUSY`].
    pub fn distance(&mut self, now: Timestamp) -> Duration {
        self.forget(now);
        let heard = self
            .heard
            .iter()
            .fold(0_u32, |sum, part| sum.saturating_add(*part));
        let counted = self
            .since
            .map_or(WINDOW_TRAFFIC, |since| now.since(since))
            .max(3 * PART);
        let whole = WINDOW_PER_ENVELOPE.saturating_mul(heard).as_millis() * WINDOW_TRAFFIC.as_millis()
            / counted.min(WINDOW_TRAFFIC).as_millis();
        let whole = Duration::from_millis(u64::try_from(whole).unwrap_or(u64::MAX));
        whole.clamp(WINDOW_NEW, WINDOW_NEW_BUSY)
    }

    fn forget(&mut self, now: Timestamp) {
        let part = now.as_secs().unsigned_abs();
        // A clock that was set back begins anew, as one that leapt does.
        let passed = part
            .checked_sub(self.part)
            .and_then(|parts| usize::try_from(parts).ok());
        match passed {
            Some(parts) if parts < PARTS => {
                self.heard.rotate_right(parts);
                self.heard.iter_mut().take(parts).for_each(|old| *old = 0);
            }
            _ => (self.heard, self.since) = ([0; PARTS], None),
        }
        self.part = part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_790_000_400) + Duration::from_secs(secs)
    }

    #[test]
    fn the_distance_follows_what_is_heard_and_forgets_it() {
        let mut traffic = Traffic::default();
        assert_eq!(traffic.distance(at(0)), WINDOW_NEW);
        // 100 a second.
        for second in 0..20 {
            for _ in 0..100 {
                traffic.hear(at(second), at(second));
            }
        }
        assert_eq!(traffic.distance(at(19)), WINDOW_PER_ENVELOPE * 1_000);
        assert_eq!(traffic.distance(at(24)), WINDOW_PER_ENVELOPE * 500);
        assert_eq!(traffic.distance(at(40)), WINDOW_NEW);
        assert_eq!(traffic.distance(at(10)), WINDOW_NEW, "the clock was set back");
    }

    #[test]
    fn history_is_no_traffic_and_nobody_is_kept_waiting_for_long() {
        let mut traffic = Traffic::default();
        for _ in 0..1_000_000 {
            traffic.hear(at(0), at(31));
        }
        assert_eq!(traffic.distance(at(31)), WINDOW_NEW);
        for _ in 0..1_000_000 {
            traffic.hear(at(31), at(31));
        }
        assert_eq!(traffic.distance(at(31)), WINDOW_NEW_BUSY);
    }
}
