//! Our own rules: what each must say of itself, and the tests that stand beside them in `sensor/rules/.tests`.
//!
//! They are written in the form of the hub's tests and run by the same runner. Deliberately absent: what a rule is for,
//! which is told where it stands and in `docs/rules.md`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vigie_sensor::hub::test::{Outcome, Suite, SuiteOptions};
use vigie_sensor::rules::{BucketKind, Loader, Ruleset, Scenario};
use vigie_wire::Timestamp;

fn rules_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

/// Behaviours that end in this are about a machine's own users, whom no address belongs to.
const LOCAL: &str = "linux:";

#[test]
fn every_scenario_says_what_it_is() {
    let rules = Ruleset::builtin().unwrap();
    assert!(
        rules
            .warnings
            .iter()
            .all(|warning| warning.message.contains("another pattern")),
        "{:?}",
        rules.warnings
    );
    for scenario in &rules.scenarios {
        let name = &scenario.name;
        let label = |key: &str| scenario.labels.get(key).map_or("", String::as_str);
        assert!(name.starts_with("vigie/"), "{name}");
        assert!(scenario.description.len() > 10, "{name}");
        assert!(scenario.behaviour.is_some(), "{name}: {}", label("behavior"));
        assert!(
            !label("service").is_empty() && !label("label").is_empty(),
            "{name}"
        );
        for key in ["confidence", "spoofable"] {
            assert!(
                matches!(label(key), "0" | "1" | "2" | "3"),
                "{name}: {key} {:?}",
                label(key)
            );
        }
        for class in label("classification").split(',') {
            assert!(
                class.starts_with("attack.T") || class.starts_with("cve.CVE-"),
                "{name}: {class:?}"
            );
        }
        // Who is an address can be blocked; who is an account is for a person to look at.
        let is_address = &*scenario.scope.kind == "Ip";
        assert_eq!(scenario.remediation, is_address, "{name}");
        assert!(
            is_address || scenario.scope.expression.is_some(),
            "{name}: an alert about nobody"
        );
        assert!(
            !label("behavior").starts_with(LOCAL) || !is_address,
            "{name}: whom would it block?"
        );
    }
}

#[test]
fn all_files_are_embedded() {
    let mut loader = Loader::new();
    loader.dir(&rules_dir());
    let all = loader.finish().unwrap();
    let embedded = Ruleset::builtin().unwrap();
    let scenarios = |rules: &Ruleset| -> BTreeSet<String> {
        rules.scenarios.iter().map(|one| one.name.to_string()).collect()
    };
    assert_eq!(scenarios(&all), scenarios(&embedded));
    let parsers = |rules: &Ruleset| -> BTreeSet<String> {
        let nodes = rules
            .parsers()
            .flat_map(|(stage, names)| names.into_iter().map(move |name| format!("{stage} {name}")));
        nodes.collect()
    };
    let left_out: Vec<String> = parsers(&all).difference(&parsers(&embedded)).cloned().collect();
    assert_eq!(left_out, ["s02-enrich vigie/private-addresses"]);
}

/// Scenarios that a test sees overflow, and parsers that a test sees succeed.
fn asserted(file: &str, what: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(rules_dir().join(".tests")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path().join(file)).unwrap_or_default();
        for line in text.lines().filter(|line| line.contains(what)) {
            let name = line.split('"').find(|part| part.starts_with("vigie/"));
            seen.extend(name.map(str::to_owned));
        }
    }
    seen
}

#[test]
fn the_tests_beside_the_rules_pass() {
    let suite = Suite::open(SuiteOptions {
        hub: rules_dir(),
        data: None,
        patterns: None,
        // 2026-12-31T23:59:59Z: dates without a year are of 2026.
        now: Timestamp::from_secs(1_798_761_599),
    })
    .unwrap();
    let mut wrong = Vec::new();
    let summary = suite.run_all(suite.names(), |report| {
        if !matches!(report.outcome, Outcome::Passed) {
            wrong.push(format!("{}: {:?}", report.test, report.outcome));
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} tests, {} assertions", summary.tests, summary.assertions);
    assert!(summary.tests >= 50 && summary.skipped == 0);
}

#[test]
fn every_rule_has_a_test_that_sees_it_work() {
    let rules = Ruleset::builtin().unwrap();
    let overflowed = asserted("scenario.assert", "GetScenario()");
    for scenario in &rules.scenarios {
        assert!(
            overflowed.contains(&*scenario.name),
            "no test sees {} overflow",
            scenario.name
        );
    }
    let parsed = asserted("parser.assert", "Success == true");
    for (stage, names) in rules.parsers().filter(|(stage, _)| *stage == "s01-parse") {
        for name in names {
            assert!(parsed.contains(name), "no test sees {name} of {stage} succeed");
        }
    }
}

/// A scenario's row in `docs/rules.md`.
fn row(scenario: &Scenario) -> String {
    let label = |key: &str| scenario.labels.get(key).map_or("", String::as_str);
    let (events, leak) = match scenario.kind {
        BucketKind::Leaky => ((scenario.capacity + 1).to_string(), &*scenario.leakspeed_text),
        BucketKind::Trigger => ("1".to_owned(), ""),
        _ => ("a condition".to_owned(), ""),
    };
    let different = scenario
        .distinct
        .as_ref()
        .map_or("", |value| value.source().trim_start_matches("evt.Meta."));
    let about = if &*scenario.scope.kind == "Ip" {
        ""
    } else {
        "account"
    };
    format!(
        "| `{}` | {events} | {leak} | {different} | {about} | `{}` | {} | {} |",
        scenario.name,
        label("behavior"),
        label("confidence"),
        label("spoofable")
    )
}

#[test]
fn the_page_tells_the_thresholds() {
    let rules = Ruleset::builtin().unwrap();
    let rows: Vec<String> = rules.scenarios.iter().map(|scenario| row(scenario)).collect();
    let table = format!(
        "| scenario | events | leak | different | about | behaviour | confidence | spoofable |\n\
         |---|---|---|---|---|---|---|---|\n{}\n",
        rows.join("\n")
    );
    let page = std::fs::read_to_string(rules_dir().join("../../docs/rules.md")).unwrap();
    let told = page
        .split_once("<!-- scenarios -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- end of scenarios -->"))
        .map(|(told, _)| told);
    assert!(
        told == Some(&table),
        "docs/rules.md should have this table:\n{table}"
    );
}
