//! The Local API as bouncers know it from CrowdSec, byte for byte where they depend on bytes.

use serde_json::{Value, json};

use crate::http::Place;
use crate::support::{Home, Node, until};

/// A node that serves its API by both ways.
fn serving() -> (Home, Node, [Place; 2]) {
    let home = Home::quiet();
    let socket = home.beside("lapi.sock");
    let node = home.up_with(&["--socket", socket.to_str().unwrap()]);
    let places = [node.place(), Place::Unix(socket)];
    (home, node, places)
}

fn ban(home: &Home, value: &str, duration: &str) {
    home.say(&["decisions", "add", value, "--duration", duration]);
}

fn values(list: &Value) -> Vec<&str> {
    let mut values: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["value"].as_str())
        .collect();
    values.sort_unstable();
    values
}

/// What a delta says.
#[track_caller]
fn check_stream(place: &Place, key: &str, startup: bool, new: &[&str], deleted: &[&str]) {
    let change = place.get(&format!("/v1/decisions/stream?startup={startup}"), key);
    assert_eq!(
        (values(&change["new"]), values(&change["deleted"])),
        (new.to_vec(), deleted.to_vec()),
        "{change}"
    );
}

#[test]
fn answers_have_crowdsecs_status_and_bytes() {
    let (home, _node, places) = serving();
    let key = home.key("one", "ban");
    ban(&home, "192.88.99.1", "4h");
    for place in &places {
        let refused = place.ask("GET", "/v1/decisions", None);
        assert_eq!(
            (refused.status, refused.body.as_str()),
            (403, "{\"message\":\"access forbidden\"}"),
            "{place:?}"
        );
        assert_eq!(
            place
                .ask("GET", "/v1/decisions/stream?startup=true", Some("nonsense"))
                .status,
            403
        );
        assert_eq!(
            place.ask("HEAD", "/v1/decisions/stream", Some("nonsense")).status,
            403
        );

        let none = place.ask("GET", "/v1/decisions?ip=192.88.99.2", Some(&key));
        assert_eq!(
            (none.status, none.body.as_str()),
            (200, "null"),
            "four bytes, no newline"
        );
        assert!(
            none.head.contains("content-type: application/json") && !none.head.contains("content-encoding")
        );
        for probe in ["/v1/decisions", "/v1/decisions/stream"] {
            let probed = place.ask("HEAD", probe, Some(&key));
            assert_eq!((probed.status, probed.body.as_str()), (200, ""), "{probe}");
        }
        let hit = place.get(
            "/v1/decisions?ip=192.88.99.1&additional_pull=false&whatever=%00&x",
            &key,
        );
        let duration = hit[0]["duration"].as_str().unwrap();
        let lua = duration
            .strip_prefix("3h59m")
            .and_then(|rest| rest.strip_suffix('s'))
            .is_some_and(|secs| secs.parse::<u8>().is_ok());
        assert!(lua || duration == "4h0m0s", "{duration}");
        assert_eq!(
            (&hit[0]["origin"], &hit[0]["scenario"]),
            (&json!("manual"), &json!("added by hand"))
        );
        assert_eq!((&hit[0]["type"], &hit[0]["scope"]), (&json!("ban"), &json!("Ip")));

        assert_eq!(place.ask("GET", "/v1/nothing", Some(&key)).status, 404);
        assert_eq!(place.ask("GET", "/v1/nothing", Some(&key)).body, "");
        let method = place.ask("PUT", "/v1/decisions/stream", Some(&key));
        assert_eq!((method.status, method.body.as_str()), (405, ""));
        assert_eq!(place.ask("PATCH", "/", None).status, 405);
        for wrong in ["ip=nonsense", "ip=1.2.3", "range=1.2.3.0/33", "ip=2001:db8::g"] {
            let refused = place.ask("GET", &format!("/v1/decisions?{wrong}"), Some(&key));
            assert_eq!(refused.status, 400, "{wrong}: {refused:?}");
            assert!(refused.body.starts_with("{\"message\":"), "{refused:?}");
        }
    }
}

