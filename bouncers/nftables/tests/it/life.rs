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
    scene.holds("banned_v4", &["192.0.2.1", "192.0.2.2"]);
    scene.holds("banned_v4_ranges", &["198.51.100.0/24"]);
    assert!(bouncer.terminate().success());
    // While it is away one decision ends and another begins; a stranger adds something.
    scene.lapi.delete("192.0.2.1");
    scene.lapi.add("192.0.2.3", "4h");
    scene
        .space
        .nft(&["add element inet vigie banned_v4_1 { 192.0.2.99 timeout 1h : \"mesh_v4\" }"]);
    // The node is not there yet: the bouncer takes nothing out that it knows nothing about. And its chains are
    // put in place anew, with another priority, around the sets.
    scene.lapi.set(|state| state.status = Some(503));
    let bouncer = scene.start(&["--priority", "-20"]);
    scene.lapi.wait_for_next("startup=true");
    assert_eq!(
        scene.space.values("banned_v4"),
        ["192.0.2.1", "192.0.2.2", "192.0.2.99"]
    );
    assert_eq!(scene.space.values("banned_v4_ranges"), ["198.51.100.0/24"]);
    assert!(
        scene
            .space
            .nft(&["list", "table", "inet", "vigie"])
            .contains("hook input priority -20;")
    );
    assert_eq!(scene.space.sets("banned_v4"), ["banned_v4_1", "banned_v4_2"]);
    scene.lapi.set(|state| state.status = None);
    scene.generation(2);
    scene.holds("banned_v4", &["192.0.2.2", "192.0.2.3"]);
    assert_eq!(scene.space.values("banned_v4_ranges"), ["198.51.100.0/24"]);
    drop(bouncer);
}

const MANY: u32 = 30_000;

fn address(n: u32) -> String {
    Ipv4Addr::from_bits(0x0a00_0000 + n).to_string()
}

/// With many decisions.
fn crowded(test: &str) -> Option<Scene> {
    let scene = Scene::new(test)?;
    (0..MANY).for_each(|n| scene.lapi.add(&address(n), "4h"));
    Some(scene)
}

/// Waits until a set is being filled, whether or not it is full then.
fn filling(scene: &Scene, set: &str) {
    wait_until(&format!("the first elements of {set}"), || {
        !scene.space.members_of(set).is_empty()
    });
}

#[test]
fn killed_at_its_first_start_it_goes_on_with_what_is_there() {
    let Some(scene) = crowded("killed_at_its_first_start_it_goes_on_with_what_is_there") else {
        return;
    };
    let bouncer = scene.start(&[]);
    filling(&scene, "banned_v4_1");
    bouncer.kill();
    let held = scene.space.members("banned_v4").len();
    scene.lapi.set(|state| state.status = Some(503));
    let _bouncer = scene.start(&[]);
    scene.lapi.wait_for_next("startup=true");
    assert_eq!(scene.space.members("banned_v4").len(), held);
    scene.lapi.set(|state| state.status = None);
    scene.generation(2);
    assert_eq!(scene.space.members("banned_v4").len(), MANY as usize);
}

#[test]
fn killed_while_it_fills_a_generation_the_one_before_stays_in_force() {
    let Some(scene) = crowded("killed_while_it_fills_a_generation_the_one_before_stays_in_force") else {
        return;
    };
    assert!(scene.start(&["--once"]).finish().success());
    for n in 10_000..MANY {
        scene.lapi.delete(&address(n));
    }
    scene.lapi.add("192.0.2.1", "4h");
    // The picture is never complete, so no generation ever takes the place of the first.
    scene.lapi.set(|state| state.break_off = u32::MAX);
    for number in 2..=5 {
        let bouncer = scene.start(&[]);
        filling(&scene, &format!("banned_v4_{number}"));
        bouncer.kill();
        assert_eq!(scene.space.members_of("banned_v4_1").len(), MANY as usize);
        let sets = scene.space.sets("banned_v4");
        assert!(sets.len() <= 3, "{sets:?}");
        let rules = scene.space.nft(&["list", "chain", "inet", "vigie", "input"]);
        assert_eq!(rules.matches(" drop").count(), 4 * sets.len(), "{rules}");
        for set in sets {
            assert!(rules.contains(&format!("@{set} drop")), "{set} in {rules}");
        }
    }
    scene.lapi.set(|state| state.break_off = 0);
    let bouncer = scene.start(&[]);
    scene.generation(6);
    assert_eq!(scene.space.members("banned_v4").len(), 10_001);
    // Killed while it takes out, likewise.
    for n in 0..9_000 {
        scene.lapi.delete(&address(n));
    }
    wait_until("the removal to have begun", || {
        scene.space.members("banned_v4").len() < 10_001
    });
    bouncer.kill();
    let _bouncer = scene.start(&[]);
    scene.generation(7);
    assert_eq!(scene.space.members("banned_v4").len(), 1_001);
}

