//! Lists of alerts are as long as somebody asks, and one alert is in memory.

use serde_json::{Value, json};
use vigie_store::{Alerts as _, NewAlert, Share};
use vigie_wire::{RuleHash, Timestamp};

use super::{ask, token, write};
use crate::support::Home;

/// Bytes of one event's text.
const EVENT: usize = 1 << 10;

/// An alert with so many events.
fn alert(number: u16, events: usize) -> NewAlert {
    let at = Timestamp::from_secs(jiff::Timestamp::now().as_second());
    let mut detection = [0; 16];
    detection[..2].copy_from_slice(&number.to_be_bytes());
    let event = json!({"timestamp": "", "meta": [{"key": "log_type", "value": "x".repeat(EVENT)}]});
    NewAlert {
        detection,
        machine: "web".to_owned(),
        scenario: "test/three".to_owned(),
        scenario_version: String::new(),
        rule: RuleHash([0; 8]),
        behaviour: None,
        scope: "Ip".to_owned(),
        value: format!("198.18.0.{number}"),
        message: String::new(),
        events_count: 3,
        capacity: 2,
        leakspeed: "10s".to_owned(),
        first: at,
        last: at,
        created_at: at,
        simulated: false,
        remediation: false,
        labels: [].into(),
        events: json!(vec![event; events]),
        share: Share::Never,
    }
}

/// The most memory that a process had since it was last asked to forget that, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap().trim_end_matches("kB").trim().parse().unwrap()
}

#[test]
fn one_alert_is_in_memory_however_many_are_asked_for() {
    let home = Home::quiet();
    home.say(&["init"]);
    write(&home, async |store| {
        for number in 0..200 {
            store.insert_alert(&alert(number, 256), &[]).await.unwrap();
        }
    });
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    let few = ask(&place, "GET", "/v1/alerts?limit=2", &held, None);
    let few: Value = serde_json::from_str(&few.body).unwrap();
    assert_eq!(
        (&few[0]["source"]["value"], &few[1]["source"]["value"]),
        (&json!("198.18.0.199"), &json!("198.18.0.198")),
        "newest first"
    );
    let oldest = ask(&place, "GET", "/v1/alerts?limit=1&sort=asc", &held, None);
    let oldest: Value = serde_json::from_str(&oldest.body).unwrap();
    assert_eq!(oldest.as_array().map(Vec::len), Some(1));

    std::fs::write(format!("/proc/{}/clear_refs", node.id()), "5").unwrap();
    let before = peak(node.id());
    let all = ask(&place, "GET", "/v1/alerts?limit=0", &held, None);
    let grown = peak(node.id()) - before;
    assert!(all.body.len() > 200 * 256 * EVENT, "{} bytes", all.body.len());
    let all: Value = serde_json::from_str(&all.body).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 200);
    assert_eq!(all[7]["events"].as_array().unwrap().len(), 256);
    assert!(grown < 24 << 10, "{grown} KiB for an answer of 50 MiB");
}

#[test]
fn of_an_alert_as_many_events_are_kept_as_have_room() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    let mut large = super::alert("192.88.99.7");
    let event = json!({"timestamp": "", "meta": [{"key": "log_type", "value": "x".repeat(EVENT)}]});
    large["events"] = json!(vec![event; 3_000]);
    large["events_count"] = json!(3_000);
    let pushed = ask(&place, "POST", "/v1/alerts", &held, Some(&json!([large])));
    assert_eq!(pushed.status, 201, "{pushed:?}");
    let kept = ask(&place, "GET", "/v1/alerts/1", &held, None);
    let kept: Value = serde_json::from_str(&kept.body).unwrap();
    assert_eq!(kept["events_count"], 3_000);
    let events = kept["events"].as_array().unwrap().len();
    assert!((900..1_024).contains(&events), "{events}");
}
