//! Two and three organisations on loopback: who hears whom, how, and from when on.

use serde_json::Value;

use crate::http::Place;
use crate::network::{found, identity, join, up_as_seed};
use crate::support::{Home, Node, guesses, login, until, watch};

fn heard(home: &Home, ip: &str) -> Vec<Value> {
    home.rows(&["sightings", "list", "--value", ip])
}

fn is_connected(home: &Home) -> bool {
    !home.rows(&["peers"]).is_empty()
}

/// A seed that is up, and a member that joined it from there and is up too.
fn seed_and_member(listen: &str) -> (Home, Node, Home, Node) {
    let (seed, member) = (Home::watching(), Home::watching());
    identity(&member);
    found(&seed, &[&member]);
    let at_seed = up_as_seed(&seed, listen);
    join(&member, &at_seed.page.to_string(), "yes");
    let at_member = member.up();
    until("they are connected", || {
        is_connected(&seed) && is_connected(&member)
    });
    (seed, at_seed, member, at_member)
}

/// What one sensor sees, the other organisation hears; both ways.
fn check_both_ways(listen: &str, transport: &str) {
    let (seed, _at_seed, member, _at_member) = seed_and_member(listen);
    let peers = member.rows(&["peers"]);
    assert!(
        peers[0]["address"].as_str().unwrap().contains(transport),
        "{peers:?}"
    );
    assert_eq!(peers[0]["organisation"], "seed", "{peers:?}");
    assert_eq!(peers[0]["standing"], "seed");
    let reach = |home: &Home| home.json(&["status"])["reach"].clone();
    assert_eq!(
        (&reach(&seed)["reached"], &reach(&member)["reached"]),
        (&true.into(), &false.into())
    );
    assert!(
        seed.say(&["status"])
            .contains("is called by others at /ip4/127.0.0.1/")
    );
    assert!(
        member
            .say(&["status"])
            .contains("calls others and is called by nobody, which is enough")
    );

    seed.append(&guesses("192.88.99.10", 6));
    until("the member hears the seed", || {
        heard(&member, "192.88.99.10").len() == 1
    });
    let sighting = &heard(&member, "192.88.99.10")[0];
    assert_eq!(
        (&sighting["organisation"], &sighting["own"]),
        (&"seed".into(), &false.into()),
        "{sighting}"
    );
    assert_eq!(
        sighting["id"],
        heard(&seed, "192.88.99.10")[0]["id"],
        "one name everywhere"
    );
    let log = member.told();
    assert!(
        log.lines()
            .any(|line| line.contains(sighting["id"].as_str().unwrap())),
        "{log}"
    );
    // One group's word never blocks; it is shown.
    assert!(
        member
            .rows(&["decisions", "list"])
            .iter()
            .all(|row| row["origin"] != "mesh")
    );
    let explained = member.json(&["explain", "192.88.99.10"]);
    assert!(explained.to_string().contains("192.88.99.10"), "{explained}");

    member.append(&guesses("192.88.99.11", 6));
    until("the seed hears the member", || {
        heard(&seed, "192.88.99.11").len() == 1
    });
    for home in [&seed, &member] {
        assert_eq!(home.json(&["status"])["counts"]["sightings"], 2);
        assert!(!home.told().contains("ERROR"), "{}", home.told());
    }
}

/// So that others can tell its silence from its words held back.
#[test]
fn whoever_leaves_names_what_he_said_last() {
    let (seed, member) = (Home::watching(), Home::watching());
    identity(&member);
    found(&seed, &[&member]);
    let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
    join(&member, &at_seed.page.to_string(), "yes");
    let _at_member = member.up_with(&["--log", "info,vigie_gossip::swarm=debug"]);
    seed.append(&guesses("192.88.99.10", 6));
    until("the member hears the seed", || {
        heard(&member, "192.88.99.10").len() == 1
    });
    let publisher = seed.json(&["status"])["publisher"].as_str().unwrap().to_owned();
    let head = format!("head publisher.id={publisher} epoch=0 seq=0");
    assert!(!member.told().contains(&head), "a minute has not passed");
    assert!(at_seed.terminate().0.success());
    until("the member hears the seed's head", || {
        member.told().contains(&head)
    });
    assert_eq!(member.json(&["status"])["behind"], Value::Null);
}

