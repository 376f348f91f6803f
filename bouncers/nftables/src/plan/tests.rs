//! The plan, exactly: transactions are compared as the text that nft would read.

use proptest::prelude::*;
use vigie_bouncer_client::Origin;
use vigie_bouncer_client::span::flatten;

use super::*;
use crate::text::render;
use crate::transaction::Op;

const NOW: Moment = Moment::from_secs(1_000);

fn at(secs: u32) -> Term {
    by(Origin::Mesh, secs)
}

fn by(origin: Origin, secs: u32) -> Term {
    Term {
        until: NOW.plus_secs(secs),
        origin,
    }
}

fn mirror(elements: &[(&str, u32)]) -> Mirror {
    let mut mirror = Mirror::default();
    for (text, secs) in elements {
        let address = text.parse().unwrap();
        mirror.insert(
            mirror.generation().of(address),
            &Element::single(address, at(*secs)),
        );
    }
    mirror
}

fn check(held: &[(&str, u32)], wanted: &[(&str, Option<u32>)], expected: &[&str]) {
    let wanted = wanted
        .iter()
        .map(|(text, secs)| (text.parse().unwrap(), secs.map(at)));
    let planned = addresses(wanted, &mirror(held), NOW);
    let text: Vec<String> = planned.iter().map(|one| render(one, "t", NOW)).collect();
    assert_eq!(text, expected);
}

#[test]
fn new_addresses_are_added_in_one_transaction() {
    check(
        &[],
        &[
            ("192.0.2.1", Some(60)),
            ("2001:db8::1", Some(3_600)),
            ("192.0.2.2", Some(7)),
            ("192.0.2.3", Some(0)),
        ],
        &[
            "add element inet t banned_v4_0 { 192.0.2.1 timeout 1m0s : \"mesh_v4\", 192.0.2.2 timeout 7s : \"mesh_v4\" }\n\
           add element inet t banned_v6_0 { 2001:db8::1 timeout 1h0m0s : \"mesh_v6\" }\n",
        ],
    );
}

#[test]
fn what_the_kernel_holds_already_is_left_alone() {
    check(
        &[("192.0.2.1", 60), ("192.0.2.2", 62)],
        &[
            ("192.0.2.1", Some(60)),
            ("192.0.2.2", Some(60)),
            ("192.0.2.9", None),
        ],
        &[],
    );
}

#[test]
fn an_extended_decision_replaces_the_timeout_atomically() {
    check(
        &[("192.0.2.1", 60)],
        &[("192.0.2.1", Some(600))],
        &[
            "delete element inet t banned_v4_0 { 192.0.2.1 }\nadd element inet t banned_v4_0 { 192.0.2.1 timeout 10m0s : \"mesh_v4\" }\n",
        ],
    );
}

#[test]
fn an_element_changes_its_origin_atomically() {
    let wanted = [("192.0.2.1".parse().unwrap(), Some(by(Origin::Sensor, 60)))];
    let planned = addresses(wanted, &mirror(&[("192.0.2.1", 60)]), NOW);
    let text: Vec<String> = planned.iter().map(|one| render(one, "t", NOW)).collect();
    let expected = "delete element inet t banned_v4_0 { 192.0.2.1 }\n\
        add element inet t banned_v4_0 { 192.0.2.1 timeout 1m0s : \"sensor_v4\" }\n";
    assert_eq!(text, [expected]);
}

#[test]
fn an_element_about_to_lapse_is_put_in_before_it_is_taken_out() {
    check(
        &[("192.0.2.1", 1), ("192.0.2.2", 5)],
        &[("192.0.2.1", Some(600)), ("192.0.2.2", None)],
        &[
            "add element inet t banned_v4_0 { 192.0.2.1 timeout 5s : \"mesh_v4\" }\n\
             delete element inet t banned_v4_0 { 192.0.2.1 }\n\
             add element inet t banned_v4_0 { 192.0.2.1 timeout 10m0s : \"mesh_v4\" }\n",
            "add element inet t banned_v4_0 { 192.0.2.2 timeout 5s : \"mesh_v4\" }\ndelete element inet t banned_v4_0 { 192.0.2.2 }\n",
        ],
    );
}

#[test]
fn adding_comes_before_changing_and_changing_before_taking_out() {
    check(
        &[("192.0.2.1", 60), ("192.0.2.2", 60)],
        &[
            ("192.0.2.1", None),
            ("192.0.2.2", Some(90)),
            ("192.0.2.3", Some(90)),
        ],
        &[
            "add element inet t banned_v4_0 { 192.0.2.3 timeout 1m30s : \"mesh_v4\" }\n",
            "delete element inet t banned_v4_0 { 192.0.2.2 }\nadd element inet t banned_v4_0 { 192.0.2.2 timeout 1m30s : \"mesh_v4\" }\n",
            "delete element inet t banned_v4_0 { 192.0.2.1 }\n",
        ],
    );
}

