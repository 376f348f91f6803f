//! How fast a line becomes an event, under our own rules: the time of one line, and lines per second.

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use vigie_sensor::line::{Line, Position};
use vigie_sensor::parse::Parser;
use vigie_sensor::rules::Ruleset;
use vigie_wire::Timestamp;

const NOW: Timestamp = Timestamp::from_secs(1_780_272_000);

/// Name, type of the source, line.
const LINES: &[(&str, &str, &str)] = &[
    (
        "sshd failed",
        "syslog",
        "May  3 10:00:00 web1 sshd[812]: Failed password for root from 203.0.113.9 port 52144 ssh2",
    ),
    (
        "sshd preauth",
        "syslog",
        "May  3 10:00:00 web1 sshd[812]: Connection closed by authenticating user root 203.0.113.9 port 40022 [preauth]",
    ),
    (
        "sshd other",
        "syslog",
        "May  3 10:00:00 web1 sshd[812]: pam_unix(sshd:session): session closed for user alice",
    ),
    (
        "cron",
        "syslog",
        "May  3 10:00:00 web1 CRON[812]: pam_unix(cron:session): session closed for user root",
    ),
    (
        "nginx access",
        "nginx",
        "203.0.113.9 - - [03/May/2026:10:00:00 +0200] \"GET /a/b.php?x=1 HTTP/1.1\" 404 153 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"",
    ),
];

fn main() {
    divan::main();
}

fn names() -> impl Iterator<Item = &'static str> {
    LINES.iter().map(|(name, ..)| *name)
}

#[divan::bench(args = names())]
fn line(bencher: Bencher<'_, '_>, name: &str) {
    let (_, kind, text) = LINES
        .iter()
        .find(|(known, ..)| *known == name)
        .copied()
        .unwrap_or_default();
    let line = Line {
        source: Arc::from("bench"),
        position: Position::File { file: 0, offset: 0 },
        kind: Arc::from(kind),
        text: text.to_owned(),
        read_at: NOW,
    };
    let Ok(rules) = Ruleset::builtin() else { return };
    let mut parser = Parser::new(&rules);
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        divan::black_box(parser.parse(divan::black_box(&line), NOW));
    });
}
