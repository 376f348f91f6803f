//! The commands, with and without a running node: lists in three forms, help texts, and what changes the node's data.

use std::io::Write as _;
use std::process::Stdio;

use crate::network::{found, identity};
use crate::support::{Home, guesses, until};

const LISTS: &[&[&str]] = &[
    &["alerts", "list"],
    &["allowlist", "list"],
    &["bouncers", "list"],
    &["decisions", "list"],
    &["share", "preview"],
    &["sightings", "list"],
];

fn csv_rows(text: &str) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.headers().unwrap_or_else(|error| panic!("{error}: {text}"));
    reader
        .records()
        .map(|record| record.unwrap_or_else(|error| panic!("{error}: {text}")))
        .collect()
}

/// Every list in all its forms has so many rows.
fn check_lists(home: &Home, rows: usize) {
    for list in LISTS {
        let list: &[&str] = list;
        let table = home.say(list);
        assert_eq!(table.lines().count() > 2, rows > 0, "{list:?}: {table}");
        assert!(
            rows > 0 || table.ends_with(".\n"),
            "an empty list says so: {table}"
        );
        assert_eq!(home.rows(list).len(), rows, "{list:?}");
        let csv = home.say(&[list, &["--csv"][..]].concat());
        assert_eq!(csv_rows(&csv).len(), rows, "{list:?}: {csv}");
    }
    for form in [&["peers"][..], &["peers", "--json"], &["peers", "--csv"]] {
        home.say(form);
    }
    assert!(
        home.run(&["alerts", "list", "--json", "--csv"]).status.code() == Some(2),
        "one form at a time"
    );
}

