//! The proof: a real TCP connection between two namespaces that works before the decision and fails after it.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
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
    if verb == "pour" {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        loop {
            // The other side may say that nobody listens; it is only to see the datagram.
            drop(socket.send_to(b"let me in", address));
            std::thread::park_timeout(Duration::from_micros(200));
        }
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

/// One of them that runs; killed when dropped.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        drop(self.0.wait());
    }
}

/// Two namespaces with a wire between them: a bouncer's, and the attacker's. `None` if this machine cannot; told then.
fn wired(test: &str, family: &str, [target, attacker]: [&str; 2]) -> Option<(Scene, Space)> {
    let scene = Scene::new(test)?;
    let here = &scene.space;
    let no_ipv6 = || {
        let mut look = here.command("test");
        let seen = look.args(["-e", "/proc/net/if_inet6"]).status();
        seen.is_ok_and(|status| !status.success())
    };
    if Command::new("ip").arg("-V").output().is_err() {
        crate::skip::skip(test, "the program ip is missing");
        return None;
    }
    if family == "-6" && no_ipv6() {
        crate::skip::skip(test, "this kernel has no IPv6");
        return None;
    }
    let there = here.beside();
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
    Some((scene, there))
}

fn check(test: &str, family: &str, [target, attacker]: [&str; 2], banned: &str) {
    let Some((scene, there)) = wired(test, family, [target, attacker]) else {
        return;
    };
    let here = &scene.space;
    let address = SocketAddr::new(target.parse().unwrap(), 7_000);
    let _server = Peer(role(here, &format!("listen {address}")).spawn().unwrap());
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

/// Many datagrams a second from a banned address, and behind our table a witness that counts whatever passed it.
#[test]
fn no_packet_passes_while_bouncers_come_and_go() {
    let test = "no_packet_passes_while_bouncers_come_and_go";
    let Some((scene, there)) = wired(test, "-4", ["10.79.0.1", "10.79.0.2"]) else {
        return;
    };
    let here = &scene.space;
    for line in [
        "add table inet witness",
        "add counter inet witness passed",
        "add chain inet witness input { type filter hook input priority 100; policy accept; }",
        "add rule inet witness input meta l4proto udp counter name passed",
    ] {
        here.nft(&[line]);
    }
    let passed = || {
        !here
            .nft(&["list", "counter", "inet", "witness", "passed"])
            .contains("packets 0 ")
    };
    let dropped = || here.nft(&["list", "counter", "inet", "vigie", "vigie_v4"]);
    (0..30_000_u32).for_each(|n| {
        scene
            .lapi
            .add(&Ipv4Addr::from_bits(0x0b00_0000 + n).to_string(), "4h");
    });
    scene.lapi.add("10.79.0.2", "4h");
    assert!(scene.start(&["--once"]).finish().success());
    let _pouring = Peer(role(&there, "pour 10.79.0.1:7000").spawn().unwrap());
    let arriving = || {
        let before = dropped();
        wait_until("more datagrams to be dropped", || dropped() != before);
    };
    arriving();
    for number in 2..=7 {
        let bouncer = scene.start(&[]);
        if number % 2 == 0 {
            wait_until("the new generation to be filled", || {
                !here.members_of(&format!("vigie_v4_{number}")).is_empty()
            });
            bouncer.kill();
        } else {
            scene.generation(number);
            assert!(bouncer.terminate().success());
        }
        arriving();
        assert!(!passed(), "a packet passed at start {number}");
    }
    // The witness does see what passes.
    scene.lapi.delete("10.79.0.2");
    let _bouncer = scene.start(&[]);
    wait_until("datagrams to pass", passed);
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
