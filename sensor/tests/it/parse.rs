//! Whole lines through our own parsers: what they find, and what they leave alone.

use std::sync::Arc;

use vigie_sensor::line::{Line, Position};
use vigie_sensor::parse::{Parsed, Parser};
use vigie_sensor::rules::{Loader, Ruleset};
use vigie_wire::Timestamp;

/// 2026-06-01T00:00:00Z
const NOW: Timestamp = Timestamp::from_secs(1_780_272_000);

pub(crate) fn line(kind: &str, text: &str) -> Line {
    Line {
        source: Arc::from("/var/log/test"),
        position: Position::File { file: 7, offset: 0 },
        kind: Arc::from(kind),
        text: text.to_owned(),
        read_at: NOW,
    }
}

/// The values of these fields of `Meta`, or nothing if the line was not parsed.
fn metas(kind: &str, text: &str, names: &[&str]) -> Option<Vec<String>> {
    let rules = Ruleset::builtin().unwrap();
    let mut parser = Parser::new(&rules);
    match parser.parse(&line(kind, text), NOW) {
        Parsed::Event(event) => Some(names.iter().map(|name| event.meta(name).to_owned()).collect()),
        _ => None,
    }
}

fn check_ssh(message: &str, expected: Option<[&str; 4]>) {
    let text = format!("May  3 10:00:00 host sshd[812]: {message}");
    let found = metas(
        "syslog",
        &text,
        &["log_type", "source_ip", "target_user", "auth_status"],
    );
    let expected = expected.map(|values| values.map(str::to_owned).to_vec());
    assert_eq!(found, expected, "{message}");
}

#[test]
fn sshd() {
    let failed = |ip, user| Some(["ssh_failed-auth", ip, user, ""]);
    check_ssh(
        "Failed password for root from 203.0.113.9 port 52144 ssh2",
        failed("203.0.113.9", "root"),
    );
    check_ssh(
        "Failed password for invalid user x y from 203.0.113.9 port 52144 ssh2",
        failed("203.0.113.9", "x y"),
    );
    check_ssh(
        "Failed none for invalid user admin from 2001:db8::7 port 1 ssh2",
        failed("2001:db8::7", "admin"),
    );
    check_ssh("Invalid user  from 203.0.113.9 port 4", failed("203.0.113.9", ""));
    check_ssh(
        "Invalid user webmaster from 173.234.31.186",
        failed("173.234.31.186", "webmaster"),
    );
    check_ssh(
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9  user=root",
        failed("203.0.113.9", "root"),
    );
    check_ssh(
        "error: maximum authentication attempts exceeded for invalid user ftp from 203.0.113.9 port 2 ssh2 [preauth]",
        failed("203.0.113.9", "ftp"),
    );
    check_ssh(
        "Connection closed by authenticating user root 203.0.113.9 port 40022 [preauth]",
        failed("203.0.113.9", "root"),
    );
    check_ssh(
        "Disconnected from invalid user oracle 203.0.113.9 port 40022 [preauth]",
        failed("203.0.113.9", "oracle"),
    );
    check_ssh(
        "User git from 203.0.113.9 not allowed because not listed in AllowUsers",
        failed("203.0.113.9", "git"),
    );
    let accepted = |user| Some(["ssh_auth-success", "203.0.113.9", user, "success"]);
    check_ssh(
        "Accepted publickey for alice from 203.0.113.9 port 9 ssh2: ED25519 SHA256:abc",
        accepted("alice"),
    );
    check_ssh(
        "Accepted password for bob from 203.0.113.9 port 9 ssh2",
        accepted("bob"),
    );
    let probe = |ip| Some(["ssh_bad-protocol", ip, "", ""]);
    check_ssh(
        "banner exchange: Connection from 203.0.113.9 port 61000: invalid format",
        probe("203.0.113.9"),
    );
    check_ssh(
        "Bad protocol version identification '\\003' from 203.0.113.9 port 4",
        probe("203.0.113.9"),
    );
    check_ssh(
        "Did not receive identification string from 203.0.113.9",
        probe("203.0.113.9"),
    );
    check_ssh(
        "Unable to negotiate with 203.0.113.9 port 5: no matching key exchange method found. Their offer: x [preauth]",
        probe("203.0.113.9"),
    );
    check_ssh(
        "Timeout before authentication for 203.0.113.9 port 5",
        Some(["ssh_auth-timeout", "203.0.113.9", "", ""]),
    );
    check_ssh("Server listening on 0.0.0.0 port 22.", None);
    check_ssh(
        "pam_unix(sshd:session): session opened for user alice by (uid=0)",
        None,
    );
}

#[test]
fn a_user_name_cannot_forge_an_address() {
    check_ssh(
        "Failed password for invalid user a from 198.51.100.1 port 1 ssh2 from 203.0.113.9 port 52144 ssh2",
        Some([
            "ssh_failed-auth",
            "203.0.113.9",
            "a from 198.51.100.1 port 1 ssh2",
            "",
        ]),
    );
}

