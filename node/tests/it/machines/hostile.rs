//! Bodies that are packed, cut off or far too large, guessed passwords, and machines that ask for more than is theirs.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{PASSWORD, alert, ask, login, token};
use crate::http::{Answer, Place};
use crate::skip::skip;
use crate::space::Space;
use crate::support::{Home, until};

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// The head of a `POST` of so many bytes.
fn head(path: &str, token: &str, length: usize, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: crowdsec/v1.4.6\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {length}\r\n{more}\r\n"
    )
}

fn send_packed(place: &Place, path: &str, token: &str, body: &[u8]) -> Answer {
    let head = head(path, token, body.len(), "Content-Encoding: gzip\r\n");
    place.raw(&[head.as_bytes(), body].concat())
}

#[test]
fn packed_bodies_are_read_and_bombs_are_not() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let held = token(&home, &place, "web");
    let batch = json!([alert("192.88.99.7")]).to_string();
    let pushed = send_packed(&place, "/v1/alerts", &held, &packed(batch.as_bytes()));
    assert_eq!(
        (pushed.status, pushed.body.as_str()),
        (201, "[\"1\"]"),
        "{pushed:?}"
    );
    let plain = send_packed(&place, "/v1/alerts", &held, batch.as_bytes());
    assert_eq!(plain.status, 400, "{plain:?}");
    let cut = packed(batch.as_bytes());
    let cut = send_packed(&place, "/v1/alerts", &held, &cut[..cut.len() - 9]);
    assert_eq!(cut.status, 400, "{cut:?}");

    // 50 MiB with a token, 128 KiB without, after unpacking; so a bomb costs no more than its limit.
    let bomb = packed(&vec![b' '; 51 << 20]);
    assert!(bomb.len() < 1 << 20);
    assert_eq!(send_packed(&place, "/v1/alerts", &held, &bomb).status, 413);
    let bomb = packed(&vec![b' '; 3 << 20]);
    let small = packed(&vec![b' '; 129 << 10]);
    for path in ["/v1/watchers", "/v1/watchers/login"] {
        assert_eq!(send_packed(&place, path, "", &small).status, 413, "{path}");
    }
    assert_eq!(send_packed(&place, "/v1/usage-metrics", &held, &bomb).status, 413);
    assert_eq!(
        send_packed(&place, "/v1/allowlists/check", &held, &bomb).status,
        413
    );
}

#[test]
fn who_guesses_passwords_waits_and_nobody_else() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    token(&home, &place, "web");
    let Place::Tcp(address) = place.clone() else {
        panic!("a node listens by TCP");
    };
    let elsewhere = Place::From("127.0.0.2".parse().unwrap(), address);
    let body = |nth: usize| json!({"machine_id": "web", "password": format!("guess number {nth}")});
    let statuses: Vec<u16> = (0..64)
        .map(|nth| ask(&elsewhere, "POST", "/v1/watchers/login", "", Some(&body(nth))).status)
        .collect();
    // Wrong ones are refused as such up to thirty a minute, and looked at up to sixty.
    assert_eq!(statuses[..30], [401; 30], "{statuses:?}");
    assert!(statuses[60..].contains(&429), "{statuses:?}");
    let right = json!({"machine_id": "web", "password": PASSWORD});
    let late = ask(&elsewhere, "POST", "/v1/watchers/login", "", Some(&right));
    assert!(matches!(late.status, 200 | 429), "{late:?}");
    login(&place, "web");
}

#[test]
fn tokens_live_through_a_restart() {
    let home = Home::quiet();
    let node = home.up();
    let held = token(&home, &node.place(), "web");
    node.kill();
    let node = home.up();
    let place = node.place();
    assert_eq!(ask(&place, "GET", "/v1/heartbeat", &held, None).status, 200);
    let fresh = ask(&place, "GET", "/v1/refresh_token", &held, None);
    let fresh: Value = serde_json::from_str(&fresh.body).unwrap();
    let fresh = fresh["token"].as_str().unwrap().to_owned();
    drop(node);
    home.say(&["machines", "revoke", "web"]);
    let node = home.up();
    for token in [&held, &fresh] {
        let refused = ask(&node.place(), "GET", "/v1/heartbeat", token, None);
        assert_eq!(refused.status, 401, "{refused:?}");
    }
}

