//! Who disputes what is said of a subject, and what that weighs: with the same groups and caps as those who say it.
//!
//! Before this stop: `credit`, which takes disputes in. After it: `judge`, which raises the threshold. Deliberately
//! absent: the bounds on that raise, which are the judge's.

use vigie_wire::Timestamp;

use super::{Scorer, withdraw};
use crate::constants::{DISPUTE_CAP, DISPUTE_HALF_LIFE, KAPPA, PROVEN_DISPUTE_MILLI};
use crate::fixed::{MILLI, PPM, decay_ppm};
use crate::reporter::Reporter;
use crate::subject::{Entry, Standing, Subject};
use crate::verdict::Objector;

/// One live objection by somebody whom our anchors reach.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objecting<'a> {
    reporter: &'a Reporter,
    pub(super) at: Timestamp,
    weight: i64,
    decay: i64,
    uncapped: i64,
    /// His disputes have proven right before.
    pub(super) proven: bool,
}

// === impl Scorer ===

impl Scorer {
    /// Every objection that counts, as it is kept. Where all that was said is void, nothing was said to object to.
    pub(super) fn objecting<'a>(&'a self, subject: &Subject, now: Timestamp) -> Vec<Objecting<'a>> {
        let is_void = |entry: &Entry| {
            withdraw::standing(&self.retracted, &self.reporters, entry, now) == Standing::Void
        };
        if subject.is_disputed() && subject.entries().all(is_void) {
            return Vec::new();
        }
        let objections = subject.objections().filter_map(|objection| {
            let reporter = self.reporters.get(objection.reporter)?;
            if !reporter.is_anchored() || reporter.record.disputes_badly(now) {
                return None;
            }
            let at = Timestamp::from_millis(i64::from(objection.at).saturating_mul(MILLI));
            let age = now.as_millis().saturating_sub(at.as_millis());
            let weight = reporter.record.weight(now);
            let decay = decay_ppm(age, DISPUTE_HALF_LIFE);
            Some(Objecting {
                reporter,
                at,
                weight,
                decay,
                uncapped: weight * decay / PPM,
                proven: reporter.record.disputes_well(now),
            })
        });
        objections.collect()
    }
}

/// What those that `counts` admits weigh together: the least over the partitions with the hard cap.
pub(super) fn together(
    objecting: &[Objecting<'_>],
    now: Timestamp,
    counts: impl Fn(&Objecting<'_>) -> bool,
) -> i64 {
    let capped = |group: &dyn Fn(&Reporter) -> u32| {
        let counting = objecting.iter().filter(|one| counts(one));
        let mut values: Vec<_> = counting.map(|one| (group(one.reporter), one.uncapped)).collect();
        values.sort_unstable();
        let chunks = values.chunk_by(|left, right| left.0 == right.0);
        chunks
            .map(|group| group.iter().map(|(_, value)| value).sum::<i64>().min(KAPPA))
            .sum::<i64>()
    };
    capped(&|reporter| reporter.voucher)
        .min(capped(&Reporter::by_anchor))
        .min(capped(&|reporter| reporter.operator))
        .min(capped(&|reporter| reporter.cluster(now)))
}

/// What they can hold against voices without gold: the proven by twice their weight, all others by their cap.
pub(super) fn doubt(objecting: &[Objecting<'_>], now: Timestamp) -> i64 {
    let proven = together(objecting, now, |one| one.proven) * PROVEN_DISPUTE_MILLI / MILLI;
    proven + together(objecting, now, |one| !one.proven).min(DISPUTE_CAP)
}

/// All of them with what counts of each, which adds up to `raise`: those proven first, the strong before the weak.
pub(super) fn listed(objecting: &[Objecting<'_>], raise: i64) -> Vec<Objector> {
    let mut listed: Vec<Objector> = objecting
        .iter()
        .map(|one| Objector {
            reporter: one.reporter.org,
            at: one.at,
            weight: one.weight,
            decay: one.decay,
            uncapped: one.uncapped,
            proven: one.proven,
            value: 0,
        })
        .collect();
    listed.sort_unstable_by_key(|one| (!one.proven, std::cmp::Reverse(one.uncapped), one.reporter));
    let mut left = raise;
    for one in &mut listed {
        let weight = if one.proven { PROVEN_DISPUTE_MILLI } else { MILLI };
        one.value = (one.uncapped * weight / MILLI).min(left);
        left -= one.value;
    }
    listed
}
