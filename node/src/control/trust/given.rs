//! The vouches of one organisation, given and received: which count, until when, and what is left of its budget.

use std::collections::BTreeSet;

use serde::Serialize;
use vigie_gossip_core::Directory;
use vigie_gossip_core::constants::{
    MEMBER_VOUCHES_LIVE, MEMBER_VOUCHES_PER_QUARTER, QUARTER_MILLIS, SEED_VOUCHES_PER_QUARTER,
};
use vigie_wire::{OrgId, PublicKey, Statement, StatementId, Timestamp, Vouch};

/// One vouch, as the other side of it sees it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Given {
    /// The other one.
    pub(super) organisation: OrgId,
    pub(super) key: PublicKey,
    /// What the voucher calls the subject.
    pub(super) name: Box<str>,
    pub(super) issued: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) serial: u64,
    /// Whether it counts now.
    pub(super) counts: bool,
    /// Why not.
    pub(super) why_not: Option<&'static str>,
}

/// All of one organisation's.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Vouches {
    pub(super) given: Vec<Given>,
    pub(super) received: Vec<Given>,
    /// Organisations that it vouches for now.
    pub(super) live: usize,
    /// At most so many; a seed has no such bound.
    pub(super) live_budget: Option<usize>,
    /// Organisations that it vouched for in this quarter, withdrawn ones too.
    pub(super) quarter: usize,
    /// At most so many.
    pub(super) quarter_budget: usize,
}

/// Those of `key` at `now`. Costs a walk over the statements.
pub(super) fn vouches(directory: &Directory, key: &PublicKey, now: Timestamp) -> Vouches {
    let org = key.org_id();
    let seed = directory.organisation(org).is_some_and(|org| org.seed);
    let counting: BTreeSet<StatementId> = directory
        .vouches(now)
        .filter(|edge| edge.from == org || edge.to == org)
        .map(|edge| edge.id)
        .collect();
    let withdrawn: BTreeSet<(PublicKey, PublicKey, u64)> = directory
        .statements()
        .filter_map(|statement| match statement {
            Statement::Withdrawal(taken) if taken.at <= now => {
                Some((taken.voucher, taken.subject, taken.serial))
            }
            _ => None,
        })
        .collect();
    let mut all = Vouches {
        live_budget: (!seed).then_some(MEMBER_VOUCHES_LIVE),
        quarter_budget: if seed {
            SEED_VOUCHES_PER_QUARTER
        } else {
            MEMBER_VOUCHES_PER_QUARTER
        },
        ..Vouches::default()
    };
    let (mut live, mut quarter) = (BTreeSet::new(), BTreeSet::new());
    for statement in directory.statements() {
        let Statement::Vouch(vouch) = statement else {
            continue;
        };
        let told = |other: PublicKey| {
            let counts = counting.contains(&statement.id());
            let taken_back = withdrawn.contains(&(vouch.voucher, vouch.subject, vouch.serial));
            Given {
                organisation: other.org_id(),
                key: other,
                name: vouch.name.clone(),
                issued: vouch.issued,
                expires: vouch.expires,
                serial: vouch.serial,
                counts,
                why_not: (!counts).then(|| why_not(vouch, taken_back, now)),
            }
        };
        if vouch.voucher == *key {
            let given = told(vouch.subject);
            if given.counts {
                live.insert(vouch.subject);
            }
            if quarter_of(vouch.issued) == quarter_of(now) {
                quarter.insert(vouch.subject);
            }
            all.given.push(given);
        } else if vouch.subject == *key {
            all.received.push(told(vouch.voucher));
        }
    }
    (all.live, all.quarter) = (live.len(), quarter.len());
    for list in [&mut all.given, &mut all.received] {
        list.sort_unstable_by_key(|one| (!one.counts, one.issued, one.serial));
    }
    all
}

fn quarter_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(QUARTER_MILLIS)
}

fn why_not(vouch: &Vouch, taken_back: bool, now: Timestamp) -> &'static str {
    if taken_back {
        "withdrawn"
    } else if vouch.expires <= now {
        "expired"
    } else if vouch.issued > now {
        "not in force yet"
    } else {
        "beyond the voucher's budget, or the voucher was not entitled to vouch"
    }
}
