use std::collections::BTreeMap;

use vigie_sensor::detect::{DetectionEvent, DetectionId};
use vigie_wire::{RuleHash, Timestamp};

use super::*;

fn detection(ip: &str) -> Detection {
    let at = Timestamp::from_secs(1_795_338_325);
    let meta = [("log_type", "ssh_failed-auth"), ("source_ip", ip)];
    let meta = meta.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Detection {
        id: DetectionId([7; 16]),
        scenario: "vigie/ssh-bf".to_owned(),
        scenario_version: "0011".to_owned(),
        rule: RuleHash([1; RuleHash::WIDTH]),
        behaviour: None,
        scope: "Ip".to_owned(),
        value: ip.to_owned(),
        ip: ip.parse().ok(),
        origin: Some(Origin {
            range: "192.88.99.0/24".to_owned(),
            as_number: "64500".to_owned(),
            as_name: "Example".to_owned(),
            country: "FR".to_owned(),
            ..Origin::default()
        }),
        first: at,
        last: at,
        events_count: 6,
        capacity: 5,
        leakspeed: "10s".to_owned(),
        events: vec![DetectionEvent {
            at,
            meta: meta.to_vec(),
        }],
        message: format!("Ip {ip} performed 'vigie/ssh-bf' (6 events over 2s) at now"),
        remediation: true,
        simulated: false,
        live: true,
        labels: BTreeMap::new(),
    }
}

fn read(writer: &Writer, detection: &Detection) -> Value {
    serde_json::from_str(&writer.alert(detection)).unwrap()
}

#[test]
fn an_alert_has_everything_that_the_original_requires() {
    let alert = read(&Writer::default(), &detection("192.88.99.7"));
    for required in [
        "scenario",
        "scenario_hash",
        "scenario_version",
        "message",
        "events_count",
        "start_at",
        "stop_at",
        "capacity",
        "leakspeed",
        "simulated",
        "events",
        "source",
    ] {
        assert!(!alert[required].is_null(), "{required}: {alert}");
    }
    assert_eq!(
        alert["source"],
        json!({"scope": "Ip", "value": "192.88.99.7", "ip": "192.88.99.7", "range": "192.88.99.0/24",
               "as_number": "64500", "as_name": "Example", "cn": "FR", "latitude": 0.0, "longitude": 0.0})
    );
    assert_eq!(alert["start_at"], "2026-11-22T09:05:25Z");
    assert_eq!(alert["events"][0]["meta"][0]["key"], "log_type");
    assert_eq!(alert["remediation"], true);
}

#[test]
fn whom_we_spare_is_told_without_a_remedy() {
    let writer = Writer {
        spared: vec!["192.88.99.7/32".parse().unwrap()],
        ..Writer::default()
    };
    for (ip, acted_on) in [
        ("192.88.99.7", false),
        ("192.88.99.8", true),
        ("10.0.0.1", false),
        ("::1", false),
    ] {
        assert_eq!(read(&writer, &detection(ip))["remediation"], acted_on, "{ip}");
    }
}

#[test]
fn a_scenario_on_trial_says_so() {
    let mut tried = detection("192.88.99.7");
    tried.simulated = true;
    assert_eq!(read(&Writer::default(), &tried)["simulated"], true);
}

#[test]
fn an_alert_is_bounded_and_free_of_what_databases_refuse() {
    let mut large = detection("192.88.99.7");
    let event = DetectionEvent {
        at: large.first,
        meta: vec![("http_path".to_owned(), "\0é".repeat(100_000))],
    };
    large.events = vec![event; 5_000];
    let text = Writer::default().alert(&large);
    assert!(text.len() <= ALERT_BYTES, "{}", text.len());
    assert!(!text.contains("\\u0000"));
    let alert: Value = serde_json::from_str(&text).unwrap();
    let kept = alert["events"].as_array().unwrap();
    assert!(kept.len() > 10, "{}", kept.len());
    assert_eq!(alert["events_count"], 6);
}

#[test]
fn only_an_unchanged_scenario_of_a_hub_has_the_hubs_hash_and_version() {
    let dir = tempfile::tempdir().unwrap();
    let yaml = "type: trigger\nname: somebody/door\ndescription: x\nfilter: evt.Meta.log_type == 'door'\n\
                groupby: evt.Meta.source_ip\nlabels:\n  remediation: true\n";
    let sha256 = crate::hub::sha256(yaml.as_bytes());
    std::fs::create_dir_all(dir.path().join("scenarios/somebody")).unwrap();
    let file = dir.path().join("scenarios/somebody/door.yaml");
    std::fs::write(&file, yaml).unwrap();
    let list = json!({"origin": "https://hub.example/", "items": [{
        "kind": "scenario", "name": "somebody/door", "path": "scenarios/somebody/door.yaml",
        "version": "0.4", "sha256": sha256, "asked": true}]});
    std::fs::write(dir.path().join("installed.json"), list.to_string()).unwrap();
    let written = |scenario: &str| {
        let installed = Installed::open(dir.path()).unwrap();
        let mut loader = vigie_sensor::rules::Loader::builtin();
        installed.load(&mut loader);
        let writer = Writer::new(Vec::new(), &loader.finish().unwrap(), &installed);
        let mut found = detection("192.88.99.7");
        found.scenario = scenario.to_owned();
        let alert = read(&writer, &found);
        (alert["scenario_version"].clone(), alert["scenario_hash"].clone())
    };
    assert_eq!(written("somebody/door"), (json!("0.4"), json!(sha256)));
    assert_eq!(written("vigie/ssh-bf"), (json!(""), json!("")));
    std::fs::write(&file, yaml.replace("description: x", "description: y")).unwrap();
    assert_eq!(written("somebody/door"), (json!(""), json!("")));
}
