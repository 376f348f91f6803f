//! The journey of a log line (DESIGN 3), from the file to the bouncer and to the mesh, in one test.

use crate::network::found;
use crate::support::{Home, guesses, login, until, watch};

#[test]
fn a_log_line_becomes_an_alert_a_decision_and_a_sighting() {
    let home = Home::watching();
    home.configure(
        &(watch(&home.log()) + &format!("[api]\nsocket = \"{}\"\n", home.beside("lapi.sock").display())),
    );
    found(&home, &[]);
    let node = home.up();
    let key = home.key("firewall", "ban");
    let mut pushed = node.place().follow("/v1/decisions/events", &key);

    // Five are within the capacity of the bucket; somebody of ours logs in; the sixth is one too many.
    home.append(&guesses("192.88.99.7", 5));
    home.append(&login("192.88.99.8"));
    home.append(&guesses("192.88.99.7", 1));

    // Line -> Event -> Detection -> alert and decision; the bouncer that follows is told without asking.
    let told = pushed.until("new", "192.88.99.7");
    let decision = &told["new"][0];
    assert_eq!(
        (&decision["type"], &decision["scope"]),
        (&"ban".into(), &"Ip".into()),
        "{told}"
    );
    assert_eq!(decision["scenario"], "vigie/ssh-bf");
    let alerts = home.rows(&["alerts", "list"]);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(
        (&alerts[0]["value"], &alerts[0]["events_count"]),
        (&"192.88.99.7".into(), &6.into())
    );
    let decisions = home.rows(&["decisions", "list"]);
    assert_eq!(
        (decisions.len(), &decisions[0]["alert"]),
        (1, &alerts[0]["id"]),
        "{decisions:?}"
    );
    for place in [node.place(), crate::http::Place::Unix(home.beside("lapi.sock"))] {
        assert_eq!(
            place.get("/v1/decisions?ip=192.88.99.7", &key)[0]["id"],
            decision["id"]
        );
        assert_eq!(
            place.ask("GET", "/v1/decisions?ip=192.88.99.8", Some(&key)).body,
            "null"
        );
        let stream = place.get("/v1/decisions/stream?startup=true", &key);
        assert_eq!(stream["new"][0]["value"], "192.88.99.7", "{stream}");
    }

    // Policy: what may leave.
    let preview = home.rows(&["share", "preview"]);
    assert_eq!(
        (preview.len(), &preview[0]["leaves"]),
        (1, &true.into()),
        "{preview:?}"
    );
    let leaves = serde_json::to_string(&preview[0]["sighting"]).unwrap();
    for secret in ["root", "alice", "sshd", "port", "host"] {
        assert!(!leaves.contains(secret), "{secret} would leave: {leaves}");
    }

    // Sighting -> envelope, on our chain.
    until("the alert is shared", || {
        home.rows(&["alerts", "list"])[0]["shared"] == format!("{}/0/0/0", publisher(&home))
    });
    let sightings = home.rows(&["sightings", "list"]);
    assert_eq!(sightings.len(), 1, "{sightings:?}");
    let sighting = &sightings[0];
    assert_eq!(
        (&sighting["own"], &sighting["at_least"]),
        (&true.into(), &4.into()),
        "{sighting}"
    );
    assert_eq!(sighting["indicator"]["value"], "192.88.99.7");
    assert_eq!(sighting["behaviour"], "ssh:bruteforce");
    assert!(
        sighting["seen"].as_str().unwrap().ends_with(":00Z"),
        "cut to the minute: {sighting}"
    );
    let explained = home.say(&["explain", "192.88.99.7"]);
    assert!(explained.contains("192.88.99.7"), "{explained}");
    let documented = home.say(&["explain", "203.0.113.7"]);
    assert!(documented.contains("no public address"), "{documented}");

    // One span logs both ids, so one grep for each follows the line.
    let log = home.told();
    let detection = alerts[0]["detection"].as_str().unwrap();
    let id = sighting["id"].as_str().unwrap();
    assert!(!log.contains('\u{1b}'), "a log file is no terminal");
    let about = |id: &str| log.lines().filter(|line| line.contains(id)).count();
    assert!(about(detection) >= 2, "detected and shared: {log}");
    assert!(about(id) >= 1, "{log}");
    assert!(
        log.lines()
            .any(|line| line.contains(detection) && line.contains(id)),
        "no line has both: {log}"
    );
}

fn publisher(home: &Home) -> String {
    home.json(&["id"])["publisher"].as_str().unwrap().to_owned()
}
