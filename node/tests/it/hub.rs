//! Installing other people's rules: all of it or nothing, pinned, and used by the node that starts next.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Home, until};

const PARSER: &str = "name: them/door-logs
description: A door that logs
filter: \"evt.Line.Labels.type == 'door'\"
onsuccess: next_stage
grok:
  pattern: '%{TIMESTAMP_ISO8601:when} knock from %{IP:source}'
  apply_on: Line.Raw
  statics:
    - meta: log_type
      value: door_knock
    - meta: source_ip
      expression: evt.Parsed.source
    - target: evt.StrTime
      expression: evt.Parsed.when
";
const SCENARIO: &str = "type: trigger
name: them/door-knock
description: An unwanted knock
filter: \"evt.Meta.log_type == 'door_knock' && any(File('doors.txt'), {evt.Line.Raw contains #})\"
groupby: evt.Meta.source_ip
data:
  - source_url: https://data.example/list/doors.txt
    dest_file: doors.txt
    type: string
labels:
  behavior: ssh:bruteforce
  remediation: true
";
const COLLECTION: &str = "name: them/doors\ndescription: All about doors\nparsers:\n  - them/door-logs\nscenarios:\n  - them/door-knock\n";

/// A hub and a mirror of what its rules read, beside a home.
fn hub(home: &Home) -> (String, String) {
    let (hub, files) = (home.beside("hub"), home.beside("files"));
    put(&hub, "parsers/s01-parse/them/door-logs.yaml", PARSER);
    put(&hub, "scenarios/them/door-knock.yaml", SCENARIO);
    put(&hub, "collections/them/doors.yaml", COLLECTION);
    put(&files, "list/doors.txt", "knock\n");
    (hub.display().to_string(), files.display().to_string())
}

