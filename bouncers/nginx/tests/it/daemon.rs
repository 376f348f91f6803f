//! The daemon alone: what the table says, and that nothing takes it away.

use vigie_bouncer_nginx::table::Remediation;
use vigie_bouncer_nginx::watch;

use crate::lapi::Lapi;
use crate::mmdb::{Says, mmdb};
use crate::scene::{Scene, read, wait_until};

#[test]
fn the_table_follows_the_node() {
    let scene = Scene::new();
    scene.lapi.set(|state| state.push = true);
    for value in ["192.0.2.1", "2001:db8::1", "198.51.100.0/24"] {
        scene.lapi.add(value, "4h");
    }
    let _daemon = scene.start(&["--allow", "198.51.100.7", "--allow", "203.0.113.0/24"]);
    wait_until("the first table", || scene.is_banned("192.0.2.1"));
    assert!(scene.is_banned("2001:db8::1") && !scene.is_banned("2001:db8::2"));
    assert!(scene.is_banned("198.51.100.6") && scene.is_banned("198.51.100.255"));
    assert_eq!(scene.says("198.51.100.7"), Some(Remediation::Pass));
    // The local allowlist wins, whatever the node says; and nobody can ban this machine from itself.
    for value in ["203.0.113.5", "127.0.0.1", "192.0.2.2"] {
        scene.lapi.add(value, "4h");
    }
    wait_until("an addition", || scene.is_banned("192.0.2.2"));
    assert_eq!(scene.says("203.0.113.5"), Some(Remediation::Pass));
    assert_eq!(scene.says("127.0.0.1"), None);
    scene.lapi.delete("192.0.2.1");
    scene.lapi.delete("198.51.100.0/24");
    wait_until("a deletion", || {
        !scene.is_banned("192.0.2.1") && !scene.is_banned("198.51.100.6")
    });
    assert!(scene.is_banned("192.0.2.2"));
}

#[test]
fn each_remediation_becomes_the_word_that_it_stands_for() {
    use Remediation::{Ban, Challenge, Throttle};
    let scene = Scene::new();
    for (kind, value) in [
        ("ban", "192.0.2.1"),
        ("captcha", "192.0.2.2"),
        ("challenge", "2001:db8::/64"),
        ("Throttle", "192.0.2.4"),
        ("mfa", "192.0.2.5"),
    ] {
        scene.lapi.add_as(("cscli", kind), value, "4h");
    }
    let daemon = scene.start(&[]);
    wait_until("the first table", || scene.is_banned("192.0.2.1"));
    let says = |addresses: [&str; 4]| addresses.map(|address| scene.says(address));
    let soft = ["192.0.2.2", "2001:db8::9", "192.0.2.4", "192.0.2.5"];
    assert_eq!(
        says(soft),
        [Some(Challenge), Some(Challenge), Some(Throttle), None]
    );
    assert!(daemon.terminate().success());
    let ours = ["--remediation", "mfa=throttle", "--remediation", "throttle=ban"];
    let _daemon = scene.start(&ours);
    wait_until("the other table", || scene.says("192.0.2.1").is_none());
    assert_eq!(says(soft), [None, None, Some(Ban), Some(Throttle)]);
}

#[test]
fn a_restart_leaves_no_gap_even_while_the_node_is_away() {
    let scene = Scene::new();
    scene.lapi.add("192.0.2.1", "4h");
    scene.lapi.add("192.0.2.2", "4h");
    let daemon = scene.start(&[]);
    wait_until("the first table", || scene.is_banned("192.0.2.2"));
    assert!(daemon.terminate().success());
    scene.lapi.delete("192.0.2.1");
    scene.lapi.set(|state| state.status = Some(503));
    let _daemon = scene.start(&[]);
    scene.lapi.wait_for_next("startup=true");
    assert!(scene.is_banned("192.0.2.1") && scene.is_banned("192.0.2.2"));
    scene.lapi.set(|state| state.status = None);
    wait_until("the new picture", || !scene.is_banned("192.0.2.1"));
    assert!(scene.is_banned("192.0.2.2"));
}

#[test]
fn a_country_and_an_as_are_banned_as_the_ranges_of_the_databases() {
    let scene = Scene::new();
    scene.lapi.set(|state| state.push = true);
    let path = |name: &str| scene.path(name).to_str().unwrap().to_owned();
    let (countries, systems) = (path("countries"), path("systems"));
    let french = |network: &str| {
        let rows = [
            (network, Says::Code("country", "FR")),
            ("2001:db8::/32", Says::Code("country", "FR")),
        ];
        std::fs::write(path("new"), mmdb(&rows)).unwrap();
        std::fs::rename(path("new"), &countries).unwrap();
    };
    french("192.0.2.0/24");
    std::fs::write(&systems, mmdb(&[("198.51.100.0/25", Says::System(64_500))])).unwrap();
    scene.lapi.add("FR", "4h");
    // The same range, by a decision of its own.
    scene.lapi.add("198.51.100.0/25", "4h");
    let places = ["--countries", &countries, "--systems", &systems];
    let allow = ["--allow", "192.0.2.7", "--allow", "2001:db8:7::/48"];
    let daemon = scene.start(&[places, allow].concat());
    wait_until("the country", || scene.is_banned("192.0.2.6"));
    assert!(scene.is_banned("2001:db8::1") && !scene.is_banned("192.0.3.1"));
    for allowed in ["192.0.2.7", "2001:db8:7::1"] {
        assert_eq!(scene.says(allowed), Some(Remediation::Pass));
    }
    scene.lapi.add("64500", "4h");
    scene.lapi.delete("64500");
    scene.lapi.add("192.0.9.9", "4h");
    wait_until("what came last", || scene.is_banned("192.0.9.9"));
    assert!(
        scene.is_banned("198.51.100.9"),
        "an AS takes only its own decision with it"
    );
    french("192.0.4.0/24");
    wait_until("the other database", || {
        scene.is_banned("192.0.4.1") && !scene.is_banned("192.0.2.6")
    });
    scene.lapi.delete("FR");
    wait_until("the end", || {
        !scene.is_banned("192.0.4.1") && !scene.is_banned("2001:db8::1")
    });
    assert!(daemon.terminate().success());
    // Without a database nobody asks, and nobody is kept out.
    scene.lapi.add("FR", "4h");
    scene.lapi.add("192.0.9.8", "4h");
    let _daemon = scene.start(&[]);
    wait_until("the other table", || scene.is_banned("192.0.9.8"));
    assert!(!scene.is_banned("192.0.4.1"));
    let unasked = |line: &String| line.starts_with("GET /v1/decisions/stream?startup=true |");
    scene.lapi.wait(|state| state.requests.iter().any(unasked));
    assert_eq!(
        read(&scene.path("log"))
            .matches("no database of places is configured")
            .count(),
        1
    );
}

