//! How likely a bayesian bucket's source is evil, after all that its conditions say.
//!
//! After each event the prior is updated by every condition in turn, by Bayes' theorem and in 32-bit floats as `CrowdSec`
//! does it: `P(E|C) = P(C|E) P(E) / (P(C|E) P(E) + P(C|not E) (1 - P(E)))`, with the complements of both
//! likelihoods for a condition that does not hold. Deliberately absent: what conditions look at, and when a bucket ends.

use crate::expr::Env;
use crate::rules::Bayes;

/// What became of the conditions after one event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) posterior: f32,
    /// Conditions that stay true: one bit each.
    pub(crate) latched: u64,
    /// Conditions that failed, and so said nothing.
    pub(crate) failed: u64,
}

/// Weighs all conditions. `latched` are those that stay true.
pub(crate) fn weigh(rule: &Bayes, mut latched: u64, env: Env<'_>) -> Weighed {
    let mut posterior = rule.prior;
    let mut failed = 0;
    for (bit, condition) in rule.conditions.iter().enumerate() {
        let bit = 1_u64
            .checked_shl(u32::try_from(bit).unwrap_or(u32::MAX))
            .unwrap_or(0);
        let held = match latched & bit {
            0 => condition.test.eval(env).ok().and_then(|value| value.as_bool()),
            _ => Some(true),
        };
        let Some(holds) = held else {
            failed += 1;
            continue;
        };
        let (evil, benign) = if holds {
            (condition.given_evil, condition.given_benign)
        } else {
            (1.0 - condition.given_evil, 1.0 - condition.given_benign)
        };
        posterior = update(posterior, evil, benign);
        if holds && condition.guillotine {
            latched |= bit;
        }
    }
    Weighed {
        posterior,
        latched,
        failed,
    }
}

fn update(prior: f32, given_evil: f32, given_benign: f32) -> f32 {
    let numerator = given_evil * prior;
    numerator / (numerator + given_benign * (1.0 - prior))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "the same arithmetic gives the same bits")]
    fn by_the_theorem() {
        assert_eq!(update(0.5, 0.5, 0.5), 0.5);
        assert_eq!(update(0.5, 1.0, 0.0), 1.0);
        assert!((update(0.01, 0.9, 0.1) - 0.083_333).abs() < 1e-5);
        // Impossible either way: no number, which is above no threshold.
        assert!(update(0.0, 1.0, 0.0).is_nan());
    }
}
