//! What is said of a subject weighs so much now: each statement, each partition, and the minimum over these.
//!
//! Within a group a reporter counts with the strongest of his statements, and the group with its cap at most. Adding a
//! statement therefore never lowers any sum. Deliberately absent: thresholds.

use std::cmp::Reverse;

use hashbrown::HashSet;
use vigie_wire::{RuleHash, SightingId, Timestamp};

use super::Scorer;
use crate::constants::{DISPUTE_HALF_LIFE, KAPPA, half_life};
use crate::fixed::{MILLI, PPM, decay_ppm, repetition_milli};
use crate::partition::{Group, Partition};
use crate::reporter::Reporter;
use crate::subject::{Entry, Subject};

/// One live statement, weighed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed<'a> {
    pub(super) entry: &'a Entry,
    pub(super) reporter: &'a Reporter,
    pub(super) sighting: SightingId,
    pub(super) weight: i64,
    pub(super) repetition: i64,
    pub(super) decay: i64,
    pub(super) uncapped: i64,
}

/// What a partition lets the score be, and what counts of each statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) score: i64,
    pub(super) groups: usize,
    /// For each statement: what counts of it, and the cap that cut it.
    pub(super) shares: Vec<(i64, Option<i64>)>,
}

/// Sums over all partitions, in their order, and which of them is the least.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    pub(super) all: [Sum; Partition::ALL.len()],
    pub(super) least: Partition,
    pub(super) score: i64,
}

// === impl Scorer ===

impl Scorer {
    /// Every live statement on a subject, by arrival, ties by name.
    pub(super) fn weigh<'a>(&'a self, subject: &'a Subject, now: Timestamp) -> Vec<Weighed<'a>> {
        let mut weighed = Vec::with_capacity(subject.len());
        for entry in subject.entries() {
            let Some(reporter) = self.reporters.get(entry.reporter) else {
                continue;
            };
            let sighting = sighting(entry, reporter);
            let withdrawn = !self.retracted.is_empty() && self.retracted.contains(&sighting);
            if withdrawn || !entry.is_live(&subject.indicator, now) {
                continue;
            }
            let weight = reporter.record.weight(now);
            let repetition = repetition_milli(entry.count.log2());
            let age = now.as_millis().saturating_sub(entry.observed().as_millis());
            let decay = decay_ppm(age, half_life(entry.behaviour, &subject.indicator));
            let uncapped = weight * i64::from(entry.confidence) * repetition * decay / (100 * MILLI * PPM);
            weighed.push(Weighed {
                entry,
                reporter,
                sighting,
                weight,
                repetition,
                decay,
                uncapped,
            });
        }
        if weighed.len() > 1 {
            weighed.sort_unstable_by_key(|one| (one.entry.arrived, one.sighting));
        }
        weighed
    }

