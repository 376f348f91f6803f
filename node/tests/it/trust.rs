//! Why an address is blocked, and whom that rests on: explained, exported, checked elsewhere, supposed away, taken back.

use serde_json::Value;

use crate::network::{found, identity, join, up_as_seed};
use crate::support::{Home, Node, guesses, until, watch};

const ATTACKER: &str = "192.88.99.70";
const DOUBTED: &str = "192.88.99.71";

fn verdict(home: &Home, ip: &str) -> Value {
    home.json(&["explain", ip])["verdict"].clone()
}

fn voices(home: &Home, ip: &str) -> usize {
    verdict(home, ip)["contributions"].as_array().unwrap().len()
}

fn bans(home: &Home, ip: &str) -> usize {
    let held = home.rows(&["decisions", "list", "--origin", "mesh", "--value", ip]);
    held.iter().filter(|row| row["remediation"] == "ban").count()
}

/// A seed, two who watch, and a judge who enforces what these two say; both have named both addresses.
fn judged() -> (Vec<Home>, Vec<Node>) {
    let homes = vec![Home::quiet(), Home::watching(), Home::watching(), Home::quiet()];
    let [seed, one, two, judge] = homes.as_slice() else {
        panic!("four homes");
    };
    judge.configure(&(watch(&judge.log()) + "[policy]\nremote = \"enforce\"\nhearing = \"0s\"\n"));
    std::fs::write(judge.log(), "").unwrap();
    found(seed, &[one, two, judge]);
    let at_seed = up_as_seed(seed, "/ip4/127.0.0.1/tcp/0");
    let page = at_seed.page.to_string();
    let mut nodes = vec![at_seed];
    for home in [one, two, judge] {
        join(home, &page, "yes");
        nodes.push(home.up());
    }
    for home in [one, two, judge] {
        until("everybody is connected", || !home.rows(&["peers"]).is_empty());
    }
    for home in [one, two] {
        home.append(&(guesses(ATTACKER, 6) + &guesses(DOUBTED, 6)));
    }
    for ip in [ATTACKER, DOUBTED] {
        until("the judge blocks it", || bans(judge, ip) == 1);
        until("the seed heard both", || voices(seed, ip) == 2);
    }
    (homes, nodes)
}

fn sum(list: &Value, field: &str) -> i64 {
    let items = list.as_array().unwrap();
    items.iter().map(|item| item[field].as_i64().unwrap()).sum()
}

#[test]
fn an_exported_verdict_is_checked_without_a_node_and_a_changed_one_is_found() {
    let (homes, _nodes) = judged();
    let (seed, judge) = (&homes[0], &homes[3]);
    seed.say(&["dispute", DOUBTED, "--reason", "shared"]);
    until("the dispute counts", || {
        verdict(judge, DOUBTED)["threshold"]["dispute"].as_i64() > Some(0)
    });
    let elsewhere = Home::quiet();
    for ip in [ATTACKER, DOUBTED, "192.88.99.79"] {
        let whole = judge.json(&["explain", ip]);
        let verdict = &whole["verdict"];
        assert_eq!(
            sum(&verdict["contributions"], "value"),
            verdict["score"],
            "{verdict}"
        );
        assert_eq!(
            sum(&verdict["disputes"], "value"),
            verdict["threshold"]["dispute"],
            "{verdict}"
        );
        for sums in whole["partitions"].as_array().unwrap() {
            assert_eq!(sum(&sums["groups"], "counted"), sums["score"], "{sums}");
        }
        let file = judge.beside("verdict");
        let path = file.to_str().unwrap();
        judge.say(&["explain", ip, "--export", path]);
        let said = elsewhere.say(&["explain", "--verify", path]);
        assert!(said.starts_with("The same to the bit: "), "{said}");
        assert_eq!(elsewhere.json(&["explain", "--verify", path])["same"], true);
        // The whole answer is as good.
        std::fs::write(&file, whole.to_string()).unwrap();
        elsewhere.say(&["explain", "--verify", path]);
        let mut other = whole["export"].clone();
        other["verdict"]["score"] = (other["verdict"]["score"].as_i64().unwrap() + 1).into();
        std::fs::write(&file, other.to_string()).unwrap();
        let refused = elsewhere.refuse(&["explain", "--verify", path]);
        assert!(refused.contains("differs at /verdict/score"), "{refused}");
        std::fs::write(&file, "nonsense").unwrap();
        assert!(
            elsewhere
                .refuse(&["explain", "--verify", path])
                .contains("no exported verdict")
        );
    }
    let why = judge.say(&["explain", DOUBTED]);
    for words in [
        "Needed for a block",
        "Disputed by",
        "member0",
        "halves in",
        "decides",
        "What you can do",
        "vigie trust show",
    ] {
        assert!(why.contains(words), "{words}: {why}");
    }
}

