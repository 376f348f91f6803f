//! The fast engine says what the plain one says: of every line, every field, every detection.
//!
//! The plain engine visits every node and every scenario for every line and matches with `regex` alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;
use vigie_sensor::detect::{Detection, Detector};
use vigie_sensor::line::{Line, Position};
use vigie_sensor::parse::{Event, Parsed, Parser};
use vigie_sensor::replay::Replay;
use vigie_sensor::rules::{Loader, Ruleset};
use vigie_wire::Timestamp;

use crate::skip::skip;

/// 2026-12-31T23:59:59Z
const NOW: Timestamp = Timestamp::from_secs(1_798_761_599);

/// Lines of each log: the plain engine is slow, more so in a test.
const LINES: usize = 300;

struct Pair {
    parsers: [Parser; 2],
    detectors: [Detector; 2],
    detections: [Vec<Detection>; 2],
}

#[derive(Debug, PartialEq)]
enum Seen {
    Event(Vec<(String, String, String)>, Timestamp, bool),
    Whitelisted(Option<String>),
    Unparsed,
}

fn seen(event: &Event) -> Seen {
    let fields = event.iter();
    let mut fields: Vec<_> = fields
        .map(|(space, name, value)| (format!("{space:?}"), name.to_owned(), value.to_owned()))
        .collect();
    fields.sort();
    Seen::Event(fields, event.time(), event.is_dated())
}

impl Pair {
    fn new(rules: &Ruleset) -> Self {
        Self {
            parsers: [Parser::new(rules), Parser::plain(rules)],
            detectors: [Detector::new(rules), Detector::new(rules).plain()],
            detections: [Vec::new(), Vec::new()],
        }
    }

    fn line(&mut self, line: &Line) {
        let mut both = Vec::new();
        for ((parser, detector), out) in self
            .parsers
            .iter_mut()
            .zip(&mut self.detectors)
            .zip(&mut self.detections)
        {
            both.push(match parser.parse(line, NOW) {
                Parsed::Event(event) => {
                    detector.pour(event, NOW, out);
                    seen(event)
                }
                Parsed::Whitelisted(event) => Seen::Whitelisted(event.whitelist_reason().map(str::to_owned)),
                Parsed::Unparsed { .. } => Seen::Unparsed,
            });
            detector.line_done(&line.source);
        }
        assert_eq!(both[0], both[1], "{} {:?}", line.kind, line.text);
        assert_eq!(
            self.detections[0], self.detections[1],
            "{} {:?}",
            line.kind, line.text
        );
    }
}

fn line(kind: &str, text: &str, offset: u64) -> Line {
    Line {
        source: Arc::from("/var/log/test.log"),
        position: Position::File { file: 1, offset },
        kind: Arc::from(kind),
        text: text.to_owned(),
        read_at: NOW,
    }
}

fn shared(test: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if !path.join("hub").is_dir() {
        skip(test, &format!("there is no {}", path.display()));
        return None;
    }
    Some(path)
}

/// What Debian's package enables by default.
fn debian(shared: &Path) -> Ruleset {
    let mut loader = Loader::new();
    loader.data_dir(&shared.join("hub-data"));
    for item in std::fs::read_to_string(shared.join("bench/debian.items"))
        .unwrap()
        .lines()
    {
        loader.item(&shared.join("hub"), item);
    }
    loader.finish().unwrap()
}

