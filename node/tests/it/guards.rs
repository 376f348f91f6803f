//! What keeps the mesh's word from doing harm: warning lists, the memory of visitors, the breaker.

use std::collections::BTreeSet;

use serde_json::Value;
use vigie_reputation::constants::VISITOR_RAISE;

use crate::network::{found, join, up_as_seed};
use crate::support::{Home, Node, append, guesses, login, until, watch};

fn mesh_on(home: &Home, ip: &str) -> Vec<Value> {
    home.rows(&["decisions", "list", "--origin", "mesh", "--value", ip])
}

fn voices(home: &Home, ip: &str) -> usize {
    let explained = home.json(&["explain", ip]);
    explained["verdict"]["contributions"].as_array().unwrap().len()
}

/// Organisations whose word together blocks, and one that enforces it, with this policy besides.
struct Mesh {
    others: Vec<Home>,
    judge: Home,
    at_judge: Node,
    _nodes: Vec<Node>,
    _seed: (Home, Node),
}

impl Mesh {
    fn with(others: usize, policy: &str) -> Self {
        let (seed, judge) = (Home::quiet(), Home::watching());
        let others: Vec<Home> = (0..others).map(|_| Home::watching()).collect();
        std::fs::write(judge.beside("access.log"), "").unwrap();
        judge.configure(&format!(
            "{}[policy]\nremote = \"enforce\"\nhearing = \"0s\"\n{policy}",
            watch_both(&judge)
        ));
        let members: Vec<&Home> = others.iter().chain([&judge]).collect();
        found(&seed, &members);
        let at_seed = up_as_seed(&seed, "/ip4/127.0.0.1/tcp/0");
        let up = |home: &&Home| {
            join(home, &at_seed.page.to_string(), "yes");
            home.up()
        };
        let mut nodes: Vec<Node> = members.iter().map(up).collect();
        for home in members {
            until("everybody is connected", || !home.rows(&["peers"]).is_empty());
        }
        Self {
            at_judge: nodes.pop().unwrap(),
            others,
            judge,
            _nodes: nodes,
            _seed: (seed, at_seed),
        }
    }

    /// All others say that these attack.
    fn accuse(&self, addresses: &[&str]) {
        let lines: String = addresses.iter().map(|ip| guesses(ip, 6)).collect();
        for other in &self.others {
            other.append(&lines);
        }
        for ip in addresses {
            until("all were heard", || voices(&self.judge, ip) == self.others.len());
        }
    }
}

/// The configuration that watches the logs of sshd and nginx.
fn watch_both(home: &Home) -> String {
    format!(
        "[sensor]\nsources = [{{ type = \"syslog\", file = \"{}\" }}, {{ type = \"nginx\", file = \"{}\" }}]\n",
        home.log().display(),
        home.beside("access.log").display()
    )
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
    let mesh = Mesh::with(2, &format!("warning_lists = \"{}\"\n", lists.path().display()));
    let judge = &mesh.judge;
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
    mesh.accuse(&[listed, caught, attacker]);
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
    mesh.at_judge.reload();
    until("the attacker is released", || mesh_on(judge, attacker).is_empty());
}

/// A page that is served to this address.
fn visit(ip: &str) -> String {
    let now = jiff::Timestamp::now().strftime("%d/%b/%Y:%H:%M:%S +0000");
    format!("{ip} - - [{now}] \"GET / HTTP/1.1\" 200 612 \"-\" \"Mozilla/5.0\"\n")
}

#[test]
fn users_and_visitors_are_remembered_over_kill_and_restart() {
    let home = Home::with("");
    let (auth, access) = (home.log(), home.beside("access.log"));
    home.configure(&(watch_both(&home) + "[policy]\nremember_visitors = 5000\nhearing = \"0s\"\n"));
    let forget_lines = || [&auth, &access].map(|log| std::fs::write(log, "").unwrap());
    let raise = |ip: &str| home.json(&["explain", ip])["verdict"]["threshold"]["visitor"].clone();
    let is_user = |ip: &str| {
        let verdict = home.json(&["explain", ip])["verdict"].clone();
        verdict["reasons"].to_string().contains("authenticated_user")
    };
    forget_lines();
    let (user, visitors) = ("192.88.99.90", ["192.88.99.91", "192.88.99.92", "192.88.99.93"]);
    let mut node = home.up();
    append(&auth, &login(user));
    until("the user is known", || is_user(user));
    for (number, visitor) in visitors.iter().enumerate() {
        append(&access, &visit(visitor));
        until("the visitor is known", || raise(visitor) == VISITOR_RAISE);
        if number == 1 {
            // Ended in order: a picture of the whole sketch is written, and a journal begins anew.
            assert!(node.terminate().0.success());
            assert!(home.data().join("visitors").exists() && !home.data().join("visitors.journal").exists());
        } else {
            node.kill();
            assert!(home.data().join("visitors.journal").exists());
        }
        // Nothing can be learned from the logs again.
        forget_lines();
        node = home.up();
        for known in &visitors[..=number] {
            assert_eq!(raise(known), VISITOR_RAISE, "{known} after {number}");
        }
        assert!(is_user(user));
        assert_eq!(raise("192.88.99.94"), 0);
    }
    assert!(
        home.say(&["status"])
            .contains("remembers     1 addresses of users, 3 visitors")
    );
    node.kill();
    // Another size is another sketch: visitors are learned anew, users stay.
    home.configure(&watch(&auth));
    let _node = home.up();
    assert!(is_user(user));
    assert!(
        home.told().contains("made for another number of visitors"),
        "{}",
        home.told()
    );
}

