//! `vigie up` as a user meets it: first start, second start, what is in the way, and the end.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::{Home, guesses, until};

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn up_without_a_configuration_makes_an_identity_and_says_five_lines() {
    let home = Home::quiet();
    std::fs::remove_dir_all(home.data()).unwrap();
    let node = home.up();
    let five: Vec<&String> = node.words.iter().rev().take(5).rev().collect();
    assert!(five[0].starts_with("Vigie is up, data in"), "{five:?}");
    for (line, word) in five[1..].iter().zip(["reads", "mesh", "look", "enforce"]) {
        assert_eq!(line.split_whitespace().next(), Some(word), "{five:?}");
    }
    assert!(five[2].contains("contacts nobody and shares nothing"), "{five:?}");
    // Nobody reads this at a terminal, and what a service says is kept: the phrase itself must not be there.
    let phrase = std::fs::read_to_string(home.data().join("recovery-phrase")).unwrap();
    assert_eq!(phrase.split_whitespace().count(), 24);
    assert!(
        node.words.iter().all(|line| !line.contains(phrase.trim())),
        "{:?}",
        node.words
    );

    assert_eq!(mode(&home.data()), 0o700);
    for name in [
        "organisation.key",
        "organisation.pub.key",
        "node.key",
        "transport.key",
        "revocation",
        "recovery-phrase",
        "vigie.sqlite",
    ] {
        assert_eq!(mode(&home.data().join(name)), 0o600, "{name}");
    }
    let status = home.json(&["status"]);
    assert_eq!(status["running"], true);
    assert_eq!(status["network"], serde_json::Value::Null);
    assert_eq!(
        (status["sharing"].as_bool(), status["peers"].as_u64()),
        (Some(false), Some(0))
    );
    let page = node.place().ask("GET", "/", None);
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/html") && page.head.contains("content-security-policy"));
    assert!(
        page.body.contains("<h1") && !page.body.contains("<script"),
        "{}",
        page.body
    );
    assert_eq!(
        node.place().ask("GET", "/health", None).body,
        "{\"status\":\"up\"}"
    );
    assert_eq!(
        node.place().ask("GET", "/network", None).status,
        404,
        "it joined none"
    );
}

#[test]
fn what_is_in_the_way_is_one_sentence_and_a_failure() {
    let home = Home::quiet();
    let first = home.up();
    let said = home.refuse(&["up", "--listen", "127.0.0.1:0"]);
    assert!(said.starts_with("another node runs on "), "{said}");

    let other = Home::quiet();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = other.refuse(&["up", "--listen", &address]);
    assert!(
        said.starts_with(&format!("cannot listen on {address}")) && said.contains("--listen"),
        "{said}"
    );
    assert!(said.contains("in use"), "{said}");
    let said = other.refuse(&["up", "--listen", "nowhere"]);
    assert!(said.contains("nowhere"), "{said}");
    let said = other.refuse(&[
        "up",
        "--listen",
        "127.0.0.1:0",
        "--mesh",
        "/ip4/127.0.0.1/nonsense/1",
    ]);
    assert!(said.contains("/ip4/127.0.0.1/nonsense/1"), "{said}");
    // None of it harmed the one that runs, and the refused one starts once nothing is in its way.
    assert_eq!(home.json(&["status"])["running"], true);
    drop(first);
    drop(other.up());
}

#[test]
fn a_signal_ends_it_quickly_and_a_restart_keeps_identity_and_decisions() {
    let home = Home::quiet();
    let node = home.up();
    let id = home.json(&["id"]);
    let key = home.key("one", "ban");
    let mut events = node.place().follow("/v1/decisions/events", &key);
    home.say(&["decisions", "add", "192.88.99.1", "--duration", "2h"]);
    events.until("new", "192.88.99.1");
    // A bouncer that follows events must not hold the node back.
    let (status, took) = node.terminate();
    assert!(status.success(), "{status}: {}", home.told());
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    drop(events);

    let node = home.up();
    assert_eq!(home.json(&["id"]), id);
    let rows = home.rows(&["decisions", "list"]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        node.place().get("/v1/decisions?ip=192.88.99.1", &key)[0]["value"],
        "192.88.99.1"
    );
    assert_eq!(node.words.len(), 5, "the phrase is shown once: {:?}", node.words);
    assert!(!home.told().contains("ERROR"), "{}", home.told());
}

#[test]
fn an_end_by_signal_loses_no_line() {
    let home = Home::watching();
    let node = home.up();
    home.append(&guesses("192.88.99.2", 3));
    until("three lines are read", || {
        home.json(&["status"])["sensor"]["lines"] == 3
    });
    assert!(node.terminate().0.success());
    home.append(&guesses("192.88.99.2", 3));
    let _node = home.up();
    until("the bucket is full", || home.rows(&["alerts", "list"]).len() == 1);
    assert_eq!(home.rows(&["alerts", "list"])[0]["events_count"], 6);
}
