//! The organisation's own rules: what follows from what, how long, and what another file would have done.

use serde_json::Value;

use crate::support::{Home, guesses, until, watch};

const PROFILES: &str = r#"
[[policy.profiles]]
name = "crawlers only watched"
behaviours = ["http:crawl"]
remediation = "observe"

[[policy.profiles]]
name = "guessers"
origins = ["sensor"]
scenarios = ["vigie/ssh-*"]
remediation = "throttle"
for = "1h"
again = 3
longest = "2h"
"#;

fn of_sensor(home: &Home, ip: &str) -> Vec<Value> {
    home.rows(&["decisions", "list", "--origin", "sensor", "--value", ip])
}

/// Seconds that a decision lasts in all.
fn length(home: &Home, ip: &str) -> u64 {
    let decision = &of_sensor(home, ip)[0];
    let [from, until] = ["created_at", "until"].map(|field| decision[field].as_u64().unwrap());
    (until - from).div_ceil(1_000)
}

#[test]
fn a_profile_decides_what_follows_and_a_dry_run_says_so_before() {
    let home = Home::watching();
    let node = home.up();
    home.append(&guesses("192.88.99.7", 6));
    until("he is banned", || of_sensor(&home, "192.88.99.7").len() == 1);
    assert_eq!(of_sensor(&home, "192.88.99.7")[0]["remediation"], "ban");

    let before = "[sensor]\nsources = \"none\"\n";
    home.configure(&format!("{}{PROFILES}", watch(&home.log())));
    let tried = home.json(&["policy", "test"]);
    assert_eq!(
        (&tried["cases"], &tried["changed"]),
        (&1.into(), &1.into()),
        "{tried}"
    );
    let change = &tried["changes"][0];
    assert_eq!(change["value"], "192.88.99.7");
    let words = |side: &str| change[side].as_str().unwrap().to_owned();
    assert!(
        words("now").starts_with("ban ") && words("then").starts_with("throttle "),
        "{change}"
    );
    assert!(
        home.say(&["policy", "test", "--since", "1h"])
            .contains("1 ban; with")
    );
    home.configure(&format!(
        "{before}[[policy.profiles]]\nname = \"x\"\nremediation = \"shout\"\n"
    ));
    let said = home.refuse(&["policy", "test"]);
    assert!(
        said.contains("is not one of observe, challenge, throttle, ban"),
        "{said}"
    );
    assert_eq!(
        of_sensor(&home, "192.88.99.7")[0]["remediation"],
        "ban",
        "nothing changed"
    );

    home.configure(&format!("{}{PROFILES}", watch(&home.log())));
    node.terminate();
    let _node = home.up();
    home.append(&guesses("192.88.99.9", 6));
    until("another is throttled", || {
        of_sensor(&home, "192.88.99.9").len() == 1
    });
    let decision = &of_sensor(&home, "192.88.99.9")[0];
    assert_eq!(decision["remediation"], "throttle");
    assert!(
        decision["reason"]
            .as_str()
            .unwrap()
            .ends_with("(profile guessers)"),
        "{decision}"
    );
    assert!((3_590..=3_600).contains(&length(&home, "192.88.99.9")));
    // He was banned by the node that ran before; a person took that back, so it does not count against him.
    home.say(&["decisions", "delete", "--value", "192.88.99.7"]);
    home.append(&guesses("192.88.99.7", 13));
    until("he comes again", || {
        let decisions = of_sensor(&home, "192.88.99.7");
        decisions
            .first()
            .is_some_and(|one| one["remediation"] == "throttle")
    });
    assert!((3_590..=3_600).contains(&length(&home, "192.88.99.7")));
}

/// Whoever has one address of a /64 has all of them; who is let go is let go with it; and where somebody is spared,
/// nobody pays for his neighbour.
#[test]
fn an_ipv6_attacker_is_kept_out_with_his_network() {
    let home = Home::watching();
    let node = home.up();
    let key = home.key("front", "ban");
    let place = node.place();
    let holds = |ip: &str| {
        let found = place.get(&format!("/v1/decisions?ip={ip}"), &key);
        found.as_array().map_or(0, Vec::len)
    };
    home.append(&guesses("2a00:1450:4001:829::200e", 6));
    until("he is banned by both names", || {
        holds("2a00:1450:4001:829::200e") == 2
    });
    assert_eq!(holds("2a00:1450:4001:829:ffff::1"), 1);
    assert_eq!(holds("2a00:1450:4001:82a::1"), 0);
    let stream = place.get("/v1/decisions/stream?startup=true", &key);
    let new = stream["new"].as_array().unwrap();
    let named = |scope: &str| new.iter().find(|one| one["scope"] == scope).unwrap()["value"].clone();
    assert_eq!(named("Ip"), "2a00:1450:4001:829::200e");
    assert_eq!(named("Range"), "2a00:1450:4001:829::/64");

    // A neighbour of his comes for more: what one has, the other has too.
    home.append(&guesses("2a00:1450:4001:829::bad", 6));
    until("so is his neighbour", || holds("2a00:1450:4001:829::bad") == 3);
    let said = home.say(&["decisions", "delete", "--value", "2a00:1450:4001:829::200e"]);
    assert!(
        said.contains("Decisions ended: 2.") && said.contains("829::/64 is still"),
        "{said}"
    );
    assert_eq!(holds("2a00:1450:4001:829::200e"), 1);
    let neighbour = ["decisions", "delete", "--value", "2a00:1450:4001:829::77"];
    assert!(
        home.refuse(&neighbour)
            .contains("what keeps it out is one on 2a00:1450:4001:829::/64")
    );
    let explained = home.say(&["explain", "2a00:1450:4001:829::77"]);
    assert!(
        explained.contains("--value 2a00:1450:4001:829::/64"),
        "{explained}"
    );
    assert!(
        !explained.contains("--value 2a00:1450:4001:829::77"),
        "{explained}"
    );
    home.say(&["decisions", "delete", "--value", "2a00:1450:4001:829::bad"]);
    assert_eq!(holds("2a00:1450:4001:829::bad"), 0);

    home.say(&["allowlist", "add", "2a00:1450:4001:82a::1", "--reason", "ours"]);
    home.append(&guesses("2a00:1450:4001:82a::bad", 6));
    until("he is banned alone", || holds("2a00:1450:4001:82a::bad") == 1);
    assert_eq!(holds("2a00:1450:4001:82a::2"), 0);

    home.configure(&format!("{}[policy]\nipv6_prefix = 128\n", watch(&home.log())));
    let tried = home.json(&["policy", "test"]);
    assert_eq!(
        (&tried["cases"], &tried["changed"]),
        (&3.into(), &2.into()),
        "{tried}"
    );
    let change = &tried["changes"][0];
    let [now, then] = ["now", "then"].map(|side| change[side].as_str().unwrap().to_owned());
    assert_eq!(now, format!("{then} with 2a00:1450:4001:829::/64"), "{change}");
    home.configure("[policy]\nipv6_prefix = 32\n");
    let said = home.refuse(&["policy", "test"]);
    assert!(
        said.contains("32 is not the length of a prefix from 48 to 128"),
        "{said}"
    );
}
