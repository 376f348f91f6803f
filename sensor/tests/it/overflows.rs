//! What becomes of overflows: postoverflows, sources in every scope, bayesian buckets, and what a scenario's filter sets.

use std::sync::Arc;

use vigie_sensor::detect::{Detection, Detector, Limits};
use vigie_sensor::line::{Line, Position};
use vigie_sensor::parse::Event;
use vigie_sensor::parse::names::Space;
use vigie_sensor::rules::{Loader, Ruleset};
use vigie_wire::Timestamp;

const START: i64 = 1_700_000_000;

const TRIGGER: &str = "\
type: trigger
name: t/trigger
filter: evt.Meta.kind == 'probe'
labels:
  remediation: true
";

fn rules(scenarios: &[&str], postoverflows: &[(&str, &str)]) -> Ruleset {
    let mut loader = Loader::new();
    for scenario in scenarios {
        loader.scenario("test.yaml", scenario);
    }
    for (stage, text) in postoverflows {
        loader.postoverflow(stage, "post.yaml", text);
    }
    match loader.finish() {
        Ok(rules) => rules,
        Err(errors) => panic!("{errors}"),
    }
}

/// An event at a second, with words `name=value` as its `Meta`.
fn event(rules: &Ruleset, second: i64, words: &str) -> Event {
    let mut event = Event::blank(Arc::clone(rules.names()));
    event.begin(&Line {
        source: "a.log".into(),
        position: Position::File {
            file: 7,
            offset: u64::try_from(second).unwrap(),
        },
        kind: "syslog".into(),
        text: words.to_owned(),
        read_at: Timestamp::ZERO,
    });
    for (name, value) in words.split(' ').filter_map(|word| word.split_once('=')) {
        event.set(Space::Meta, name, value);
    }
    event.set_time(Timestamp::from_secs(START + second));
    event
}

fn detect(rules: &Ruleset, events: &[(i64, &str)]) -> (Vec<Detection>, Detector) {
    let mut detector = Detector::new(rules);
    let mut out = Vec::new();
    for (second, words) in events {
        let event = event(rules, *second, words);
        detector.pour(&event, Timestamp::from_secs(START + 1_000_000), &mut out);
        detector.line_done(event.source());
    }
    (out, detector)
}

#[test]
fn a_postoverflow_whitelists() {
    let list = "\
name: t/list
whitelist:
  reason: friends
  ip: [192.0.2.7]
  cidr: ['198.51.100.0/24']
  expression:
    - evt.Overflow.Alert.GetScenario() == 't/trigger' && evt.Overflow.Alert.Source.IP == '203.0.113.99'
    - any(evt.Overflow.Alert.Events, {.GetMeta('user') == 'monitor'})
";
    let rules = rules(&[TRIGGER], &[("s01-whitelist", list)]);
    let (found, detector) = detect(
        &rules,
        &[
            (0, "kind=probe source_ip=192.0.2.7"),
            (1, "kind=probe source_ip=198.51.100.200"),
            (2, "kind=probe source_ip=203.0.113.99"),
            (3, "kind=probe source_ip=203.0.113.1 user=monitor"),
            (4, "kind=probe source_ip=203.0.113.2"),
        ],
    );
    let values: Vec<&str> = found.iter().map(|detection| &*detection.value).collect();
    assert_eq!(values, ["203.0.113.2"]);
    assert_eq!(detector.counts().whitelisted, 4);
}

