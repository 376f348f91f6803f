//! What comes and goes in the kernel's sets while decisions come and go.

use crate::bouncer::Scene;
use crate::mmdb::{Says, mmdb};
use crate::space::wait_until;

#[test]
fn decisions_come_and_go() {
    let Some(scene) = Scene::new("decisions_come_and_go") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "4h0m0s");
    scene.lapi.add("2001:db8::1", "4h0m0s");
    scene.lapi.add("::ffff:192.0.2.9", "1h");
    scene.lapi.add("127.0.0.1", "4h");
    scene.lapi.add("0.0.0.0/0", "4h");
    scene.lapi.add("10.1.1.1", "4h");
    let bouncer = scene.start(&["--allow", "10.0.0.0/8", "--allow", "192.0.2.200"]);
    scene.holds("banned_v4", &["192.0.2.1", "192.0.2.9"]);
    scene.holds("banned_v6", &["2001:db8::1"]);
    scene.lapi.add("192.0.2.2", "1h");
    scene.lapi.delete("192.0.2.1");
    scene.lapi.delete("2001:db8::1");
    scene.holds("banned_v4", &["192.0.2.2", "192.0.2.9"]);
    scene.holds("banned_v6", &[]);
    assert!(bouncer.terminate().success());
    // The protection stays.
    scene.holds("banned_v4", &["192.0.2.2", "192.0.2.9"]);
}

#[test]
fn a_country_and_an_as_are_ranges_in_the_kernel() {
    let Some(scene) = Scene::new("a_country_and_an_as_are_ranges_in_the_kernel") else {
        return;
    };
    let countries = [
        ("192.0.2.0/25", Says::Code("country", "FR")),
        ("192.0.2.128/25", Says::Code("country", "FR")),
        ("2001:db8::/32", Says::Code("country", "FR")),
    ];
    let countries = scene.file("countries", &mmdb(&countries));
    let systems = scene.file("systems", &mmdb(&[("198.51.100.0/24", Says::System(64_500))]));
    scene.lapi.add("FR", "4h");
    scene.lapi.add("64500", "4h");
    let places = ["--countries", &countries, "--systems", &systems];
    let _bouncer = scene.start(&[&places[..], &["--allow", "192.0.2.0"]].concat());
    scene.holds("banned_v4_ranges", &["192.0.2.1-192.0.2.255", "198.51.100.0/24"]);
    scene.holds("banned_v6_ranges", &["2001:db8::/32"]);
    scene.lapi.delete("FR");
    scene.holds("banned_v4_ranges", &["198.51.100.0/24"]);
    scene.holds("banned_v6_ranges", &[]);
    // Another database in the place of the first.
    let systems = scene.file("systems", &mmdb(&[("198.51.101.0/24", Says::System(64_500))]));
    assert!(systems.ends_with("systems"));
    scene.holds("banned_v4_ranges", &["198.51.101.0/24"]);
}

#[test]
fn a_pushed_decision_is_there_at_once() {
    let Some(scene) = Scene::new("a_pushed_decision_is_there_at_once") else {
        return;
    };
    scene.lapi.set(|state| state.push = true);
    let _bouncer = scene.start(&["--poll", "1h"]);
    scene
        .lapi
        .wait(|state| state.requests.iter().any(|line| line.contains("startup=true")));
    scene.lapi.add("192.0.2.1", "4h");
    scene.holds("banned_v4", &["192.0.2.1"]);
    let asked = |state: &crate::lapi::State| {
        state
            .requests
            .iter()
            .filter(|line| line.contains("stream"))
            .count()
    };
    scene
        .lapi
        .set(|state| assert_eq!(asked(state), 1, "nothing but the full picture was asked for"));
}

#[test]
fn an_extended_decision_extends_the_timeout() {
    let Some(scene) = Scene::new("an_extended_decision_extends_the_timeout") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "30s");
    scene.lapi.add("192.0.2.2", "3s");
    let _bouncer = scene.start(&[]);
    let left = |value: &str| scene.space.members("banned_v4").get(value).copied();
    wait_until("the first timeout", || {
        left("192.0.2.1").is_some_and(|secs| (1..=30).contains(&secs))
    });
    // One of them is about to lapse when it is extended.
    scene.lapi.add("192.0.2.1", "1h");
    scene.lapi.add("192.0.2.2", "2h");
    wait_until("the later timeout", || {
        left("192.0.2.1").is_some_and(|secs| (3_500..=3_600).contains(&secs))
    });
    wait_until("the other timeout", || {
        left("192.0.2.2").is_some_and(|secs| (7_100..=7_200).contains(&secs))
    });
}

