//! The hearing: what is said without gold must have stood in public for a while before it blocks.
//!
//! Those who know an accused address speak up within minutes where many do, and their disputes weigh before anything is
//! blocked instead of after. One accusation opens the hearing for all that follow it within a day, so an attacker whom
//! others met half an hour ago is blocked at the next word about him. What no record covers (`expose`) opens nothing, and
//! waits longer. Time in which we could not hear what others say does not count (`set_watermark`). It is a function of what
//! is held: no memory, no order. Deliberately absent: what disputes weigh.

use vigie_wire::Timestamp;

use super::Scorer;
use super::judge::Said;
use super::object::Objecting;
use super::weigh::Weighed;
use crate::constants::{DAY, EXPOSED_HEARING};

// === impl Scorer ===

impl Scorer {
    /// Until when what is said waits at least, if it has to reach `bar`, which disputes raise. `None`: it had its hearing, or
    /// those who wait for none would block alone, whoever else speaks. `lag`: how far what we hear is behind; while that grows the
    /// time moves on with it.
    pub(super) fn hearing(
        &self,
        (weighed, objecting): (&[Weighed<'_>], &[Objecting<'_>]),
        bar: i64,
        now: Timestamp,
        lag: i64,
    ) -> Option<Timestamp> {
        let hearing = self.config.hearing;
        // Who waits for nobody waits for no watermark.
        let lag = if hearing > 0 { lag } else { 0 };
        // Whole seconds, as exports carry them.
        let age = |one: &Weighed<'_>| {
            let arrived = Timestamp::from_secs(i64::from(one.entry.arrived));
            now.as_millis().saturating_sub(arrived.as_millis())
        };
        let heard_for = |one: &Weighed<'_>| age(one).saturating_sub(lag);
        let waits = |one: &Weighed<'_>| {
            if one.entry.is_exposed() {
                hearing.max(EXPOSED_HEARING)
            } else {
                hearing
            }
        };
        let counts = |one: &&Weighed<'_>| one.uncapped > 0 && one.reporter.is_anchored();
        let exposed = |one: &Weighed<'_>| one.entry.is_exposed() && heard_for(one) < waits(one);
        let opened = |one: &Weighed<'_>| {
            let loud = one.entry.is_loud();
            !exposed(one) && loud && heard_for(one) >= hearing && age(one) < hearing.saturating_add(DAY)
        };
        let stands = |one: &Weighed<'_>| {
            !exposed(one) && (heard_for(one) >= hearing || one.reporter.record.has_gold(now))
        };
        let reaches = |kept: &dyn Fn(&Weighed<'_>) -> bool| {
            let weighed: Vec<_> = weighed.iter().copied().filter(kept).collect();
            let score = self.sums(&weighed, now, |_| true).score;
            let said = Said {
                weighed: &weighed,
                score,
            };
            score >= bar + self.raise(&said, objecting, false, now)
        };
        let covered = !weighed.iter().any(exposed) || reaches(&|one| !exposed(one));
        if covered && weighed.iter().filter(counts).any(opened) || reaches(&stands) {
            return None;
        }
        let left = weighed
            .iter()
            .filter(counts)
            .map(|one| waits(one).saturating_sub(heard_for(one)));
        let first = left.filter(|left| *left > 0).min();
        Some(Timestamp::from_millis(
            now.as_millis().saturating_add(first.unwrap_or(hearing)),
        ))
    }
}
