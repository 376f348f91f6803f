//! Which vouches count, and when: within the budgets, before their end and their withdrawal.
//!
//! Budgets are counted along signed times: of each voucher and quarter the first so many organisations, and of those at
//! any moment the first so many that are live. So everybody counts alike, whatever arrived first, and a vouch that is
//! withdrawn stays spent for its quarter. Deliberately absent: whether the voucher himself is admitted (`derive`).

use std::collections::{BTreeMap, BTreeSet};

use super::intervals::Intervals;
use super::seeds::Seeds;
use super::shelf::Shelf;
use crate::constants::{
    MEMBER_VOUCHES_LIVE, MEMBER_VOUCHES_PER_QUARTER, QUARTER_MILLIS, SEED_VOUCHES_PER_QUARTER,
};
use crate::wire::{Labels, PublicKey, Statement, StatementId, Timestamp};

/// A vouch that counts for some time.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) id: StatementId,
    pub(super) voucher: PublicKey,
    pub(super) subject: PublicKey,
    pub(super) name: Box<str>,
    pub(super) labels: Labels,
    pub(super) issued: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) during: Intervals,
}

type Withdrawals = BTreeMap<(PublicKey, PublicKey, u64), Timestamp>;

/// All vouches that count for some time, given who the seeds are. No time in a statement can be trusted; one before the
/// network began is certainly wrong, and means the beginning: so nobody spends quarters that the network never had.
pub(super) fn counted(shelf: &Shelf, seeds: &Seeds, began: Timestamp) -> Vec<Counted> {
    let withdrawn = withdrawals(shelf);
    let mut by_voucher: BTreeMap<PublicKey, Vec<Counted>> = BTreeMap::new();
    for (id, statement) in shelf.iter() {
        let Statement::Vouch(vouch) = statement else {
            continue;
        };
        if vouch.voucher == vouch.subject {
            continue;
        }
        let end = withdrawn
            .get(&(vouch.voucher, vouch.subject, vouch.serial))
            .map_or(vouch.expires, |at| vouch.expires.min(began.max(*at)));
        let issued = vouch.issued.max(began);
        by_voucher.entry(vouch.voucher).or_default().push(Counted {
            id: *id,
            voucher: vouch.voucher,
            subject: vouch.subject,
            name: vouch.name.clone(),
            labels: vouch.labels,
            issued,
            expires: vouch.expires,
            during: Intervals::between(issued, end),
        });
    }
    let mut all = Vec::new();
    for (voucher, mut vouches) in by_voucher {
        vouches.sort_unstable_by_key(|vouch| (vouch.issued, vouch.id));
        let term = seeds.term(&voucher);
        let (mut as_seed, mut as_member): (Vec<_>, Vec<_>) =
            vouches.into_iter().partition(|vouch| term.contains(vouch.issued));
        within_quarters(&mut as_seed, SEED_VOUCHES_PER_QUARTER);
        within_quarters(&mut as_member, MEMBER_VOUCHES_PER_QUARTER);
        within_live(&mut as_member);
        let vouches = as_seed.into_iter().chain(as_member);
        all.extend(vouches.filter(|vouch| !vouch.during.is_never()));
    }
    all
}

/// The earliest withdrawal holds.
fn withdrawals(shelf: &Shelf) -> Withdrawals {
    let mut withdrawn = Withdrawals::new();
    for (_, statement) in shelf.iter() {
        if let Statement::Withdrawal(withdrawal) = statement {
            let key = (withdrawal.voucher, withdrawal.subject, withdrawal.serial);
            let at = withdrawn.entry(key).or_insert(withdrawal.at);
            *at = withdrawal.at.min(*at);
        }
    }
    withdrawn
}

/// Keeps the first `budget` subjects of each quarter. The vouches are in the order of issue.
fn within_quarters(vouches: &mut Vec<Counted>, budget: usize) {
    let mut spent: BTreeMap<i64, BTreeSet<PublicKey>> = BTreeMap::new();
    vouches.retain(|vouch| {
        let quarter = spent
            .entry(vouch.issued.as_millis().div_euclid(QUARTER_MILLIS))
            .or_default();
        let fits = quarter.contains(&vouch.subject) || quarter.len() < budget;
        if fits {
            quarter.insert(vouch.subject);
        }
        fits
    });
}

/// At every moment the first so many subjects in the order of issue. A later vouch counts in the time that the earlier
/// ones leave it.
fn within_live(vouches: &mut [Counted]) {
    let mut live: BTreeMap<PublicKey, Intervals> = BTreeMap::new();
    for vouch in vouches {
        // What has ended by now cannot meet any that follows: without this, old vouches cost as much as live ones.
        live.retain(|_, during| !during.has_ended(vouch.issued));
        let others: Vec<Intervals> = live
            .iter()
            .filter(|(subject, _)| **subject != vouch.subject)
            .map(|(_, during)| during.clone())
            .collect();
        let full = Intervals::at_least(MEMBER_VOUCHES_LIVE, &others);
        vouch.during = vouch.during.without(&full);
        let known = live.entry(vouch.subject).or_default();
        *known = Intervals::any(&[known.clone(), vouch.during.clone()]);
    }
}
