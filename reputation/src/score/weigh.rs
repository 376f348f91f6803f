//! What is said of a subject weighs so much now: each statement, each partition, and the minimum over these.
//!
//! Within a group a reporter counts with the strongest of his statements, and the group with its cap at most. Adding a
//! statement therefore never lowers any sum. Deliberately absent: thresholds.

use std::cmp::Reverse;

use hashbrown::HashSet;
use vigie_wire::{RuleHash, SightingId, Timestamp};

use super::Scorer;
use super::renew::Renewals;
use crate::constants::{KAPPA, half_life};
use crate::fixed::{MILLI, PPM, decay_ppm, repetition_milli};
use crate::partition::{Group, Partition};
use crate::reporter::{Reporter, ReporterIndex};
use crate::subject::{Entry, Subject};

/// One live statement, weighed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed<'a> {
    pub(super) entry: &'a Entry,
    pub(super) reporter: &'a Reporter,
    pub(super) sighting: SightingId,
    pub(super) weight: i64,
    pub(super) repetition: i64,
    /// Since when it decays.
    pub(super) observed: Timestamp,
    pub(super) half_life: i64,
    pub(super) decay: i64,
    pub(super) uncapped: i64,
}

/// What a partition lets the score be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) score: i64,
    pub(super) groups: usize,
}

/// What counts of one statement, and the cap that cut it.
pub(super) type Share = (i64, Option<i64>);

/// Sums over all partitions, in their order, and which of them is the least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) all: [Sum; Partition::ALL.len()],
    pub(super) least: Partition,
    pub(super) score: i64,
}

/// A statement in its group: group, reporter, value (the largest first), place in the list.
type Ranked = (u64, ReporterIndex, Reverse<i64>, usize);

// === impl Scorer ===