#[test]
fn a_flushed_ruleset_is_put_back() {
    let Some(scene) = Scene::new("a_flushed_ruleset_is_put_back") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "4h");
    scene.lapi.add("198.51.100.0/24", "4h");
    let _bouncer = scene.start(&[]);
    scene.holds("banned_v4", &["192.0.2.1"]);
    // What a reload of a firewall does.
    scene.space.nft(&["flush ruleset"]);
    scene.holds("banned_v4", &["192.0.2.1"]);
    scene.holds("banned_v4_ranges", &["198.51.100.0/24"]);
}

#[test]
fn sets_that_somebody_took_away_are_put_back() {
    let Some(scene) = Scene::new("sets_that_somebody_took_away_are_put_back") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "4h");
    scene.lapi.add("198.51.100.0/24", "4h");
    let _bouncer = scene.start(&[]);
    scene.holds("banned_v4_ranges", &["198.51.100.0/24"]);
    // Another bouncer for the same table, whatever it is good for, takes the sets of this one for those of one that ended.
    assert!(scene.start(&["--once"]).finish().success());
    scene.generation(3);
    scene.holds("banned_v4", &["192.0.2.1"]);
    scene.holds("banned_v4_ranges", &["198.51.100.0/24"]);
}

#[test]
fn flushed_sets_are_filled_where_the_kernel_counts() {
    let test = "flushed_sets_are_filled_where_the_kernel_counts";
    let Some(scene) = Scene::new(test) else {
        return;
    };
    if !crate::space::kernel_is_at_least([6, 18]) {
        return crate::skip::skip(test, "this kernel may not tell how much a set holds");
    }
    scene.lapi.add("192.0.2.1", "4h");
    scene.lapi.add("198.51.100.0/24", "4h");
    let _bouncer = scene.start(&[]);
    scene.holds("banned_v4_ranges", &["198.51.100.0/24"]);
    scene.space.nft(&["flush map inet vigie banned_v4_1"]);
    scene.generation(2);
    scene.holds("banned_v4", &["192.0.2.1"]);
    scene.space.nft(&["flush map inet vigie banned_v4_ranges_2"]);
    scene.generation(3);
    scene.holds("banned_v4_ranges", &["198.51.100.0/24"]);
}

#[test]
fn rules_that_somebody_took_away_are_put_back() {
    let Some(scene) = Scene::new("rules_that_somebody_took_away_are_put_back") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "4h");
    let _bouncer = scene.start(&[]);
    scene.holds("banned_v4", &["192.0.2.1"]);
    let rules = || {
        let chain = |name| scene.space.nft(&["list", "chain", "inet", "vigie", name]);
        ["input", "forward"].map(|name| chain(name).matches(" drop").count())
    };
    assert_eq!(rules(), [4, 4]);
    scene.space.nft(&["flush chain inet vigie forward"]);
    wait_until("the rules to be back", || rules() == [4, 4]);
    scene.generation(2);
    scene.holds("banned_v4", &["192.0.2.1"]);
}

#[test]
fn an_element_that_somebody_removed_does_not_stop_the_rest() {
    let Some(scene) = Scene::new("an_element_that_somebody_removed_does_not_stop_the_rest") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "4h");
    scene.lapi.add("192.0.2.2", "4h");
    let _bouncer = scene.start(&[]);
    scene.holds("banned_v4", &["192.0.2.1", "192.0.2.2"]);
    scene
        .space
        .nft(&["delete element inet vigie banned_v4_1 { 192.0.2.1 }"]);
    // The kernel refuses to take out what is not there, and with it all of the transaction.
    scene.lapi.set(|_| ());
    scene.lapi.delete("192.0.2.1");
    scene.lapi.delete("192.0.2.2");
    scene.lapi.add("192.0.2.3", "4h");
    scene.holds("banned_v4", &["192.0.2.3"]);
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
