//! What buckets do: each kind of scenario against a few events, and what holds for any events.

use std::sync::Arc;

use proptest::prelude::*;
use vigie_sensor::detect::{Detection, Detector, Limits};
use vigie_sensor::line::{Line, Position};
use vigie_sensor::parse::Event;
use vigie_sensor::parse::names::Space;
use vigie_sensor::rules::{Loader, Ruleset};
use vigie_wire::Timestamp;

/// The epoch of the tests, so that small numbers are seconds of log time.
const START: i64 = 1_700_000_000;

fn rules(text: &str) -> Ruleset {
    let mut loader = Loader::new();
    loader.scenario("test.yaml", text);
    loader.finish().unwrap()
}

/// An event of a source, at a second, with words `name=value` as its `Meta`.
fn event(rules: &Ruleset, source: &str, number: u64, millis: i64, words: &str) -> Event {
    let mut event = Event::blank(Arc::clone(rules.names()));
    event.begin(&Line {
        source: source.into(),
        position: Position::File {
            file: 7,
            offset: number,
        },
        kind: "syslog".into(),
        text: words.to_owned(),
        read_at: Timestamp::ZERO,
    });
    for (name, value) in words.split(' ').filter_map(|word| word.split_once('=')) {
        event.set(Space::Meta, name, value);
    }
    event.set_time(Timestamp::from_millis(START * 1_000 + millis));
    event
}

fn pour(detector: &mut Detector, event: &Event, out: &mut Vec<Detection>) {
    detector.pour(event, Timestamp::from_secs(START + 1_000_000), out);
    detector.line_done(event.source());
}

fn detect(rules: &Ruleset, events: &[(i64, &str)]) -> Vec<Detection> {
    let mut detector = Detector::new(rules);
    let mut out = Vec::new();
    for (number, (second, words)) in (0..).zip(events) {
        pour(
            &mut detector,
            &event(rules, "a.log", number, second * 1_000, words),
            &mut out,
        );
    }
    out
}

/// Which value was detected, at which second, of how many events.
#[track_caller]
fn check(scenario: &str, events: &[(i64, &str)], expected: &[(&str, i64, u32)]) {
    let rules = rules(scenario);
    let found = detect(&rules, events);
    let found: Vec<_> = found
        .iter()
        .map(|one| (one.value.as_str(), one.last.as_secs() - START, one.events_count))
        .collect();
    assert_eq!(found, expected);
}

const LEAKY: &str = "
type: leaky
name: t/leaky
filter: evt.Meta.log == 'bad'
groupby: evt.Meta.source_ip
capacity: 2
leakspeed: 10s
labels: {remediation: true, behavior: 'ssh:bruteforce'}
";

const A: &str = "log=bad source_ip=192.0.2.1";
const B: &str = "log=bad source_ip=192.0.2.2";

#[test]
fn a_leaky_bucket_overflows_on_the_event_after_capacity() {
    check(LEAKY, &[(0, A), (0, A), (0, A)], &[("192.0.2.1", 0, 3)]);
    check(LEAKY, &[(0, A), (0, A), (0, "log=good source_ip=192.0.2.1")], &[]);
    check(
        LEAKY,
        &[(0, A), (0, B), (0, A), (0, B), (1, A)],
        &[("192.0.2.1", 1, 3)],
    );
    // After an overflow the next bucket begins empty.
    check(
        LEAKY,
        &[(0, A), (0, A), (0, A), (0, A), (0, A)],
        &[("192.0.2.1", 0, 3)],
    );
    check(LEAKY, &[(0, A); 6], &[("192.0.2.1", 0, 3), ("192.0.2.1", 0, 3)]);
}