#[test]
fn a_postoverflow_says_who_it_is_about() {
    let widen = "\
name: t/widen
filter: evt.Overflow.Alert.Remediation == true && IsIPV6(evt.Overflow.Alert.Source.IP)
onsuccess: next_stage
statics:
  - target: evt.Overflow.Alert.Source.Value
    expression: IpToRange(evt.Overflow.Alert.Source.IP, '/64')
  - target: evt.Overflow.Alert.Source.Scope
    value: Range
";
    let rules = rules(&[TRIGGER], &[("s00-enrich", widen)]);
    let (found, _) = detect(
        &rules,
        &[
            (0, "kind=probe source_ip=2001:db8:1:2:3::4"),
            (1, "kind=probe source_ip=192.0.2.7"),
        ],
    );
    let found: Vec<String> = found
        .iter()
        .map(|detection| {
            format!(
                "{} {} {}",
                detection.scope,
                detection.value,
                detection.ip.unwrap()
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "Range 2001:db8:1:2::/64 2001:db8:1:2:3::4",
            "Ip 192.0.2.7 192.0.2.7"
        ]
    );
}

#[test]
fn scopes_name_whom_they_say() {
    let scoped = |scope: &str| format!("{TRIGGER}scope:\n  type: {scope}\n");
    let cases = [
        (
            "Range",
            "kind=probe source_ip=192.0.2.7 SourceRange=192.0.2.9/24",
            "Range 192.0.2.0/24",
        ),
        ("Range", "kind=probe SourceRange=192.0.2.0/24", ""),
        (
            "Range\n  expression: evt.Meta.net",
            "kind=probe source_ip=192.0.2.7 net=n1",
            "Range n1",
        ),
        (
            "user\n  expression: evt.Meta.user",
            "kind=probe user=bob",
            "user bob",
        ),
        (
            "Ip\n  expression: evt.Meta.user",
            "kind=probe user=bob source_ip=192.0.2.7",
            "Ip 192.0.2.7",
        ),
        ("Ip", "kind=probe source_ip=nobody", ""),
        ("Ip", "kind=probe source_ip=::ffff:192.0.2.7", "Ip 192.0.2.7"),
    ];
    for (scope, words, expected) in cases {
        let rules = rules(&[&scoped(scope)], &[]);
        let (found, _) = detect(&rules, &[(0, words)]);
        let found: Vec<String> = found
            .iter()
            .map(|detection| format!("{} {}", detection.scope, detection.value))
            .collect();
        assert_eq!(found.join(","), expected, "{scope}: {words}");
    }
}

#[test]
fn overflows_fill_the_buckets_of_their_range() {
    let first = format!("{TRIGGER}reprocess: true\n");
    let second = "\
type: leaky
name: t/range
filter: evt.GetType() == 'overflow' && evt.Overflow.Alert.Remediation == true
groupby: evt.Overflow.Alert.Source.Range
distinct: evt.Overflow.Alert.Source.IP
capacity: 2
leakspeed: 10m
scope:
  type: Range
";
    let rules = rules(&[&first, second], &[]);
    let events =
        [7, 7, 8, 9].map(|last| format!("kind=probe source_ip=192.0.2.{last} SourceRange=192.0.2.0/24"));
    let events: Vec<(i64, &str)> = (0..).zip(events.iter().map(String::as_str)).collect();
    let (found, _) = detect(&rules, &events);
    let found: Vec<&Detection> = found
        .iter()
        .filter(|detection| detection.scenario == "t/range")
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&*found[0].scope, &*found[0].value), ("Range", "192.0.2.0/24"));
    assert_eq!(found[0].events_count, 3);
}

#[test]
fn what_a_filter_sets_is_told() {
    let named = TRIGGER.replace(
        "evt.Meta.kind == 'probe'",
        "evt.Meta.kind == 'probe' && evt.SetMeta('cve', 'CVE-1-2')",
    );
    let rules = rules(&[&named], &[]);
    let (found, _) = detect(&rules, &[(0, "kind=probe source_ip=192.0.2.7")]);
    let meta = &found[0].events[0].meta;
    assert!(
        meta.contains(&("cve".to_owned(), "CVE-1-2".to_owned())),
        "{meta:?}"
    );
}