#[test]
fn every_list_has_three_forms_with_and_without_a_node() {
    let home = Home::watching();
    found(&home, &[]);
    check_lists(&home, 0);
    let node = home.up();
    home.append(&guesses("192.88.99.7", 6));
    home.key("firewall", "ban,challenge");
    home.say(&[
        "allowlist",
        "add",
        "192.88.98.0/24",
        "--reason",
        "said \"so\", and\nmeant it",
        "--duration",
        "7d",
    ]);
    until("it is shared", || home.rows(&["sightings", "list"]).len() == 1);
    check_lists(&home, 1);
    assert_eq!(
        csv_rows(&home.say(&["allowlist", "list", "--csv"]))[0][1].replace('\u{fffd}', "\n"),
        "said \"so\", and\nmeant it"
    );
    assert_eq!(
        csv_rows(&home.say(&["bouncers", "list", "--csv"]))[0][1]
            .split(", ")
            .count(),
        2
    );
    let alert = home.rows(&["alerts", "list"])[0]["id"].to_string();
    let whole: serde_json::Value = serde_json::from_str(&home.say(&["alerts", "show", &alert])).unwrap();
    assert_eq!(whole["events"].as_array().map(Vec::len), Some(6));
    let status = home.say(&["status"]);
    assert!(status.contains("running for"), "{status}");
    drop(node);
    check_lists(&home, 1);
    assert!(home.say(&["status"]).contains("not running"));
    assert!(home.refuse(&["alerts", "show", "4711"]).contains("no alert 4711"));
    home.say(&["alerts", "delete", &alert]);
    assert_eq!(home.rows(&["alerts", "list"]).len(), 0);
    assert_eq!(home.rows(&["decisions", "list"]).len(), 1, "its decisions stay");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::quiet();
    home.say(&["init"]);
    let mut child = home
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn completions_and_man_pages_come_from_the_same_source() {
    let home = Home::quiet();
    for shell in ["bash", "zsh", "fish"] {
        let text = home.say(&["completions", shell]);
        assert!(
            text.contains("check-config") && text.contains("allowlist"),
            "{shell}"
        );
    }
    let pages = home.beside("man");
    home.say(&["man", pages.to_str().unwrap()]);
    let page = std::fs::read_to_string(pages.join("vigie.1")).unwrap();
    assert!(page.contains(".TH vigie 1"), "{page}");
    assert!(pages.join("vigie-decisions-add.1").exists() && pages.join("vigie-up.1").exists());
    let version = home.say(&["--version"]);
    assert!(version.starts_with("vigie 0."), "{version}");
}

#[test]
fn the_configuration_that_init_writes_is_accepted_and_mistakes_have_a_place() {
    let home = Home::quiet();
    let path = home.data().join("vigie.toml");
    assert!(home.refuse(&["init", "--config"]).contains("is there already"));
    std::fs::remove_file(&path).unwrap();
    home.say(&["init", "--config"]);
    assert!(home.say(&["check-config"]).ends_with("vigie.toml: no mistakes\n"));
    // What is commented out is allowed too.
    let text = std::fs::read_to_string(&path).unwrap();
    let is_built = |line: &&str| {
        (cfg!(feature = "nats") || !line.contains(" nats = "))
            && (cfg!(feature = "kafka") || !line.contains(" kafka = "))
    };
    let all: String = text
        .lines()
        .filter(is_built)
        .map(|line| {
            let bare = line.trim_start_matches("# ");
            let sets = bare
                .split_once(" = ")
                .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase()));
            let continues = line.starts_with("#   {") || line == "# ]";
            if sets && !text.contains(&format!("\n{} = ", bare.split(' ').next().unwrap_or(""))) || continues
            {
                format!("{bare}\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    let whole = home.beside("whole.toml");
    std::fs::write(&whole, &all).unwrap();
    home.say(&["check-config", whole.to_str().unwrap()]);
    let elsewhere = home.beside("elsewhere.toml");
    home.say(&["init", "--config", elsewhere.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), text);

    let wrong = "[api]\nlisten = \"here\"\n[mesh]\nlisten = [\"/ip4/0.0.0.0/tcp/1\", \"/ip4/x\"]\n[policy]\nban = \"1w\"\nremot = 1\n[nets]\n";
    home.configure(wrong);
    let output = home.run(&["check-config"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let file = path.display();
    for place in [":2:10: ", ":4:33: ", ":7:1: ", ":8:2: "] {
        assert!(said.contains(&format!("{file}{place}")), "no {place} in: {said}");
    }
    assert!(
        said.contains("allowed are api, appsec, mesh, policy, sensor, share, store")
            && said.contains("expected one of"),
        "{said}"
    );
    // Nothing starts on it, and it is said alike.
    assert!(!home.run(&["up", "--listen", "127.0.0.1:0"]).status.success());
    assert!(
        !home.data().join("node.key").exists(),
        "a mistake changes nothing"
    );
    let missing = home.refuse(&["check-config", "/nonexistent.toml"]);
    assert!(missing.contains("/nonexistent.toml"), "{missing}");
}

#[test]
fn decisions_that_would_cut_us_off_are_refused_and_the_allowlist_wins() {
    let home = Home::quiet();
    let node = home.up();
    for wrong in [
        "0.0.0.0/0",
        "::/0",
        "127.0.0.1",
        "0.0.0.0",
        "::1",
        "224.0.0.1",
        "10.0.0.0/0",
        "nonsense",
        "1.2.3.4/33",
        "",
    ] {
        home.refuse(&["decisions", "add", wrong]);
    }
    for wrong in ["4", "-1h", "0s", "1y", "18446744073709551615d", "9999999d"] {
        let said = home.refuse(&["decisions", "add", "192.88.99.1", &format!("--duration={wrong}")]);
        assert!(
            said.contains("duration") || said.contains("long"),
            "{wrong}: {said}"
        );
    }
    assert!(
        home.refuse(&["decisions", "add", "192.88.99.1", "--type", "nuke"])
            .contains("challenge, throttle, ban")
    );
    assert_eq!(
        home.rows(&["decisions", "list", "--all"]).len(),
        0,
        "a refusal changes nothing"
    );

    let key = home.key("one", "ban");
    home.say(&["decisions", "add", "192.88.99.1"]);
    home.say(&["decisions", "add", "192.88.99.0/24"]);
    home.say(&["decisions", "add", "192.88.98.1"]);
    let said = home.say(&["allowlist", "add", "192.88.99.1", "--reason", "our office"]);
    assert!(said.contains("decisions ended: 2"), "{said}");
    let left = home.rows(&["decisions", "list"]);
    assert_eq!((left.len(), &left[0]["value"]), (1, &"192.88.98.1".into()));
    assert_eq!(
        node.place()
            .ask("GET", "/v1/decisions?ip=192.88.99.1", Some(&key))
            .body,
        "null"
    );
    for touching in ["192.88.99.1", "192.88.99.0/24", "::ffff:192.88.99.1"] {
        let said = home.refuse(&["decisions", "add", touching]);
        assert!(said.contains("allowlist"), "{touching}: {said}");
    }
    assert!(
        home.refuse(&["allowlist", "add", "nonsense", "--reason", "x"])
            .contains("neither an address nor a network")
    );
    assert!(
        home.refuse(&["allowlist", "delete", "192.88.97.1"])
            .contains("not on the allowlist")
    );
    home.say(&["allowlist", "delete", "192.88.99.1"]);
    home.say(&["decisions", "add", "192.88.99.1"]);
    assert!(
        home.refuse(&["decisions", "delete", "--value", "192.88.1.1"])
            .contains("no such decision")
    );
    home.say(&["decisions", "delete", "--value", "192.88.99.1"]);
    assert_eq!(
        node.place()
            .ask("GET", "/v1/decisions?ip=192.88.99.1", Some(&key))
            .body,
        "null"
    );
}

#[test]
fn a_detection_on_an_allowed_address_decides_and_shares_nothing() {
    let home = Home::watching();
    found(&home, &[]);
    let _node = home.up();
    home.say(&["allowlist", "add", "192.88.99.7", "--reason", "scanner of ours"]);
    home.append(&guesses("192.88.99.7", 6));
    until("it is detected", || home.rows(&["alerts", "list"]).len() == 1);
    assert_eq!(home.rows(&["alerts", "list"])[0]["shared"], "no");
    assert_eq!(home.rows(&["decisions", "list"]).len(), 0);
    let preview = &home.rows(&["share", "preview"])[0];
    assert!(
        preview["because"].as_str().unwrap().contains("allowlist"),
        "{preview}"
    );
}

#[test]
fn a_backup_restores_the_organisation_with_another_node() {
    let home = Home::quiet();
    let node = home.up();
    home.say(&["decisions", "add", "192.88.99.1"]);
    let backup = home.beside("backup");
    home.say(&["backup", backup.to_str().unwrap()]);
    drop(node);
    assert!(!backup.join("node.key").exists() && !backup.join("transport.key").exists());
    assert!(
        home.refuse(&["backup", backup.to_str().unwrap()])
            .contains("already")
    );
    assert!(
        home.refuse(&["restore", backup.to_str().unwrap()])
            .contains("holds a node already")
    );

    let other = Home::quiet();
    std::fs::remove_file(other.data().join("vigie.toml")).unwrap();
    other.say(&["restore", backup.to_str().unwrap()]);
    let (old, new) = (home.json(&["id"]), other.json(&["id"]));
    assert_eq!(old["organisation_key"], new["organisation_key"]);
    assert_ne!(old["node_key"], new["node_key"]);
    let _node = other.up();
    assert_eq!(other.rows(&["decisions", "list"])[0]["value"], "192.88.99.1");
    // Without a node, and without the key.
    let slim = home.beside("slim");
    home.say(&["backup", slim.to_str().unwrap(), "--without-organisation-key"]);
    let third = Home::quiet();
    third.say(&["restore", slim.to_str().unwrap()]);
    let id = third.json(&["id"]);
    assert_eq!(
        (&id["organisation_key"], &id["organisation_key_is_here"]),
        (&old["organisation_key"], &false.into())
    );
    assert!(
        third
            .refuse(&["restore", third.beside("none").to_str().unwrap()])
            .contains("not a backup")
    );
}

#[test]
fn a_recovery_phrase_gives_the_organisation_back() {
    let home = Home::quiet();
    assert!(
        home.say(&["init"]).contains("recovery-phrase"),
        "not for a pipe, which may be a journal"
    );
    let phrase = std::fs::read_to_string(home.data().join("recovery-phrase")).unwrap();
    assert!(home.refuse(&["init"]).contains("has an identity already"));
    let recover = |words: &str| {
        let other = Home::quiet();
        let mut child = other
            .command(&["init", "--recover"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(words.as_bytes()).unwrap();
        (child.wait_with_output().unwrap(), other)
    };
    let (output, other) = recover(&phrase.to_uppercase());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        home.json(&["id"])["organisation_key"],
        other.json(&["id"])["organisation_key"]
    );
    assert_ne!(home.json(&["id"])["node_key"], other.json(&["id"])["node_key"]);
    let (output, other) = recover("zoo zoo zoo\n");
    assert!(crate::support::sentence(&output).contains("not a recovery phrase"));
    assert!(!other.data().join("node.key").exists());
}

#[test]
fn joining_says_what_it_does_and_refuses_what_makes_no_sense() {
    let (seed, home) = (Home::quiet(), Home::quiet());
    found(&seed, &[]);
    let invitation = seed.beside("invitation").to_str().unwrap().to_owned();
    assert!(
        home.refuse(&["join", &invitation, "--yes", "--share", "no", "--anchor", "no"])
            .contains("vigie init")
    );
    identity(&home);
    assert!(
        home.refuse(&["join", &invitation]).contains("--yes"),
        "there is no terminal to ask on"
    );
    assert!(
        home.refuse(&["join", "127.0.0.1:1", "--yes", "--share", "no", "--anchor", "no"])
            .contains("cannot reach")
    );
    let said = home.say(&["join", &invitation, "--yes", "--share", "no", "--anchor", "no"]);
    assert!(
        said.contains("fingerprint") && said.contains("vigie vouch"),
        "{said}"
    );
    // A second invitation asks nothing and changes no answer.
    home.say(&["share", "on"]);
    let said = home.say(&["join", &invitation, "--yes"]);
    assert!(said.contains("in that network already"), "{said}");
    let status = home.json(&["status"]);
    assert_eq!(
        (&status["sharing"], &status["anchors"]),
        (&true.into(), &0.into())
    );
    home.say(&["join", &invitation, "--yes", "--anchor", "yes"]);
    let status = home.json(&["status"]);
    assert_eq!(
        (&status["sharing"], &status["anchors"]),
        (&true.into(), &1.into())
    );
    let other = Home::quiet();
    found(&other, &[]);
    let elsewhere = other.beside("invitation").to_str().unwrap().to_owned();
    assert!(
        home.refuse(&["join", &elsewhere, "--yes", "--share", "no", "--anchor", "no"])
            .contains("already")
    );
    assert_eq!(home.json(&["status"])["network"], "test");
    assert_eq!(
        home.run(&["vouch", "nonsense", "--name", "x"]).status.code(),
        Some(2)
    );
}