#[test]
fn organisations_hear_each_other_by_tcp() {
    check_both_ways("/ip4/127.0.0.1/tcp/0", "/tcp/");
}

#[test]
fn organisations_hear_each_other_by_quic() {
    check_both_ways("/ip4/127.0.0.1/udp/0/quic-v1", "/quic-v1");
}

#[test]
fn a_newcomer_is_heard_once_vouched_for_and_gets_what_was_before_him() {
    let (seed, at_seed, member, _at_member) = seed_and_member("/ip4/127.0.0.1/tcp/0");
    seed.append(&guesses("192.88.99.20", 6));
    member.append(&guesses("192.88.99.21", 6));
    until("there is a history", || {
        seed.rows(&["sightings", "list"]).len() == 2
    });

    let newcomer = Home::watching();
    let key = identity(&newcomer);
    let at_newcomer = newcomer.up();
    // Joined while the node runs: no restart.
    join(&newcomer, &at_seed.page.to_string(), "yes");
    until("the newcomer is connected", || is_connected(&newcomer));
    assert!(
        newcomer.json(&["status"])["standing"]
            .as_str()
            .unwrap()
            .starts_with("not admitted")
    );
    newcomer.append(&guesses("192.88.99.22", 6));
    until("it detects", || newcomer.rows(&["alerts", "list"]).len() == 1);
    assert_eq!(newcomer.rows(&["alerts", "list"])[0]["shared"], "waits");

    let said = seed.say(&["vouch", &key, "--name", "Newcomer", "--country", "FR"]);
    assert!(said.contains("Newcomer"), "{said}");
    for home in [&seed, &member] {
        until("the newcomer's sighting arrives everywhere", || {
            heard(home, "192.88.99.22")
                .iter()
                .any(|row| row["organisation"] == "Newcomer")
        });
    }
    until("the newcomer gets the history", || {
        newcomer.rows(&["sightings", "list"]).len() == 3
    });
    assert_eq!(newcomer.json(&["status"])["standing"], "newcomer");
    let refused = newcomer.refuse(&["vouch", &identity(&member), "--name", "Member"]);
    assert!(refused.contains("newcomer ourselves"), "{refused}");
    assert_eq!(
        newcomer.rows(&["alerts", "list"])[0]["shared"],
        heard(&member, "192.88.99.22")[0]["id"]
    );

    // And again after a restart, from what is on its disk.
    drop(at_newcomer);
    let _again = newcomer.up();
    until("it comes back", || is_connected(&newcomer));
    assert_eq!(newcomer.json(&["status"])["standing"], "newcomer");
    member.append(&guesses("192.88.99.23", 6));
    until("it hears what is new", || {
        heard(&newcomer, "192.88.99.23").len() == 1
    });
}

/// Decisions of the mesh on this address, as the list has them.
fn from_the_mesh(home: &Home, ip: &str) -> Vec<Value> {
    home.rows(&["decisions", "list", "--origin", "mesh", "--value", ip])
}

