//! What of a machine's word becomes ours: only what it saw, of now, within its hour, and while it is granted.

use serde_json::{Value, json};

use super::{PASSWORD, alert, ask, login, token};
use crate::network::{found, join, up_as_seed};
use crate::support::Home;

/// Whether each address's alert waits to be shared.
fn shared(home: &Home, ip: &str) -> Value {
    let rows = home.rows(&["alerts", "list"]);
    let row = rows.iter().find(|row| row["value"] == ip);
    row.unwrap_or_else(|| panic!("no alert on {ip}: {rows:?}"))["shared"].clone()
}

#[test]
fn only_what_a_machine_saw_of_late_and_within_its_hour_is_shared() {
    let (seed, home) = (Home::quiet(), Home::quiet());
    found(&seed, &[]);
    let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
    // Nobody vouched for it: what it has to share waits.
    join(&home, &at_seed.page.to_string(), "yes");
    home.configure("[sensor]\nsources = \"none\"\n[api]\nmachine_decisions = 12\n");
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    let push = |alert: &Value| {
        let answer = ask(&place, "POST", "/v1/alerts", &held, Some(&json!([alert])));
        assert_eq!(answer.status, 201, "{answer:?}");
    };
    push(&alert("192.88.99.1"));
    assert_eq!(shared(&home, "192.88.99.1"), "no", "it was not granted");
    home.say(&["machines", "grant", "web"]);

    let at = |seconds: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        json!(at.to_string())
    };
    let decision = json!([{
        "duration": "4h", "origin": "cscli", "scenario": "by hand", "scope": "Ip", "type": "ban", "value": "192.88.99.4",
    }]);
    let stays = [
        ("stop_at", at(-7_200), "history"),
        ("stop_at", at(3_600), "a clock that is wrong"),
        ("decisions", decision, "by hand"),
        ("kind", json!("cscli"), "by hand"),
        ("kind", json!("lists"), "a list"),
        ("events", json!([]), "nothing was seen"),
        ("simulated", json!(true), "on trial"),
        (
            "scenario",
            json!("crowdsecurity/iptables-scan-multi_ports"),
            "forgeable",
        ),
        ("scenario", json!("mine/anything"), "no name that we know"),
    ];
    for (number, (field, value, why)) in stays.into_iter().enumerate() {
        let ip = format!("192.88.99.{}", number + 2);
        let mut alert = alert(&ip);
        alert[field] = value;
        push(&alert);
        assert_eq!(shared(&home, &ip), "no", "{why}");
    }
    // Each of those that were decided counted as one of the hour's twelve.
    let mut waits = 0;
    for last in 20..40 {
        let ip = format!("192.88.99.{last}");
        push(&alert(&ip));
        waits += usize::from(shared(&home, &ip) == "waits");
    }
    assert!((1..=12).contains(&waits), "{waits}");
    assert_eq!(shared(&home, "192.88.99.39"), "no", "over its hour");

    let granted = |ip: &str| shared(&home, ip) == "waits";
    assert!(granted("192.88.99.20"));
    home.say(&["machines", "grant", "web", "--not"]);
    assert!(!granted("192.88.99.20"), "what waited stays here");
    let taken = json!({"machine_id": "sensor", "password": PASSWORD});
    let refused = ask(&place, "POST", "/v1/watchers", "", Some(&taken));
    assert_eq!(refused.status, 422, "our own sensor's name");
    login(&place, "web");
}
