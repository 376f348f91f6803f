//! The hub's own tests on our engine: none may fail, and only what needs a database nobody may pass on is skipped.

use std::path::{Path, PathBuf};

use vigie_sensor::hub::coverage::Coverage;
use vigie_sensor::hub::test::{Outcome, Suite, SuiteOptions, TestReport};
use vigie_sensor::rules::Ruleset;
use vigie_wire::Timestamp;

use crate::skip::skip;

/// 2026-12-31T23:59:59Z
const NOW: Timestamp = Timestamp::from_secs(1_798_761_599);

fn suite(hub: PathBuf, data: Option<PathBuf>) -> Suite {
    let options = SuiteOptions {
        hub,
        data,
        patterns: None,
        now: NOW,
    };
    Suite::open(options).unwrap()
}

fn told(report: &TestReport) -> String {
    match &report.outcome {
        Outcome::Passed => String::new(),
        Outcome::Skipped { reason } => format!("skip {}: {reason}\n", report.test),
        Outcome::Broken { reason } => format!("FAIL {}: {reason}\n", report.test),
        Outcome::Failed { failed, failures } => {
            let shown = failures.iter().take(6).map(|failure| {
                format!(
                    "  {}:{}: {}\n    was {}\n",
                    failure.file, failure.line, failure.assert, failure.was
                )
            });
            let shown: String = shown.collect();
            format!(
                "FAIL {}: {failed} of {} asserts\n{shown}",
                report.test, report.assertions
            )
        }
    }
}

#[test]
fn the_hub_s_own_tests_pass() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if !shared.join("hub/.tests").is_dir() {
        skip(
            "the hub's own tests",
            &format!("there is no {}", shared.display()),
        );
        return;
    }
    let suite = suite(shared.join("hub"), Some(shared.join("hub-data")));
    let summary = suite.run_all(suite.names(), |report| print!("{}", told(&report)));
    println!("{summary:?}");
    assert!(summary.tests >= 199, "{summary:?}");
    assert_eq!(summary.failed, 0, "{summary:?}");
    assert!(summary.skipped <= 4, "{summary:?}");
}

#[test]
fn coverage_tells_what_a_log_reaches() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("auth.log");
    let lines: String = (0..3)
        .map(|second| crate::support::failed(60 - second, "203.0.113.9"))
        .collect();
    std::fs::write(&log, lines + "nothing at all\n").unwrap();
    let mut coverage = Coverage::new(&Ruleset::builtin().unwrap());
    coverage.read(&log, "syslog", NOW).unwrap();
    assert_eq!(coverage.lines(), (4, 3));
    let reached = coverage.reached();
    let events = |name: &str| {
        reached
            .iter()
            .find(|rule| rule.name == name)
            .map(|rule| rule.events)
    };
    assert_eq!(events("vigie/sshd"), Some(3));
    assert_eq!(events("vigie/ssh-bf"), Some(3));
    assert_eq!(events("vigie/nginx"), Some(0));
    assert!(reached.is_sorted_by_key(|rule| rule.events));
}

const PARSER: &str = "\
name: them/door
filter: evt.Line.Labels.type == 'door' && evt.Line.Labels.floor == 'two' && evt.Line.Module == 'bell'
grok:
  pattern: '(?:%{TIMESTAMP_ISO8601:when} )?knock from %{IP:from}'
  apply_on: Line.Raw
statics:
  - meta: source_ip
    expression: evt.Parsed.from
  - meta: path
    expression: evt.Line.Src
  - target: MarshaledTime
    expression: evt.Parsed.when
onsuccess: next_stage
";

const SCENARIOS: &str = "\
type: trigger
name: them/knock
filter: evt.Meta.source_ip != ''
groupby: evt.Meta.source_ip
labels:
  remediation: true
---
type: leaky
name: them/knocks
filter: evt.Meta.source_ip != ''
groupby: evt.Meta.source_ip
capacity: 1
leakspeed: 1m
";

const FRIENDS: &str = "name: them/friends\nwhitelist:\n  reason: a friend\n  ip: [192.0.2.9]\n";

const CONFIG: &str = "\
parsers: [them/door]
scenarios: [./scenarios/them/door.yaml]
postoverflows: [them/friends, '']
log_file: door.log
log_type: door
labels: {floor: two}
override_statics:
  - target: evt.Line.Module
    value: bell
";

const LOG: &str = "\
2026-05-03T10:00:00Z knock from 192.0.2.7
2026-05-03T10:00:01Z knock from 192.0.2.7

knock from 192.0.2.8
knock from 192.0.2.8
2026-05-03T10:00:02Z knock from 192.0.2.9
nobody
";

/// One test of a hub of our own, with these asserts.
fn run(config: &str, parsers: &str, scenarios: &str) -> TestReport {
    let hub = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("parsers/s00-raw/them/door.yaml", PARSER),
        ("scenarios/them/door.yaml", SCENARIOS),
        ("postoverflows/s01-whitelist/them/friends.yaml", FRIENDS),
        (".tests/door/config.yaml", config),
        (".tests/door/door.log", LOG),
        (".tests/door/parser.assert", parsers),
        (".tests/door/scenario.assert", scenarios),
    ] {
        let path = hub.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    suite(hub.path().to_owned(), None).run("door")
}