#[test]
fn reads_are_filtered_as_asked() {
    let (home, _node, [place, _]) = serving();
    let key = home.key("one", "ban");
    ban(&home, "192.88.99.0/24", "4h");
    ban(&home, "192.88.99.1", "1h");
    ban(&home, "2606:4700::1", "1h");
    let found = |query: &str| {
        let answer = place.get(&format!("/v1/decisions?{query}"), &key);
        answer.as_array().map_or_else(Vec::new, |_| {
            values(&answer).into_iter().map(str::to_owned).collect()
        })
    };
    assert_eq!(found("ip=192.88.99.1"), ["192.88.99.0/24", "192.88.99.1"]);
    assert_eq!(found("ip=::ffff:192.88.99.2"), ["192.88.99.0/24"]);
    assert_eq!(
        found("range=192.88.99.0/24&contains=false"),
        ["192.88.99.0/24", "192.88.99.1"]
    );
    assert_eq!(found("range=192.88.0.0/16"), Vec::<String>::new());
    assert_eq!(found("ip=2606:4700::1"), ["2606:4700::1"]);
    assert_eq!(found("scopes=RANGE"), ["192.88.99.0/24"]);
    assert_eq!(found("type=captcha"), Vec::<String>::new());
    assert_eq!(found("type=BAN").len(), 3);
    assert_eq!(found("type=nothing"), Vec::<String>::new());
    // Who does not know his visitor's address is not told of somebody else's ban.
    for empty in ["ip=", "range=", "ip=&range="] {
        let refused = place.ask("GET", &format!("/v1/decisions?{empty}"), Some(&key));
        assert_eq!(refused.status, 400, "{empty}");
    }
    assert_eq!(found("value=192.88.99.1"), ["192.88.99.1"]);
    assert_eq!(found("origins=manual&scenarios_containing=HAND").len(), 3);
    // As the bouncers of CrowdSec call them.
    assert_eq!(found("origins=crowdsec,cscli").len(), 3);
    for other in ["crowdsec,CAPI,lists", "sensor,mesh", "nobody"] {
        assert_eq!(found(&format!("origins={other}")).len(), 0, "{other}");
    }
    assert_eq!(found("scenarios_not_containing=hand"), Vec::<String>::new());
    assert_eq!(found("limit=1").len(), 1);
    assert_eq!(found("limit=99999999999999999999&offset=-1").len(), 3);
    assert_eq!(found("offset=18446744073709551615"), Vec::<String>::new());
    // Live bouncers look at the first only.
    assert_eq!(
        place.get("/v1/decisions?ip=192.88.99.1", &key)[0]["value"],
        "192.88.99.0/24"
    );
}

#[test]
fn numbers_page_through_all_decisions() {
    let (home, _node, [place, _]) = serving();
    let key = home.key("one", "ban");
    for value in ["192.88.99.1", "192.88.99.2", "192.88.99.3"] {
        ban(&home, value, "4h");
    }
    let (mut last, mut heard) = (0, Vec::new());
    loop {
        let page = place.get(&format!("/v1/decisions?limit=2&id_gt={last}"), &key);
        let Some(rows) = page.as_array() else { break };
        heard.extend(values(&page).into_iter().map(str::to_owned));
        last = rows.last().unwrap()["id"].as_i64().unwrap();
    }
    assert_eq!(heard, ["192.88.99.1", "192.88.99.2", "192.88.99.3"]);
    assert_eq!(place.ask("GET", "/v1/decisions?id_gt=x", Some(&key)).status, 400);
}

#[test]
fn the_page_is_shown_to_this_machine_only() {
    let (_home, _node, [tcp, unix]) = serving();
    let page = |place: &Place, host: &str| {
        let head = format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        place.raw(head.as_bytes())
    };
    for host in ["localhost", "127.0.0.1:8480", "[::1]"] {
        let shown = page(&tcp, &format!("Host: {host}\r\n"));
        assert_eq!(shown.status, 200, "{host}");
        assert!(shown.head.contains("cache-control: no-store"), "{}", shown.head);
        assert!(
            shown.head.contains("x-content-type-options: nosniff"),
            "{}",
            shown.head
        );
        assert_eq!(page(&unix, &format!("Host: {host}\r\n")).status, 404, "{host}");
    }
    for host in [
        "",
        "Host: rebound.example\r\n",
        "Host: localhost\r\nHost: rebound.example\r\n",
    ] {
        let refused = page(&tcp, host);
        assert!(matches!(refused.status, 400 | 404), "{host}: {refused:?}");
    }
}