impl Scorer {
    /// Every live statement on a subject, by arrival, ties by name.
    pub(super) fn weigh<'a>(&'a self, subject: &'a Subject, now: Timestamp) -> Vec<Weighed<'a>> {
        let mut weighed = Vec::with_capacity(subject.len());
        let renewals = Renewals::of(self, subject, now);
        for entry in subject.entries() {
            let Some(reporter) = self.reporters.get(entry.reporter) else {
                continue;
            };
            let sighting = sighting(entry, reporter);
            if self.is_out(&sighting, now) || !entry.is_live(&subject.indicator, now) {
                continue;
            }
            let weight = reporter.record.weight(now);
            let repetition = repetition_milli(entry.count.log2());
            let observed = renewals.since(entry, reporter);
            let age = now.as_millis().saturating_sub(observed.as_millis());
            let half_life = half_life(entry.behaviour, &subject.indicator);
            let decay = decay_ppm(age, half_life);
            let uncapped = weight * i64::from(entry.confidence) * repetition * decay / (100 * MILLI * PPM);
            weighed.push(Weighed {
                entry,
                reporter,
                sighting,
                weight,
                repetition,
                observed,
                half_life,
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
        let mut ranked = Vec::with_capacity(weighed.len());
        // Without newcomers the groups by anchor are those by voucher.
        let newcomers = weighed.iter().any(|one| one.reporter.is_newcomer());
        let mut by_voucher = Sum::default();
        let all = Partition::ALL.map(|partition| {
            if partition == Partition::Anchor && !newcomers {
                return by_voucher;
            }
            let group = |one: &Weighed<'_>| group_number(partition, one, now);
            rank(
                weighed,
                |one| one.reporter.is_anchored() && counts(one),
                group,
                &mut ranked,
            );
            let found = sum(
                weighed,
                &ranked,
                |one| cap_of(partition, one, &self.suspected),
                |_, _| {},
            );
            if partition == Partition::Voucher {
                by_voucher = found;
            }
            found
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

    /// What counts of each statement in one partition. They add up to its sum.
    pub(super) fn shares(&self, weighed: &[Weighed<'_>], partition: Partition, now: Timestamp) -> Vec<Share> {
        let mut shares = vec![(0, None); weighed.len()];
        let mut ranked = Vec::with_capacity(weighed.len());
        let group = |one: &Weighed<'_>| group_number(partition, one, now);
        rank(weighed, |one| one.reporter.is_anchored(), group, &mut ranked);
        sum(
            weighed,
            &ranked,
            |one| cap_of(partition, one, &self.suspected),
            |place, share| {
                if let Some(slot) = shares.get_mut(place) {
                    *slot = share;
                }
            },
        );
        shares
    }

    /// What those say together whom no anchor reaches: one group, shown only.
    pub(super) fn unanchored(weighed: &[Weighed<'_>]) -> i64 {
        if weighed.iter().all(|one| one.reporter.is_anchored()) {
            return 0;
        }
        let mut ranked = Vec::with_capacity(weighed.len());
        rank(weighed, |one| !one.reporter.is_anchored(), |_| 0, &mut ranked);
        sum(weighed, &ranked, |_| KAPPA, |_, _| {}).score
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
    pub(super) fn of(&self, partition: Partition) -> Sum {
        let [voucher, anchor, operator, cluster, country, asn, rule] = self.all;
        match partition {
            Partition::Voucher => voucher,
            Partition::Anchor => anchor,
            Partition::Operator => operator,
            Partition::Cluster => cluster,
            Partition::Country => country,
            Partition::Asn => asn,
            Partition::Rule => rule,
        }
    }

    /// Independent groups: the fewest over the partitions with the hard cap.
    pub(super) fn groups(&self) -> usize {
        Partition::HARD
            .into_iter()
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
        Partition::Anchor => reporter.by_anchor(),
        Partition::Operator => reporter.operator,
        Partition::Cluster => reporter.cluster(now),
        Partition::Country => reporter.country,
        Partition::Asn => reporter.asn,
        Partition::Rule => return u64::from_be_bytes(one.entry.rule.0),
    })
}

/// A rule that nobody names, or that is under suspicion, falls to the cap of one group.
pub(super) fn cap_of(partition: Partition, one: &Weighed<'_>, suspected: &HashSet<RuleHash>) -> i64 {
    let rule = one.entry.rule;
    match partition {
        Partition::Rule if is_unknown(rule) || suspected.contains(&rule) => KAPPA,
        _ => partition.cap(),
    }
}

/// The statements that count, by group, the strongest of each reporter only, strong ones first, ties by arrival.
fn rank<'a>(
    weighed: &[Weighed<'a>],
    counts: impl Fn(&Weighed<'a>) -> bool,
    group: impl Fn(&Weighed<'a>) -> u64,
    ranked: &mut Vec<Ranked>,
) {
    ranked.clear();
    let counted = weighed
        .iter()
        .enumerate()
        .filter(|(_, one)| one.uncapped > 0 && counts(one));
    ranked.extend(counted.map(|(place, one)| (group(one), one.entry.reporter, Reverse(one.uncapped), place)));
    if ranked.len() > 1 {
        ranked.sort_unstable();
        ranked.dedup_by_key(|(group, reporter, ..)| (*group, *reporter));
        ranked.sort_unstable_by_key(|(group, _, value, place)| (*group, *value, *place));
    }
}

/// The sum over groups of `min(cap, sum over reporters)`, telling what it takes of each statement.
fn sum<'a>(
    weighed: &[Weighed<'a>],
    ranked: &[Ranked],
    cap: impl Fn(&Weighed<'a>) -> i64,
    mut takes: impl FnMut(usize, Share),
) -> Sum {
    let mut result = Sum::default();
    for members in ranked.chunk_by(|left, right| left.0 == right.0) {
        let limit = members
            .first()
            .and_then(|first| weighed.get(first.3))
            .map_or(0, &cap);
        let mut left = limit;
        for (_, _, Reverse(value), place) in members {
            let counted = (*value).min(left);
            left -= counted;
            result.score += counted;
            takes(*place, (counted, (counted < *value).then_some(limit)));
        }
        result.groups += 1;
    }
    result
}
