//! pycrowdsec, CrowdSec's own bouncer as a library: its stream client, its live client, and two of it with one key.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use super::{Client, ban, python};
use crate::support::{Home, until};

const NAME: &str = "pycrowdsec";
/// A user's program: prints what the stream client has whenever that changes. It asks from the address that it is told.
const FOLLOW: &str = r#"
import json, sys, time
from requests.adapters import HTTPAdapter
from pycrowdsec.client import StreamClient
class From(HTTPAdapter):
    def init_poolmanager(self, *args, **kwargs):
        super().init_poolmanager(*args, source_address=(sys.argv[3], 0), **kwargs)
client = StreamClient(api_key=sys.argv[1], lapi_url=sys.argv[2], interval=1)
client.session.mount("http://", From())
client.run()
last = None
while client.is_running():
    now = json.dumps(client.get_current_decisions(), sort_keys=True)
    if now != last:
        print(now, flush=True)
        last = now
    time.sleep(0.05)
"#;
/// Another: asks once for each address, live.
const ASK: &str = r#"
import json, sys
from pycrowdsec.client import QueryClient
client = QueryClient(api_key=sys.argv[1], lapi_url=sys.argv[2])
print(json.dumps([(client.get_decisions_for(ip) or [{"type": None}])[0]["type"] for ip in sys.argv[3:]]))
"#;

fn run(mut command: Command, page: SocketAddr, program: &str, key: &str, more: &[&str]) -> Command {
    command
        .args(["-c", program, key, &format!("http://{page}/")])
        .args(more);
    command
}

/// Waits until this is the last that it said.
#[track_caller]
fn until_has(client: &mut Client, wanted: &Value) {
    until(&format!("a client has {wanted}"), || {
        assert!(client.runs(), "{}", client.said());
        let said = client.said();
        let last = said.lines().rfind(|line| line.starts_with('{'));
        last.is_some_and(|line| serde_json::from_str::<Value>(line).is_ok_and(|found| found == *wanted))
    });
}

#[test]
fn the_stream_client_follows() {
    let Some(command) = python("python::the_stream_client_follows", NAME) else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    let key = home.key("py", "ban");
    let page = node.page;
    ban(&home, "192.88.99.1");
    ban(&home, "2606:4700::1");
    home.say(&[
        "decisions",
        "add",
        "192.88.99.60",
        "--type",
        "challenge",
        "--duration",
        "4h",
    ]);
    let command = run(command, page, FOLLOW, &key, &["127.0.0.1"]);
    let mut client = Client::start(command, home.beside("client.log"));
    until_has(
        &mut client,
        &json!({"192.88.99.1/32": "ban", "2606:4700::1/128": "ban"}),
    );
    ban(&home, "192.88.98.0/24");
    home.say(&["decisions", "delete", "--value", "192.88.99.1"]);
    until_has(
        &mut client,
        &json!({"192.88.98.0/24": "ban", "2606:4700::1/128": "ban"}),
    );
    node.kill();
    until("the client misses the node", || client.said().contains("error"));
    let _node = home.up_with(&["--listen", &page.to_string()]);
    home.say(&["decisions", "delete", "--value", "2606:4700::1"]);
    until_has(&mut client, &json!({"192.88.98.0/24": "ban"}));
}

#[test]
fn the_live_client_asks() {
    let test = "python::the_live_client_asks";
    let (Some(right), Some(wrong)) = (python(test, NAME), python(test, NAME)) else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    let key = home.key("py", "ban");
    ban(&home, "192.88.99.1");
    ban(&home, "192.88.98.0/24");
    let asked = ["192.88.99.1", "192.88.98.77", "192.88.97.1", "2606:4700::1"];
    let output = run(right, node.page, ASK, &key, &asked).output().unwrap();
    let said: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert_eq!(said, json!(["ban", "ban", null, null]));
    let output = run(wrong, node.page, ASK, "wrong", &asked).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("403"), "{said}");
}

#[test]
fn two_with_one_key_do_not_steal_from_each_other() {
    let test = "python::two_with_one_key_do_not_steal_from_each_other";
    let (Some(one), Some(two)) = (python(test, NAME), python(test, NAME)) else {
        return;
    };
    let home = Home::quiet();
    let node = home.up();
    let key = home.key("both", "ban");
    ban(&home, "192.88.99.1");
    let mut clients = [(one, "127.0.0.1"), (two, "127.0.0.2")].map(|(command, address)| {
        let command = run(command, node.page, FOLLOW, &key, &[address]);
        Client::start(command, home.beside(address))
    });
    for client in &mut clients {
        until_has(client, &json!({"192.88.99.1/32": "ban"}));
    }
    for round in 2..5 {
        let (new, old) = (format!("192.88.99.{round}"), format!("192.88.99.{}", round - 1));
        ban(&home, &new);
        home.say(&["decisions", "delete", "--value", &old]);
        for client in &mut clients {
            until_has(client, &json!({format!("{new}/32"): "ban"}));
        }
    }
}
