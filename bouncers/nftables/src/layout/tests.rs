//! The table, exactly, as the text that nft would read.

use vigie_bouncer_client::Moment;

use super::*;
use crate::text::render;

fn layout() -> Layout {
    Layout {
        hooks: vec![Hook::Input],
        priority: -10,
    }
}

fn nft(transaction: &Transaction) -> String {
    render(transaction, "t", Moment::from_secs(0))
}

fn generations(numbers: &[u32]) -> Vec<Set> {
    let name = |number| Set::named(&format!("vigie_v4_{number}")).unwrap();
    numbers
        .iter()
        .flat_map(|number| name(number).generation.sets())
        .collect()
}

#[test]
fn a_new_generation_is_in_force_beside_the_old() {
    let found = Found {
        chains: vec![Hook::Forward, Hook::Input],
        sets: generations(&[7]),
    };
    let renewal = layout().renew(&found);
    let expected = r#"add table inet t
add counter inet t vigie_v4
add counter inet t vigie_v6
add counter inet t vigie_v4_ranges
add counter inet t vigie_v6_ranges
add set inet t vigie_v4_8 { type ipv4_addr; flags timeout; }
add set inet t vigie_v6_8 { type ipv6_addr; flags timeout; }
add set inet t vigie_v4_ranges_8 { type ipv4_addr; flags interval, timeout; }
add set inet t vigie_v6_ranges_8 { type ipv6_addr; flags interval, timeout; }
flush chain inet t forward
delete chain inet t forward
flush chain inet t input
delete chain inet t input
add chain inet t input { type filter hook input priority -10; policy accept; }
add rule inet t input ip saddr @vigie_v4_7 counter name "vigie_v4" drop
add rule inet t input ip6 saddr @vigie_v6_7 counter name "vigie_v6" drop
add rule inet t input ip saddr @vigie_v4_ranges_7 counter name "vigie_v4_ranges" drop
add rule inet t input ip6 saddr @vigie_v6_ranges_7 counter name "vigie_v6_ranges" drop
add rule inet t input ip saddr @vigie_v4_8 counter name "vigie_v4" drop
add rule inet t input ip6 saddr @vigie_v6_8 counter name "vigie_v6" drop
add rule inet t input ip saddr @vigie_v4_ranges_8 counter name "vigie_v4_ranges" drop
add rule inet t input ip6 saddr @vigie_v6_ranges_8 counter name "vigie_v6_ranges" drop
"#;
    assert_eq!(nft(&renewal.transaction), expected);
    assert_eq!(renewal.older, generations(&[7]));
}

#[test]
fn the_old_generation_goes_when_no_rule_looks_at_it() {
    let older = generations(&[7]);
    let generation = older.first().unwrap().generation.next();
    let expected = r#"flush chain inet t input
delete chain inet t input
add chain inet t input { type filter hook input priority -10; policy accept; }
add rule inet t input ip saddr @vigie_v4_8 counter name "vigie_v4" drop
add rule inet t input ip6 saddr @vigie_v6_8 counter name "vigie_v6" drop
add rule inet t input ip saddr @vigie_v4_ranges_8 counter name "vigie_v4_ranges" drop
add rule inet t input ip6 saddr @vigie_v6_ranges_8 counter name "vigie_v6_ranges" drop
delete set inet t vigie_v4_7
delete set inet t vigie_v6_7
delete set inet t vigie_v4_ranges_7
delete set inet t vigie_v6_ranges_7
"#;
    assert_eq!(nft(&layout().retire(generation, &older)), expected);
}

/// `found` are there; `older` stay; the new one is `new`; all else goes.
fn check(found: &[u32], older: &[u32], new: u32) {
    let sets = Found {
        chains: Vec::new(),
        sets: generations(found),
    };
    let renewal = layout().renew(&sets);
    assert_eq!(renewal.older, generations(older));
    let sets = |op: fn(Set) -> Op| move |set: &Set| op(*set);
    let gone: Vec<Op> = renewal
        .transaction
        .ops
        .iter()
        .filter(|op| matches!(op, Op::DeleteSet(_)))
        .cloned()
        .collect();
    let left_over: Vec<u32> = found.iter().copied().filter(|one| !older.contains(one)).collect();
    let expected: Vec<Op> = generations(&left_over).iter().map(sets(Op::DeleteSet)).collect();
    assert_eq!(gone, expected);
    assert_eq!(renewal.generation.sets().to_vec(), generations(&[new]));
}

#[test]
fn starts_that_are_killed_leave_two_generations() {
    check(&[], &[], 1);
    check(&[1], &[1], 2);
    check(&[1, 2], &[1, 2], 3);
    check(&[5, 3, 4], &[3, 4], 6);
    // What a version without generations left, which numbered nothing.
    check(&[0], &[0], 1);
}

#[test]
fn only_names_of_ours_are_taken_for_ours() {
    for name in [
        "vigie_v4",
        "vigie_v6_ranges",
        "vigie_v4_1",
        "vigie_v6_ranges_4294967295",
    ] {
        assert_eq!(Set::named(name).unwrap().to_string(), name);
    }
    for name in [
        "",
        "vigie",
        "vigie_v5_1",
        "vigie_v4_",
        "vigie_v4_-1",
        "vigie_v4_1_2",
        "v4_1",
    ] {
        assert_eq!(Set::named(name), None, "{name}");
    }
}
