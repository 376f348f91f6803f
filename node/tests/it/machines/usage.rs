//! What bouncers and machines report of what they do: kept, shown, and nothing that grows.

use serde_json::{Value, json};

use super::{ask, token};
use crate::http::{Answer, Place};
use crate::support::Home;

/// A report as the Lua bouncer sends it, with what it leaves null.
fn bouncers(dropped: u64) -> Value {
    json!({"log_processors": null, "remediation_components": [{
        "type": "lua-bouncer", "version": "crowdsec-nginx-bouncer/v1.1.0", "feature_flags": [], "unknown": {"a": [1]},
        "os": {"name": "debian", "version": "12"}, "utc_startup_timestamp": 1_790_000_000,
        "metrics": [{
            "meta": {"window_size_seconds": 900, "utc_now_timestamp": 1_790_000_900},
            "items": [
                {"name": "dropped", "unit": "request", "value": dropped, "labels": {"origin": "sensor"}},
                {"name": "dropped", "unit": "request", "value": 2, "labels": {"origin": "lists:x"}},
                {"name": "active_decisions", "unit": "ip", "value": 7},
            ],
        }],
    }]})
}

/// A report as CrowdSec's agents send it.
fn machines() -> Value {
    json!({"log_processors": [{
        "version": "v1.6.4", "os": {"name": "debian", "version": "12"}, "utc_startup_timestamp": 1_790_000_000,
        "hub_items": {"parsers": [{"name": "crowdsecurity/sshd-logs", "version": "2.9", "status": "official"}]},
        "datasources": {"file": 2}, "metrics": [],
    }]})
}

fn by_key(place: &Place, key: &str, body: &str) -> Answer {
    place.raw(
        format!(
            "POST /v1/usage-metrics HTTP/1.1\r\nHost: a\r\nUser-Agent: b/1\r\nX-Api-Key: {key}\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    )
}

#[test]
fn the_last_report_of_each_is_kept_and_shown() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let (held, key) = (token(&home, &place, "web"), home.key("one", "ban"));
    assert_eq!(home.rows(&["bouncers", "list"])[0]["usage"], Value::Null);
    for dropped in [1, 40] {
        let taken = by_key(&place, &key, &bouncers(dropped).to_string());
        assert_eq!((taken.status, taken.body.as_str()), (201, ""), "{taken:?}");
    }
    let taken = ask(&place, "POST", "/v1/usage-metrics", &held, Some(&machines()));
    assert_eq!(taken.status, 201, "{taken:?}");

    let listed = &home.rows(&["bouncers", "list"])[0]["usage"];
    assert_eq!(listed["version"], "crowdsec-nginx-bouncer/v1.1.0");
    assert_eq!(
        listed["counts"],
        json!({"dropped request": 42.0, "active_decisions ip": 7.0})
    );
    let shown =
        |noun: &str, name: &str| -> Value { serde_json::from_str(&home.say(&[noun, "show", name])).unwrap() };
    let whole = shown("bouncers", "one");
    assert_eq!(
        (&whole["name"], &whole["usage"]["os"]["name"]),
        (&"one".into(), &"debian".into())
    );
    assert_eq!(
        whole["usage"]["unknown"],
        Value::Null,
        "only what the contract names"
    );
    let whole = shown("machines", "web");
    assert_eq!(whole["usage"]["hub_items"]["parsers"][0]["status"], "official");
    assert!(home.refuse(&["bouncers", "show", "two"]).contains("no bouncer"));

    home.say(&["bouncers", "delete", "one"]);
    assert_eq!(by_key(&place, &key, &bouncers(1).to_string()).status, 403);
    let again = home.key("one", "ban");
    assert_eq!(
        home.rows(&["bouncers", "list"])[0]["usage"],
        Value::Null,
        "it went with it"
    );
    assert_eq!(by_key(&place, &again, &bouncers(1).to_string()).status, 201);
}

#[test]
fn a_report_that_is_none_is_refused_and_none_is_large() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    assert_eq!(
        ask(&place, "POST", "/v1/usage-metrics", "", Some(&machines())).status,
        401
    );
    let mut keys = (0..).map(|nth| home.key(&format!("b{nth}"), "ban"));
    let mut lacking = bouncers(1);
    lacking["remediation_components"][0]
        .as_object_mut()
        .unwrap()
        .remove("version");
    let mut two = bouncers(1);
    let one = two["remediation_components"][0].clone();
    two["remediation_components"].as_array_mut().unwrap().push(one);
    let mut large = bouncers(1);
    large["remediation_components"][0]["feature_flags"] = json!(["x".repeat(256 << 10)]);
    for (body, status) in [
        ("{".to_owned(), 400),
        ("{}".to_owned(), 400),
        (two.to_string(), 400),
        (machines().to_string(), 400),
        (lacking.to_string(), 422),
        ("{\"remediation_components\": [7]}".to_owned(), 422),
        (large.to_string(), 413),
    ] {
        let refused = by_key(&place, &keys.next().unwrap(), &body);
        let shown: String = body.chars().take(200).collect();
        assert_eq!(refused.status, status, "{shown}: {refused:?}");
    }
    let wrong = ask(&place, "POST", "/v1/usage-metrics", &held, Some(&bouncers(1)));
    assert_eq!(wrong.status, 400, "a machine is no bouncer");
    assert!(
        home.rows(&["bouncers", "list"])
            .iter()
            .all(|row| row["usage"].is_null())
    );

    let key = keys.next().unwrap();
    let statuses: Vec<u16> = (0..8)
        .map(|_| by_key(&place, &key, &bouncers(1).to_string()).status)
        .collect();
    assert_eq!(
        (statuses[0], statuses.contains(&429)),
        (201, true),
        "{statuses:?}"
    );
}