#[test]
fn a_stream_tells_each_reader_everything_once() {
    let (home, _node, [tcp, unix]) = serving();
    let (one, two) = (home.key("one", "ban"), home.key("two", "ban"));
    ban(&home, "192.88.99.1", "4h");
    ban(&home, "192.88.98.0/24", "4h");
    check_stream(&tcp, &one, true, &["192.88.98.0/24", "192.88.99.1"], &[]);
    check_stream(&tcp, &one, false, &[], &[]);
    ban(&home, "192.88.99.2", "4h");
    check_stream(&tcp, &one, false, &["192.88.99.2"], &[]);
    // Another address with the same key, and another key, each have their own place.
    check_stream(
        &unix,
        &one,
        false,
        &["192.88.98.0/24", "192.88.99.1", "192.88.99.2"],
        &[],
    );
    check_stream(
        &tcp,
        &two,
        false,
        &["192.88.98.0/24", "192.88.99.1", "192.88.99.2"],
        &[],
    );
    home.say(&["decisions", "delete", "--value", "192.88.99.1"]);
    check_stream(&tcp, &one, false, &[], &["192.88.99.1"]);
    check_stream(&unix, &one, false, &[], &["192.88.99.1"]);
    let change = tcp.get("/v1/decisions/stream", &two);
    assert!(
        change["deleted"][0]["duration"].as_str().unwrap().ends_with('s'),
        "{change}"
    );
    // A probe moves nobody's place, and a start begins anew.
    ban(&home, "192.88.99.3", "4h");
    tcp.ask("HEAD", "/v1/decisions/stream", Some(&one));
    // Ends are told once more within two seconds, as CrowdSec does.
    let change = tcp.get("/v1/decisions/stream", &one);
    assert_eq!(values(&change["new"]), ["192.88.99.3"], "{change}");
    let start = tcp.get("/v1/decisions/stream?startup=true", &one);
    assert_eq!(
        values(&start["new"]),
        ["192.88.98.0/24", "192.88.99.2", "192.88.99.3"],
        "{start}"
    );
}

#[test]
fn a_longer_decision_stands_for_a_shorter_and_outlives_its_end() {
    let (home, _node, [place, _]) = serving();
    let key = home.key("one", "ban");
    check_stream(&place, &key, true, &[], &[]);
    ban(&home, "192.88.99.1", "1h");
    check_stream(&place, &key, false, &["192.88.99.1"], &[]);
    ban(&home, "192.88.99.1", "4h");
    check_stream(&place, &key, false, &["192.88.99.1"], &[]);
    let shorter = home
        .rows(&["decisions", "list"])
        .iter()
        .filter_map(|row| row["id"].as_i64())
        .min()
        .unwrap();
    home.say(&["decisions", "delete", "--id", &shorter.to_string()]);
    check_stream(&place, &key, false, &[], &[]);
    let all = place.get("/v1/decisions/stream?startup=true&dedup=false", &key);
    assert_eq!(values(&all["new"]), ["192.88.99.1"]);
}

#[test]
fn an_end_by_time_is_told_in_stream_and_push_and_then_no_more() {
    let (home, _node, [place, unix]) = serving();
    let key = home.key("one", "ban");
    let mut events = unix.follow("/v1/decisions/events", &key);
    ban(&home, "192.88.99.1", "2s");
    assert_eq!(
        values(&events.until("new", "192.88.99.1")["new"]),
        ["192.88.99.1"]
    );
    check_stream(&place, &key, true, &["192.88.99.1"], &[]);
    events.until("deleted", "192.88.99.1");
    let mut heard = 0;
    until("the stream tells of the end and falls silent", || {
        let change = place.get("/v1/decisions/stream", &key);
        let ended = values(&change["deleted"]) == ["192.88.99.1"];
        heard += usize::from(ended);
        heard > 0 && !ended
    });
    assert_eq!(
        place.ask("GET", "/v1/decisions?ip=192.88.99.1", Some(&key)).body,
        "null"
    );
    assert_eq!(home.rows(&["decisions", "list"]).len(), 0);
    assert_eq!(home.rows(&["decisions", "list", "--all"])[0]["left"], "ended");
}

