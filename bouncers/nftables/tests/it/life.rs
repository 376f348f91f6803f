//! Starts, ends, and what happens when they come unasked.

use std::net::Ipv4Addr;

use crate::bouncer::Scene;
use crate::space::wait_until;

#[test]
fn a_restart_reconciles_without_a_gap() {
    let Some(scene) = Scene::new("a_restart_reconciles_without_a_gap") else {
        return;
    };
    for value in ["192.0.2.1", "192.0.2.2", "198.51.100.0/24"] {
        scene.lapi.add(value, "4h");
    }
    let bouncer = scene.start(&[]);
    scene.holds("vigie_v4", &["192.0.2.1", "192.0.2.2"]);
    scene.holds("vigie_v4_ranges", &["198.51.100.0/24"]);
    assert!(bouncer.terminate().success());
    // While it is away one decision ends and another begins; a stranger adds something.
    scene.lapi.delete("192.0.2.1");
    scene.lapi.add("192.0.2.3", "4h");
    scene
        .space
        .nft(&["add element inet vigie vigie_v4 { 192.0.2.99 timeout 1h }"]);
    // The node is not there yet: the bouncer takes nothing out that it knows nothing about. And its table is
    // put in place anew, with another priority, around the sets.
    scene.lapi.set(|state| state.status = Some(503));
    let bouncer = scene.start(&["--priority", "-20"]);
    scene.lapi.wait_for_next("startup=true");
    assert_eq!(
        scene.space.values("vigie_v4"),
        ["192.0.2.1", "192.0.2.2", "192.0.2.99"]
    );
    assert_eq!(scene.space.values("vigie_v4_ranges"), ["198.51.100.0/24"]);
    assert!(
        scene
            .space
            .nft(&["list", "table", "inet", "vigie"])
            .contains("hook input priority -20;")
    );
    scene.lapi.set(|state| state.status = None);
    scene.holds("vigie_v4", &["192.0.2.2", "192.0.2.3"]);
    assert_eq!(scene.space.values("vigie_v4_ranges"), ["198.51.100.0/24"]);
    drop(bouncer);
}

#[test]
fn kill_leaves_the_set_consistent() {
    let Some(scene) = Scene::new("kill_leaves_the_set_consistent") else {
        return;
    };
    let address = |n: u32| Ipv4Addr::from_bits(0x0a00_0000 + n).to_string();
    for n in 0..30_000 {
        scene.lapi.add(&address(n), "4h");
    }
    // Killed somewhere in the middle of loading, several times over.
    for _ in 0..3 {
        let bouncer = scene.start(&[]);
        wait_until("the first elements", || {
            !scene.space.members("vigie_v4").is_empty()
        });
        bouncer.kill();
        let ours = scene.space.nft(&["list", "chain", "inet", "vigie", "input"]);
        assert_eq!(ours.matches(" drop").count(), 4, "{ours}");
    }
    let bouncer = scene.start(&[]);
    wait_until("all elements", || scene.space.members("vigie_v4").len() == 30_000);
    for n in 10_000..30_000 {
        scene.lapi.delete(&address(n));
    }
    wait_until("the removal to have begun", || {
        scene.space.members("vigie_v4").len() < 30_000
    });
    bouncer.kill();
    let _bouncer = scene.start(&[]);
    wait_until("the removal", || scene.space.members("vigie_v4").len() == 10_000);
    assert!(scene.space.members("vigie_v4").contains_key(&address(9_999)));
}

#[test]
fn a_flushed_ruleset_is_put_back() {
    let Some(scene) = Scene::new("a_flushed_ruleset_is_put_back") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "4h");
    scene.lapi.add("198.51.100.0/24", "4h");
    let _bouncer = scene.start(&[]);
    scene.holds("vigie_v4", &["192.0.2.1"]);
    // What a reload of a firewall does.
    scene.space.nft(&["flush ruleset"]);
    scene.holds("vigie_v4", &["192.0.2.1"]);
    scene.holds("vigie_v4_ranges", &["198.51.100.0/24"]);
}

#[test]
fn an_element_that_somebody_removed_does_not_stop_the_rest() {
    let Some(scene) = Scene::new("an_element_that_somebody_removed_does_not_stop_the_rest") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "4h");
    scene.lapi.add("192.0.2.2", "4h");
    let _bouncer = scene.start(&[]);
    scene.holds("vigie_v4", &["192.0.2.1", "192.0.2.2"]);
    scene
        .space
        .nft(&["delete element inet vigie vigie_v4 { 192.0.2.1 }"]);
    // The kernel refuses to take out what is not there, and with it all of the transaction.
    scene.lapi.set(|_| ());
    scene.lapi.delete("192.0.2.1");
    scene.lapi.delete("192.0.2.2");
    scene.lapi.add("192.0.2.3", "4h");
    scene.holds("vigie_v4", &["192.0.2.3"]);
}

#[test]
fn a_wrong_key_is_told_by_code_and_without_the_key() {
    let Some(scene) = Scene::new("a_wrong_key_is_told_by_code_and_without_the_key") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("wrong");
    std::fs::write(&key, "wr0ng-key").unwrap();
    // The last one of several flags counts.
    let output = scene
        .command(&["--key-file", key.to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("the node refuses the API key (HTTP 403)"), "{text}");
    assert!(!text.contains("wr0ng-key"), "{text}");
}