#[test]
fn who_hangs_up_in_a_push_leaves_nothing_by_half() {
    let home = Home::quiet();
    let node = home.up();
    let place = node.place();
    let (held, key) = (token(&home, &place, "web"), home.key("one", "ban"));
    let batch = |last: u8| json!([alert(&format!("192.88.99.{last}"))]).to_string();
    let send = |body: &str, sent: usize| {
        let mut stream = TcpStream::connect(node.page).unwrap();
        let head = head("/v1/alerts", &held, body.len(), "");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body.as_bytes()[..sent]).unwrap();
    };
    // In the middle of the body: nothing of it is taken.
    let half = batch(7);
    send(&half, half.len() / 2);
    // Behind it, without waiting for the answer: it may be taken or not, but then it is on disk and served.
    for last in 20..40 {
        let whole = batch(last);
        send(&whole, whole.len());
    }
    let last = batch(8);
    let answer = place.raw(
        [head("/v1/alerts", &held, last.len(), ""), last]
            .concat()
            .as_bytes(),
    );
    assert_eq!(answer.status, 201, "{answer:?}");
    let served = || {
        let list = place.get("/v1/decisions", &key);
        let mut values: Vec<String> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["value"].as_str().unwrap().to_owned())
            .collect();
        values.sort();
        values
    };
    let stored = || {
        let alerts = home.rows(&["alerts", "list", "--limit", "100"]);
        let mut values: Vec<String> = alerts
            .iter()
            .map(|row| row["value"].as_str().unwrap().to_owned())
            .collect();
        values.sort();
        values
    };
    until("table and disk say the same", || {
        let stored = stored();
        stored.contains(&"192.88.99.8".to_owned()) && stored == served()
    });
    assert!(!stored().contains(&"192.88.99.7".to_owned()));
}

/// Asks in its namespace, and prints the status.
const ASKS: &str = "
import http.client, sys
address, port, token = sys.argv[1:]
connection = http.client.HTTPConnection(address, int(port), timeout=20)
connection.request('DELETE', '/v1/decisions', headers={'Host': 'localhost', 'Authorization': 'Bearer ' + token})
print(connection.getresponse().status)
";

/// Where policy takes an address for a large network, an agent may name as much as if it named networks.
#[test]
fn an_agent_bans_no_more_by_addresses_than_by_networks() {
    let home = Home::with(
        "[sensor]\nsources = \"none\"\n[api]\nmachine_decisions = 100\n[policy]\nipv6_prefix = 52\n",
    );
    let node = home.up();
    let place = node.place();
    let (held, key) = (token(&home, &place, "web"), home.key("front", "ban"));
    let banned = |value: &str| {
        let mut seen = alert(value);
        seen["remediation"] = json!(true);
        let pushed = ask(&place, "POST", "/v1/alerts", &held, Some(&json!([seen])));
        assert_eq!(pushed.status, 201, "{pushed:?}");
        let found = place.get(&format!("/v1/decisions?ip={value}"), &key);
        found.as_array().map_or(0, Vec::len)
    };
    assert_eq!(banned("2a00:1450:4001::1"), 2, "a /52 costs 64");
    assert_eq!(banned("2a00:1450:4002::1"), 0, "the alert is kept");
    assert_eq!(banned("192.88.99.7"), 1, "an address costs 1");
}

#[test]
fn decisions_are_ended_from_this_machine_only() {
    let test = "decisions_are_ended_from_this_machine_only";
    if Command::new("python3").arg("--version").output().is_err() {
        skip(test, "no python3 here");
        return;
    }
    let space = match Space::new() {
        Ok(space) => space,
        Err(reason) => {
            skip(test, reason);
            return;
        }
    };
    space.run("ip link set lo up");
    // An address of its own that is none of the loopback: whoever asks there comes from there.
    space.run("ip addr add 198.18.7.7/32 dev lo");
    let home = Home::quiet();
    let socket = home.beside("lapi.sock");
    let inside = space.command("env");
    let before: Vec<String> = std::iter::once(inside.get_program())
        .chain(inside.get_args())
        .map(|word| word.to_str().unwrap().to_owned())
        .collect();
    let node = home.up_behind(
        &before,
        &["--listen", "0.0.0.0:0", "--socket", socket.to_str().unwrap()],
    );
    let held = token(&home, &Place::Unix(socket.clone()), "web");
    let delete = |address: &str| {
        let mut command = space.command("python3");
        command.args(["-c", ASKS, address, &node.page.port().to_string(), &held]);
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(delete("198.18.7.7"), "403");
    assert_eq!(delete("127.0.0.1"), "200");
    let by_socket = ask(&Place::Unix(socket), "DELETE", "/v1/decisions", &held, None);
    assert_eq!(by_socket.status, 200, "{by_socket:?}");
}
