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