    /// The sums of all partitions over the statements that `counts` admits.
    pub(super) fn sums(
        &self,
        weighed: &[Weighed<'_>],
        now: Timestamp,
        counts: impl Fn(&Weighed<'_>) -> bool,
    ) -> Sums {
        let all = Partition::ALL.map(|partition| {
            let group = |one: &Weighed<'_>| group_number(partition, one, now);
            let cap = |one: &Weighed<'_>| cap_of(partition, one, &self.suspected);
            sum(
                weighed,
                |one| one.reporter.is_anchored() && counts(one),
                group,
                cap,
            )
        });
        let least = Partition::ALL
            .into_iter()
            .zip(&all)
            .min_by_key(|(_, sum)| sum.score)
            .map_or((Partition::Voucher, 0), |(partition, sum)| (partition, sum.score));
        Sums {
            all,
            least: least.0,
            score: least.1,
        }
    }

    /// What those say together whom no anchor reaches: one group, shown only.
    pub(super) fn unanchored(weighed: &[Weighed<'_>]) -> i64 {
        sum(weighed, |one| !one.reporter.is_anchored(), |_| 0, |_| KAPPA).score
    }

    /// What the disputers weigh together, with the same groups and caps as the reporters.
    pub(super) fn disputes(&self, subject: &Subject, now: Timestamp) -> i64 {
        let mut said = Vec::with_capacity(subject.objections().len());
        for objection in subject.objections() {
            let Some(reporter) = self.reporters.get(objection.reporter) else {
                continue;
            };
            let age = now
                .as_millis()
                .saturating_sub(i64::from(objection.at).saturating_mul(MILLI));
            let value = reporter.record.weight(now) * decay_ppm(age, DISPUTE_HALF_LIFE) / PPM;
            if reporter.is_anchored() {
                said.push((reporter, value));
            }
        }
        let capped = |group: &dyn Fn(&Reporter) -> u32| {
            let mut values: Vec<_> = said
                .iter()
                .map(|(reporter, value)| (group(reporter), *value))
                .collect();
            values.sort_unstable();
            let chunks = values.chunk_by(|left, right| left.0 == right.0);
            chunks
                .map(|group| group.iter().map(|(_, value)| value).sum::<i64>().min(KAPPA))
                .sum::<i64>()
        };
        capped(&|reporter| reporter.voucher)
            .min(capped(&|reporter| reporter.operator))
            .min(capped(&|reporter| reporter.cluster(now)))
    }

    /// The group of a statement in a partition, by name.
    pub(super) fn group_of(&self, partition: Partition, one: &Weighed<'_>, now: Timestamp) -> Group {
        if !one.reporter.is_anchored() {
            return Group::Unanchored;
        }
        match partition {
            Partition::Rule if is_unknown(one.entry.rule) => Group::Unknown,
            Partition::Rule => Group::Rule(one.entry.rule),
            _ => {
                let number = group_number(partition, one, now);
                u32::try_from(number).map_or(Group::Unknown, |number| self.reporters.group(number))
            }
        }
    }
}

// === impl Sums ===

impl Sums {
    pub(super) fn of(&self, partition: Partition) -> &Sum {
        let [voucher, operator, cluster, country, asn, rule] = &self.all;
        match partition {
            Partition::Voucher => voucher,
            Partition::Operator => operator,
            Partition::Cluster => cluster,
            Partition::Country => country,
            Partition::Asn => asn,
            Partition::Rule => rule,
        }
    }

    /// Independent groups: the fewest over the partitions with the hard cap.
    pub(super) fn groups(&self) -> usize {
        let hard = [Partition::Voucher, Partition::Operator, Partition::Cluster];
        hard.into_iter()
            .map(|partition| self.of(partition).groups)
            .min()
            .unwrap_or(0)
    }
}

/// The name of a statement.
pub(super) fn sighting(entry: &Entry, reporter: &Reporter) -> SightingId {
    SightingId {
        publisher: reporter.key(entry.key),
        epoch: entry.epoch,
        seq: entry.seq,
        row: entry.row,
    }
}

fn is_unknown(rule: RuleHash) -> bool {
    rule.0 == [0; RuleHash::WIDTH]
}

fn group_number(partition: Partition, one: &Weighed<'_>, now: Timestamp) -> u64 {
    let reporter = one.reporter;
    u64::from(match partition {
        Partition::Voucher => reporter.voucher,
        Partition::Operator => reporter.operator,
        Partition::Cluster => reporter.cluster(now),
        Partition::Country => reporter.country,
        Partition::Asn => reporter.asn,
        Partition::Rule => return u64::from_be_bytes(one.entry.rule.0),
    })
}

/// A rule that nobody names, or that is under suspicion, falls to the cap of one group.
fn cap_of(partition: Partition, one: &Weighed<'_>, suspected: &HashSet<RuleHash>) -> i64 {
    let rule = one.entry.rule;
    match partition {
        Partition::Rule if is_unknown(rule) || suspected.contains(&rule) => KAPPA,
        _ => partition.cap(),
    }
}

/// The sum over groups of `min(cap, sum over reporters of the strongest statement)`. Within a group the strongest
/// reporters are counted first, ties by arrival, until the cap is reached.
fn sum<'a>(
    weighed: &[Weighed<'a>],
    counts: impl Fn(&Weighed<'a>) -> bool,
    group: impl Fn(&Weighed<'a>) -> u64,
    cap: impl Fn(&Weighed<'a>) -> i64,
) -> Sum {
    let mut result = Sum {
        shares: vec![(0, None); weighed.len()],
        ..Sum::default()
    };
    let mut ordered: Vec<_> = weighed
        .iter()
        .enumerate()
        .filter(|(_, one)| counts(one) && one.uncapped > 0)
        .map(|(place, one)| (group(one), one.entry.reporter, Reverse(one.uncapped), place))
        .collect();
    ordered.sort_unstable();
    ordered.dedup_by_key(|(group, reporter, ..)| (*group, *reporter));
    ordered.sort_unstable_by_key(|(group, _, value, place)| (*group, *value, *place));
    for members in ordered.chunk_by(|left, right| left.0 == right.0) {
        let mut left = members
            .first()
            .and_then(|first| weighed.get(first.3))
            .map_or(0, &cap);
        let limit = left;
        for (_, _, Reverse(value), place) in members {
            let counted = (*value).min(left);
            left -= counted;
            result.score += counted;
            if let Some(share) = result.shares.get_mut(*place) {
                *share = (counted, (counted < *value).then_some(limit));
            }
        }
        result.groups += 1;
    }
    result
}