#[test]
fn what_leaks_does_not_count_and_a_quiet_bucket_ends() {
    // One token comes back every ten seconds, exactly then.
    check(LEAKY, &[(0, A), (0, A), (10, A)], &[]);
    check(
        LEAKY,
        &[(0, A), (0, A), (10, A), (19, A)],
        &[("192.0.2.1", 19, 4)],
    );
    check(LEAKY, &[(0, A), (0, A), (9, A)], &[("192.0.2.1", 9, 3)]);
    // (capacity + 1) * leakspeed after its last event the bucket is gone, and its count with it.
    check(
        LEAKY,
        &[(0, A), (31, A), (31, A), (31, A)],
        &[("192.0.2.1", 31, 3)],
    );
    check(
        LEAKY,
        &[(0, A), (30, A), (30, A), (30, A)],
        &[("192.0.2.1", 30, 4)],
    );
}

#[test]
fn the_detection_says_it_as_crowdsec_does() {
    let found = detect(
        &rules(LEAKY),
        &[(0, "z=1 log=bad source_ip=::ffff:192.0.2.1 a=x"), (1, A), (2, A)],
    );
    let [one] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        one.message,
        "Ip 192.0.2.1 performed 't/leaky' (3 events over 2s) at 2023-11-14 22:13:22 +0000 UTC"
    );
    assert_eq!(one.ip, Some("192.0.2.1".parse().unwrap()));
    assert_eq!(
        (one.capacity, one.leakspeed.as_str(), one.remediation, one.live),
        (2, "10s", true, false)
    );
    assert_eq!(one.behaviour.unwrap().name(), Some("ssh:bruteforce"));
    let names: Vec<_> = one.events[0].meta.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "log", "source_ip", "z"]);
    let json = serde_json::to_string(one).unwrap();
    assert_eq!(serde_json::from_str::<Detection>(&json).unwrap(), *one);
}

#[test]
fn the_queue_keeps_the_newest_events() {
    let scenario = LEAKY.replace("capacity: 2", "capacity: 5\ncache_size: 2");
    let found = detect(
        &rules(&scenario),
        &(0..6).map(|second| (second, A)).collect::<Vec<_>>(),
    );
    let kept: Vec<_> = found[0]
        .events
        .iter()
        .map(|event| event.at.as_secs() - START)
        .collect();
    assert_eq!((found[0].events_count, kept), (6, vec![3, 4, 5]));
}

#[test]
fn distinct_counts_a_value_once() {
    let scenario = LEAKY.to_owned() + "distinct: evt.Meta.user\n";
    let user = |name: &str| format!("{A} user={name}");
    let (a, b, c) = (user("a"), user("b"), user("c"));
    check(&scenario, &[(0, &a), (0, &a), (0, &b), (0, &b), (0, &a)], &[]);
    check(
        &scenario,
        &[(0, &a), (0, &a), (0, &b), (1, &c)],
        &[("192.0.2.1", 1, 3)],
    );
    // A value seen before is not poured and does not keep the bucket alive.
    check(&scenario, &[(0, &a), (25, &a), (31, &b), (31, &c), (31, &c)], &[]);
}

#[test]
fn cancel_on_destroys_the_bucket() {
    let scenario = LEAKY.to_owned() + "cancel_on: evt.Meta.user == 'ok'\n";
    let ok = format!("{A} user=ok");
    check(&scenario, &[(0, A), (0, A), (0, &ok), (0, A), (0, A)], &[]);
    check(
        &scenario,
        &[(0, &ok), (0, A), (0, A), (0, A)],
        &[("192.0.2.1", 0, 3)],
    );
}

#[test]
fn a_trigger_needs_one_event() {
    let scenario =
        "{type: trigger, name: t/trigger, filter: \"evt.Meta.log == 'bad'\", groupby: evt.Meta.source_ip}";
    check(
        scenario,
        &[(5, A), (6, B)],
        &[("192.0.2.1", 5, 1), ("192.0.2.2", 6, 1)],
    );
    // Nobody to name: nothing told.
    check(
        scenario,
        &[(5, "log=bad"), (5, "log=bad source_ip=nonsense")],
        &[],
    );
}