#[test]
fn changes_are_pushed_in_order_while_many_are_made() {
    let (home, _node, [place, _]) = serving();
    let key = home.key("one", "ban");
    let mut events = place.follow("/v1/decisions/events", &key);
    let made = std::thread::scope(|scope| {
        let control = Place::Unix(home.data().join("vigie.sock"));
        let writer = |offset: u8| {
            let control = control.clone();
            move || {
                for last in 0..50 {
                    let body = json!({"value": format!("192.88.{offset}.{last}"), "duration": "4h", "type": "ban", "reason": "x"}).to_string();
                    let request = format!(
                        "POST /decisions HTTP/1.1\r\nHost: vigie\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    assert_eq!(control.raw(request.as_bytes()).status, 200);
                }
            }
        };
        for offset in 0..4 {
            scope.spawn(writer(offset));
        }
        let mut heard = std::collections::BTreeSet::new();
        let mut polled = std::collections::BTreeSet::new();
        while heard.len() < 200 {
            heard.extend(values(&events.next()["new"]).into_iter().map(str::to_owned));
            polled.extend(
                values(&place.get("/v1/decisions/stream", &key)["new"])
                    .into_iter()
                    .map(str::to_owned),
            );
        }
        polled.extend(
            values(&place.get("/v1/decisions/stream", &key)["new"])
                .into_iter()
                .map(str::to_owned),
        );
        assert_eq!(heard, polled, "what polls found and what was pushed");
        heard.len()
    });
    assert_eq!(made, 200);
}

#[test]
fn a_key_is_served_what_it_was_granted() {
    let (home, _node, [place, _]) = serving();
    let (hard, soft) = (home.key("hard", "ban"), home.key("soft", "ban,challenge"));
    home.say(&["decisions", "add", "192.88.99.1", "--type", "challenge"]);
    assert_eq!(
        place.ask("GET", "/v1/decisions?ip=192.88.99.1", Some(&hard)).body,
        "null"
    );
    assert_eq!(
        place.get("/v1/decisions?ip=192.88.99.1", &soft)[0]["type"],
        "challenge"
    );
    check_stream(&place, &hard, true, &[], &[]);
    check_stream(&place, &soft, true, &["192.88.99.1"], &[]);
    let said = home.refuse(&["bouncers", "add", "third", "--grant", "blame"]);
    assert!(
        said.contains("\"blame\" is not one of challenge, throttle, ban"),
        "{said}"
    );
    // A key that was taken back is no key, also for what it is in the middle of.
    home.say(&["bouncers", "delete", "hard"]);
    assert_eq!(place.ask("GET", "/v1/decisions", Some(&hard)).status, 403);
    assert!(
        home.refuse(&["bouncers", "delete", "hard"])
            .contains("no bouncer called hard")
    );
    assert!(home.refuse(&["bouncers", "add", "soft"]).contains("already"));
}

#[test]
fn a_deleted_bouncer_hears_no_more_pushes() {
    let (home, _node, [place, _]) = serving();
    let key = home.key("one", "ban");
    let events = place.follow("/v1/decisions/events", &key);
    home.say(&["bouncers", "delete", "one"]);
    assert!(events.ends(), "the stream of a key that is void goes on");
}

#[test]
fn a_key_leaves_places_to_others_and_is_told_when_to_look_again() {
    let home = Home::with("[sensor]\nsources = \"none\"\n[api]\nfollowers = 3\n");
    let node = home.up();
    let place = node.place();
    let [one, two, three] = ["one", "two", "three"].map(|name| home.key(name, "ban"));
    let path = "/v1/decisions/events";
    let told_to_wait = |key: &str, status: u16| {
        let answer = place.ask("GET", path, Some(key));
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.head.contains("retry-after: "), "{answer:?}");
    };
    let _first = [place.follow(path, &one), place.follow(path, &one)];
    told_to_wait(&one, 429);
    let _second = place.follow(path, &two);
    told_to_wait(&three, 503);
}