#[test]
fn two_independent_words_block_where_policy_enforces_and_never_a_user_of_ours() {
    let seed = Home::quiet();
    let (one, two) = (Home::watching(), Home::watching());
    let (trying, enforcing) = (Home::quiet(), Home::watching());
    trying.configure("[sensor]\nsources = \"none\"\n[policy]\nhearing = \"0s\"\n");
    enforcing.configure(&(watch(&enforcing.log()) + "[policy]\nremote = \"enforce\"\nhearing = \"0s\"\n"));
    found(&seed, &[&one, &two, &trying, &enforcing]);
    let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
    let everybody = [&one, &two, &trying, &enforcing];
    let nodes = everybody.map(|home| {
        join(home, &at_seed.page.to_string(), "yes");
        home.up()
    });
    for home in everybody {
        until("everybody is connected", || is_connected(home));
    }
    let key = enforcing.key("firewall", "ban");
    let place = Place::Tcp(nodes[3].page);
    let mut pushed = place.follow("/v1/decisions/events", &key);
    enforcing.append(&login("192.88.99.51"));
    until("our user is known", || {
        enforcing.json(&["status"])["sensor"]["parsed"] == 1
    });

    // One organisation's word, then a second one's, both on an attacker and on somebody who logs in at ours.
    let attackers = guesses("192.88.99.51", 6) + &guesses("192.88.99.50", 6);
    one.append(&attackers);
    until("the first word arrives", || {
        heard(&enforcing, "192.88.99.50").len() == 1
    });
    assert!(
        from_the_mesh(&enforcing, "192.88.99.50")
            .iter()
            .all(|row| row["remediation"] != "ban")
    );
    two.append(&attackers);
    pushed.until("new", "192.88.99.50");
    let blocked = &place.get("/v1/decisions?ip=192.88.99.50", &key)[0];
    assert_eq!(
        (&blocked["origin"], &blocked["type"]),
        (&"mesh".into(), &"ban".into()),
        "{blocked}"
    );
    assert_eq!(enforcing.rows(&["alerts", "list"]).len(), 0, "it never came here");
    let why = enforcing.say(&["explain", "192.88.99.50"]);
    assert!(why.contains("member0") && why.contains("member1"), "{why}");

    until("both words on our user arrived", || {
        heard(&enforcing, "192.88.99.51").len() == 2
    });
    assert!(
        from_the_mesh(&enforcing, "192.88.99.51")
            .iter()
            .all(|row| row["remediation"] != "ban")
    );
    assert_eq!(
        place.ask("GET", "/v1/decisions?ip=192.88.99.51", Some(&key)).body,
        "null"
    );

    // Whoever only joined sees what would be, for three days.
    until("it is simulated", || {
        from_the_mesh(&trying, "192.88.99.50")
            .iter()
            .any(|row| row["remediation"] == "ban")
    });
    assert!(
        from_the_mesh(&trying, "192.88.99.50")
            .iter()
            .all(|row| row["simulated"] == true)
    );
    let eager = trying.key("firewall", "ban");
    assert_eq!(
        Place::Tcp(nodes[2].page)
            .ask("GET", "/v1/decisions?ip=192.88.99.50", Some(&eager))
            .body,
        "null"
    );
    assert!(trying.refuse(&["policy", "enforce"]).contains("72 h"));

    // Whoever is allowed here is released, whatever the mesh says.
    enforcing.say(&["allowlist", "add", "192.88.99.50", "--reason", "a partner"]);
    pushed.until("deleted", "192.88.99.50");

    // Until the entry ends: what the mesh says counts again, without waiting for the minute of housekeeping.
    enforcing.say(&[
        "allowlist",
        "add",
        "192.88.99.50",
        "--reason",
        "a guest",
        "--duration",
        "1s",
    ]);
    pushed.until("new", "192.88.99.50");
}

#[test]
fn what_was_missed_while_away_comes_after_the_return() {
    let (seed, at_seed, member, at_member) = seed_and_member("/ip4/127.0.0.1/tcp/0");
    drop(at_member);
    for last in 30..35 {
        seed.append(&guesses(&format!("192.88.99.{last}"), 6));
    }
    until("the seed shared five", || {
        seed.rows(&["sightings", "list"]).len() == 5
    });
    // The member was away, and sees something of its own the moment it is back.
    let at_member = member.up();
    member.append(&guesses("192.88.99.40", 6));
    until("nothing is missing", || {
        member.rows(&["sightings", "list"]).len() == 6
    });
    until("on both sides", || seed.rows(&["sightings", "list"]).len() == 6);
    drop((at_seed, at_member));
}