/// While it is away nothing else shows.
#[test]
fn when_the_node_was_last_heard_is_told() {
    let scene = Scene::new();
    let file = scene.path("metrics.prom");
    let told = |name: &str| -> Option<u64> {
        let text = read(&file);
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{")))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    let heard = || told("vigie_bouncer_heard_timestamp_seconds");
    scene.lapi.set(|state| state.status = Some(503));
    let daemon = scene.start(&["--metrics", file.to_str().unwrap()]);
    wait_until("the file", || heard().is_some());
    assert_eq!((heard(), told("vigie_bouncer_decisions")), (Some(0), None));
    scene.lapi.add("192.0.2.1", "4h");
    scene.lapi.set(|state| state.status = None);
    wait_until("the node", || {
        heard() > Some(0) && told("vigie_bouncer_decisions") == Some(1)
    });
    assert!(daemon.terminate().success());
}

#[test]
fn a_refused_key_ends_the_daemon_whatever_else_it_does() {
    let scene = Scene::new();
    scene.lapi.set(|state| state.status = Some(403));
    let file = scene.path("metrics.prom");
    let ended = scene
        .command(&["--metrics", file.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(3));
}

#[test]
fn kill_leaves_a_whole_table() {
    let scene = Scene::new();
    for n in 0..60_000_u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
        scene.lapi.add(&address.to_string(), "4h");
    }
    scene.lapi.add("192.0.2.1", "4h");
    let mut before = 0;
    for round in 0..5_u64 {
        let daemon = scene.start(&[]);
        // Somewhere before, in, or after its writing.
        std::thread::park_timeout(std::time::Duration::from_millis(150 * round + 100));
        daemon.kill();
        if let Ok(table) = watch::read(&scene.table()) {
            assert_eq!(table.len(), 60_001);
            before += 1;
        } else {
            assert_eq!(before, 0, "a table that was there is gone");
        }
    }
    let _daemon = scene.start(&[]);
    wait_until("the table", || scene.is_banned("192.0.2.1"));
}

#[test]
fn a_table_that_somebody_spoiled_is_written_again() {
    let scene = Scene::new();
    scene.lapi.add("192.0.2.1", "4h");
    let _daemon = scene.start(&[]);
    wait_until("the first table", || scene.is_banned("192.0.2.1"));
    std::fs::write(scene.table(), "spoiled").unwrap();
    wait_until("the table, again", || scene.is_banned("192.0.2.1"));
    std::fs::remove_file(scene.table()).unwrap();
    wait_until("the table, once more", || scene.is_banned("192.0.2.1"));
}

#[test]
fn once_writes_and_ends_and_the_table_can_be_asked() {
    let scene = Scene::new();
    let (lapi, address) = Lapi::on_tcp();
    lapi.add("192.0.2.0/24", "4h");
    let url = format!("http://{address}");
    let output = scene.command(&["--once", "--url", &url]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let ask = |address: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vigie-bouncer-nginx"));
        let output = command
            .args(["look-up", address, "--table"])
            .arg(scene.table())
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(ask("192.0.2.9"), "192.0.2.9 ban by cscli\n");
    assert_eq!(ask("192.0.3.9"), "192.0.3.9 not in the table\n");
}

#[test]
fn what_is_wrong_is_told_by_code() {
    let scene = Scene::new();
    let check = |arguments: &[&str], code: i32, says: &str| {
        let output = scene.command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(says), "{text}");
        assert!(!text.contains("wr0ng-key"), "{text}");
    };
    let wrong = scene.path("wrong");
    std::fs::write(&wrong, "wr0ng-key").unwrap();
    check(
        &["--key-file", wrong.to_str().unwrap()],
        3,
        "the node refuses the API key (HTTP 403)",
    );
    check(
        &["--table", "/nowhere/at/all"],
        4,
        "/nowhere/at/all.new: No such file",
    );
    check(
        &["--poll", "soon"],
        2,
        "poll: \"soon\" is not a duration from 1s to 1h",
    );
    check(&["--countries", wrong.to_str().unwrap()], 2, "wrong: ");
    scene.lapi.set(|state| state.status = Some(500));
    check(&["--once"], 1, "the decisions could not be fetched");
}