#[test]
fn syslog_in_its_forms() {
    let names = ["source_ip", "machine", "timestamp"];
    let message = "Invalid user a from 203.0.113.9 port 4";
    let found = |text: &str| metas("syslog", text, &names).unwrap_or_default();
    let expect = |time: &str| vec!["203.0.113.9".to_owned(), "web1".to_owned(), time.to_owned()];
    assert_eq!(
        found(&format!("May  3 10:00:00 web1 sshd[8]: {message}")),
        expect("2026-05-03T10:00:00Z")
    );
    assert_eq!(
        found(&format!("<38>Dec 31 23:59:59 web1 sshd[8]: {message}")),
        expect("2025-12-31T23:59:59Z")
    );
    assert_eq!(
        found(&format!("2026-05-03T10:00:00.25+02:00 web1 sshd[8]: {message}")),
        expect("2026-05-03T10:00:00.25+02:00"),
    );
    assert_eq!(
        found(&format!("<38>1 2026-05-03T10:00:00Z web1 sshd 8 - - {message}")),
        expect("2026-05-03T10:00:00Z"),
    );
    assert_eq!(
        found(&format!(
            "<38>1 2026-05-03T10:00:00Z web1 sshd 8 - [a@1 b=\"c\"] {message}"
        )),
        expect("2026-05-03T10:00:00Z"),
    );
}

fn check_http(kind: &str, text: &str, expected: [&str; 6]) {
    let names = [
        "log_type",
        "source_ip",
        "http_status",
        "http_verb",
        "http_path",
        "timestamp",
    ];
    let found = metas(kind, text, &names).unwrap_or_default();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn nginx() {
    check_http(
        "nginx",
        r#"203.0.113.9 - - [03/May/2026:10:00:00 +0200] "GET /a/b.php?x=1 HTTP/1.1" 404 153 "-" "curl/8""#,
        [
            "http_access-log",
            "203.0.113.9",
            "404",
            "GET",
            "/a/b.php",
            "2026-05-03T10:00:00+02:00",
        ],
    );
    check_http(
        "nginx",
        r#"example.org 2001:db8::7 - bob [03/May/2026:10:00:00 +0000] "\x16\x03\x01" 400 0 "-" "-""#,
        [
            "http_access-log",
            "2001:db8::7",
            "400",
            "",
            "\\x16\\x03\\x01",
            "2026-05-03T10:00:00Z",
        ],
    );
    // Visitors can write any line into the error log.
    let error = r#"2026/05/03 10:00:00 [error] 8#9: *1 user "al": password mismatch, client: 203.0.113.9, server: _, request: "GET /in HTTP/1.1", host: "example.org""#;
    assert_eq!(metas("nginx", error, &[]), None);
}

#[test]
fn apache2() {
    check_http(
        "apache2",
        r#"203.0.113.9 - - [03/May/2026:10:00:00 +0000] "POST /wp-login.php HTTP/1.1" 200 - "-" "a \"b\"""#,
        [
            "http_access-log",
            "203.0.113.9",
            "200",
            "POST",
            "/wp-login.php",
            "2026-05-03T10:00:00Z",
        ],
    );
    check_http(
        "apache2",
        "[Sun May 03 10:00:00.123456 2026] [auth_basic:error] [pid 1:tid 2] [client 203.0.113.9:40000] AH01617: user al: authentication failure for \"/x\": Password Mismatch",
        [
            "http_error-log",
            "203.0.113.9",
            "",
            "",
            "",
            "2026-05-03T10:00:00.123456Z",
        ],
    );
}

#[test]
fn one_line_leaves_nothing_to_the_next() {
    let rules = Ruleset::builtin().unwrap();
    let mut parser = Parser::new(&rules);
    let first = line(
        "syslog",
        "May  3 10:00:00 h sshd[8]: Accepted password for bob from 203.0.113.9 port 9 ssh2",
    );
    assert!(matches!(parser.parse(&first, NOW), Parsed::Event(_)));
    let second = line(
        "syslog",
        "May  3 10:00:01 h sshd[8]: Invalid user a from 203.0.113.9 port 4",
    );
    let Parsed::Event(event) = parser.parse(&second, NOW) else {
        panic!("not parsed")
    };
    assert_eq!(event.meta("auth_status"), "");
    assert_eq!(event.meta("target_user"), "a");
}

#[test]
fn a_whitelist_knows_an_address_in_its_other_form() {
    let mut loader = Loader::new();
    loader.parser(
        "s00-raw",
        "all.yaml",
        "name: t/all\nfilter: \"true\"\nonsuccess: next_stage\nstatics:\n  - meta: source_ip\n    expression: evt.Line.Raw\n",
    );
    loader.parser(
        "s01-whitelist",
        "friends.yaml",
        "name: t/friends\nfilter: \"true\"\nwhitelist:\n  reason: friends\n  ip: ['::ffff:192.88.99.9']\n  cidr: [192.0.2.0/24]\n",
    );
    let rules = loader.finish().unwrap();
    for (text, listed) in [
        ("192.0.2.7", true),
        ("::ffff:192.0.2.7", true),
        ("192.88.99.9", true),
        ("::ffff:192.88.99.8", false),
    ] {
        let mut parser = Parser::new(&rules);
        let line = line("any", text);
        let whitelisted = matches!(parser.parse(&line, line.read_at), Parsed::Whitelisted(_));
        assert_eq!(whitelisted, listed, "{text}");
    }
}