#[test]
fn transactions_are_bounded() {
    let wanted = (0..5_000_u32).map(|n| (Family::V4.address(u128::from(n) + 0x0a00_0000), Some(at(60))));
    let planned = addresses(wanted, &Mirror::default(), NOW);
    let weights: Vec<usize> = planned.iter().map(Transaction::weight).collect();
    assert_eq!(weights, [2_000, 2_000, 1_000]);
}

fn span(first: u128, last: u128, secs: u32) -> Span {
    Span {
        first: 0xc000_0200 + first,
        last: 0xc000_0200 + last,
        term: at(secs),
    }
}

fn holding(spans: &[Span]) -> Mirror {
    let mut mirror = Mirror::default();
    for span in spans {
        mirror.insert(
            mirror.generation().ranges(Family::V4),
            &element(Family::V4, *span),
        );
    }
    mirror
}

fn check_ranges(held: &[Span], wanted: &[Span], expected: &[&str]) {
    let planned = ranges(wanted, Family::V4, &holding(held), NOW);
    let text: Vec<String> = planned.iter().map(|one| render(one, "t", NOW)).collect();
    assert_eq!(text, expected);
}

#[test]
fn overlapping_ranges_change_together_and_others_apart() {
    check_ranges(
        &[span(0, 127, 60), span(200, 207, 60), span(240, 247, 60)],
        &[
            span(0, 63, 60),
            span(64, 191, 90),
            span(240, 247, 61),
            span(248, 255, 90),
        ],
        &[
            "add element inet t banned_v4_ranges_0 { 192.0.2.248-192.0.2.255 timeout 1m30s : \"mesh_v4\" }\n",
            "delete element inet t banned_v4_ranges_0 { 192.0.2.0-192.0.2.127 }\n\
             add element inet t banned_v4_ranges_0 { 192.0.2.0-192.0.2.63 timeout 1m0s : \"mesh_v4\", 192.0.2.64-192.0.2.191 timeout 1m30s : \"mesh_v4\" }\n",
            "delete element inet t banned_v4_ranges_0 { 192.0.2.200-192.0.2.207 }\n",
        ],
    );
}

#[test]
fn nothing_to_do_is_nothing_done() {
    check_ranges(&[span(0, 9, 60)], &[span(0, 9, 60)], &[]);
    check_ranges(&[], &[], &[]);
}

fn some_spans() -> impl Strategy<Value = Vec<Span>> {
    let one =
        (0_u128..200, 1_u128..40, 10_u32..400).prop_map(|(first, len, secs)| span(first, first + len, secs));
    proptest::collection::vec(one, 0..15).prop_map(|spans| flatten(spans, &[]))
}

/// Carries a transaction out as strictly as the kernel: no overlap, nothing taken out that is not there.
fn carry_out(held: &mut Vec<Span>, transaction: &Transaction) {
    for op in &transaction.ops {
        match op {
            Op::AddElements(_, elements) => {
                for one in elements {
                    let (first, last) = one.numbers();
                    let new = Span {
                        first,
                        last,
                        term: one.term,
                    };
                    assert!(
                        !held.iter().any(|old| old.overlaps(&new)),
                        "overlap: {new:?} in {held:?}"
                    );
                    held.push(new);
                }
            }
            Op::DeleteElements(_, elements) => {
                for one in elements {
                    let place = held.iter().position(|old| (old.first, old.last) == one.numbers());
                    held.remove(place.expect("taken out what is not there"));
                }
            }
            _ => unreachable!("ranges only add and delete elements"),
        }
    }
}

proptest! {
    #[test]
    fn ranges_end_up_as_wanted_and_nobody_slips_through(before in some_spans(), after in some_spans()) {
        let mut held = before.clone();
        let mut mirror = holding(&before);
        let covered = |spans: &[Span], n: u128| spans.iter().any(|span| span.first <= n && n <= span.last);
        let planned = ranges(&after, Family::V4, &mirror, NOW);
        for transaction in &planned {
            prop_assert!(transaction.weight() <= CHUNK);
            carry_out(&mut held, transaction);
            mirror.record(transaction);
            for n in 0xc000_0200..0xc000_0300 {
                let always = covered(&before, n) && covered(&after, n);
                prop_assert!(!always || covered(&held, n), "{n} was free for a while");
            }
        }
        held.sort_unstable();
        prop_assert_eq!(mirror.spans(Family::V4), held);
        prop_assert!(ranges(&after, Family::V4, &mirror, NOW).is_empty());
    }
}
