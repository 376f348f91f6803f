//! crowdsec-firewall-bouncer with nftables, in a network namespace of its own that it shares with the node.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{Client, ban, program};
use crate::certificates::Authority;
use crate::skip::skip;
use crate::space::Space;
use crate::support::{Home, Node, until};

const NAME: &str = "crowdsec-firewall-bouncer";

/// A namespace with loopback only, a node and the bouncer's program.
struct Scene {
    space: Space,
    home: Home,
    program: PathBuf,
}

impl Scene {
    fn new(test: &str) -> Option<Self> {
        let program = program(test, NAME)?;
        let space = match Space::new() {
            Ok(space) => space,
            Err(reason) => {
                skip(test, reason);
                return None;
            }
        };
        space.run("ip link set lo up");
        Some(Self {
            space,
            home: Home::quiet(),
            program,
        })
    }

    fn up(&self, listen: &str) -> Node {
        // `env` runs what follows it.
        let inside = self.space.command("env");
        let before: Vec<String> = std::iter::once(inside.get_program())
            .chain(inside.get_args())
            .map(|word| word.to_str().unwrap().to_owned())
            .collect();
        self.home.up_behind(&before, &["--listen", listen])
    }

    fn start(&self, page: SocketAddr, key: &str) -> Client {
        self.start_with(&format!("api_url: http://{page}/\napi_key: {key}\n"))
    }

    /// With these lines for where and who.
    fn start_with(&self, access: &str) -> Client {
        let config = self.home.beside("bouncer.yaml");
        let text = format!(
            "mode: nftables\npid_dir: {}\nupdate_frequency: 1s\ndaemonize: false\nlog_mode: stdout\nlog_level: info\n\
             {access}disable_ipv6: false\ndeny_action: DROP\n\
             supported_decisions_types: [ban, challenge, throttle]\n\
             blacklists_ipv4: crowdsec-blacklists\nblacklists_ipv6: crowdsec6-blacklists\n\
             nftables:\n  ipv4: {{enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}}\n  \
             ipv6: {{enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}}\n\
             prometheus: {{enabled: false}}\n",
            self.home.beside("").display(),
        );
        std::fs::write(&config, text).unwrap();
        let mut command: Command = self.space.command(self.program.to_str().unwrap());
        command.arg("-c").arg(config);
        Client::start(command, self.home.beside("bouncer.log"))
    }

    /// What the kernel holds in both sets.
    fn banned(&self) -> Vec<String> {
        let sets = [
            ("ip", "crowdsec", "crowdsec-blacklists"),
            ("ip6", "crowdsec6", "crowdsec6-blacklists"),
        ];
        let listed = |(family, table, set): (&str, &str, &str)| {
            self.space
                .try_nft(&["-j", "list", "set", family, table, set])
                .map_or(Value::Null, |text| serde_json::from_str(&text).unwrap())
        };
        let mut values: Vec<String> = sets.into_iter().flat_map(|set| elements(&listed(set))).collect();
        values.sort_unstable();
        values
    }

    #[track_caller]
    fn until_banned(&self, client: &mut Client, values: &[&str]) {
        until(&format!("the kernel holds {values:?}"), || {
            assert!(client.runs(), "{}", client.said());
            self.banned() == values
        });
    }
}

/// The addresses of a set as nft lists it.
fn elements(listed: &Value) -> Vec<String> {
    let items = listed["nftables"].as_array().into_iter().flatten();
    let elements = items.filter_map(|item| item["set"]["elem"].as_array()).flatten();
    elements
        .map(|item| {
            let value = item.get("elem").map_or(item, |element| &element["val"]);
            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
        })
        .collect()
}