fn put(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[test]
fn a_collection_brings_what_it_needs_and_the_next_start_uses_it() {
    let home = Home::with("");
    let log = home.beside("door.log");
    std::fs::write(&log, "").unwrap();
    home.configure(&format!(
        "[sensor]\nsources = [{{ type = \"door\", file = \"{}\" }}]\n",
        log.display()
    ));
    let (hub, files) = hub(&home);
    assert_eq!(home.rows(&["hub", "list", "--from", &hub]).len(), 3);
    let done = home.json(&["hub", "install", "them/doors", "--from", &hub, "--files", &files]);
    assert_eq!(done["added"].as_array().unwrap().len(), 3, "{done}");
    assert_eq!(
        names(&home.rows(&["hub", "list"])),
        ["them/doors", "them/door-logs", "them/door-knock"]
    );
    assert_eq!(
        home.json(&["hub", "check"]),
        json!({"rules": 2, "faults": [], "changed": []})
    );
    assert!(
        home.say(&["hub", "show", "them/door-knock"])
            .contains("collection them/doors")
    );

    let node = home.up();
    crate::support::append(&log, "2026-11-22T05:40:01Z knock from 192.88.99.7\n");
    until("the installed rule detects", || {
        home.rows(&["alerts", "list"])
            .iter()
            .any(|row| row["scenario"] == "them/door-knock")
    });
    assert!(node.terminate().0.success());

    let again = home.json(&["hub", "upgrade", "--files", &files]);
    assert_eq!(
        again,
        json!({"added": [], "replaced": [], "removed": [], "faults": []})
    );
    let refused = home.refuse(&["hub", "remove", "them/door-logs"]);
    assert!(refused.contains("needed by collection them/doors"), "{refused}");
    let done = home.json(&["hub", "remove", "them/doors"]);
    assert_eq!(done["removed"].as_array().unwrap().len(), 3);
    assert!(home.rows(&["hub", "list"]).is_empty());
}

#[test]
fn what_cannot_be_installed_whole_changes_nothing() {
    let home = Home::quiet();
    let (hub, files) = hub(&home);
    let install = ["hub", "install", "them/doors", "--from", &hub, "--files"];
    let nowhere = home.beside("hub").display().to_string();
    let missing = home.refuse(&[&install[..], &[&nowhere]].concat());
    assert!(missing.contains("list/doors.txt"), "{missing}");
    put(
        &home.beside("hub"),
        "collections/them/doors.yaml",
        &COLLECTION.replace("door-knock", "gone"),
    );
    let missing = home.refuse(&[&install[..], &[&files]].concat());
    assert!(missing.contains("needs scenario them/gone"), "{missing}");
    put(&home.beside("hub"), "collections/them/doors.yaml", COLLECTION);
    put(
        &home.beside("hub"),
        "scenarios/them/door-knock.yaml",
        &SCENARIO.replace("evt.Meta.log_type", "evt.Mate.x"),
    );
    let wrong = home.refuse(&[&install[..], &[&files]].concat());
    assert!(
        wrong.contains("door-knock.yaml:4:"),
        "the place of the mistake: {wrong}"
    );
    assert!(home.rows(&["hub", "list"]).is_empty());
    let near = home.refuse(&["hub", "install", "doors", "--from", &hub]);
    assert!(near.contains("did you mean them/doors?"), "{near}");
    let nowhere = home.refuse(&["hub", "install", "them/doors"]);
    assert!(nowhere.contains("--from"), "{nowhere}");
}

#[test]
fn a_file_changed_by_hand_is_not_lost_to_an_upgrade() {
    let home = Home::quiet();
    let (hub, files) = hub(&home);
    home.say(&["hub", "install", "them/doors", "--from", &hub, "--files", &files]);
    let file = "scenarios/them/door-knock.yaml";
    put(&home.beside("hub"), file, &SCENARIO.replace("unwanted", "newer"));
    let mine = SCENARIO.replace("unwanted", "tuned");
    put(&home.data().join("hub"), file, &mine);
    let changed = home.json(&["hub", "check"])["changed"].clone();
    assert_eq!(changed, json!(["scenario them/door-knock"]));
    let refused = home.refuse(&["hub", "upgrade", "--files", &files]);
    assert!(refused.contains("changed by hand"), "{refused}");
    let lies = home.data().join("hub").join(file);
    assert_eq!(std::fs::read_to_string(&lies).unwrap(), mine);
    let done = home.json(&["hub", "upgrade", "--files", &files, "--force"]);
    assert_eq!(done["replaced"], json!(["scenarios:them/door-knock"]));
    assert!(std::fs::read_to_string(&lies).unwrap().contains("newer"));
}

#[test]
fn an_index_pins_each_file_and_a_key_pins_the_index() {
    let home = Home::quiet();
    let (hub, files) = hub(&home);
    let hub = Path::new(&hub);
    let digest = |text: &str| hex::encode(Sha256::digest(text));
    let item = |path: &str, text: &str, needs: Value| {
        let mut item = json!({"path": path, "version": "0.2", "versions": {"0.2": {"digest": digest(text), "deprecated": false}}, "description": "d"});
        item.as_object_mut()
            .unwrap()
            .extend(needs.as_object().unwrap().clone());
        item
    };
    let index = json!({
        "appsec-rules": {"them/other": {"path": "appsec-rules/x.yaml", "version": "1", "versions": {}}},
        "collections": {"them/doors": item("collections/them/doors.yaml", COLLECTION,
            json!({"parsers": ["them/door-logs"], "scenarios": ["them/door-knock"], "contexts": ["them/none"]}))},
        "parsers": {"them/door-logs": item("parsers/s01-parse/them/door-logs.yaml", PARSER, json!({"stage": "s01-parse"}))},
        "scenarios": {"them/door-knock": item("scenarios/them/door-knock.yaml", SCENARIO, json!({}))},
    })
    .to_string();
    put(hub, ".index.json", &index);
    let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let other = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let sign = |keys: &minisign::KeyPair| {
        let boxed = minisign::sign(None, &keys.sk, index.as_bytes(), None, None).unwrap();
        put(hub, ".index.json.minisig", &boxed.into_string());
    };
    let key = keys.pk.to_base64();
    let server = serve(hub);
    let install = [
        "hub",
        "install",
        "them/doors",
        "--from",
        &server,
        "--files",
        &files,
        "--key",
        &key,
    ];
    let unsigned = home.refuse(&install);
    assert!(unsigned.contains("is not signed"), "{unsigned}");
    sign(&other);
    let forged = home.refuse(&install);
    assert!(forged.contains("not that of the key"), "{forged}");
    sign(&keys);
    put(
        hub,
        "scenarios/them/door-knock.yaml",
        &SCENARIO.replace("unwanted", "forged"),
    );
    let swapped = home.refuse(&install);
    assert!(swapped.contains("the index says"), "{swapped}");
    assert!(home.rows(&["hub", "list"]).is_empty());
    put(hub, "scenarios/them/door-knock.yaml", SCENARIO);
    home.say(&install);
    let rows = home.rows(&["hub", "list"]);
    assert_eq!((rows.len(), &rows[0]["version"]), (3, &json!("0.2")));
    // The key is remembered: an index that lost its signature is refused by `upgrade` too.
    std::fs::remove_file(hub.join(".index.json.minisig")).unwrap();
    assert!(
        home.refuse(&["hub", "upgrade", "--files", &files])
            .contains("is not signed")
    );
    // And by `install` without the key, however the address of the hub is written.
    let bare = server.trim_end_matches('/');
    for from in [bare, &server, &format!("{server}.index.json")] {
        let refused = home.refuse(&["hub", "install", "them/doors", "--from", from, "--files", &files]);
        assert!(refused.contains("is not signed"), "{from}: {refused}");
    }
}

/// The files of a directory over HTTP, until the test ends.
fn serve(dir: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut line = String::new();
            if BufReader::new(&stream).read_line(&mut line).is_err() {
                continue;
            }
            let path = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/');
            let found = std::fs::read(dir.join(path));
            let status = if found.is_ok() { "200 OK" } else { "404 Not Found" };
            let body = found.unwrap_or_default();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            drop((&stream).write_all(&[head.as_bytes(), &body].concat()));
        }
    });
    format!("http://{address}/")
}

