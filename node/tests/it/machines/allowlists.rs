//! Whom nothing is decided against, as agents and `cscli` ask.

use serde_json::{Value, json};

use super::{alert, ask, token};
use crate::support::{Home, until};

#[test]
fn the_allowlist_is_told_and_asked_as_crowdsec_does() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    let read = |method: &str, path: &str, body: Option<&Value>| {
        let answer = ask(&place, method, path, &held, body);
        (
            answer.status,
            serde_json::from_str::<Value>(&answer.body).unwrap_or_default(),
        )
    };
    assert_eq!(
        read("GET", "/v1/allowlists?with_content=true", None).1[0]["items"],
        json!([])
    );
    home.say(&["allowlist", "add", "192.88.99.7", "--reason", "our office"]);
    home.say(&[
        "allowlist",
        "add",
        "2001:db8:7::/48",
        "--reason",
        "a partner",
        "--duration",
        "7d",
    ]);

    let (status, lists) = read("GET", "/v1/allowlists", None);
    assert_eq!(
        (
            status,
            lists.as_array().map(Vec::len),
            &lists[0]["name"],
            &lists[0]["items"]
        ),
        (200, Some(1), &json!("vigie"), &json!([])),
        "{lists}"
    );
    let (status, list) = read("GET", "/v1/allowlists/vigie?with_content=true", None);
    assert_eq!((status, &list["console_managed"]), (200, &json!(false)));
    let items = list["items"].as_array().unwrap();
    assert_eq!(
        (
            &items[0]["value"],
            &items[0]["description"],
            items[0].get("expiration")
        ),
        (&json!("192.88.99.7"), &json!("our office"), None),
        "{list}"
    );
    assert!(items[1]["expiration"].is_string() && items[1]["created_at"].is_string());
    assert_eq!(read("GET", "/v1/allowlists/another", None).0, 404);

    for (target, status, listed) in [
        ("192.88.99.7", 200, true),
        ("192.88.99.0/24", 200, true),
        ("192.88.99.0%2F24", 200, true),
        ("2001:db8:7::1", 200, true),
        ("192.88.99.8", 204, false),
    ] {
        let path = format!("/v1/allowlists/check/{target}");
        assert_eq!(ask(&place, "HEAD", &path, &held, None).status, status, "{target}");
        let (_, said) = read("GET", &path, None);
        assert_eq!(said["allowlisted"], listed, "{target}: {said}");
        assert_eq!(said["reason"].as_str().unwrap().is_empty(), !listed);
    }
    let (_, said) = read("GET", "/v1/allowlists/check/192.88.99.7", None);
    assert_eq!(said["reason"], "192.88.99.7 from vigie (our office)");
    assert_eq!(read("GET", "/v1/allowlists/check/nonsense", None).0, 400);

    let many = json!({"targets": ["192.88.99.8", "192.88.99.7", "198.18.0.0/24"]});
    let (status, said) = read("POST", "/v1/allowlists/check", Some(&many));
    let reason = json!(["192.88.99.7 from vigie (our office)"]);
    assert_eq!(
        (status, said),
        (
            200,
            json!({"results": [{"target": "192.88.99.7", "allowlists": reason}]})
        )
    );
    for (wrong, status) in [
        (json!({"targets": []}), 400),
        (json!({"targets": ["x"]}), 400),
        (json!({}), 400),
        (json!({"targets": vec!["192.88.99.8"; 10_001]}), 413),
    ] {
        assert_eq!(read("POST", "/v1/allowlists/check", Some(&wrong)).0, status);
    }
    assert_eq!(ask(&place, "GET", "/v1/allowlists", "", None).status, 401);
}

#[test]
fn an_entry_that_ended_counts_nowhere() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let (held, key) = (token(&home, &place, "web"), home.key("one", "ban"));
    place.get("/v1/decisions/stream?startup=true", &key);
    let add = |length: &str| {
        home.say(&[
            "allowlist",
            "add",
            "192.88.99.7",
            "--reason",
            "a guest",
            "--duration",
            length,
        ])
    };
    let push = || {
        let batch = json!([alert("192.88.99.7")]);
        ask(&place, "POST", "/v1/alerts", &held, Some(&batch)).body
    };
    let check = "/v1/allowlists/check/192.88.99.7";
    add("1h");
    assert_eq!(push(), "[]", "dropped");
    assert_eq!(ask(&place, "HEAD", check, &held, None).status, 200);
    add("1s");
    until("the entry ended", || {
        ask(&place, "HEAD", check, &held, None).status == 204
    });
    // The node's minute of housekeeping is not waited for.
    assert_ne!(push(), "[]");
    let stream = place.get("/v1/decisions/stream", &key);
    assert_eq!(stream["new"][0]["value"], "192.88.99.7", "{stream}");
    let list = ask(
        &place,
        "GET",
        "/v1/allowlists/vigie?with_content=true",
        &held,
        None,
    );
    let list: Value = serde_json::from_str(&list.body).unwrap();
    assert_eq!(list["items"], json!([]));
}