#[test]
fn the_kernel_follows_a_node_that_is_killed_and_comes_back() {
    let Some(scene) = Scene::new("firewall::the_kernel_follows_a_node_that_is_killed_and_comes_back") else {
        return;
    };
    let home = &scene.home;
    let node = scene.up("127.0.0.1:0");
    let key = home.key("wall", "ban");
    let page = node.page;
    ban(home, "192.88.99.1");
    ban(home, "2606:4700::1");
    // It takes whatever it supports for a ban, and is set to support these: a key that was granted bans does not hear of them.
    for (value, soft) in [("192.88.99.60", "challenge"), ("192.88.99.61", "throttle")] {
        home.say(&["decisions", "add", value, "--type", soft, "--duration", "4h"]);
    }

    let mut client = scene.start(page, &key);
    scene.until_banned(&mut client, &["192.88.99.1", "2606:4700::1"]);
    ban(home, "192.88.99.2");
    scene.until_banned(&mut client, &["192.88.99.1", "192.88.99.2", "2606:4700::1"]);
    home.say(&["decisions", "delete", "--value", "192.88.99.1"]);
    scene.until_banned(&mut client, &["192.88.99.2", "2606:4700::1"]);

    // It cuts the prefix off a range and bans its first address only: its sets have no intervals. What it is sent is right.
    ban(home, "192.88.98.0/24");
    scene.until_banned(&mut client, &["192.88.98.0", "192.88.99.2", "2606:4700::1"]);
    home.say(&["decisions", "delete", "--value", "192.88.98.0/24"]);
    scene.until_banned(&mut client, &["192.88.99.2", "2606:4700::1"]);

    node.kill();
    let failed = client.said().len();
    until("the bouncer misses the node", || client.said().len() > failed);
    scene.until_banned(&mut client, &["192.88.99.2", "2606:4700::1"]);
    let _node = scene.up(&page.to_string());
    ban(home, "192.88.99.3");
    home.say(&["decisions", "delete", "--value", "2606:4700::1"]);
    scene.until_banned(&mut client, &["192.88.99.2", "192.88.99.3"]);

    let bouncers = home.rows(&["bouncers", "list"]);
    assert!(
        bouncers[0].to_string().contains("crowdsec-firewall-bouncer/"),
        "{bouncers:?}"
    );
}

#[test]
fn a_wrong_key_ends_it_and_is_not_logged() {
    let Some(scene) = Scene::new("firewall::a_wrong_key_ends_it_and_is_not_logged") else {
        return;
    };
    let node = scene.up("127.0.0.1:0");
    let wrong = "wr0ng-key-that-nobody-was-given";
    let mut client = scene.start(node.page, wrong);
    // It ends with status 0, whatever made it end.
    client.ends();
    for word in ["access forbidden", "terminating bouncer process"] {
        assert!(client.said().contains(word), "{}", client.said());
    }
    until("the node tells of it", || {
        scene.home.told().contains("without a valid key")
    });
    assert!(!scene.home.told().contains(wrong), "{}", scene.home.told());
}

#[test]
fn a_certificate_stands_for_the_key() {
    let Some(scene) = Scene::new("firewall::a_certificate_stands_for_the_key") else {
        return;
    };
    let home = &scene.home;
    let file = |name: &str| home.beside(name).display().to_string();
    let authority = Authority::new(&home.beside(""));
    authority.sign("server", "node", "nodes");
    authority.sign("bouncer", "wall", "bouncers");
    home.configure(&format!(
        "[sensor]\nsources = \"none\"\n[api.tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n\
         bouncers_ou = [\"bouncers\"]\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    ));
    let node = scene.up("127.0.0.1:0");
    ban(home, "192.88.99.1");
    let mut client = scene.start_with(&format!(
        "api_url: https://{}/\ncert_path: {}\nkey_path: {}\nca_cert_path: {}\n",
        node.page,
        file("bouncer.pem"),
        file("bouncer.key"),
        file("ca.pem")
    ));
    scene.until_banned(&mut client, &["192.88.99.1"]);
    assert_eq!(home.rows(&["bouncers", "list"])[0]["name"], "wall@tls");
}