/// What a filter sets is seen by every filter behind it, as in the original, whether or not it held, and by none before it;
/// with and without the index that leaves scenarios out by the values of fields.
#[test]
fn filters_see_what_those_before_them_set() {
    let scenario = |name: &str, filter: &str| {
        format!("type: trigger\nname: t/{name}\nfilter: \"{filter}\"\nlabels:\n  remediation: true\n")
    };
    let texts = [
        scenario("before", "evt.Meta.cve == 'CVE-1'"),
        // Sets the field and fails, and is found by nothing.
        scenario("fails", "evt.SetMeta('cve', 'CVE-1') && evt.Meta.kind == 'other'"),
        scenario("by-value", "evt.Meta.cve == 'CVE-1'"),
        scenario("by-list", "evt.Meta.cve in ['CVE-1', 'CVE-9']"),
        scenario("by-text", "evt.Meta.cve contains 'VE-1'"),
        scenario("old-value", "evt.Meta.cve == ''"),
        scenario("again", "evt.Meta.kind == 'probe' && evt.SetMeta('cve', 'CVE-2')"),
        scenario("by-new-value", "evt.Meta.cve == 'CVE-2'"),
        scenario("by-first-value", "evt.Meta.cve == 'CVE-1'"),
    ];
    let mut loader = Loader::new();
    for (number, text) in texts.iter().enumerate() {
        loader.scenario(&format!("{number}.yaml"), text);
    }
    let rules = loader.finish().unwrap();
    let detect = |mut detector: Detector| -> Vec<String> {
        let mut found = Vec::new();
        for (second, words) in [
            (0, "kind=probe source_ip=192.0.2.7"),
            (1, "kind=none source_ip=192.0.2.8"),
        ] {
            let event = event(&rules, second, words);
            detector.pour(&event, Timestamp::from_secs(START + 60), &mut found);
        }
        found
            .into_iter()
            .map(|one| format!("{} {}", one.value, one.scenario))
            .collect()
    };
    let fast = detect(Detector::new(&rules));
    assert_eq!(
        fast,
        [
            "192.0.2.7 t/by-value",
            "192.0.2.7 t/by-list",
            "192.0.2.7 t/by-text",
            "192.0.2.7 t/again",
            "192.0.2.7 t/by-new-value",
            "192.0.2.8 t/by-value",
            "192.0.2.8 t/by-list",
            "192.0.2.8 t/by-text",
            "192.0.2.8 t/by-first-value",
        ]
    );
    assert_eq!(fast, detect(Detector::new(&rules).plain()));
}

const BAYES: &str = "\
type: bayesian
name: t/bayes
filter: evt.Meta.kind == 'http'
groupby: evt.Meta.source_ip
capacity: -1
leakspeed: 30s
bayesian_prior: 0.1
bayesian_threshold: 0.8
bayesian_conditions:
  - condition: evt.Meta.status == '404'
    prob_given_evil: 0.9
    prob_given_benign: 0.3
  - condition: evt.Meta.path == '/.env'
    prob_given_evil: 0.8
    prob_given_benign: 0.05
    guillotine: GUILLOTINE
  - condition: len(queue.Queue) >= 3
    prob_given_evil: 0.7
    prob_given_benign: 0.2
";

#[test]
fn a_bayesian_bucket_overflows_once_evil_is_likely() {
    let events = [
        (0, "kind=http source_ip=192.0.2.7 status=404 path=/.env"),
        (1, "kind=http source_ip=192.0.2.7 status=404 path=/a"),
        (2, "kind=http source_ip=192.0.2.7 status=404 path=/b"),
        (2, "kind=http source_ip=192.0.2.8 status=404 path=/b"),
    ];
    // With it: 0.1 -> 1/4 by the 404 -> 16/19 by the path -> 56/60 by the third event.
    for (guillotine, expected) in [("true", vec![3]), ("false", vec![])] {
        let text = BAYES.replace("GUILLOTINE", guillotine);
        let rules = rules(&[&text], &[]);
        let (found, detector) = detect(&rules, &events);
        let found: Vec<u32> = found.iter().map(|detection| detection.events_count).collect();
        assert_eq!(found, expected, "guillotine: {guillotine}");
        assert_eq!(detector.counts().rule_errors, 0);
    }
}

