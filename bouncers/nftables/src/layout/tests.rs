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
    let name = |number| Set::named(&format!("banned_v4_{number}")).unwrap();
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
    let expected = "add table inet t
add counter inet t other_v4
add counter inet t other_v6
add counter inet t sensor_v4
add counter inet t sensor_v6
add counter inet t mesh_v4
add counter inet t mesh_v6
add counter inet t manual_v4
add counter inet t manual_v6
add counter inet t import_v4
add counter inet t import_v6
add counter inet t crowdsec_v4
add counter inet t crowdsec_v6
add counter inet t cscli_v4
add counter inet t cscli_v6
add counter inet t cscli-import_v4
add counter inet t cscli-import_v6
add counter inet t CAPI_v4
add counter inet t CAPI_v6
add counter inet t lists_v4
add counter inet t lists_v6
add counter inet t console_v4
add counter inet t console_v6
add map inet t banned_v4_8 { type ipv4_addr : counter; flags timeout; }
add map inet t banned_v6_8 { type ipv6_addr : counter; flags timeout; }
add map inet t banned_v4_ranges_8 { type ipv4_addr : counter; flags interval, timeout; }
add map inet t banned_v6_ranges_8 { type ipv6_addr : counter; flags interval, timeout; }
flush chain inet t forward
delete chain inet t forward
flush chain inet t input
delete chain inet t input
add chain inet t input { type filter hook input priority -10; policy accept; }
add rule inet t input counter name ip saddr map @banned_v4_7 drop
add rule inet t input counter name ip6 saddr map @banned_v6_7 drop
add rule inet t input counter name ip saddr map @banned_v4_ranges_7 drop
add rule inet t input counter name ip6 saddr map @banned_v6_ranges_7 drop
add rule inet t input counter name ip saddr map @banned_v4_8 drop
add rule inet t input counter name ip6 saddr map @banned_v6_8 drop
add rule inet t input counter name ip saddr map @banned_v4_ranges_8 drop
add rule inet t input counter name ip6 saddr map @banned_v6_ranges_8 drop
";
    assert_eq!(nft(&renewal.transaction), expected);
    assert_eq!(renewal.older, generations(&[7]));
}

#[test]
fn the_old_generation_goes_when_no_rule_looks_at_it() {
    let older = generations(&[7]);
    let generation = older.first().unwrap().generation.next();
    let expected = "flush chain inet t input
delete chain inet t input
add chain inet t input { type filter hook input priority -10; policy accept; }
add rule inet t input counter name ip saddr map @banned_v4_8 drop
add rule inet t input counter name ip6 saddr map @banned_v6_8 drop
add rule inet t input counter name ip saddr map @banned_v4_ranges_8 drop
add rule inet t input counter name ip6 saddr map @banned_v6_ranges_8 drop
delete map inet t banned_v4_7
delete map inet t banned_v6_7
delete map inet t banned_v4_ranges_7
delete map inet t banned_v6_ranges_7
";
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
}

#[test]
fn only_names_of_ours_are_taken_for_ours() {
    for name in ["banned_v4_1", "banned_v6_ranges_4294967295"] {
        assert_eq!(Set::named(name).unwrap().to_string(), name);
    }
    for name in [
        "",
        "banned_v4",
        "banned_v6_ranges",
        "banned_v5_1",
        "banned_v4_",
        "banned_v4_-1",
        "banned_v4_1_2",
        "v4_1",
    ] {
        assert_eq!(Set::named(name), None, "{name}");
    }
    for counter in Counter::all() {
        assert_eq!(Counter::named(&counter.to_string()), Some(counter));
    }
    for name in ["", "mesh", "mesh_v5", "nobody_v4", "banned_v4"] {
        assert_eq!(Counter::named(name), None, "{name}");
    }
}
