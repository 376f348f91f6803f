//! One line explained: each stage, what it set, and the buckets it filled.

use vigie_sensor::explain::{Explanation, Outcome, explain};
use vigie_sensor::rules::{Loader, Ruleset};

use crate::parse::line;

fn told_of(rules: &Ruleset, kind: &str, text: &str) -> Explanation {
    let line = line(kind, text);
    explain(rules, &line, line.read_at)
}

#[test]
fn a_failed_password_is_told_stage_by_stage_and_fills_its_buckets() {
    let rules = Ruleset::builtin().unwrap();
    let text = "Nov 22 05:40:01 host sshd[42]: Failed password for root from 192.88.99.7 port 4022 ssh2";
    let told = told_of(&rules, "syslog", text);
    assert_eq!(told.outcome, Outcome::Parsed);
    let stages: Vec<_> = told.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(stages, ["s00-raw", "s01-parse", "s02-enrich"]);
    let taken: Vec<_> = told.stages[1].nodes.iter().filter(|node| node.success).collect();
    assert_eq!(taken.len(), 1, "{:?}", told.stages[1]);
    let source = ("Meta.source_ip".to_owned(), "192.88.99.7".to_owned());
    assert!(taken[0].set.contains(&source), "{:?}", taken[0]);
    assert!(
        told.stages[0]
            .nodes
            .iter()
            .all(|node| !node.set.contains(&source)),
        "told where it was set: {:?}",
        told.stages[0]
    );
    let bucket = told
        .buckets
        .iter()
        .find(|bucket| bucket.scenario == "vigie/ssh-bf")
        .unwrap();
    assert_eq!((bucket.group.as_str(), bucket.capacity), ("192.88.99.7", 5));
    assert!(told.detections.is_empty());
}

#[test]
fn what_nobody_takes_says_where_it_stayed_and_a_trigger_what_it_found() {
    let rules = Ruleset::builtin().unwrap();
    let told = told_of(&rules, "syslog", "no line of syslog");
    assert!(
        matches!(&told.outcome, Outcome::Unparsed { stage } if stage.starts_with("s0")),
        "{told:?}"
    );
    assert!(told.buckets.is_empty() && told.time.is_none());

    let mut loader = Loader::new();
    loader.parser(
        "s00-raw",
        "all.yaml",
        "name: t/all\nfilter: \"true\"\nonsuccess: next_stage\nstatics:\n  - meta: source_ip\n    value: 192.88.99.7\n",
    );
    loader.scenario(
        "t.yaml",
        "type: trigger\nname: t/trigger\ndescription: d\nfilter: evt.Line.Raw contains 'x'\ngroupby: evt.Meta.source_ip\nlabels: {}\n",
    );
    let rules = loader.finish().unwrap();
    let told = told_of(&rules, "any", "xyz");
    assert_eq!(told.detections.len(), 1, "{told:?}");
    assert_eq!(told.detections[0].value, "192.88.99.7");
}