#[test]
fn the_kernel_lets_go_by_itself() {
    let Some(scene) = Scene::new("the_kernel_lets_go_by_itself") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "3s");
    scene.lapi.add("198.51.100.0/24", "3s");
    scene.lapi.add("192.0.2.2", "1h");
    assert!(scene.start(&["--once"]).finish().success());
    wait_until("the end of what is over", || {
        scene.space.values("banned_v4") == ["192.0.2.2"] && scene.space.values("banned_v4_ranges").is_empty()
    });
}

#[test]
fn overlapping_ranges_live_together() {
    let Some(scene) = Scene::new("overlapping_ranges_live_together") else {
        return;
    };
    scene.lapi.add("198.51.0.0/16", "1h");
    scene.lapi.add("198.51.100.0/24", "4h");
    scene.lapi.add("2001:db8::/32", "1h");
    let bouncer = scene.start(&["--allow", "198.51.200.7"]);
    scene.holds(
        "banned_v4_ranges",
        &[
            "198.51.0.0-198.51.99.255",
            "198.51.100.0/24",
            "198.51.101.0-198.51.200.6",
            "198.51.200.8-198.51.255.255",
        ],
    );
    scene.holds("banned_v6_ranges", &["2001:db8::/32"]);
    scene.lapi.add("198.51.0.0/17", "8h");
    scene.lapi.delete("2001:db8::/32");
    scene.holds(
        "banned_v4_ranges",
        &[
            "198.51.0.0/17",
            "198.51.128.0-198.51.200.6",
            "198.51.200.8-198.51.255.255",
        ],
    );
    scene.holds("banned_v6_ranges", &[]);
    scene.lapi.delete("198.51.0.0/17");
    scene.holds(
        "banned_v4_ranges",
        &[
            "198.51.0.0-198.51.99.255",
            "198.51.100.0/24",
            "198.51.101.0-198.51.200.6",
            "198.51.200.8-198.51.255.255",
        ],
    );
    assert!(bouncer.terminate().success());
}

#[test]
fn nothing_else_is_touched_and_removal_leaves_no_trace() {
    let Some(scene) = Scene::new("nothing_else_is_touched_and_removal_leaves_no_trace") else {
        return;
    };
    for line in [
        "add table inet mine",
        "add map inet mine banned_v4_1 { type ipv4_addr : counter; }",
        "add counter inet mine mesh_v4",
        "add element inet mine banned_v4_1 { 192.0.2.77 : \"mesh_v4\" }",
        "add chain inet mine input { type filter hook input priority 0; policy accept; }",
        "add rule inet mine input counter name ip saddr map @banned_v4_1 accept",
        "add table ip vigie",
        "add chain ip vigie input",
    ] {
        scene.space.nft(&[line]);
    }
    let before = scene.space.nft(&["list", "ruleset"]);
    scene.lapi.add("192.0.2.1", "4h");
    let bouncer = scene.start(&["--priority", "-150", "--hook", "input"]);
    scene.holds("banned_v4", &["192.0.2.1"]);
    let during = scene.space.nft(&["list", "ruleset"]);
    assert!(during.contains(before.trim_end()), "{during}");
    let ours = scene.space.nft(&["list", "table", "inet", "vigie"]);
    assert!(
        ours.contains("type filter hook input priority mangle; policy accept;"),
        "{ours}"
    );
    assert!(
        ours.contains("counter name ip saddr map @banned_v4_1 drop"),
        "{ours}"
    );
    assert!(!ours.contains("forward"), "{ours}");
    assert!(bouncer.terminate().success());
    let mut remove = scene.space.command(env!("CARGO_BIN_EXE_vigie-bouncer-nftables"));
    assert!(remove.arg("remove").status().unwrap().success());
    assert_eq!(scene.space.nft(&["list", "ruleset"]), before);
    assert!(remove.status().unwrap().success(), "removing twice is no error");
}