/// The running node knows which of its rules see nothing; without one, only files can be asked.
#[test]
fn a_running_node_tells_which_rules_saw_no_log() {
    let home = Home::with("");
    let (hub, files) = hub(&home);
    home.say(&["hub", "install", "them/doors", "--from", &hub, "--files", &files]);
    assert!(home.refuse(&["hub", "coverage"]).contains("vigie up"));
    let log = home.beside("door.log");
    std::fs::write(&log, "").unwrap();
    home.configure(&format!(
        "[sensor]\nsources = [{{ type = \"door\", file = \"{}\" }}]\n",
        log.display()
    ));
    let node = home.up();
    until("the sensor runs", || {
        home.run(&["hub", "coverage"]).status.success()
    });
    let events = |name: &str| {
        let rows = home.rows(&["hub", "coverage", "--all"]);
        let row = rows.iter().find(|row| row["name"] == name);
        row.unwrap_or_else(|| panic!("{name} is not in {rows:?}"))["events"]
            .as_u64()
            .unwrap()
    };
    assert_eq!((events("them/door-logs"), events("them/door-knock")), (0, 0));
    crate::support::append(
        &log,
        "2026-11-22T05:40:01Z knock from 192.88.99.7\nnothing\n2026-11-22T05:40:02Z knock from 192.88.99.7\n",
    );
    until("both knocks are counted", || {
        (events("them/door-logs"), events("them/door-knock")) == (2, 2)
    });
    assert_eq!(events("vigie/sshd"), 0);
    let unseen = home.rows(&["hub", "coverage"]);
    assert!(
        unseen
            .iter()
            .all(|row| row["events"] == 0 && row["name"] != "them/door-logs")
    );
    let said = home.say(&["hub", "coverage"]);
    assert!(said.contains("3 lines, 2 parsed"), "{said}");
    // The same of files.
    let rows = home.rows(&[
        "hub",
        "coverage",
        "--all",
        "--type",
        "door",
        &log.display().to_string(),
    ]);
    let found = rows.iter().find(|row| row["name"] == "them/door-knock").unwrap();
    assert_eq!(found["events"], 2);
    assert!(node.terminate().0.success());
}

