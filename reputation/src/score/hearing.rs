//! The hearing: what is said without gold must have stood in public for a while before it blocks.
//!
//! Those who know an accused address speak up within minutes where many do, and their disputes weigh before anything is
//! blocked instead of after. One accusation opens the hearing for all that follow it within a day, so an attacker whom
//! others met half an hour ago is blocked at the next word about him. It is a function of what is held: no memory, no
//! order. Deliberately absent: what disputes weigh.

use vigie_wire::Timestamp;

use super::Scorer;
use super::judge::Said;
use super::object::Objecting;
use super::weigh::Weighed;
use crate::constants::DAY;

// === impl Scorer ===

impl Scorer {
    /// Until when what is said waits at least, if it has to reach `bar`, which disputes raise. `None`: it had its hearing, or
    /// those who wait for none would block alone, whoever else speaks.
    pub(super) fn hearing(
        &self,
        weighed: &[Weighed<'_>],
        objecting: &[Objecting<'_>],
        bar: i64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let hearing = self.config.hearing;
        // Whole seconds, as exports carry them.
        let heard_for = |one: &Weighed<'_>| {
            let arrived = Timestamp::from_secs(i64::from(one.entry.arrived));
            now.as_millis().saturating_sub(arrived.as_millis())
        };
        let counts = |one: &&Weighed<'_>| one.uncapped > 0 && one.reporter.is_anchored();
        let opened = |one: &Weighed<'_>| (hearing..hearing.saturating_add(DAY)).contains(&heard_for(one));
        let stands = |one: &Weighed<'_>| heard_for(one) >= hearing || one.reporter.record.has_gold(now);
        if weighed.iter().filter(counts).any(opened) {
            return None;
        }
        let standing: Vec<_> = weighed.iter().copied().filter(stands).collect();
        let score = self.sums(&standing, now, |_| true).score;
        let said = Said {
            weighed: &standing,
            score,
        };
        if score >= bar + self.raise(&said, objecting, false, now) {
            return None;
        }
        let left = weighed
            .iter()
            .filter(counts)
            .map(|one| hearing.saturating_sub(heard_for(one)));
        let first = left.filter(|left| *left > 0).min();
        Some(Timestamp::from_millis(
            now.as_millis().saturating_add(first.unwrap_or(hearing)),
        ))
    }
}