#[test]
fn a_bayesian_scenario_says_what_is_wrong_with_it() {
    let good = BAYES.replace("GUILLOTINE", "false");
    for (from, to, message) in [
        ("capacity: -1", "capacity: 5", "capacity is -1"),
        ("bayesian_prior: 0.1", "bayesian_prior: 2", "not a probability"),
        ("bayesian_threshold: 0.8", "bayesian_threshold: 0", "above 0"),
        ("evt.Meta.path ==", "evt.Mata.path ==", "Mata"),
        ("prob_given_evil: 0.8", "prob_given_good: 0.8", "prob_given_evil"),
    ] {
        let mut loader = Loader::new();
        loader.scenario("t.yaml", &good.replacen(from, to, 1));
        let errors = loader.finish().unwrap_err().to_string();
        assert!(errors.contains(message), "{to}: {errors}");
    }
}

#[test]
fn log_time_to_the_letter() {
    let leaky = "\
type: leaky
name: t/leaky
filter: evt.Meta.kind == 'probe'
groupby: evt.Meta.source_ip
capacity: 2
leakspeed: 1h
";
    let rules = rules(&[leaky], &[]);
    let count = |limits: Limits| {
        let mut detector = Detector::with_limits(&rules, limits);
        let mut out = Vec::new();
        // The log is set back by an hour after its second line.
        for second in [4_000, 4_001, 400, 401] {
            let mut event = event(&rules, second, "kind=probe source_ip=192.0.2.7");
            event.set_marshaled_time("2023-11-14T22:13:20Z");
            detector.pour(&event, Timestamp::from_secs(START + 10_000), &mut out);
        }
        out.len()
    };
    assert_eq!(count(Limits::default()), 0);
    assert_eq!(count(Limits::exact()), 1);
}

#[test]
fn expressions_see_their_bucket() {
    let leaky = "\
type: leaky
name: t/leaky
filter: evt.Meta.kind == 'probe'
groupby: evt.Meta.source_ip
capacity: 2
leakspeed: 1h
cancel_on: leaky.Total_count == 2 && evt.Meta.user == 'bob'
overflow_filter: leaky.Total_count == 3 && leaky.Ovflw_ts - leaky.First_ts == duration('20s') && leaky.Name == signal.Alert.GetScenario() && leaky.Duration == duration('3h') && queue.L == leaky.Capacity
";
    let rules = rules(&[leaky], &[]);
    let event = |second, user| (second, format!("kind=probe source_ip=192.0.2.7 user={user}"));
    let count = |events: &[(i64, String)]| {
        let events: Vec<(i64, &str)> = events.iter().map(|(at, words)| (*at, words.as_str())).collect();
        detect(&rules, &events).0.len()
    };
    assert_eq!(count(&[event(0, "a"), event(10, "a"), event(20, "a")]), 1);
    assert_eq!(
        count(&[event(0, "a"), event(10, "a"), event(21, "a")]),
        0,
        "the filter"
    );
    assert_eq!(
        count(&[event(0, "a"), event(10, "a"), event(20, "bob")]),
        0,
        "cancelled"
    );
    assert_eq!(
        count(&[event(0, "a"), event(10, "bob"), event(20, "a")]),
        1,
        "not yet two"
    );
}

#[test]
fn a_bucket_has_the_fields_it_has() {
    let text = format!("{TRIGGER}overflow_filter: leaky.Mapkay == 'x'\n");
    let mut loader = Loader::new();
    loader.scenario("t.yaml", &text);
    let errors = loader.finish().unwrap_err().to_string();
    assert!(
        errors.starts_with("t.yaml:6:24: unknown field \"Mapkay\""),
        "{errors}"
    );
}