#[test]
fn a_blackhole_silences_but_is_not_extended() {
    let scenario =
        "{type: trigger, name: t/hole, filter: 'true', groupby: evt.Meta.source_ip, blackhole: 60s}";
    check(
        scenario,
        &[(0, A), (59, A), (59, B), (60, A), (61, A), (120, A)],
        &[
            ("192.0.2.1", 0, 1),
            ("192.0.2.2", 59, 1),
            ("192.0.2.1", 60, 1),
            ("192.0.2.1", 120, 1),
        ],
    );
}

#[test]
fn a_counter_tells_when_its_time_is_over() {
    let scenario = "
type: counter
name: t/counter
filter: 'true'
groupby: evt.Meta.source_ip
capacity: -1
duration: 10s
";
    check(scenario, &[(0, A), (10, A), (11, A)], &[("192.0.2.1", 10, 2)]);
    let rules = rules(scenario);
    let (mut detector, mut out) = (Detector::new(&rules), Vec::new());
    let source: Arc<str> = "a.log".into();
    let now = |second| Timestamp::from_secs(START + second);
    detector.pour(&event(&rules, "a.log", 0, 0, A), now(0), &mut out);
    detector.line_done(&source);
    detector.tick([&source], now(39), &mut out);
    assert_eq!((out.len(), detector.oldest_live("a.log").is_some()), (0, true));
    detector.tick([&source], now(41), &mut out);
    assert_eq!((out.len(), detector.oldest_live("a.log")), (1, None));
}