/// What a rule asks of decisions is answered by the node that runs it: who is out already is not found again.
#[test]
fn a_rule_knows_the_decisions_of_its_node() {
    let home = Home::with("");
    let (log, rules) = (home.beside("door.log"), home.beside("rules"));
    std::fs::write(&log, "").unwrap();
    put(&rules, "parsers/s01-parse/them/door-logs.yaml", PARSER);
    let new = "type: trigger\nname: them/new\nfilter: evt.Meta.log_type == 'door_knock' && GetActiveDecisionsCount(evt.Meta.source_ip) == 0\nlabels:\n  remediation: true\n";
    let old = "type: trigger\nname: them/old\nfilter: evt.Meta.log_type == 'door_knock' && GetActiveDecisionsCount(evt.Meta.source_ip) > 0 && GetDecisionsSinceCount(evt.Meta.source_ip, '1h') == GetDecisionsCount(evt.Meta.source_ip)\n";
    put(&rules, "scenarios/them/new.yaml", new);
    put(&rules, "scenarios/them/old.yaml", old);
    home.configure(&format!(
        "[sensor]\nsources = [{{ type = \"door\", file = \"{}\" }}]\nrules = \"{}\"\n",
        log.display(),
        rules.display()
    ));
    let node = home.up();
    let scenarios = || -> Vec<String> {
        let rows = home.rows(&["alerts", "list"]);
        rows.iter()
            .map(|row| row["scenario"].as_str().unwrap().to_owned())
            .collect()
    };
    crate::support::append(&log, "2026-11-22T05:40:01Z knock from 192.88.99.7\n");
    until("the first knock is new", || {
        scenarios() == ["them/new"] && !home.rows(&["decisions", "list"]).is_empty()
    });
    crate::support::append(&log, "2026-11-22T05:40:02Z knock from 192.88.99.7\n");
    until("the second is known", || {
        scenarios().contains(&"them/old".to_owned())
    });
    assert_eq!(scenarios().len(), 2);
    assert!(node.terminate().0.success());
}

/// `Hostname()` is this machine's name, as the kernel has it: in a running node and in a replay.
#[test]
fn a_rule_knows_the_name_of_its_machine() {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let home = Home::with("");
    let (log, rules) = (home.beside("door.log"), home.beside("rules"));
    std::fs::write(&log, "").unwrap();
    put(&rules, "parsers/s01-parse/them/door-logs.yaml", PARSER);
    let here = format!(
        "type: trigger\nname: them/here\nfilter: evt.Meta.log_type == 'door_knock' && Hostname() == '{}'\n",
        name.trim_end()
    );
    put(&rules, "scenarios/them/here.yaml", &here);
    home.configure(&format!(
        "[sensor]\nsources = [{{ type = \"door\", file = \"{}\" }}]\nrules = \"{}\"\n",
        log.display(),
        rules.display()
    ));
    let node = home.up();
    crate::support::append(&log, "2026-11-22T05:40:01Z knock from 192.88.99.7\n");
    until("the rule knows where it is", || {
        home.rows(&["alerts", "list"]).len() == 1
    });
    assert!(node.terminate().0.success());
    let log = log.display().to_string();
    let said = home.say(&["sensor", "replay", &log, "--type", "door", "--json"]);
    let last: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(last["detections"], 1, "{last}");
}
