//! From who is to be kept out and what the kernel holds to transactions. Pure.
//!
//! Before: the client's table, and [`Mirror`], what we know the kernel to hold. After: [`crate::apply`]. Adding
//! comes before changing, changing before taking out; each transaction is small, and at every border between
//! two transactions everybody who belongs out is out.

mod mirror;
mod pack;

use std::net::IpAddr;

use vigie_bouncer_client::span::Family;
use vigie_bouncer_client::{Moment, Span, Term};

use crate::transaction::{Element, Set, Transaction};

pub use mirror::Mirror;
use pack::{Unit, pack};

/// Most entries of element lists in a transaction: small enough for the socket buffers of a user namespace.
pub const CHUNK: usize = 2_000;

/// Ends that lie no further apart are the same: remaining durations are told in whole seconds and travel.
pub const SLACK_SECS: u32 = 2;

/// An element so close to its end may vanish while we speak. Taking out what is gone would fail the whole
/// transaction, so it is put in once more before it is taken out.
const LAPSE_SECS: u32 = 5;

/// For single addresses, each with how long it is to be kept out (`None`: no longer).
pub fn addresses(
    wanted: impl IntoIterator<Item = (IpAddr, Option<Term>)>,
    mirror: &Mirror,
    now: Moment,
) -> Vec<Transaction> {
    let mut units = Vec::new();
    for (address, term) in wanted {
        let set = mirror.generation().of(address);
        let old = mirror.term(address).map(|term| Element::single(address, term));
        let new = term
            .filter(|term| term.until > now)
            .map(|term| Element::single(address, term));
        match (old, new) {
            (None, None) => {}
            (Some(old), Some(new)) if same(old.term, new.term) => {}
            (old, new) => units.push(unit(set, old.as_slice(), new.as_slice(), now)),
        }
    }
    pack(units, CHUNK)
}

/// For the ranges of one family: the disjoint spans that are to be in the kernel.
pub fn ranges(wanted: &[Span], family: Family, mirror: &Mirror, now: Moment) -> Vec<Transaction> {
    let held = mirror.spans(family);
    let equal = |a: &Span, b: &Span| a.first == b.first && a.last == b.last && same(a.term, b.term);
    let has = |list: &[Span], span: &Span| {
        let place = list.binary_search_by_key(&span.first, |other| other.first).ok();
        place
            .and_then(|place| list.get(place))
            .is_some_and(|other| equal(other, span))
    };
    let old = held
        .iter()
        .filter(|span| !has(wanted, span))
        .map(|span| (*span, false));
    let new = wanted
        .iter()
        .filter(|span| !has(&held, span))
        .map(|span| (*span, true));
    let mut differing: Vec<(Span, bool)> = old.chain(new).collect();
    differing.sort_unstable();
    let units = clusters(&differing).into_iter().map(|cluster| {
        let pick = |new: bool| -> Vec<Element> {
            cluster
                .iter()
                .filter(|(_, is_new)| *is_new == new)
                .map(|(span, _)| element(family, *span))
                .collect()
        };
        unit(mirror.generation().ranges(family), &pick(false), &pick(true), now)
    });
    pack(units.collect(), CHUNK)
}

/// Whether nobody could tell the two apart.
pub fn same(one: Term, other: Term) -> bool {
    one.origin == other.origin && one.until.distance_secs(other.until) <= SLACK_SECS
}

/// Old and new spans that overlap must change together: the kernel refuses overlaps, and between two
/// transactions the addresses would be free.
fn clusters(sorted: &[(Span, bool)]) -> Vec<&[(Span, bool)]> {
    let mut out = Vec::new();
    let mut begin = 0;
    let mut reach = 0;
    for (index, (span, _)) in sorted.iter().enumerate() {
        if index > begin && span.first > reach {
            out.extend(sorted.get(begin..index));
            begin = index;
        }
        reach = if index == begin {
            span.last
        } else {
            reach.max(span.last)
        };
    }
    out.extend(sorted.get(begin..).filter(|rest| !rest.is_empty()));
    out
}

fn element(family: Family, span: Span) -> Element {
    Element {
        first: family.address(span.first),
        last: family.address(span.last),
        term: span.term,
    }
}

fn unit(set: Set, old: &[Element], new: &[Element], now: Moment) -> Unit {
    let lapsing = |element: &&Element| element.term.until.secs_after(now) <= LAPSE_SECS;
    let touch = old.iter().filter(lapsing).map(|element| Element {
        term: Term {
            until: now.plus_secs(LAPSE_SECS),
            ..element.term
        },
        ..*element
    });
    Unit {
        set,
        touch: touch.collect(),
        delete: old.to_vec(),
        add: new.to_vec(),
    }
}

#[cfg(test)]
mod tests;
