//! CrowdSec's own `cscli` and agent, unmodified, with their credentials pointing at our node.

use serde_json::Value;

use crate::agent::crowdsec::CrowdSec;
use crate::http::Place;
use crate::network::{found, identity, join, up_as_seed};
use crate::support::{Home, append, until};

/// CrowdSec's programs as a machine of our node.
pub(crate) fn pointed(crowdsec: &CrowdSec, home: &Home, place: &Place, name: &str) {
    let file = crowdsec.credentials();
    std::fs::remove_file(&file).unwrap();
    home.say(&["machines", "add", name, "--out", file.to_str().unwrap()]);
    // The file names the address of the configuration; a test's node listens on a port of its own.
    let Place::Tcp(address) = place else {
        panic!("a node listens by TCP");
    };
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("url:"));
    let text: Vec<_> = lines
        .map(str::to_owned)
        .chain([format!("url: http://{address}/")])
        .collect();
    std::fs::write(&file, text.join("\n")).unwrap();
}

#[track_caller]
pub(crate) fn said(crowdsec: &CrowdSec, arguments: &[&str]) -> String {
    let (good, text) = crowdsec.ask(arguments);
    assert!(good, "cscli {arguments:?}: {text}");
    text
}

#[test]
fn cscli_lists_adds_and_deletes() {
    let Some(crowdsec) = CrowdSec::new("cscli_lists_adds_and_deletes") else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    pointed(&crowdsec, &home, &node.place(), "cscli");
    let status = said(&crowdsec, &["lapi", "status"]);
    assert!(status.contains("successfully interact"), "{status}");

    let key = home.key("one", "ban");
    said(
        &crowdsec,
        &["decisions", "add", "--ip", "192.88.99.7", "--duration", "4h"],
    );
    said(
        &crowdsec,
        &["decisions", "add", "--range", "198.18.0.0/24", "--duration", "2h"],
    );
    let served = node.place().get("/v1/decisions?ip=192.88.99.7", &key);
    assert_eq!(
        (&served[0]["type"], &served[0]["origin"]),
        (&"ban".into(), &"manual".into())
    );

    let list = said(&crowdsec, &["decisions", "list", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
    let alerts = said(&crowdsec, &["alerts", "list", "-o", "json"]);
    let alerts: Value = serde_json::from_str(&alerts).unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 2, "{alerts}");
    let id = alerts[0]["id"].to_string();
    let inspected = said(&crowdsec, &["alerts", "inspect", &id]);
    assert!(inspected.contains("198.18.0.0/24"), "{inspected}");

    said(&crowdsec, &["decisions", "delete", "--ip", "192.88.99.7"]);
    assert_eq!(
        node.place()
            .ask("GET", "/v1/decisions?ip=192.88.99.7", Some(&key))
            .body,
        "null"
    );
    said(&crowdsec, &["alerts", "delete", "--all"]);
    assert_eq!(node.place().ask("GET", "/v1/decisions", Some(&key)).body, "null");

    let (good, refused) = crowdsec.ask(&["decisions", "add", "--ip", "127.0.0.1"]);
    assert!(
        !good && refused.contains("not an address of another host"),
        "{refused}"
    );
}

#[test]
fn an_agent_of_crowdsec_logs_in_pushes_and_a_decision_follows() {
    let Some(crowdsec) = CrowdSec::new("an_agent_of_crowdsec_logs_in_pushes_and_a_decision_follows") else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    pointed(&crowdsec, &home, &node.place(), "web");
    let key = home.key("one", "ban");
    let log = home.beside("probe.log");
    std::fs::write(&log, "").unwrap();
    let _agent = crowdsec.watch(&log);
    until("the agent logged in", || {
        home.rows(&["machines", "list"])[0]["agent"]
            .as_str()
            .is_some_and(|agent| agent.starts_with("crowdsec/"))
    });
    until("its alert is decided", || {
        append(
            &log,
            &format!("{} refused 192.88.99.77\n", jiff::Timestamp::now()),
        );
        node.place()
            .ask("GET", "/v1/decisions?ip=192.88.99.77", Some(&key))
            .body
            != "null"
    });
    let alerts = home.rows(&["alerts", "list"]);
    assert_eq!(
        (&alerts[0]["machine"], &alerts[0]["scenario"]),
        (&"web".into(), &"test/three".into())
    );
}

#[test]
fn what_a_granted_agent_sees_is_told_to_others_and_nothing_else() {
    let Some(crowdsec) = CrowdSec::new("what_a_granted_agent_sees_is_told_to_others_and_nothing_else") else {
        return;
    };
    let (home, member) = (Home::quiet(), Home::quiet());
    identity(&member);
    found(&home, &[&member]);
    let node = up_as_seed(&home, "/ip4/127.0.0.1/tcp/0");
    join(&member, &node.page.to_string(), "yes");
    let _member_node = member.up();
    crowdsec.rename_scenario("crowdsecurity/ssh-bf");
    pointed(&crowdsec, &home, &node.place(), "web");
    let key = home.key("one", "ban");
    let log = home.beside("probe.log");
    std::fs::write(&log, "").unwrap();
    let _agent = crowdsec.watch(&log);
    let seen = |ip: &str| {
        until("its alert is decided", || {
            append(&log, &format!("{} refused {ip}\n", jiff::Timestamp::now()));
            let path = format!("/v1/decisions?ip={ip}");
            node.place().ask("GET", &path, Some(&key)).body != "null"
        });
    };
    seen("192.88.99.70");
    home.say(&["machines", "grant", "web"]);
    said(&crowdsec, &["decisions", "add", "--ip", "192.88.99.71"]);
    seen("192.88.99.72");
    let heard = |ip: &str| member.rows(&["sightings", "list", "--value", ip]);
    until("the member hears it", || heard("192.88.99.72").len() == 1);
    let sighting = &heard("192.88.99.72")[0];
    assert_eq!(
        (&sighting["organisation"], &sighting["behaviour"]),
        (&"seed".into(), &"ssh:bruteforce".into()),
        "{sighting}"
    );
    home.say(&["machines", "grant", "web", "--not"]);
    seen("192.88.99.73");
    let shared = |ip: &str| {
        let rows = home.rows(&["alerts", "list"]);
        let row = rows.iter().find(|row| row["value"] == ip);
        row.map(|row| row["shared"].clone())
    };
    for stays in ["192.88.99.70", "192.88.99.71", "192.88.99.73"] {
        assert_eq!(shared(stays), Some("no".into()), "{stays}");
    }
    assert_eq!(member.rows(&["sightings", "list"]).len(), 1);
}
