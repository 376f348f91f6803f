//! What a Local API is told of the agent itself: only where it wants it, and never at the cost of alerts.

use serde_json::{Value, json};

use super::crowdsec::CrowdSec;
use super::fake::Fake;
use super::{Agent, PASSWORD, attack, attacker, home};
use crate::support::until;

const PATH: &str = "/v1/usage-metrics";

#[test]
fn a_server_that_wants_it_is_told_of_rules_and_logs() {
    let fake = Fake::answering(201, |_| None);
    let home = home();
    let agent = Agent::start(&home, &fake.url(), &[]);
    until("it is told", || !fake.answered(PATH, 201).is_empty());
    attack(&home, &attacker(7));
    until("an alert is told", || {
        !fake.answered("/v1/alerts", 201).is_empty()
    });
    agent.end(&home);
    let told = fake.answered(PATH, 201);
    assert_eq!(told.len(), 1);
    // What the original's server insists on: exactly one processor with these, and numbers where they belong.
    let body: Value = serde_json::from_str(&told[0].body).unwrap();
    let processors = body["log_processors"].as_array().unwrap();
    assert_eq!((processors.len(), body.as_object().unwrap().len()), (1, 1));
    let one = &processors[0];
    assert!(one["version"].as_str().unwrap().starts_with("vigie/"), "{one}");
    assert!(
        one["os"]["name"].is_string() && one["os"]["version"].is_string(),
        "{one}"
    );
    assert!(
        one["utc_startup_timestamp"].as_i64().unwrap() > 1_700_000_000,
        "{one}"
    );
    assert_eq!(
        (&one["datasources"], &one["feature_flags"]),
        (&json!({"file": 1}), &json!([]))
    );
    let scenarios = one["hub_items"]["scenarios"].as_array().unwrap();
    assert!(
        scenarios.contains(&json!({"name": "vigie/ssh-bf", "status": "custom", "version": ""})),
        "{scenarios:?}"
    );
    for kind in ["parsers", "postoverflows", "collections", "contexts"] {
        assert!(one["hub_items"][kind].is_array(), "{kind}");
    }
    let metrics = &one["metrics"][0];
    assert_eq!(metrics["meta"]["window_size_seconds"], 1_800);
    assert!(
        metrics["meta"]["utc_now_timestamp"].is_i64() && metrics["items"].is_array(),
        "{metrics}"
    );
}

#[test]
fn a_server_that_knows_or_takes_none_gets_its_alerts() {
    for status in [404, 422, 500, 403] {
        let fake = Fake::answering(status, |_| None);
        let home = home();
        let agent = Agent::start(&home, &fake.url(), &[]);
        until("it was tried", || !fake.answered(PATH, status).is_empty());
        attack(&home, &attacker(7));
        until("an alert is told", || {
            !fake.answered("/v1/alerts", 201).is_empty()
        });
        let status_line = agent.end(&home);
        assert_eq!(status_line["lapi"], "up", "{status}: {status_line}");
        assert_eq!(fake.answered(PATH, status).len(), 1, "{status}");
    }
}

/// Version 1.4.6 is older than usage metrics.
#[test]
fn a_real_crowdsec_without_usage_metrics_is_asked_once() {
    let Some(crowdsec) = CrowdSec::new("a_real_crowdsec_without_usage_metrics_is_asked_once") else {
        return;
    };
    crowdsec.add_machine("web-1", PASSWORD);
    let server = crowdsec.start();
    let home = home();
    let agent = Agent::start(&home, &crowdsec.url(), &[]);
    until("it said that it knows none", || {
        home.told().contains("knows no usage metrics")
    });
    attack(&home, &attacker(7));
    until("the alert is there", || crowdsec.alerts().len() == 1);
    assert_eq!(agent.end(&home)["lapi"], "up");
    assert_eq!(home.told().matches("knows no usage metrics").count(), 1);
    drop(server);
}
