//! The proof: a real TCP connection between two namespaces that works before the decision and fails after it.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::bouncer::Scene;
use crate::space::{Space, wait_until};

const ROLE: &str = "VIGIE_TEST_PEER";

/// Not a test of its own: this binary, started again inside a namespace, is the server or the attacker.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "its parent, a test, speaks to it by environment"
)]
fn peer() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let (verb, address) = role.split_once(' ').unwrap();
    let address: SocketAddr = address.parse().unwrap();
    if verb == "listen" {
        let listener = TcpListener::bind(address).unwrap();
        listener.incoming().for_each(drop);
    }
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

fn role(space: &Space, role: &str) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = space.command(this.to_str().unwrap());
    command
        .args(["--exact", "traffic::peer"])
        .env(ROLE, role)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        drop(self.0.wait());
    }
}

fn check(test: &str, family: &str, [target, attacker]: [&str; 2], banned: &str) {
    let Some(scene) = Scene::new(test) else { return };
    if Command::new("ip").arg("-V").output().is_err() {
        return crate::skip::skip(test, "the program ip is missing");
    }
    let here = &scene.space;
    let there = here.beside();
    if family == "-6"
        && here
            .command("test")
            .args(["-e", "/proc/net/if_inet6"])
            .status()
            .is_ok_and(|s| !s.success())
    {
        return crate::skip::skip(test, "this kernel has no IPv6");
    }
    here.run(&format!(
        "ip link add here0 type veth peer name there0 netns {}",
        there.pid()
    ));
    let (prefix, flag) = if family == "-6" { (64, "nodad") } else { (24, "") };
    here.run(&format!(
        "ip {family} addr add {target}/{prefix} dev here0 {flag}"
    ));
    there.run(&format!(
        "ip {family} addr add {attacker}/{prefix} dev there0 {flag}"
    ));
    here.run("ip link set here0 up");
    there.run("ip link set there0 up");

    let address = SocketAddr::new(target.parse().unwrap(), 7_000);
    let _server = Server(role(here, &format!("listen {address}")).spawn().unwrap());
    let connects = || {
        role(&there, &format!("connect {address}"))
            .status()
            .unwrap()
            .success()
    };
    wait_until("the connection to work", connects);

    let bouncer = scene.start(&[]);
    wait_until("the table", || {
        here.try_nft(&["list", "table", "inet", "vigie"]).is_some()
    });
    assert!(connects(), "the table alone blocks nobody");
    scene.lapi.add(banned, "1h");
    wait_until("the decision to be in the kernel", || {
        here.nft(&["list", "ruleset"]).contains(" timeout 1h")
    });
    assert!(!connects(), "the connection still works");
    let counters = || here.nft(&["list", "counters", "table", "inet", "vigie"]);
    assert_eq!(counters().matches("packets 0 ").count(), 3, "{}", counters());
    // A restart lets nobody in, whether or not the node is there, and the counters go on from where they were.
    assert!(bouncer.terminate().success());
    let counted = counters();
    scene.lapi.set(|state| state.status = Some(503));
    let _bouncer = scene.start(&[]);
    scene.lapi.wait_for_next("startup=true");
    assert_eq!(counters(), counted);
    assert!(!connects(), "a restart without the node let somebody in");
    assert_eq!(counters().matches("packets 0 ").count(), 3, "{}", counters());
    scene.lapi.set(|state| state.status = None);
    scene.generation(2);
    assert!(!connects(), "the new generation lets somebody in");
    assert_eq!(counters().matches("packets 0 ").count(), 3, "{}", counters());
    scene.lapi.delete(banned);
    wait_until("the connection to work again", connects);
}

#[test]
fn an_address_is_blocked() {
    check(
        "an_address_is_blocked",
        "-4",
        ["10.77.0.1", "10.77.0.2"],
        "10.77.0.2",
    );
}

#[test]
fn a_range_is_blocked() {
    check(
        "a_range_is_blocked",
        "-4",
        ["10.78.0.1", "10.78.0.2"],
        "10.78.0.2/31",
    );
}

#[test]
fn an_ipv6_address_is_blocked() {
    check(
        "an_ipv6_address_is_blocked",
        "-6",
        ["fd00:77::1", "fd00:77::2"],
        "fd00:77::2",
    );
}

#[test]
fn an_ipv6_range_is_blocked() {
    check(
        "an_ipv6_range_is_blocked",
        "-6",
        ["fd00:78::1", "fd00:78::8000:2"],
        "fd00:78::8000:0/97",
    );
}
