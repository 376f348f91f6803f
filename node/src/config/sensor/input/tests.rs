use std::path::Path;

use super::*;
use crate::config::{Config, EXAMPLE, Sources};

/// The mistakes of one source, without their places.
fn mistakes(input: &str) -> String {
    let text = format!("[sensor]\nsources = [{input}]\n");
    match Config::parse(Path::new("f"), &text) {
        Ok(_) => String::new(),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[track_caller]
fn check(input: &str, expected: &str) {
    let found = mistakes(input);
    assert!(found.contains(expected), "{found}");
}

#[track_caller]
fn name(input: &str) -> String {
    let text = format!("[sensor]\nsources = [{input}]\n");
    let config = Config::parse(Path::new("f"), &text).unwrap();
    let Sources::List(inputs) = config.sensor.sources else {
        panic!("no list")
    };
    inputs[0].source().unwrap().from.name()
}

#[test]
fn every_kind_of_source_is_named() {
    let cases = [
        (r#"type = "syslog", file = "/a""#, "/a"),
        (r#"type = "nginx", docker = "/c/*-json.log""#, "/c/*-json.log"),
        (
            r#"type = "syslog", journal = "ssh.service""#,
            "journald _SYSTEMD_UNIT=ssh.service",
        ),
        (
            r#"type = "syslog", journal = "SYSLOG_IDENTIFIER=a SYSLOG_IDENTIFIER=b", accounts = ["web", "77"]"#,
            "journald SYSLOG_IDENTIFIER=a SYSLOG_IDENTIFIER=b",
        ),
        (r#"type = "syslog", stdin = true"#, "stdin"),
        (
            r#"type = "syslog", syslog = "udp://127.0.0.1:514""#,
            "syslog udp 127.0.0.1:514",
        ),
        (
            r#"type = "syslog", syslog = "tls://[::]:6514", from = ["10.0.0.0/8"], certificate = "c", key = "k""#,
            "syslog tcp [::]:6514",
        ),
        (
            r#"type = "caddy", http = "http://127.0.0.1:8482", token = "t""#,
            "http 127.0.0.1:8482",
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(name(&format!("{{ {input} }}")), expected);
    }
}

#[test]
fn a_mistake_says_its_place_and_what_is_allowed() {
    assert_eq!(
        mistakes("{ type = \"syslog\", syslog = \"udp://0.0.0.0:514\" }"),
        "f:2:40: 0.0.0.0:514 is reached from other machines, and who can send lines can have anybody blocked: say in \
         `from` which networks may, such as [\"10.0.0.0/8\"]"
    );
    check(
        r#"{ type = "syslog" }"#,
        "f:2:21: a source has exactly one of `file`, `docker`, `journal`, `stdin`, `syslog`, `http`, `nats`, `kafka`",
    );
    check(
        r#"{ type = "syslog", file = "/a", journal = "b" }"#,
        "exactly one of",
    );
    check(
        r#"{ type = "syslog", file = "/a", token = "b" }"#,
        "f:2:52: `token` is not for `file`; it goes with `http`",
    );
    check(
        r#"{ type = "syslog", syslog = "0.0.0.0:514" }"#,
        "\"0.0.0.0:514\" is not like udp://127.0.0.1:514 or tcp://127.0.0.1:514 or tls://127.0.0.1:514",
    );
    check(
        r#"{ type = "syslog", syslog = "tls://127.0.0.1:514" }"#,
        "TLS needs `certificate` and `key`",
    );
    check(
        r#"{ type = "syslog", syslog = "tcp://127.0.0.1:514", key = "k" }"#,
        "go with tls:// and https://",
    );
    check(
        r#"{ type = "syslog", syslog = "tcp://127.0.0.1:514", from = ["ten"] }"#,
        "f:2:71: \"ten\" is not an address or a network such as 10.0.0.0/8",
    );
    check(
        r#"{ type = "nginx", http = "http://127.0.0.1:1" }"#,
        "`http` needs `token`: a file with",
    );
    check(r#"{ type = "nginx", stdin = false }"#, "`stdin` is true");
    check(r#"{ type = "", file = "/a" }"#, "the type of the lines is empty");
    check(
        r#"{ type = "a", file = "/a" }, { type = "b", file = "/a" }"#,
        "/a is listed twice",
    );
    check(r#"{ type = "a", fil = "/a" }"#, "unknown field `fil`");
}

#[test]
fn brokers_are_only_for_those_who_built_them() {
    let nats =
        r#"{ type = "nginx", nats = "nats://a:4222, nats://b:4222", stream = "LOGS", consumer = "vigie" }"#;
    let kafka = r#"{ type = "nginx", kafka = "a:9092", topic = "logs", partitions = [0] }"#;
    if Nats::BUILT {
        assert_eq!(name(nats), "nats LOGS/vigie");
        check(
            r#"{ type = "nginx", nats = "nats://a" }"#,
            "`nats` needs `stream`",
        );
        check(
            r#"{ type = "nginx", nats = "tls://a", stream = "s", consumer = "c" }"#,
            "`nats` needs `ca`",
        );
    } else {
        check(nats, "this vigie was built without `nats`");
    }
    if Kafka::BUILT {
        assert_eq!(name(kafka), "kafka logs");
    } else {
        check(kafka, "this vigie was built without `kafka`");
    }
}

/// What `vigie init --config` writes as a comment is right, but for what this program was built without.
#[test]
fn the_sources_of_the_example_are_right() {
    let lines = EXAMPLE.lines().skip_while(|line| *line != "# sources = [");
    let list: String = lines
        .take_while(|line| line.starts_with('#'))
        .map(|line| format!("{}\n", line.trim_start_matches("# ")))
        .take_while(|line| !line.starts_with("Rules"))
        .collect();
    match Config::parse(Path::new("f"), &format!("[sensor]\n{list}")) {
        Ok(config) => assert!(matches!(config.sensor.sources, Sources::List(list) if list.len() > 8)),
        Err(mistakes) => {
            for mistake in mistakes.0 {
                assert!(mistake.to_string().contains("was built without"), "{mistake}");
            }
        }
    }
}
