//! What keeps the mesh's word from doing harm: warning lists, the memory of visitors, the breaker.

use serde_json::Value;

use crate::network::{found, join, up_as_seed};
use crate::support::{Home, Node, guesses, until, watch};

fn mesh_on(home: &Home, ip: &str) -> Vec<Value> {
    home.rows(&["decisions", "list", "--origin", "mesh", "--value", ip])
}

fn voices(home: &Home, ip: &str) -> usize {
    let explained = home.json(&["explain", ip]);
    explained["verdict"]["contributions"].as_array().unwrap().len()
}

/// Two organisations whose word together blocks, and one that enforces it, with this policy besides.
struct Three {
    one: Home,
    two: Home,
    judge: Home,
    at_judge: Node,
    _others: Vec<Node>,
    _seed: (Home, Node),
}

impl Three {
    fn with(policy: &str) -> Self {
        let (seed, one, two, judge) = (
            Home::quiet(),
            Home::watching(),
            Home::watching(),
            Home::watching(),
        );
        judge.configure(&(watch(&judge.log()) + "[policy]\nremote = \"enforce\"\n" + policy));
        found(&seed, &[&one, &two, &judge]);
        let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
        let [others @ .., at_judge] = [&one, &two, &judge].map(|home| {
            join(home, &at_seed.page.to_string(), "yes");
            home.up()
        });
        for home in [&one, &two, &judge] {
            until("everybody is connected", || !home.rows(&["peers"]).is_empty());
        }
        Self {
            one,
            two,
            judge,
            at_judge,
            _others: others.into(),
            _seed: (seed, at_seed),
        }
    }

    /// Both say that these attack.
    fn accuse(&self, addresses: &[&str]) {
        let lines: String = addresses.iter().map(|ip| guesses(ip, 6)).collect();
        self.one.append(&lines);
        self.two.append(&lines);
        for ip in addresses {
            until("both were heard", || voices(&self.judge, ip) == 2);
        }
    }
}

#[test]
fn who_stands_on_a_warning_list_is_never_blocked_on_remote_word_and_our_own_sensor_decides_as_ever() {
    let lists = tempfile::tempdir().unwrap();
    let list = |name: &str, entries: &str| {
        let text = format!("{{\"name\": \"{name}\", \"type\": \"cidr\", \"list\": [\n{entries}\n]}}");
        std::fs::write(lists.path().join(format!("{name}.json")), text).unwrap();
    };
    list("partners", "\"192.88.99.80/31\"");
    list("broken", "\"192.88.99.80/31\",\n\"192.88.99.0/33\"");
    let three = Three::with(&format!("warning_lists = \"{}\"\n", lists.path().display()));
    let judge = &three.judge;
    let wrong = format!(
        "{}:3:16: \"192.88.99.0/33\" is neither",
        lists.path().join("broken.json").display()
    );
    assert!(
        judge.say(&["status"]).contains(&wrong),
        "{}",
        judge.say(&["status"])
    );
    assert!(judge.refuse(&["check-config"]).contains(&wrong));

    let (listed, caught, attacker) = ("192.88.99.80", "192.88.99.81", "192.88.99.82");
    three.accuse(&[listed, caught, attacker]);
    until("the attacker is blocked", || !mesh_on(judge, attacker).is_empty());
    assert!(mesh_on(judge, listed).is_empty());
    let explained = judge.json(&["explain", listed]);
    assert_eq!(explained["verdict"]["rung"], "observe");
    assert!(
        explained["verdict"]["score"].as_i64() >= explained["verdict"]["threshold"]["total"].as_i64(),
        "without the list it would be blocked: {explained}"
    );
    assert!(
        judge
            .say(&["explain", listed])
            .contains("It stands on the warning list \"partners\" (protected)"),
        "{explained}"
    );

    // Our own sensor knows no list.
    judge.append(&guesses(caught, 6));
    until("ours decides", || {
        judge
            .rows(&["decisions", "list", "--value", caught])
            .iter()
            .any(|row| row["origin"] == "sensor")
    });
    assert!(mesh_on(judge, caught).is_empty());

    // A list that comes later releases whom it names.
    list("more", &format!("\"{attacker}\""));
    three.at_judge.reload();
    until("the attacker is released", || mesh_on(judge, attacker).is_empty());
}