#[test]
fn both_engines_agree_on_real_logs() {
    let Some(shared) = shared("the engines on real logs") else {
        return;
    };
    let rules = debian(&shared);
    for (file, kinds) in [
        ("loghub_openssh_2k.log", ["syslog", "nginx"]),
        ("elastic_auth.log", ["syslog", "auditd"]),
        ("gtk_auth.log", ["syslog", "apache2"]),
        ("elastic_apache_logs", ["nginx", "apache2"]),
        ("gtk_hackers_access.log", ["nginx", "apache2"]),
        ("ocatak_netsparker.log", ["nginx", "apache2"]),
        ("ocatak_acunetix.log", ["nginx", "syslog"]),
        ("ocatak_w3af.log", ["nginx", "apache2"]),
    ] {
        let bytes = std::fs::read(shared.join("logs").join(file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for kind in kinds {
            let mut pair = Pair::new(&rules);
            for (at, text) in (0..).zip(text.lines().take(LINES)) {
                pair.line(&line(kind, text, at * 100));
            }
        }
    }
}

#[test]
fn threads_change_nothing_and_nothing_is_lost_in_bad_input() {
    let Some(shared) = shared("replays on several threads") else {
        return;
    };
    let rules = debian(&shared);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("auth.log");
    let mut bytes = std::fs::read(shared.join("logs/loghub_openssh_2k.log")).unwrap();
    for odd in [
        vec![b'x'; 3 * 1024 * 1024],
        b"\0\0\0".to_vec(),
        b"Dec 10 06:55:46 LabSZ sshd[24200]: Failed password for \xff\xfe from 1.2.3.4 port 1 ssh2".to_vec(),
        b"Dec  9 06:55:46 LabSZ sshd[24200]: Failed password for root\0 from 1.2.3.4 port 1 ssh2".to_vec(),
        Vec::new(),
        b"Jan  1 00:00:01 LabSZ sshd[24200]: Failed password for root from 1.2.3.4 port 1 ssh2".to_vec(),
    ] {
        bytes.push(b'\n');
        bytes.extend(odd);
    }
    bytes.push(b'\n');
    let copy = bytes.clone();
    for _ in 0..3 {
        bytes.extend(&copy);
    }
    std::fs::write(&path, bytes).unwrap();
    let run = |threads: usize, plain: bool| {
        let mut replay = Replay::new(&path, "syslog", NOW);
        replay.threads = threads.try_into().unwrap();
        replay.plain = plain;
        let mut detections = Vec::new();
        let outcome = replay
            .run(&rules, |_| (), |detection| detections.push(detection))
            .unwrap();
        (outcome, detections)
    };
    let (outcome, detections) = run(1, false);
    assert_eq!(run(3, false), (outcome.clone(), detections.clone()));
    assert_eq!(run(1, true), (outcome.clone(), detections.clone()));
    assert_eq!((outcome.cut, outcome.lossy, outcome.nul), (4, 4, 4));
    assert_eq!(outcome.lines, 4 * 2_004);
    assert!(outcome.backwards > 0 && !detections.is_empty());
    assert_eq!(
        outcome.lines,
        outcome.parsed + outcome.unparsed + outcome.whitelisted
    );
}

fn words() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "Dec 10 06:55:46 host sshd[24200]: ",
        "Dec 10 06:55:46 host nginx: ",
        "Failed password for ",
        "Invalid user ",
        "invalid user ",
        "root from ",
        "203.0.113.9",
        "2001:db8::7",
        " port 22 ssh2",
        " - - [10/Dec/2026:06:55:46 +0000] \"",
        "GET /",
        ".git/config",
        "../../etc/passwd",
        "?a=1' or 1=1--",
        "%2e%2e/",
        "/é/ſ/K",
        " HTTP/1.1\" ",
        "404 12 \"-\" \"",
        "sqlmap/1.0\"",
        "Mozilla/5.0\"",
        "${JNDI:ldap://x}",
        "\"",
        " ",
    ]);
    prop::collection::vec(words, 1..12).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn both_engines_agree_on_made_up_lines(lines in prop::collection::vec(words(), 1..24)) {
        static OWN: std::sync::LazyLock<Ruleset> = std::sync::LazyLock::new(|| Ruleset::builtin().unwrap());
        for kind in ["syslog", "nginx", "apache2"] {
            let mut pair = Pair::new(&OWN);
            for (at, text) in (0..).zip(&lines) {
                pair.line(&line(kind, text, at));
            }
        }
    }
}
