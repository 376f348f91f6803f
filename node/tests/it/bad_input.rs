//! What is damaged, hostile or in the way: one sentence with its place, nothing changed, nothing else stopped.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::http::Place;
use crate::network::found;
use crate::skip::skip;
use crate::support::{Home, append, guesses, sentence, until};

fn up_refused(home: &Home) -> String {
    home.refuse(&["up", "--listen", "127.0.0.1:0"])
}

#[test]
fn a_rule_file_with_a_mistake_is_named_with_its_place() {
    let home = Home::watching();
    let rules = home.beside("rules");
    for stage in ["parsers/s00-raw", "parsers/s01-parse", "scenarios"] {
        std::fs::create_dir_all(rules.join(stage)).unwrap();
    }
    let config = std::fs::read_to_string(home.data().join("vigie.toml")).unwrap();
    home.configure(&format!("{config}rules = \"{}\"\n", rules.display()));
    let file = rules.join("scenarios/wrong.yaml");
    for (text, place) in [
        (
            "type: leaky\nname: a/b\nfilter: \"evt.Meta.log_type ==\"\nleakspeed: 10s\ncapacity: 5\n",
            ":3:",
        ),
        (
            "type: leaky\nname: a/b\nfilter: \"true\"\nleakspeed: ten\ncapacity: 5\n",
            ":4:",
        ),
        ("type: leaky\nname: a/b\n  filter: x\n", ":3:"),
        ("type: trigger\nname: a/b\nfilter: \"true\"\nfilterr: x\n", ":4:"),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = home.run(&["up", "--listen", "127.0.0.1:0"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("wrong.yaml{place}")), "no {place}: {said}");
    }
    home.configure(&format!("{config}rules = \"/nonexistent\"\n"));
    assert!(up_refused(&home).contains("/nonexistent is not a directory"));
    std::fs::remove_file(&file).unwrap();
    home.configure(&format!("{config}rules = \"{}\"\n", rules.display()));
    assert!(up_refused(&home).contains("holds no scenario"));
}

#[test]
fn log_lines_of_any_kind_stop_nothing() {
    let home = Home::watching();
    let mut node = home.up();
    let mut garbage = vec![0xff, 0xfe, 0, b'\n'];
    garbage.extend(std::iter::repeat_n(b'x', 3 << 20));
    garbage.extend(b"\n\r\n\n%s%n\x1b[2J\nNov 31 25:61:61 h sshd[1]: Failed password for \xf0\x28 from 999.1.2.3 port 1 ssh2\n");
    let mut file = std::fs::OpenOptions::new().append(true).open(home.log()).unwrap();
    std::io::Write::write_all(&mut file, &garbage).unwrap();
    home.append(&guesses("192.88.99.7", 6));
    until("what is real is found", || {
        home.rows(&["alerts", "list"]).len() == 1
    });
    assert!(node.runs());
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let home = Home::quiet();
    drop(home.up());
    let database = home.data().join("vigie.sqlite");
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0); PRAGMA wal_checkpoint(TRUNCATE)";
    let Ok(status) = Command::new("sqlite3")
        .arg(&database)
        .arg(sql)
        .stdout(std::process::Stdio::null())
        .status()
    else {
        return skip(
            "bad_input::a_database_of_a_newer_program_is_left_alone",
            "sqlite3 is not installed",
        );
    };
    assert!(status.success());
    let before = std::fs::read(&database).unwrap();
    let said = up_refused(&home);
    assert!(said.contains("newer") && said.contains("vigie.sqlite"), "{said}");
    assert!(home.refuse(&["status"]).contains("newer"));
    assert!(std::fs::read(&database).unwrap() == before, "it was changed");
}

#[test]
fn what_is_damaged_on_disk_is_named() {
    let home = Home::quiet();
    found(&home, &[]);
    assert!(home.up().terminate().0.success());
    for beside in ["vigie.sqlite-wal", "vigie.sqlite-shm"] {
        assert!(!home.data().join(beside).exists(), "{beside} is left behind");
    }
    let check = |name: &str, content: Option<&[u8]>, mode: u32, words: &str| {
        let path = home.data().join(name);
        let good = std::fs::read(&path).unwrap();
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let said = up_refused(&home);
        assert!(said.contains(name) && said.contains(words), "{name}: {said}");
        std::fs::write(&path, good).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    };
    // Before what opens it and is refused for something else: that leaves its WAL, which repairs it.
    check("vigie.sqlite", Some(&[b'x'; 8192]), 0o600, "database");
    check(
        "node.key",
        Some(b"vigie node key 1\n00\n"),
        0o600,
        "not a node key",
    );
    check("organisation.key", Some(b""), 0o600, "organisation key");
    check("transport.key", Some(b"\xff\xfe"), 0o600, "cannot read");
    check("node.key", None, 0o644, "chmod 600");
    check("organisation.key", None, 0o640, "chmod 600");
    check("genesis", Some(b"vigie genesis\nnonsense\n"), 0o600, "damaged");
    check("vigie.toml", Some(b"[sensor]\nsources = 1\n"), 0o600, ":2:11: ");
    std::fs::rename(home.data().join("transport.key"), home.beside("transport.key")).unwrap();
    assert!(up_refused(&home).contains("transport.key"));
    std::fs::rename(home.beside("transport.key"), home.data().join("transport.key")).unwrap();
    drop(home.up());
}

