//! A purse of claims that fills within a day: one number, so that nothing is lost to rounding, however often it is asked.
//!
//! Deliberately absent: what it holds, which is asked anew each time, since records grow and are forgotten.

use vigie_wire::Timestamp;

use crate::constants::DAY;

/// When it is full again, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Purse(i64);

// === impl Purse ===

impl Purse {
    /// Takes one out of a purse that holds so many and is as empty as it is; false if it holds less.
    pub(crate) fn pay(&mut self, holds: i64, at: Timestamp) -> bool {
        let at = at.as_millis();
        if holds <= 0 {
            return false;
        }
        // Never more than a day is missing; statements arrive out of order by less. More was written by a clock that was ahead.
        if self.0 > at.saturating_add(2 * DAY) {
            self.0 = at.saturating_add(DAY);
        }
        let full = self.0.max(at).saturating_add(one_of(holds));
        let pays = full.saturating_sub(at) <= DAY;
        if pays {
            self.0 = full;
        }
        pays
    }

    /// How many were taken and have not come back yet.
    pub(crate) fn spent(self, holds: i64, at: Timestamp) -> i64 {
        let missing = self.0.saturating_sub(at.as_millis()).clamp(0, DAY);
        if holds <= 0 {
            return 0;
        }
        let one = one_of(holds);
        (missing + one - 1) / one
    }
}

/// How long one takes to come back.
fn one_of(holds: i64) -> i64 {
    (DAY / holds).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pays_what_it_holds_at_once_and_again_within_a_day() {
        let at = |millis: i64| Timestamp::from_millis(1_767_225_600_000 + millis);
        let mut purse = Purse::default();
        let paid = (0..100).filter(|_| purse.pay(20, at(0))).count();
        assert_eq!((paid, purse.spent(20, at(0))), (20, 20));
        assert!(!purse.pay(20, at(DAY / 20 - 1)) && purse.pay(20, at(DAY / 20)));
        assert_eq!(purse.spent(20, at(DAY / 2)), 11);
        assert_eq!(purse.spent(20, at(2 * DAY)), 0);
        assert!(!Purse::default().pay(0, at(0)) && !Purse::default().pay(-1, at(0)));
    }

    #[test]
    fn a_clock_that_was_ahead_for_once_empties_it_for_a_day() {
        let at = |millis: i64| Timestamp::from_millis(1_767_225_600_000 + millis);
        let mut purse = Purse::default();
        assert!(purse.pay(20, at(400 * DAY)));
        assert!(!purse.pay(20, at(0)) && purse.spent(20, at(0)) == 20);
        assert!(purse.pay(20, at(DAY / 20)));
        // Who comes an hour late gets nothing back by that.
        assert!(!purse.pay(20, at(0)) && !purse.pay(20, at(DAY / 20)));
    }

    #[test]
    fn extremes_are_harmless() {
        let mut purse = Purse::default();
        assert!(purse.pay(i64::MAX, Timestamp::from_millis(i64::MAX)));
        assert!(!purse.pay(1, Timestamp::from_millis(i64::MIN)));
        assert_eq!(purse.spent(1, Timestamp::from_millis(i64::MIN)), 1);
    }
}
