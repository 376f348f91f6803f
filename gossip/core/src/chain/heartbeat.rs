//! When a publisher names his latest envelope.
//!
//! Soon after the last thing he said, so that a lost end is noticed; then at intervals, so that silence means something.
//! Deliberately absent: signing it, which wants the key, and whether anybody listens.

use crate::constants::{HEAD_AFTER, HEAD_APART, HEAD_EVERY};
use crate::wire::Timestamp;

/// Whether a head is due: `said` is the signed time of the latest envelope, `head` that of the latest head.
pub fn head_due(said: Timestamp, head: Option<Timestamp>, now: Timestamp) -> bool {
    let Some(head) = head else {
        return now >= said + HEAD_AFTER;
    };
    let due = if said > head {
        said + HEAD_AFTER
    } else {
        head + HEAD_EVERY
    };
    now >= due.max(head + HEAD_APART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_follows_the_last_word_and_then_comes_at_intervals() {
        let at = Timestamp::from_secs;
        for (said, head, now, due) in [
            (1_000, None, 1_059, false),
            (1_000, None, 1_060, true),
            (1_000, Some(1_060), 1_359, false),
            (1_000, Some(1_060), 1_360, true),
            // Something was said since: soon, but not at once after the last head.
            (1_500, Some(1_360), 1_559, false),
            (1_500, Some(1_360), 1_560, true),
            (1_370, Some(1_360), 1_479, false),
            (1_370, Some(1_360), 1_480, true),
            // Whoever speaks all the time needs none.
            (9_000, Some(1_360), 9_001, false),
        ] {
            assert_eq!(
                head_due(at(said), head.map(at), at(now)),
                due,
                "said {said}, head {head:?}, now {now}"
            );
        }
    }
}
