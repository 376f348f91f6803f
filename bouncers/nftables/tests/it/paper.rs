//! What needs no kernel: dry runs over TCP, wrong configuration, a node that is not there.

use std::path::Path;
use std::process::{Command, Output};

use crate::bouncer::Scene;
use crate::lapi::{KEY, Lapi};

fn bouncer(dir: &Path, arguments: &[&str]) -> Output {
    std::fs::write(dir.join("key"), KEY).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie-bouncer-nftables"));
    command
        .current_dir(dir)
        .args(["--key-file", "key"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_dry_run_prints_the_transactions() {
    let (lapi, address) = Lapi::on_tcp();
    lapi.add("192.0.2.1", "1h");
    lapi.add("198.51.100.0/24", "2h");
    let dir = tempfile::tempdir().unwrap();
    let url = format!("http://{address}");
    let output = bouncer(
        dir.path(),
        &["--url", &url, "--once", "--dry-run", "--table", "trial"],
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in [
        "add table inet trial",
        "add chain inet trial forward { type filter hook forward priority -10; policy accept; }",
        "add element inet trial banned_v4_1 { 192.0.2.1 timeout 1h0m0s : \"cscli_v4\" }",
        "add element inet trial banned_v4_ranges_1 { 198.51.100.0-198.51.100.255 timeout 2h0m0s : \"cscli_v4\" }",
    ] {
        assert!(text.contains(line), "{line} in:\n{text}");
    }
    // nft itself understands all of it, in this order.
    let space = match crate::space::Space::new() {
        Ok(space) => space,
        Err(reason) => return crate::skip::skip("a_dry_run_prints_the_transactions (nft)", reason),
    };
    let file = dir.path().join("printed.nft");
    std::fs::write(&file, text).unwrap();
    space.nft(&["-f", file.to_str().unwrap()]);
    assert!(space.nft(&["list", "ruleset"]).contains("192.0.2.1"));
}

#[test]
fn a_dry_run_beside_a_table_prints_the_next_generation() {
    let Some(scene) = Scene::new("a_dry_run_beside_a_table_prints_the_next_generation") else {
        return;
    };
    scene.lapi.add("192.0.2.1", "1h");
    assert!(scene.start(&["--once"]).finish().success());
    let before = scene.space.nft(&["list", "ruleset"]);
    let output = scene.command(&["--once", "--dry-run"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "add element inet vigie banned_v4_2 { 192.0.2.1 timeout 1h0m0s : \"cscli_v4\" }",
        "delete map inet vigie banned_v4_1",
    ] {
        assert!(text.contains(line), "{line} in:\n{text}");
    }
    let sets = |text: &str| text.lines().filter(|line| line.contains("map banned")).count();
    assert_eq!(sets(&scene.space.nft(&["list", "ruleset"])), sets(&before));
    // The kernel, asked to do what was printed, has the one after.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("printed.nft");
    std::fs::write(&file, text).unwrap();
    scene.space.nft(&["-f", file.to_str().unwrap()]);
    scene.generation(2);
    scene.holds("banned_v4", &["192.0.2.1"]);
}

#[test]
fn a_node_that_is_not_there_is_told_by_code() {
    let dir = tempfile::tempdir().unwrap();
    let output = bouncer(
        dir.path(),
        &["--url", "unix:///nowhere/api.sock", "--once", "--dry-run"],
    );
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("the decisions could not be fetched: the node cannot be reached"),
        "{text}"
    );
}

#[test]
fn wrong_configuration_is_told_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], expected: &str| {
        let output = bouncer(dir.path(), arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    };
    std::fs::write(
        dir.path().join("c.toml"),
        "url = 'http://127.0.0.1:1'\npolls = '10s'\n",
    )
    .unwrap();
    check(&["--config", "c.toml"], "line 2, column 1");
    check(&["--config", "none.toml"], "none.toml: No such file");
    check(
        &["--url", "localhost:8080"],
        "is not http://…, https://… or unix:///path",
    );
    check(&["--poll", "1d"], "poll: \"1d\" is not a duration from 1s to 1h");
    check(
        &["--allow", "everybody"],
        "\"everybody\" is neither an address nor a range",
    );
}
