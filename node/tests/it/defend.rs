//! A node stands up for its users: whoever accuses a regular's address is disputed, and others hear it.

use serde_json::Value;

use crate::network::{found, join, up_as_seed};
use crate::support::{Home, guesses, login, login_before, until, watch};

const REGULAR: &str = "192.88.99.70";
const NEW: &str = "192.88.99.71";
const CAUGHT: &str = "192.88.99.72";
const ANOTHER: &str = "192.88.99.73";

fn verdict(home: &Home, ip: &str) -> Value {
    home.json(&["explain", ip])["verdict"].clone()
}

fn voices(home: &Home, ip: &str) -> usize {
    verdict(home, ip)["contributions"].as_array().unwrap().len()
}

fn raise(home: &Home, ip: &str) -> i64 {
    verdict(home, ip)["threshold"]["dispute"].as_i64().unwrap()
}

/// Told since yesterday, and waiting.
fn disputes(home: &Home) -> (u64, u64) {
    let disputes = &home.json(&["status"])["disputes"];
    (
        disputes["told"].as_u64().unwrap(),
        disputes["waiting"].as_u64().unwrap(),
    )
}

fn configure(home: &Home, share: &str) {
    home.configure(&format!("{}[share]\n{share}\n", watch(&home.log())));
}

/// How often the log says that something was said.
fn said(home: &Home) -> usize {
    home.told().matches("disputed for a user of ours").count()
}

#[test]
fn who_accuses_a_regular_user_is_disputed_once_and_others_hear_it() {
    let (seed, judge) = (Home::quiet(), Home::quiet());
    let (ours, one, two) = (Home::watching(), Home::watching(), Home::watching());
    let members = [&ours, &one, &two, &judge];
    configure(&ours, "delay = \"6h\"");
    found(&seed, &members);
    let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
    let seed_at = at_seed.page.to_string();
    let joining = |home: &&Home| {
        join(home, &seed_at, "yes");
        home.up()
    };
    let [at_ours, _one, _two, _judge] = members.each_ref().map(joining);
    for home in members {
        until("everybody is connected", || !home.rows(&["peers"]).is_empty());
    }
    // Two who have come for long, one who attacks besides, and one who is new.
    for days in [12, 9, 6] {
        for ip in [REGULAR, CAUGHT, ANOTHER] {
            ours.append(&login_before(ip, days));
        }
    }
    ours.append(&(login(NEW) + &guesses(CAUGHT, 6)));
    until("our users are known", || home_knows(&ours, 4));
    until("ours caught one", || {
        !ours.rows(&["decisions", "list", "--value", CAUGHT]).is_empty()
    });

    for home in [&one, &two] {
        home.append(&(guesses(REGULAR, 6) + &guesses(NEW, 6) + &guesses(CAUGHT, 6)));
    }
    for ip in [REGULAR, NEW, CAUGHT] {
        for home in [&ours, &judge] {
            until("both were heard", || voices(home, ip) >= 2);
        }
    }
    // Both who accuse the regular, and nobody else. It waits for its moment, also over kill -9.
    at_ours.reload();
    until("it waits", || disputes(&ours) == (0, 2));
    at_ours.kill();
    let at_ours = ours.up();
    assert_eq!(disputes(&ours), (0, 2));
    assert_eq!(raise(&judge, REGULAR), 0);
    // Who shares nothing tells nothing of that kind either.
    ours.say(&["share", "off"]);
    assert!(ours.json(&["status"])["disputes"].is_null());
    at_ours.reload();
    until("it is dropped", || {
        ours.told().matches("no longer to be disputed").count() == 2
    });
    at_ours.terminate();

    configure(&ours, "delay = \"1s\"");
    let said_so = ours.say(&["share", "on"]);
    assert!(said_so.contains("[share] disputes = false"), "{said_so}");
    let at_ours = ours.up();
    until("the judge hears that it is disputed", || {
        raise(&judge, REGULAR) > 0
    });
    assert!(judge.say(&["explain", REGULAR]).contains("disputed"));
    until("it is noted", || disputes(&ours) == (2, 0));
    assert!(
        ours.say(&["status"])
            .contains("for our users: 2 told since yesterday, 0 wait")
    );
    assert_eq!(said(&ours), 2);

    // Another one later; what was said is not said again, and the new user and the attacker are nobody's to defend.
    at_ours.kill();
    let at_ours = ours.up();
    one.append(&guesses(ANOTHER, 6));
    until("it was heard", || {
        voices(&ours, ANOTHER) == 1 && voices(&judge, ANOTHER) == 1
    });
    ours.append(&login(ANOTHER));
    at_ours.reload();
    until("the judge hears of that", || raise(&judge, ANOTHER) > 0);
    until("it is noted", || disputes(&ours) == (3, 0));
    assert_eq!(said(&ours), 3);
    assert_eq!((raise(&judge, NEW), raise(&judge, CAUGHT)), (0, 0));

    // An organisation may keep its users to itself.
    at_ours.terminate();
    configure(&ours, "disputes = false");
    let _ours = ours.up();
    assert!(ours.json(&["status"])["disputes"].is_null());
    assert!(!ours.say(&["share", "on"]).contains("disputes"));
    for home in members {
        assert!(!home.told().contains("ERROR"), "{}", home.told());
    }
}

fn home_knows(home: &Home, users: u64) -> bool {
    home.json(&["status"])["remembered"][0].as_u64() == Some(users)
}