#[test]
fn a_conditional_bucket_asks_its_queue() {
    let scenario = "
type: conditional
name: t/conditional
filter: 'true'
groupby: evt.Meta.source_ip
capacity: -1
leakspeed: 1m
condition: count(queue.Queue, {#.Meta.log == 'bad'}) >= 2
";
    let good = "log=good source_ip=192.0.2.1";
    check(
        scenario,
        &[(0, A), (1, good), (2, good), (3, A), (4, A)],
        &[("192.0.2.1", 3, 4)],
    );
    check(scenario, &[(0, A), (61, A)], &[]);
}

#[test]
fn an_overflow_filter_has_the_last_word() {
    let scenario = LEAKY.to_owned() + "overflow_filter: any(queue.Queue, {#.Meta.user == 'root'})\n";
    check(&scenario, &[(0, A), (0, A), (0, A)], &[]);
    let root = format!("{A} user=root");
    check(&scenario, &[(0, &root), (0, A), (0, A)], &[("192.0.2.1", 0, 3)]);
}

#[test]
fn a_scope_of_its_own_and_several_sources_in_one_bucket() {
    let scenario = "
type: leaky
name: t/user
filter: 'true'
groupby: evt.Meta.user
capacity: 1
leakspeed: 10s
scope: {type: User, expression: evt.Meta.user}
";
    check(scenario, &[(0, "user=bob"), (1, "user=bob")], &[("bob", 1, 2)]);
    let by_user = scenario.replace("scope: {type: User, expression: evt.Meta.user}", "");
    let events = [
        (0, "user=bob source_ip=192.0.2.1"),
        (1, "user=bob source_ip=192.0.2.2"),
    ];
    check(&by_user, &events, &[("192.0.2.1", 1, 2), ("192.0.2.2", 1, 2)]);
    let found = detect(&rules(&by_user), &events);
    assert_ne!(found[0].id, found[1].id);
}

#[test]
fn overflows_are_poured_again() {
    let scenario = LEAKY.to_owned()
        + "reprocess: true
---
type: leaky
name: t/repeated
filter: \"evt.Overflow.Alert.Scenario == 't/leaky'\"
groupby: evt.Overflow.Alert.Source.Value
capacity: 1
leakspeed: 1h
"
        .replace("evt.Overflow.Alert.Scenario", "evt.Overflow.Alert.GetScenario()")
        .as_str();
    check(
        &scenario,
        &[(0, A), (0, A), (0, A), (100, A), (100, A), (100, A)],
        &[("192.0.2.1", 0, 3), ("192.0.2.1", 100, 3), ("192.0.2.1", 100, 2)],
    );
}

#[test]
fn the_position_held_is_that_of_the_oldest_live_bucket() {
    let rules = rules(LEAKY);
    let (mut detector, mut out) = (Detector::new(&rules), Vec::new());
    let at = |offset| Some(Position::File { file: 7, offset });
    for (number, words) in [(0, "log=good"), (1, A), (2, B), (3, A)] {
        pour(&mut detector, &event(&rules, "a.log", number, 0, words), &mut out);
    }
    assert_eq!(detector.oldest_live("a.log"), at(1));
    pour(&mut detector, &event(&rules, "a.log", 4, 0, A), &mut out);
    assert_eq!((out.len(), detector.oldest_live("a.log")), (1, at(2)));
    detector.tick(
        [&"a.log".into()],
        Timestamp::from_secs(START + 1_000_000 + 61),
        &mut out,
    );
    assert_eq!(detector.oldest_live("a.log"), None);
}

#[test]
fn a_log_set_back_and_a_time_in_the_future_are_noticed_and_do_no_harm() {
    let rules = rules(LEAKY);
    let (mut detector, mut out) = (Detector::new(&rules), Vec::new());
    let now = Timestamp::from_secs(START);
    let mut odd = Vec::new();
    for (number, second) in (0..).zip([0, 90_000_000, 121, -3_600, -3_600, -3_600]) {
        let oddity = detector.pour(&event(&rules, "a.log", number, second * 1_000, A), now, &mut out);
        odd.push((oddity.future, oddity.backwards));
        detector.line_done(&"a.log".into());
    }
    assert_eq!(
        odd[..4],
        [(false, false), (true, false), (true, false), (false, true)]
    );
    assert_eq!(out.last().unwrap().last, Timestamp::from_secs(START - 3_600));
    assert!(out.iter().all(|one| one.last <= now));
}

/// Detections of a replay from a checkpoint after `cut` events, and of the part before it.
fn interrupted(rules: &Ruleset, events: &[Event], cut: usize) -> Vec<Detection> {
    let mut out = Vec::new();
    let mut first = Detector::new(rules);
    for event in &events[..cut] {
        pour(&mut first, event, &mut out);
    }
    let fence = first.fence("a.log").unwrap_or_default();
    let from = match first.oldest_live("a.log") {
        Some(Position::File { offset, .. }) => usize::try_from(offset).unwrap(),
        _ => cut,
    };
    let fence = serde_json::from_str(&serde_json::to_string(&fence).unwrap()).unwrap();
    let mut second = Detector::new(rules);
    second.resume(&"a.log".into(), &fence);
    for event in &events[from..] {
        pour(&mut second, event, &mut out);
    }
    out
}

fn several() -> Ruleset {
    let distinct = LEAKY.replace("t/leaky", "t/distinct") + "distinct: evt.Meta.user\nblackhole: 30s\n";
    let slow = LEAKY.replace("t/leaky", "t/slow").replace("10s", "60s") + "blackhole: 5m\n";
    rules(&[LEAKY, &distinct, &slow].join("\n---\n"))
}

fn any_events(rules: &Ruleset, steps: &[(i64, u8, u8)]) -> Vec<Event> {
    let mut at = 0;
    let events = (0..).zip(steps).map(|(number, (step, address, user))| {
        at += step;
        event(
            rules,
            "a.log",
            number,
            at,
            &format!("log=bad source_ip=192.0.2.{address} user=u{user}"),
        )
    });
    events.collect()
}

fn ids(found: &[Detection]) -> std::collections::BTreeSet<String> {
    found
        .iter()
        .map(|one| format!("{} {}", one.id, one.message))
        .collect()
}

/// Scenarios that keep whole events fill memory by what the lines hold, not by how many there are.
#[test]
fn bytes_of_buckets_are_bounded_and_the_heaviest_go() {
    let rules = rules(
        r"
type: conditional
name: t/heavy
filter: evt.Meta.log == 'bad'
groupby: evt.Meta.source_ip
condition: len(queue.Queue) > 100000
leakspeed: 10h
capacity: -1
",
    );
    let limit = 4 * 1024 * 1024;
    let mut detector = Detector::with_limits(
        &rules,
        Limits {
            bytes: limit,
            ..Limits::default()
        },
    );
    let mut out = Vec::new();
    let long = "x".repeat(20_000);
    for number in 0..2_000_u64 {
        // One light bucket to begin with, then forty that get heavier and heavier.
        let words = match number {
            0 => "log=bad source_ip=192.0.2.200".to_owned(),
            _ => format!("log=bad source_ip=192.0.2.{} pad={long}", number % 40),
        };
        let event = event(&rules, "a.log", number, 0, &words);
        pour(&mut detector, &event, &mut out);
        assert!(detector.bytes() <= limit, "{} bytes", detector.bytes());
    }
    let counts = detector.counts();
    assert!(counts.outweighed > 0 && counts.shed > 0, "{counts:?}");
    assert!(detector.live() > 10, "{} left", detector.live());
    // The light one is still there: it ends by its time, after all that.
    let before = detector.live();
    let late = event(
        &rules,
        "a.log",
        9_000,
        11 * 3_600_000,
        "log=bad source_ip=192.0.2.200",
    );
    pour(&mut detector, &late, &mut out);
    assert_eq!(detector.counts().expired, 1);
    assert_eq!(detector.live(), before);
    // What buckets let go of is given back: once all have ended, nothing is left on the account.
    let source = "a.log".into();
    detector.tick([&source], Timestamp::from_secs(START + 3_000_000), &mut out);
    assert_eq!((detector.live(), detector.bytes()), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A restart at any line finds exactly what a run without it finds, with the same ids.
    #[test]
    fn a_restart_changes_nothing(
        steps in prop::collection::vec((0_i64..9_000, 0_u8..4, 0_u8..4), 1..120),
        cut in any::<prop::sample::Index>(),
    ) {
        let rules = several();
        let events = any_events(&rules, &steps);
        let mut detector = Detector::new(&rules);
        let mut whole = Vec::new();
        for event in &events {
            pour(&mut detector, event, &mut whole);
        }
        let parts = interrupted(&rules, &events, cut.index(events.len()));
        prop_assert_eq!(ids(&whole), ids(&parts));
    }

    /// What one address does is found whatever the others do in between.
    #[test]
    fn partitions_do_not_see_each_other(
        steps in prop::collection::vec((0_i64..9_000, 0_u8..4, 0_u8..4), 1..120),
    ) {
        let rules = several();
        let events = any_events(&rules, &steps);
        let mut detector = Detector::new(&rules);
        let mut together = Vec::new();
        for event in &events {
            pour(&mut detector, event, &mut together);
        }
        let mut alone = Vec::new();
        for address in 0..4 {
            let mut detector = Detector::new(&rules);
            for event in events.iter().filter(|event| event.meta("source_ip") == format!("192.0.2.{address}")) {
                pour(&mut detector, event, &mut alone);
            }
        }
        prop_assert_eq!(ids(&together), ids(&alone));
    }

    /// Whatever times and addresses come, the number of buckets stays bounded and nothing panics.
    #[test]
    fn any_times_any_addresses(
        events in prop::collection::vec((any::<i64>(), any::<u16>(), any::<i64>()), 0..300),
    ) {
        let rules = several();
        let mut detector = Detector::with_limits(&rules, Limits {
 buckets: 20,
 ..Limits::default()
 });
        let mut out = Vec::new();
        for (number, (millis, address, now)) in (0..).zip(&events) {
            let mut event = event(&rules, "a.log", number, 0, &format!("log=bad source_ip=10.0.{}.{}", address >> 8, address & 255));
            event.set_time(Timestamp::from_millis(*millis));
            detector.pour(&event, Timestamp::from_millis(*now), &mut out);
            detector.line_done(event.source());
            prop_assert!(detector.live() <= 20);
            if number % 16 == 0 {
                detector.tick([event.source()], Timestamp::from_millis(*now), &mut out);
            }
        }
    }
}
