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
