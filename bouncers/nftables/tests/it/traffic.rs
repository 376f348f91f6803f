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
    let counter = format!("cscli_v{}", family.trim_start_matches('-'));
    let counters = || here.counters();
    let only_one = || {
        let counters = counters();
        let counting: Vec<&String> = counters
            .iter()
            .filter(|(_, packets)| **packets > 0)
            .map(|(name, _)| name)
            .collect();
        assert_eq!(counting, [&counter], "{counters:?}");
    };
    only_one();
    // A restart lets nobody in, whether or not the node is there, and the counters go on from where they were.
    assert!(bouncer.terminate().success());
    let counted = counters();
    scene.lapi.set(|state| state.status = Some(503));
    let _bouncer = scene.start(&[]);
    scene.lapi.wait_for_next("startup=true");
    assert_eq!(counters(), counted);
    assert!(!connects(), "a restart without the node let somebody in");
    only_one();
    scene.lapi.set(|state| state.status = None);
    scene.generation(2);
    assert!(!connects(), "the new generation lets somebody in");
    only_one();
    scene.lapi.delete(banned);
    wait_until("the connection to work again", connects);
}

/// Behind our table: counts whatever passed it.
struct Witness<'a>(&'a Space);

impl<'a> Witness<'a> {
    fn new(space: &'a Space) -> Self {
        for line in [
            "add table inet witness",
            "add counter inet witness passed",
            "add chain inet witness input { type filter hook input priority 100; policy accept; }",
            "add rule inet witness input meta l4proto udp counter name passed",
        ] {
            space.nft(&[line]);
        }
        Self(space)
    }

    fn saw_something(&self) -> bool {
        let counter = self.0.nft(&["list", "counter", "inet", "witness", "passed"]);
        !counter.contains("packets 0 ")
    }
}

/// One decision takes the place of another on the same address, and then a range that holds it.
#[test]
fn what_is_dropped_is_counted_by_who_decided() {
    let test = "what_is_dropped_is_counted_by_who_decided";
    let Some((scene, there)) = wired(test, "-4", ["10.80.0.1", "10.80.0.2"]) else {
        return;
    };
    let here = &scene.space;
    let witness = Witness::new(here);
    scene.lapi.add_as(("mesh", "ban"), "10.80.0.2", "4h");
    let metrics = scene.file("metrics", b"");
    let _bouncer = scene.start(&["--metrics", &metrics]);
    scene.holds("banned_v4", &["10.80.0.2"]);
    let _pouring = Peer(role(&there, "pour 10.80.0.1:7000").spawn().unwrap());
    let counted = |name: &str| here.counters().get(name).copied().unwrap_or(0);
    let counts = |name: &str| {
        let before = counted(name);
        wait_until(&format!("{name} to count"), || counted(name) > before);
    };
    counts("mesh_v4");
    scene.lapi.add_as(("sensor", "ban"), "10.80.0.2", "4h");
    counts("sensor_v4");
    scene.lapi.add_as(("from-somewhere", "ban"), "10.80.0.0/31", "4h");
    scene.lapi.add_as(("lists", "ban"), "10.80.0.2/31", "4h");
    scene.holds("banned_v4_ranges", &["10.80.0.0/31", "10.80.0.2/31"]);
    scene.lapi.delete("10.80.0.2");
    counts("lists_v4");
    let (mesh, sensor) = (counted("mesh_v4"), counted("sensor_v4"));
    counts("lists_v4");
    assert_eq!((counted("mesh_v4"), counted("sensor_v4")), (mesh, sensor));
    assert_eq!(counted("other_v4"), 0);
    assert!(!witness.saw_something(), "a packet passed");
    // The bouncer reads back what the kernel counted, and tells it.
    let told = |line: &str| {
        let text = std::fs::read_to_string(&metrics).unwrap();
        text.lines().any(|one| one.starts_with(line))
    };
    for (origin, packets) in [("mesh", mesh), ("sensor", sensor), ("other", 0)] {
        let labels = format!("{{bouncer=\"nftables\",origin=\"{origin}\",ip_type=\"ipv4\"}}");
        let line = format!("vigie_bouncer_dropped_packets_total{labels} {packets}");
        wait_until(&line, || told(&line));
    }
    wait_until("the two ranges", || {
        ["lists", "other"].iter().all(|origin| {
            told(&format!(
                "vigie_bouncer_decisions{{bouncer=\"nftables\",origin=\"{origin}\"}} 1"
            ))
        })
    });
}

/// Many datagrams a second from a banned address, and behind our table a witness.
#[test]
fn no_packet_passes_while_bouncers_come_and_go() {
    let test = "no_packet_passes_while_bouncers_come_and_go";
    let Some((scene, there)) = wired(test, "-4", ["10.79.0.1", "10.79.0.2"]) else {
        return;
    };
    let here = &scene.space;
    let witness = Witness::new(here);
    let dropped = || here.counters().get("cscli_v4").copied();
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
                !here.members_of(&format!("banned_v4_{number}")).is_empty()
            });
            bouncer.kill();
        } else {
            scene.generation(number);
            assert!(bouncer.terminate().success());
        }
        arriving();
        assert!(!witness.saw_something(), "a packet passed at start {number}");
    }
    // The witness does see what passes.
    scene.lapi.delete("10.79.0.2");
    let _bouncer = scene.start(&[]);
    wait_until("datagrams to pass", || witness.saw_something());
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
