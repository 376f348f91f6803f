//! What a reporter's record is worth: 1.6 times the log-odds of a lower confidence bound of his precision.
//!
//! Deliberately absent: where records come from (`reporter`), and popularity, which never enters one.

use crate::constants::{KAPPA, LOGIT_FACTOR_MILLI};
use crate::fixed::{MILLI, ln_milli, square_root};

/// Fractional bits of a share.
const BITS: u32 = 30;

/// The weight of a record of successes and failures, in thousandths of an observation, as milli-nats in `0..=KAPPA`.
///
/// The record is a Beta(a, b); its lower bound is the mean less one standard deviation, so a short record weighs little.
pub(crate) fn weight(successes: i64, failures: i64) -> i64 {
    let (a, b) = (
        u128::from(successes.max(1).unsigned_abs()),
        u128::from(failures.max(1).unsigned_abs()),
    );
    let one = 1_u128 << BITS;
    let mean = (a << BITS) / (a + b);
    let thousand = u128::from(MILLI.unsigned_abs());
    let deviation = square_root(mean * (one - mean) * thousand / (a + b + thousand));
    let bound = mean.saturating_sub(deviation);
    let (Ok(right), Ok(wrong)) = (u64::try_from(bound), u64::try_from(one - bound)) else {
        return 0;
    };
    (ln_milli(right, wrong) * LOGIT_FACTOR_MILLI / MILLI).clamp(0, KAPPA)
}

/// What of the surprise is left for those who report after a reporter of this weight, in thousandths.
pub(crate) fn surprise_left(surprise: i64, weight: i64) -> i64 {
    let foretold = crate::constants::FORETOLD_MILLI * weight.clamp(0, KAPPA) / KAPPA;
    surprise * (MILLI - foretold) / MILLI
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::{PRIOR_ANCHOR, PRIOR_FAILURE, PRIOR_MEMBER, REFUTED_JOINTLY};

    #[test]
    fn an_established_member_and_an_anchor_weigh_a_whole_group() {
        assert_eq!(weight(PRIOR_MEMBER + 200_000, PRIOR_FAILURE), KAPPA);
        assert_eq!(weight(PRIOR_ANCHOR, PRIOR_FAILURE), KAPPA);
    }

    #[test]
    fn two_members_without_history_are_not_enough_for_scans() {
        assert_eq!(weight(PRIOR_MEMBER, PRIOR_FAILURE), 3_636);
    }

    #[test]
    fn a_joint_lie_costs_a_short_record_most_of_its_weight() {
        assert_eq!(weight(PRIOR_MEMBER, PRIOR_FAILURE + REFUTED_JOINTLY), 787);
        assert_eq!(weight(PRIOR_MEMBER, PRIOR_FAILURE + 2 * REFUTED_JOINTLY), 0);
    }

    #[test]
    fn extreme_records_are_harmless() {
        assert_eq!(weight(i64::MAX, i64::MIN), KAPPA);
        assert_eq!(weight(i64::MIN, i64::MAX), 0);
        assert_eq!(weight(i64::MAX, i64::MAX), 0);
    }

    #[test]
    fn an_echo_of_a_good_reporter_surprises_nobody() {
        assert_eq!(surprise_left(1_000, KAPPA), 80);
        assert_eq!(surprise_left(1_000, 0), 1_000);
    }
}