#[test]
fn a_test_sees_what_its_rules_did() {
    // The overrides are a document of the first stage; overflows went through a stage of their own.
    let parsers = "\
len(results) == 3
len(results[\"s00-raw\"]) == 2
len(results[\"s00-raw\"][\"overrides\"]) == 6
len(results[\"s00-raw\"][\"them/door\"]) == 6
results[\"s00-raw\"][\"them/door\"][0].Success == true
results[\"s00-raw\"][\"them/door\"][5].Success == false
results[\"s00-raw\"][\"them/door\"][0].Evt.Parsed[\"from\"] == \"192.0.2.7\"
results[\"s00-raw\"][\"them/door\"][0].Evt.Meta[\"nothing\"] == \"\"
results[\"s00-raw\"][\"them/door\"][0].Evt.Whitelisted == false
len(results[\"s01-whitelist\"][\"them/friends\"]) == 6
len(results[\"s07-nowhere\"][\"them/door\"]) == 0
";
    // Backwards by name and source, the older first; one that a postoverflow whitelisted is among them.
    let scenarios = "\
len(results) == 6
results[0].Overflow.Alert.GetScenario() == \"them/knocks\"
results[0].Overflow.Alert.GetEventsCount() == 2
\"192.0.2.7\" in results[0].Overflow.GetSources()
results[1].Overflow.Sources[\"192.0.2.9\"].IP == \"192.0.2.9\"
results[1].Overflow.Whitelisted == true
results[2].Overflow.Sources[\"192.0.2.8\"].GetScope() == \"Ip\"
results[5].Overflow.Alert.Events[0].GetMeta(\"source_ip\")[4:] == \"0.2.7\"
results[5].Overflow.Alert.Events[0].GetMeta(\"path\") != \"door.log\"
basename(results[5].Overflow.Alert.Events[0].GetMeta(\"path\")) == \"door.log\"
results[5].Overflow.Alert.Remediation == true
";
    let report = run(CONFIG, parsers, scenarios);
    assert_eq!(report.outcome, Outcome::Passed, "{}", told(&report));
    assert_eq!(report.assertions, 22);
}

#[test]
fn what_does_not_hold_is_told() {
    let report = run(
        CONFIG,
        "len(results) == 4\nresults[\"s00-raw\"][\"them/door\"][9].Success == true\n",
        "results[0].Overflow.Allert == 1\n",
    );
    let Outcome::Failed { failed: 3, failures } = &report.outcome else {
        panic!("{}", told(&report))
    };
    let was: Vec<&str> = failures.iter().map(|failure| &*failure.was).collect();
    assert_eq!(was[0], "3");
    assert_eq!(was[1], "failed: the index is out of range");
    assert!(was[2].contains("unknown field \"Allert\""), "{}", was[2]);
    let ignored = run(
        &format!("{CONFIG}ignore_parsers: true\n"),
        "false\n",
        "len(results) == 6\n",
    );
    assert_eq!(ignored.outcome, Outcome::Passed);
}

#[test]
fn what_cannot_run_fails_and_what_lacks_a_database_is_skipped() {
    let broken = |config: &str, reason: &str| match run(config, "len(results) == 3\n", "").outcome {
        Outcome::Broken { reason: why } => assert!(why.contains(reason), "{why}"),
        other => panic!("{other:?}"),
    };
    broken(
        &CONFIG.replace("them/friends", "them/fiends"),
        "nothing called \"them/fiends\" among the postoverflows",
    );
    broken(
        &CONFIG.replace("door.log", "window.log"),
        "window.log cannot be read",
    );
    broken(&CONFIG.replace("log_type: door\n", ""), "\"log_type\" is missing");
    let nothing = run(CONFIG, "", "");
    assert!(
        matches!(nothing.outcome, Outcome::Broken { .. }),
        "it asserts nothing"
    );

    let hub = tempfile::tempdir().unwrap();
    let places = "name: them/places\ndata:\n  - source_url: https://data.example/places.mmdb\n    dest_file: places.mmdb\nstatics:\n  - method: GeoIpCity\n    expression: evt.Meta.source_ip\n";
    for (path, text) in [
        ("parsers/s02-enrich/them/places.yaml", places),
        (
            ".tests/places/config.yaml",
            "parsers: [them/places]\nlog_file: x.log\nlog_type: x\n",
        ),
        (".tests/places/x.log", "x\n"),
    ] {
        let path = hub.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let suite = suite(hub.path().to_owned(), None);
    let summary = suite.run_all(suite.names(), |report| {
        let reason = "them/places needs places.mmdb, which is not there".to_owned();
        assert_eq!(report.outcome, Outcome::Skipped { reason });
    });
    assert_eq!(
        (summary.tests, summary.passed, summary.failed, summary.skipped),
        (1, 0, 0, 1)
    );
}
