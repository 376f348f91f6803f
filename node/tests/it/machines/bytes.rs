//! Each status of the table, as CrowdSec's programs expect it.

use serde_json::{Value, json};

use super::{PASSWORD, alert, ask, login, token};
use crate::http::Answer;
use crate::support::Home;

fn read(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

#[test]
fn machines_come_wait_and_go() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    let body = json!({"machine_id": "web", "password": PASSWORD});
    assert_eq!(ask(&place, "POST", "/v1/watchers", "", Some(&body)).status, 403);
    let weak = json!({"machine_id": "db", "password": "x"});
    assert_eq!(ask(&place, "POST", "/v1/watchers", "", Some(&weak)).status, 422);
    assert_eq!(
        ask(&place, "POST", "/v1/watchers", "", Some(&json!(7))).status,
        400
    );
    let guess = json!({"machine_id": "db", "password": PASSWORD, "registration_token": "guess"});
    assert_eq!(ask(&place, "POST", "/v1/watchers", "", Some(&guess)).status, 401);

    for (path, status) in [
        ("/v1/heartbeat", 200),
        ("/v1/refresh_token", 200),
        ("/v1/alerts", 200),
    ] {
        assert_eq!(ask(&place, "GET", path, &held, None).status, status, "{path}");
        for wrong in ["", "nonsense", "a.b.c"] {
            let refused = ask(&place, "GET", path, wrong, None);
            assert_eq!(
                (refused.status, read(&refused)["code"].as_u64()),
                (401, Some(401)),
                "{path}"
            );
        }
    }
    assert_eq!(ask(&place, "HEAD", "/v1/alerts", &held, None).status, 200);
    assert_eq!(ask(&place, "PUT", "/v1/alerts", &held, None).status, 405);
    let key = home.key("one", "ban");
    assert_eq!(
        place.ask("GET", "/v1/alerts", Some(&key)).status,
        401,
        "a key is no token"
    );

    let nameless = "POST /v1/watchers/login HTTP/1.1\r\nHost: a\r\nUser-Agent: curl\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(place.raw(nameless.as_bytes()).status, 401);

    assert_eq!(home.rows(&["machines", "list"])[0]["name"], "web");
    let other = token(&home, &place, "other");
    home.say(&["machines", "revoke", "other"]);
    assert_eq!(
        ask(&place, "GET", "/v1/heartbeat", &other, None).status,
        401,
        "at once"
    );
    assert_eq!(
        ask(&place, "DELETE", "/v1/watchers/self", &held, None).status,
        204
    );
    assert_eq!(
        ask(&place, "GET", "/v1/heartbeat", &held, None).status,
        401,
        "at once"
    );
}

#[test]
fn whoever_guesses_is_told_to_wait_and_whoever_knows_is_let_in() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    token(&home, &place, "web");
    let guess = json!({"machine_id": "web", "password": "a guess".repeat(1_000)});
    let answers: Vec<Answer> = (0..32)
        .map(|_| ask(&place, "POST", "/v1/watchers/login", "", Some(&guess)))
        .collect();
    assert_eq!(answers[0].status, 401);
    let waits = answers.iter().find(|answer| answer.status == 429);
    assert!(waits.unwrap().head.contains("retry-after: 2"), "{answers:?}");
    login(&place, "web");
}

#[test]
fn an_alert_is_decided_once_and_served_at_once() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let (held, key) = (token(&home, &place, "web"), home.key("one", "ban"));
    place.get("/v1/decisions/stream?startup=true", &key);
    let batch = json!([alert("192.88.99.7"), alert("192.88.99.8"), alert("10.1.2.3")]);
    let pushed = ask(&place, "POST", "/v1/alerts", &held, Some(&batch));
    assert_eq!(pushed.status, 201, "{pushed:?}");
    let ids = read(&pushed);
    assert!(ids[0].is_string() && ids[1].is_string(), "{ids}");
    let stream = place.get("/v1/decisions/stream", &key);
    assert_eq!(stream["new"].as_array().unwrap().len(), 2, "{stream}");

    let again = ask(&place, "POST", "/v1/alerts", &held, Some(&batch));
    assert_eq!(
        (again.status, read(&again)),
        (201, ids.clone()),
        "the same numbers"
    );
    assert_eq!(place.get("/v1/decisions", &key).as_array().unwrap().len(), 2);

    let list = read(&ask(
        &place,
        "GET",
        "/v1/alerts?has_active_decision=true&scope=ip&value=192.88.99.7",
        &held,
        None,
    ));
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    let (one, decision) = (&list[0], &list[0]["decisions"][0]);
    assert_eq!(
        (&one["machine_id"], &one["source"]["cn"], &one["source"]["ip"]),
        (&json!("web"), &json!("FR"), &json!("192.88.99.7"))
    );
    assert_eq!(
        (&decision["value"], &decision["type"]),
        (&json!("192.88.99.7"), &json!("ban"))
    );
    let unknown = ask(&place, "GET", "/v1/alerts?nonsense=1", &held, None);
    assert_eq!(unknown.status, 500, "{unknown:?}");
    let nobody = ask(&place, "GET", "/v1/alerts?ip=192.88.99.200", &held, None);
    assert_eq!((nobody.status, nobody.body.as_str()), (200, "null"));

    let id = one["id"].as_i64().unwrap();
    assert_eq!(
        ask(&place, "GET", &format!("/v1/alerts/{id}"), &held, None).status,
        200
    );
    assert_eq!(ask(&place, "GET", "/v1/alerts/99999", &held, None).status, 404);
    let deleted = ask(&place, "DELETE", &format!("/v1/alerts/{id}"), &held, None);
    assert_eq!((deleted.status, read(&deleted)), (200, json!({"nbDeleted": "1"})));
    let stream = place.get("/v1/decisions/stream", &key);
    assert_eq!(
        stream["deleted"][0]["value"], "192.88.99.7",
        "its decisions end with it"
    );
}