#[test]
fn guessing_keys_is_slowed_and_hinders_nobody_else() {
    let (home, _node, [place, _]) = serving();
    let key = home.key("one", "ban");
    let statuses: Vec<u16> = (0..60)
        .map(|guess| {
            place
                .ask("GET", "/v1/decisions", Some(&format!("guess{guess}")))
                .status
        })
        .collect();
    assert_eq!(statuses[..30], [403; 30]);
    assert!(statuses[30..].contains(&429), "{statuses:?}");
    assert_eq!(
        place.ask("GET", "/v1/decisions", Some(&key)).status,
        200,
        "from the same address"
    );
    let seen = home.rows(&["bouncers", "list"]);
    assert_eq!(
        (&seen[0]["agent"], &seen[0]["address"]),
        (&json!("test/1"), &json!("127.0.0.1")),
        "{seen:?}"
    );
}

#[test]
fn a_key_is_limited_to_scopes_ends_and_has_a_successor() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    home.say(&["decisions", "add", "192.88.99.1"]);
    home.say(&["decisions", "add", "FR", "--scope", "country"]);
    let key = |words: &[&str]| {
        home.say(&[&["bouncers"], words, &["--raw"]].concat())
            .trim()
            .to_owned()
    };
    let status = |key: &str| place.ask("GET", "/v1/decisions", Some(key)).status;
    let told = |key: &str| {
        let all = place.get("/v1/decisions/stream?startup=true&scopes=ip,country", key);
        let rows = all["new"].as_array().unwrap().iter();
        rows.map(|row| row["value"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&key(&["add", "wide"])), ["192.88.99.1", "FR"]);
    let first = key(&["add", "narrow", "--scope", "IP,range"]);
    assert_eq!(told(&first), ["192.88.99.1"]);
    assert!(
        home.refuse(&["bouncers", "add", "x", "--scope", "town"])
            .contains("is not one of ip, range")
    );

    // For an hour both keys are good, and what the key is limited to goes with the bouncer.
    let second = key(&["rotate", "narrow"]);
    assert_eq!(
        (status(&first), told(&second)),
        (200, vec!["192.88.99.1".to_owned()])
    );
    let push = place.follow("/v1/decisions/events", &second);
    let third = key(&["rotate", "narrow", "--overlap", "1s", "--expires", "90d"]);
    assert_eq!(status(&first), 403, "two keys are good at a time");
    until("the key before to end", || status(&second) == 403);
    assert!(push.ends(), "and so does what was opened with it");
    assert_eq!(status(&third), 200);
    let ends = home.rows(&["bouncers", "list"])[0]["expires"]
        .as_str()
        .map(str::len);
    assert_eq!(ends, Some("2026-11-24T00:00:00Z".len()));
    assert!(
        home.refuse(&["bouncers", "rotate", "narrow"])
            .contains("say when the new one does")
    );
    let last = key(&["rotate", "narrow", "--expires", "never"]);
    assert_eq!((status(&third), status(&last)), (200, 200));

    // A key is not prolonged by the overlap, and the answer says so.
    home.say(&["bouncers", "add", "brief", "--expires", "30m"]);
    assert!(
        home.say(&["status"])
            .contains("the key of bouncer brief ends at 2")
    );
    let metrics = place.ask("GET", "/metrics", None).body;
    assert!(
        metrics.contains("vigie_api_keys_ending{state=\"soon\"} 1\n"),
        "{metrics}"
    );
    let ends = home.rows(&["bouncers", "list"])[0]["expires"]
        .as_str()
        .unwrap()
        .to_owned();
    let told = home.say(&["bouncers", "rotate", "brief", "--expires", "90d"]);
    assert!(told.contains(&format!("good until {ends}.")), "{told}");
    assert!(
        home.refuse(&["bouncers", "rotate", "web@tls"])
            .contains("known by its certificate")
    );

    let short = key(&["add", "short", "--expires", "2s"]);
    assert_eq!(status(&short), 200);
    until("the key to end", || status(&short) == 403);
    assert!(
        home.refuse(&["bouncers", "rotate", "nobody"])
            .contains("no bouncer called nobody")
    );
}
