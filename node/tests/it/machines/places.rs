//! Decisions on countries and autonomous systems: who may make them, and who is told of them.

use serde_json::{Value, json};

use super::cscli::{pointed, said};
use super::{alert, ask, token};
use crate::agent::crowdsec::CrowdSec;
use crate::http::Place;
use crate::support::Home;

/// What a reader's whole picture, or what changed for it, says it is to keep out or let in.
fn named(change: &Value) -> Vec<String> {
    let rows = |sign: &str, list: &Value| -> Vec<String> {
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| {
            format!(
                "{sign}{} {}",
                row["scope"].as_str().unwrap(),
                row["value"].as_str().unwrap()
            )
        })
        .collect()
    };
    let mut named = rows("-", &change["deleted"]);
    named.extend(rows("+", &change["new"]));
    named.sort_unstable();
    named
}

#[track_caller]
fn check_stream(place: &Place, key: &str, query: &str, expected: &[&str]) {
    let change = place.get(&format!("/v1/decisions/stream?{query}"), key);
    assert_eq!(named(&change), expected, "{query}");
}

#[test]
fn a_place_is_decided_upon_by_its_scope_and_told_to_who_asks_for_it() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let (plain, asks) = (home.key("plain", "ban"), home.key("asks", "ban"));
    for (scope, wrong, why) in [
        ("country", "XX9", "\"XX9\" is no country"),
        ("country", "UK", "\"UK\" is no country"),
        ("as", "AS4294967296", "is no autonomous system"),
        ("ip", "FR", "\"FR\" is neither an address nor a network"),
    ] {
        let refused = home.refuse(&["decisions", "add", wrong, "--scope", scope]);
        assert!(refused.contains(why), "{refused}");
    }
    home.say(&["decisions", "add", "192.88.99.7"]);
    let told = home.say(&["decisions", "add", "fr", "--scope", "COUNTRY"]);
    assert!(told.contains("with a database of places"), "{told}");
    home.say(&["decisions", "add", "AS64500", "--scope", "as"]);

    check_stream(&place, &plain, "startup=true", &["+Ip 192.88.99.7"]);
    let all = ["+AS 64500", "+Country FR", "+Ip 192.88.99.7"];
    check_stream(&place, &asks, "startup=true&scopes=ip,range,country,as", &all);
    check_stream(&place, &asks, "startup=true&scopes=Country", &["+Country FR"]);
    let live = |query: &str| place.get(&format!("/v1/decisions?{query}"), &plain);
    assert_eq!(live("scope=Country&value=FR")[0]["value"], "FR");
    assert_eq!(live("scope=AS&value=AS64500")[0]["value"], "64500");
    assert_eq!(live("scopes=as,country").as_array().unwrap().len(), 2);
    assert_eq!(
        live("ip=2.2.2.2"),
        Value::Null,
        "a node has no database of places"
    );

    home.say(&["allowlist", "add", "192.88.99.9", "--reason", "ours"]);
    assert_eq!(
        place.ask("GET", "/v1/decisions/spared", None).status,
        403,
        "only a bouncer is told"
    );
    let spared = place.get("/v1/decisions/spared", &plain);
    assert!(
        spared.as_array().unwrap().contains(&json!("192.88.99.9")),
        "{spared}"
    );

    let listed = home.rows(&["decisions", "list", "--scope", "as", "--value", "AS64500"]);
    assert_eq!(
        (listed.len(), &listed[0]["scope"]),
        (1, &json!("AS")),
        "{listed:?}"
    );
    home.say(&["decisions", "delete", "--value", "AS64500"]);
    home.say(&["decisions", "delete", "--scope", "country", "--value", "fr"]);
    let all = "scopes=ip,range,country,as";
    check_stream(&place, &asks, all, &["-AS 64500", "-Country FR"]);
    check_stream(&place, &plain, "", &[]);
}

#[test]
fn no_machine_elsewhere_and_no_alert_bans_a_place() {
    let home = Home::with("[api]\nmachine_decisions = 600\n");
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    let push = |decided: Value| {
        let mut body = alert("192.88.99.7");
        body["decisions"] = decided;
        body["message"] = json!(body["decisions"].to_string());
        body
    };
    let on = |scope: &str, value: &str| {
        push(
            json!([{"duration": "4h", "origin": "cscli", "scenario": "by hand", "scope": scope, "type": "ban",
            "value": value}]),
        )
    };
    let far = on("Country", "FR").to_string();
    let far = format!(
        "POST /v1/alerts HTTP/1.1\r\nHost: vigie.example\r\nConnection: close\r\nAuthorization: Bearer {held}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n[{far}]",
        far.len() + 2
    );
    let far = place.raw(far.as_bytes());
    assert_eq!(far.status, 400, "{far:?}");
    assert!(far.body.contains("names addresses and networks"), "{far:?}");

    let here = |body: Value| ask(&place, "POST", "/v1/alerts", &held, Some(&json!([body])));
    let nonsense = here(on("Country", "XX9"));
    assert!(nonsense.body.contains("is no country"), "{nonsense:?}");
    // What an agent saw in a whole country is kept, and nothing follows.
    for (scope, value) in [("Country", "FR"), ("AS", "64500"), ("Country", "")] {
        let mut seen = alert("192.88.99.7");
        seen["source"] = json!({"scope": scope, "value": value});
        assert_eq!(here(seen).status, 201, "{scope} {value}");
    }
    let list = home.rows(&["decisions", "list"]);
    assert!(list.is_empty(), "{list:?}");
    // A place costs as much as the largest network that a machine may name: two fit, a third does not.
    assert_eq!(here(on("Country", "FR")).status, 201);
    assert_eq!(here(on("AS", "AS64500")).status, 201);
    assert_eq!(here(on("Country", "DE")).status, 429);
}

#[test]
fn cscli_adds_and_deletes_places() {
    let Some(crowdsec) = CrowdSec::new("cscli_adds_and_deletes_places") else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    pointed(&crowdsec, &home, &node.place(), "cscli");
    let key = home.key("one", "ban");
    let all = "scopes=ip,range,country,as";
    check_stream(&node.place(), &key, &format!("startup=true&{all}"), &[]);
    for (scope, value) in [("Country", "FR"), ("AS", "64500")] {
        said(
            &crowdsec,
            &["decisions", "add", "--scope", scope, "--value", value],
        );
    }
    check_stream(&node.place(), &key, all, &["+AS 64500", "+Country FR"]);
    let list = said(
        &crowdsec,
        &["decisions", "list", "--scope", "Country", "-o", "json"],
    );
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["decisions"][0]["value"], "FR", "{list}");
    for value in ["FR", "AS64500"] {
        said(&crowdsec, &["decisions", "delete", "--value", value]);
    }
    check_stream(&node.place(), &key, all, &["-AS 64500", "-Country FR"]);
    let wrong = ["decisions", "add", "--scope", "Country", "--value", "XX9"];
    let (good, refused) = crowdsec.ask(&wrong);
    assert!(!good && refused.contains("is no country"), "{refused}");
}