#[test]
fn what_would_cut_us_off_is_refused_with_the_reason() {
    let home =
        Home::with("[sensor]\nsources = \"none\"\n[api]\nmachine_decisions = 3\nmachine_longest = \"2d\"\n");
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    home.say(&["allowlist", "add", "192.88.99.8", "--reason", "ours"]);
    let push = |value: &str, duration: &str, count: usize| {
        let decision = json!({"duration": duration, "origin": "cscli", "scenario": "by hand", "scope": "Ip", "type": "ban",
            "value": value});
        let mut body = alert(value);
        body["decisions"] = json!(vec![decision; count]);
        ask(&place, "POST", "/v1/alerts", &held, Some(&json!([body])))
    };
    for wrong in [
        "0.0.0.0/0",
        "127.0.0.1",
        "192.88.99.8",
        "192.88.99.0/24",
        "203.0.0.0/10",
    ] {
        let refused = push(wrong, "4h", 1);
        assert_eq!(refused.status, 400, "{wrong}: {refused:?}");
        assert!(refused.body.contains("no decision on"), "{refused:?}");
    }
    assert_eq!(push("192.88.99.7", "49h", 1).status, 400, "too long");
    assert_eq!(push("192.88.99.7", "4 h", 1).status, 500, "no duration");
    assert_eq!(push("192.88.99.7", "4h", 4).status, 400, "never so many at once");
    assert_eq!(push("192.88.99.7", "4h", 3).status, 201);
    let later = push("192.88.99.9", "4h", 1);
    assert_eq!(later.status, 429);
    // Of three an hour one comes back in twenty minutes.
    let wait = later.head.split("retry-after: ").nth(1).unwrap();
    let wait: u32 = wait.lines().next().unwrap().parse().unwrap();
    assert!((1_000..=1_200).contains(&wait), "{wait}");
    let dropped = ask(
        &place,
        "POST",
        "/v1/alerts",
        &held,
        Some(&json!([alert("192.88.99.8")])),
    );
    assert_eq!((dropped.status, read(&dropped)), (201, json!([])), "allowlisted");
    let mut lacking = alert("192.88.99.10");
    lacking.as_object_mut().unwrap().remove("leakspeed");
    let refused = ask(&place, "POST", "/v1/alerts", &held, Some(&json!([lacking])));
    assert_eq!(refused.status, 500);
    assert!(
        refused.body.contains("leakspeed in body is required"),
        "{refused:?}"
    );
    let ended = ask(&place, "DELETE", "/v1/decisions?value=192.88.99.7", &held, None);
    assert_eq!(read(&ended), json!({"nbDeleted": "3"}));
    assert_eq!(
        ask(&place, "DELETE", "/v1/decisions?x=1", &held, None).status,
        500
    );
    assert_eq!(ask(&place, "DELETE", "/v1/decisions/77", &held, None).status, 404);
}

#[test]
fn another_name_for_a_scope_or_for_this_machine_opens_nothing() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    let key = home.key("edge", "ban");
    let push = |scope: &str, value: &str| {
        let mut body = alert("192.88.99.7");
        body["decisions"] = json!([{"duration": "4h", "origin": "cscli", "scenario": "by hand", "scope": scope,
            "type": "ban", "value": value}]);
        ask(&place, "POST", "/v1/alerts", &held, Some(&json!([body]))).status
    };
    assert_eq!(push("x", "128.0.0.0/1"), 400);
    assert_eq!(push("x", "198.51.0.0/17"), 201);
    assert_eq!(push("Ip", &"1".repeat(300)), 500);
    let live = |ip: &str| place.get(&format!("/v1/decisions?ip={ip}"), &key);
    assert_eq!(live("198.51.1.1"), Value::Null, "it is no address in that scope");

    let rubbish = json!(vec![0; 400_001]);
    assert_eq!(
        ask(&place, "POST", "/v1/alerts", &held, Some(&rubbish)).status,
        413
    );

    let far = format!(
        "DELETE /v1/decisions HTTP/1.1\r\nHost: vigie.example\r\nConnection: close\r\nAuthorization: Bearer {held}\r\n\r\n"
    );
    let far = place.raw(far.as_bytes());
    assert_eq!(far.status, 403, "{far:?}");
    let here = ask(&place, "DELETE", "/v1/decisions", &held, None);
    assert_eq!(read(&here), json!({"nbDeleted": "1"}));
}
