//! Machines that come by themselves: with a token, or until somebody accepts them.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;
use vigie_store::{Machine, Machines as _};
use vigie_wire::Timestamp;

use super::{PASSWORD, ask, login, write};
use crate::http::Place;
use crate::support::Home;

/// A registration from this address of ours, and its status.
fn come(place: &Place, from: u8, name: &str) -> u16 {
    let Place::Tcp(address) = place else {
        panic!("a node listens by TCP");
    };
    let from = Place::From(IpAddr::V4(Ipv4Addr::new(127, 0, 0, from)), *address);
    let body = json!({"machine_id": name, "password": PASSWORD});
    ask(&from, "POST", "/v1/watchers", "", Some(&body)).status
}

#[test]
fn one_address_takes_four_places_and_all_together_sixty_four() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    for from in 1..=16 {
        for nth in 0..4 {
            assert_eq!(come(&place, from, &format!("m{from}-{nth}")), 201, "{from} {nth}");
        }
    }
    assert_eq!(come(&place, 17, "one-too-many"), 403);
    home.say(&["machines", "revoke", "m1-0"]);
    assert_eq!(come(&place, 2, "fifth"), 403, "its address has its four");
    home.say(&["machines", "validate", "m2-0"]);
    assert_eq!(come(&place, 2, "fifth"), 201, "who was accepted waits no more");
    login(&place, "m2-0");
}

#[test]
fn who_waited_a_day_in_vain_is_forgotten() {
    let home = Home::quiet();
    home.say(&["init"]);
    let now = jiff::Timestamp::now().as_second();
    write(&home, async |store| {
        for (name, since) in [("old", 86_500), ("young", 86_000)] {
            assert!(store.add_machine(&waiting(name, now - since)).await.unwrap());
        }
    });
    let node = home.up();
    let names = || -> Vec<String> {
        let rows = home.rows(&["machines", "list"]);
        rows.iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(), ["young"]);
    assert!(
        home.refuse(&["machines", "validate", "old"])
            .contains("no machine")
    );
    assert_eq!(come(&node.place(), 1, "old"), 201, "it may come again");
}

#[test]
fn a_token_lets_a_machine_in_at_once_from_where_it_may_come() {
    let secrets = tempfile::tempdir().unwrap();
    let file = secrets.path().join("token");
    std::fs::write(&file, "let me in\n").unwrap();
    let home = Home::with(&format!(
        "[sensor]\nsources = \"none\"\n[api]\nregistration_token = {:?}\nregistration_from = [\"127.0.0.1\"]\n",
        file.display().to_string()
    ));
    let node = home.up();
    let place = node.place();
    let body = |name: &str, token: &str| json!({"machine_id": name, "password": PASSWORD, "registration_token": token});
    let come = |place: &Place, name, token| {
        let body = body(name, token);
        ask(place, "POST", "/v1/watchers", "", Some(&body)).status
    };
    assert_eq!(come(&place, "web", "let me in"), 202);
    login(&place, "web");
    assert_eq!(come(&place, "db", "let me out"), 401);
    assert_eq!(come(&place, "web", "let me in"), 403, "the name is taken");
    let Place::Tcp(address) = place else {
        panic!("a node listens by TCP");
    };
    let elsewhere = Place::From("127.0.0.2".parse().unwrap(), address);
    assert_eq!(come(&elsewhere, "db", "let me in"), 401, "from there nobody");
    // Read each time.
    std::fs::write(&file, "another\n").unwrap();
    assert_eq!(come(&node.place(), "db", "let me in"), 401);
    assert_eq!(come(&node.place(), "db", "another"), 202);
}

fn waiting(name: &str, created_at: i64) -> Machine {
    Machine {
        name: name.to_owned(),
        password: "$argon2id$".to_owned(),
        secret: [7; 32],
        validated: false,
        publish: false,
        created_at: Timestamp::from_secs(created_at),
        last_seen: None,
        agent: String::new(),
        address: "192.88.99.1".to_owned(),
    }
}