#[test]
fn trust_is_shown_supposed_away_and_taken_back() {
    let (homes, nodes) = judged();
    let (seed, one, judge) = (&homes[0], &homes[1], &homes[3]);
    let keys: Vec<String> = homes.iter().map(identity).collect();
    let anchors = judge.rows(&["trust", "anchors"]);
    assert_eq!(
        (anchors.len(), &anchors[0]["name"]),
        (1, &"seed".into()),
        "{anchors:?}"
    );

    let tree = judge.say(&["trust", "show"]);
    assert!(
        tree.starts_with("seed (") && tree.contains("\n  member0 ("),
        "{tree}"
    );
    let shown = judge.json(&["trust", "show", &keys[1]]);
    assert_eq!(shown, judge.json(&["trust", "show", "member0"]));
    assert_eq!(shown["path"][0]["name"], "seed");
    assert_eq!(
        (&shown["group"]["name"], &shown["depth"]),
        (&"member0".into(), &1.into())
    );
    assert!(shown["weight"].as_i64() > Some(0), "{shown}");
    let words = judge.say(&["trust", "show", "member0"]);
    assert!(words.contains("by way of seed > member0"), "{words}");
    assert!(
        judge
            .refuse(&["trust", "show", "nobody"])
            .contains("no organisation is called")
    );

    // Without one of the two nothing would be blocked; nothing is done.
    let supposed = judge.json(&["trust", "simulate", "--without", "member0"]);
    assert_eq!(
        (&supposed["changes"]["released"], &supposed["changes"]["blocked"]),
        (&2.into(), &0.into()),
        "{supposed}"
    );
    let said = judge.say(&["trust", "simulate", "--without", "seed"]);
    assert!(said.contains("2 end"), "{said}");
    assert_eq!(bans(judge, ATTACKER), 1);

    // Without its anchor the mesh's word ends; with it again, it counts again.
    let said = judge.say(&["trust", "anchors", "remove", "seed"]);
    assert!(said.contains("No anchor is left"), "{said}");
    until("what rested on it ended", || bans(judge, ATTACKER) == 0);
    judge.say(&["trust", "anchors", "add", &keys[0]]);
    until("it is decided again", || bans(judge, ATTACKER) == 1);
    assert!(
        judge
            .refuse(&["trust", "anchors", "remove", "member1"])
            .contains("no anchor of ours")
    );

    // A vouch, and the same taken back: the newcomer is nobody again.
    let newcomer = Home::watching();
    let key = identity(&newcomer);
    seed.say(&["trust", "vouch", &key, "--name", "Newcomer"]);
    let given = seed.json(&["trust", "show", "seed"])["vouches"].clone();
    assert_eq!(
        (&given["live"], &given["given"][0]["counts"]),
        (&1.into(), &true.into()),
        "{given}"
    );
    let standing = |home: &Home| home.json(&["trust", "show", &key])["standing"].clone();
    until("the judge hears of it", || {
        judge.run(&["trust", "show", &key]).status.success() && standing(judge) == "newcomer"
    });
    assert!(
        one.refuse(&["trust", "revoke", &key, "--yes"])
            .contains("we do not vouch")
    );
    let said = seed.say(&["trust", "revoke", &key, "--yes"]);
    assert!(said.starts_with("Revoked: our vouch"), "{said}");
    until("it is nobody again", || {
        standing(judge) == "not admitted (any more)"
    });

    // A member's vouch counts for five in a quarter: a sixth is not even signed. One for the same again is.
    let strangers: Vec<String> = (0..6).map(|_| identity(&Home::quiet())).collect();
    for key in &strangers[..5] {
        one.say(&["vouch", key, "--name", "Stranger"]);
    }
    let refused = one.refuse(&["trust", "vouch", &strangers[5], "--name", "Stranger"]);
    assert!(
        refused.contains("count for nothing") && refused.contains("in a quarter"),
        "{refused}"
    );
    one.say(&["trust", "vouch", &strangers[0], "--name", "Stranger again"]);
    // One member's word alone admits nobody.
    assert!(
        judge
            .refuse(&["trust", "show", &strangers[0]])
            .contains("knows no organisation")
    );

    // A node's key fell into other hands an hour ago: what it said since is void, everywhere.
    let node_key = one.json(&["id"])["node_key"].as_str().unwrap().to_owned();
    let file = one.beside("revocation");
    let path = file.to_str().unwrap();
    one.say(&[
        "trust", "revoke", "--node", &node_key, "--since", "1h", "--write", path,
    ]);
    let said = seed.say(&["trust", "revoke", "--file", path, "--yes"]);
    assert!(said.starts_with("Revoked: the node"), "{said}");
    until("its word is void", || voices(judge, ATTACKER) == 1);
    until("and what rested on it ended", || bans(judge, ATTACKER) == 0);

    // The other revokes its key from now on: what it said before still stands.
    let (two, path) = (&homes[2], homes[2].beside("revocation"));
    let path = path.to_str().unwrap();
    let node_key = two.json(&["id"])["node_key"].as_str().unwrap().to_owned();
    two.say(&["trust", "revoke", "--node", &node_key, "--write", path]);
    seed.say(&["trust", "revoke", "--file", path, "--yes"]);
    until("the judge knows", || {
        let nodes = judge.json(&["trust", "show", "member1"])["nodes"].clone();
        nodes[0]["standing"].as_str().unwrap().contains("revoked")
    });
    assert_eq!(voices(judge, ATTACKER), 1);
    drop(nodes);
    for home in &homes[..3] {
        assert!(!home.told().contains("ERROR"), "{}", home.told());
    }
}