#[test]
fn a_disk_that_is_full_at_the_start_is_one_sentence() {
    const TEST: &str = "bad_input::a_disk_that_is_full_at_the_start_is_one_sentence";
    let home = Home::quiet();
    std::fs::remove_file(home.data().join("vigie.toml")).unwrap();
    let binary = env!("CARGO_BIN_EXE_vigie");
    let script = "mount -t tmpfs -o size=1m,mode=700 none \"$1\" && { \"$2\" --data \"$1\" up --listen 127.0.0.1:0; echo \"ended $?\" >&2; }";
    let unshared = |arguments: &[&str]| {
        Command::new("unshare")
            .args(arguments)
            .args(["sh", "-c", script, "sh"])
            .arg(home.data())
            .arg(binary)
            .output()
    };
    let ran = [&["-m"][..], &["-rm"]]
        .iter()
        .filter_map(|arguments| unshared(arguments).ok())
        .find(|output| String::from_utf8_lossy(&output.stderr).contains("ended "));
    let Some(mut output) = ran else {
        return skip(TEST, "no mount namespace can be made here");
    };
    let said = String::from_utf8(output.stderr).unwrap();
    let (before, code) = said.trim_end().rsplit_once("ended ").unwrap();
    assert_eq!(code, "1", "{said}");
    output.stderr = before.as_bytes().to_vec();
    output.status = std::os::unix::process::ExitStatusExt::from_raw(256);
    let said = sentence(&output);
    assert!(said.contains("free") || said.contains("full"), "{said}");
}

#[test]
fn a_directory_that_cannot_be_written_is_one_sentence() {
    let home = Home::quiet();
    let file = home.beside("file");
    append(&file, "x");
    let output = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .arg("up")
        .env("VIGIE_DATA", file.join("data"))
        .output()
        .unwrap();
    let said = sentence(&output);
    assert!(
        said.contains("/file/data") && said.contains("ot a directory"),
        "{said}"
    );
}

#[test]
fn requests_of_any_kind_stop_nothing() {
    let home = Home::quiet();
    let socket = home.beside("lapi.sock");
    let mut node = home.up_with(&["--socket", socket.to_str().unwrap()]);
    let key = home.key("one", "ban");
    let long = "a".repeat(1 << 20);
    let requests = [
        b"\0\xff\xfe\x16\x03\x01\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\nConnection: close\r\n\r\n".to_vec(),
        format!("GET /{long} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\nConnection: close\r\n\r\n").into_bytes(),
        format!("GET /v1/decisions?ip={} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nConnection: close\r\n\r\n", "%".repeat(5_000)).into_bytes(),
        b"POST /v1/alerts HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\nConnection: close\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nffffffffffffffffff\r\n".to_vec(),
        "GET / HTTP/1.1\r\n".repeat(20_000).into_bytes(),
    ];
    for place in [
        node.place(),
        Place::Unix(socket),
        Place::Unix(home.data().join("vigie.sock")),
    ] {
        for request in &requests {
            let status = place.raw(request).status;
            assert!(
                status == 0 || (400..600).contains(&status),
                "{status}: {:?}",
                String::from_utf8_lossy(&request[..40.min(request.len())])
            );
        }
    }
    // Bodies that are no bodies, to the commands' own routes.
    let control = Place::Unix(home.data().join("vigie.sock"));
    for (path, body) in [
        ("/decisions", "{"),
        ("/decisions", "[]"),
        (
            "/decisions",
            "{\"value\":\"192.88.99.1\",\"duration\":\"4h\",\"type\":\"ban\",\"reason\":\"x\",\"more\":1}",
        ),
        (
            "/join",
            "{\"genesis\":\"\",\"peers\":[],\"share\":true,\"anchors\":[]}",
        ),
        (
            "/join",
            "{\"genesis\":\"\",\"peers\":[],\"share\":true,\"anchors\":[\"zz\"]}",
        ),
        ("/statements", "{\"statement\":\"zz\"}"),
        ("/statements", "{\"statement\":\"00\"}"),
        ("/backup", "{\"target\":\"/nonexistent/x\"}"),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = control.raw(format!("{head}{body}").as_bytes());
        assert!((400..=500).contains(&answer.status), "{path} {body}: {answer:?}");
        assert!(
            answer.head.contains("application/problem+json"),
            "{path} {body}: {answer:?}"
        );
    }
    assert!(node.runs());
    assert_eq!(node.place().ask("GET", "/v1/decisions", Some(&key)).body, "null");
    assert!(!home.told().contains("panicked"), "{}", home.told());
    assert!(node.terminate().0.success());
}

#[test]
fn connections_that_never_finish_do_not_hold_an_end_back() {
    let home = Home::quiet();
    let node = home.up();
    let mut idle: Vec<std::net::TcpStream> = (0..50)
        .map(|_| std::net::TcpStream::connect(node.page).unwrap())
        .collect();
    for stream in idle.iter_mut().take(25) {
        std::io::Write::write_all(stream, b"GET / HT").unwrap();
    }
    assert_eq!(node.place().ask("GET", "/health", None).status, 200);
    let (status, took) = node.terminate();
    assert!(status.success());
    assert!(took < std::time::Duration::from_secs(5), "it took {took:?}");
}