#[test]
fn the_breaker_opens_when_our_own_users_would_be_blocked_and_a_person_closes_it() {
    let mesh = Mesh::with(2, "");
    let judge = &mesh.judge;
    let users = ["192.88.99.100", "192.88.99.101", "192.88.99.102"];
    mesh.accuse(&users);
    let bans = |home: &Home, ip: &str| {
        let is_ban = |row: &Value| row["remediation"] == "ban" && row["simulated"] == false;
        mesh_on(home, ip).iter().any(is_ban)
    };
    let enforced = |ip: &str| bans(judge, ip);
    let simulated = |ip: &str| mesh_on(judge, ip).iter().any(|row| row["simulated"] == true);
    for ip in users {
        until("it is banned", || enforced(ip));
    }
    assert!(judge.json(&["status"])["breaker"].is_null());
    // Strangers as we thought; but they are people of ours.
    judge.append(&login(users[0]));
    judge.append(&login(users[1]));
    until("two are known", || {
        judge.say(&["status"]).contains("remembers     2 addresses")
    });
    assert!(judge.json(&["status"])["breaker"].is_null(), "two may be chance");
    judge.append(&login(users[2]));
    until("it opens", || !judge.json(&["status"])["breaker"].is_null());
    let said = judge.say(&["status"]);
    assert!(
        said.contains("our own users logged in from 3 addresses"),
        "{said}"
    );
    until("what it banned lately is ended", || {
        !users.iter().any(|ip| enforced(ip))
    });
    let alerts = judge.rows(&["alerts", "list"]);
    assert!(
        alerts.iter().any(|alert| alert["scenario"] == "vigie/breaker"),
        "{alerts:?}"
    );

    // While it is open the mesh's word is simulated, ours is not; a kill closes nothing.
    let (accused, caught) = ("192.88.99.103", "192.88.99.104");
    mesh.accuse(&[accused]);
    until("it is simulated", || simulated(accused));
    judge.append(&guesses(caught, 6));
    until("ours decides", || {
        let rows = judge.rows(&["decisions", "list", "--value", caught]);
        rows.iter()
            .any(|row| row["origin"] == "sensor" && row["simulated"] == false)
    });
    let Mesh { at_judge, judge, .. } = mesh;
    at_judge.kill();
    assert!(
        judge
            .say(&["policy", "show"])
            .contains("The breaker is open since")
    );
    let _again = judge.up();
    let enforced = |ip: &str| bans(&judge, ip);
    assert!(!judge.json(&["status"])["breaker"].is_null());
    assert!(!enforced(accused));

    let said = judge.say(&["policy", "enforce"]);
    assert!(said.contains("are enforced"), "{said}");
    until("the mesh's word counts again", || enforced(accused));
    assert!(
        !users.iter().any(|ip| enforced(ip)),
        "our users are known by now: challenged at most"
    );
}

#[test]
fn a_network_is_blocked_by_its_rule_and_released_when_one_of_ours_comes_from_it() {
    let mesh = Mesh::with(4, "block_networks = true\n");
    let judge = &mesh.judge;
    let access = judge.beside("access.log");
    let visits: String = (0..120).map(|net| visit(&format!("20.0.{net}.1"))).collect();
    append(&access, &visits);
    until("they are remembered", || {
        judge.say(&["status"]).contains(" 120 visitors")
    });
    let net = "192.88.99.0/24";
    let attackers: Vec<String> = (110..118).map(|last| format!("192.88.99.{last}")).collect();
    let attackers: Vec<&str> = attackers.iter().map(String::as_str).collect();
    let ranges = || judge.rows(&["decisions", "list", "--origin", "mesh", "--value", net]);
    mesh.accuse(&attackers[..7]);
    mesh.at_judge.reload();
    until("seven are blocked", || {
        attackers[..7].iter().all(|ip| !mesh_on(judge, ip).is_empty())
    });
    let bans = || {
        let rows = judge.rows(&["decisions", "list", "--origin", "mesh"]);
        let bans = rows.iter().filter(|row| row["remediation"] == "ban");
        // One of an hour may be followed by one of a day.
        bans.map(|row| row["value"].to_string())
            .collect::<BTreeSet<_>>()
            .len()
    };
    assert_eq!(bans(), 7, "and nothing else");
    mesh.accuse(&attackers[7..]);
    mesh.at_judge.reload();
    until("all of it is blocked", || bans() == 9);
    let range = judge.rows(&["decisions", "list", "--origin", "mesh"]);
    let range = range.iter().find(|row| row["value"] == net).unwrap();
    assert_eq!(
        (&range["scope"], &range["remediation"]),
        (&"Range".into(), &"ban".into()),
        "{range}"
    );

    append(&access, &visit("192.88.99.7"));
    until("the visitor is remembered", || {
        judge.say(&["status"]).contains(" 121 visitors")
    });
    mesh.at_judge.reload();
    until("it is released", || {
        ranges().iter().all(|row| row["value"] != net)
    });
    assert!(
        !mesh_on(judge, attackers[0]).is_empty(),
        "each of the eight stays blocked"
    );
}
