//! The table against the semantics of the stream: longest life, kinds, full pictures, allowlist, refusals.

mod places;

use vigie_bouncer_origin::Origin;

use super::*;
use crate::span::Family;
use crate::term::Term;

fn table(allow: &[&str]) -> Table {
    Table::new(TableConfig {
        kinds: vec!["ban".to_owned(), "captcha".to_owned()],
        allow: allow.iter().map(|net| net.parse().unwrap()).collect(),
    })
}

fn value(text: &str) -> Value {
    Value::parse("ip", text).unwrap()
}

const fn term(until: u32, origin: Origin) -> Term {
    Term {
        until: Moment::from_secs(until),
        origin,
    }
}

fn add(text: &str, kind: &str, until: u32) -> Change {
    Change::Add(Add {
        value: value(text),
        kind: Arc::from(kind),
        term: term(until, Origin::Cscli),
        replaces: false,
    })
}

fn replace(text: &str, kind: &str, until: u32) -> Change {
    let Change::Add(change) = add(text, kind, until) else {
        unreachable!()
    };
    Change::Add(Add {
        replaces: true,
        ..change
    })
}

fn remove(text: &str, kind: &str) -> Change {
    Change::Remove {
        value: value(text),
        kind: Arc::from(kind),
    }
}

fn until(table: &Table, text: &str) -> Option<u32> {
    table
        .term(text.parse().unwrap(), Moment::from_secs(0))
        .map(|term| term.until.as_secs())
}

#[test]
fn the_longest_living_decision_counts() {
    let mut table = table(&[]);
    assert_eq!(table.apply(&add("1.1.1.1", "ban", 50)), Outcome::Changed);
    assert_eq!(table.apply(&add("1.1.1.1", "ban", 20)), Outcome::Unchanged);
    assert_eq!(until(&table, "1.1.1.1"), Some(50));
    assert_eq!(table.apply(&add("1.1.1.1", "ban", 80)), Outcome::Changed);
    assert_eq!(until(&table, "1.1.1.1"), Some(80));
    assert_eq!(table.apply(&replace("1.1.1.1", "ban", 30)), Outcome::Changed);
    assert_eq!(until(&table, "1.1.1.1"), Some(30));
    assert_eq!(table.apply(&remove("1.1.1.1", "ban")), Outcome::Changed);
    assert_eq!(until(&table, "1.1.1.1"), None);
    assert!(table.is_empty());
}

#[test]
fn every_kind_of_a_value_is_told() {
    let mut table = table(&[]);
    let told = |table: &Table, now| {
        let mut all: Vec<(String, usize, u32)> = table
            .decisions(Moment::from_secs(now))
            .map(|(net, kind, term)| (net.to_string(), kind, term.until.as_secs()))
            .collect();
        all.sort();
        all
    };
    let row = |net: &str, kind, until| (net.to_owned(), kind, until);
    table.apply(&add("1.1.1.1", "captcha", 50));
    // The shorter of two counts as well: a ban is more than a captcha.
    assert_eq!(table.apply(&add("1.1.1.1", "ban", 20)), Outcome::Changed);
    assert_eq!(table.apply(&add("1.1.1.1", "ban", 20)), Outcome::Unchanged);
    table.apply(&add("2001:db8::1", "ban", 9));
    assert_eq!(
        told(&table, 0),
        [
            row("1.1.1.1/32", 0, 20),
            row("1.1.1.1/32", 1, 50),
            row("2001:db8::1/128", 0, 9)
        ]
    );
    assert_eq!(told(&table, 20), [row("1.1.1.1/32", 1, 50)]);
    assert_eq!(table.apply(&remove("1.1.1.1", "ban")), Outcome::Changed);
    assert_eq!(told(&table, 10), [row("1.1.1.1/32", 1, 50)]);
}

#[test]
fn a_full_picture_keeps_every_kind_that_it_names_in_whatever_order() {
    let (ban, captcha) = (("ban", 20), ("captcha", 50));
    let ends = |table: &Table| {
        let all = table.decisions(Moment::from_secs(0));
        let mut ends: Vec<(usize, u32)> = all.map(|(_, kind, term)| (kind, term.until.as_secs())).collect();
        ends.sort_unstable();
        ends
    };
    for picture in [[ban, captcha], [captcha, ban]] {
        let mut table = table(&[]);
        for _ in 0..5 {
            table.begin();
            for (kind, until) in picture {
                table.apply(&add("1.1.1.1", kind, until));
            }
            assert_eq!(table.end(), 0);
            assert_eq!(ends(&table), [(0, 20), (1, 50)]);
        }
        // Within a picture the longest counts, against an older one the new word.
        table.begin();
        for (kind, until) in [("captcha", 9), ("ban", 12), ("ban", 10)] {
            table.apply(&add("1.1.1.1", kind, until));
        }
        table.end();
        assert_eq!(ends(&table), [(0, 12), (1, 9)]);
    }
}

#[test]
fn the_origin_is_that_of_the_decision_that_counts() {
    let mut table = table(&[]);
    let address = "1.1.1.1".parse().unwrap();
    let now = Moment::from_secs(0);
    let mut take = |until, origin| {
        let Change::Add(one) = add("1.1.1.1", "ban", until) else {
            unreachable!()
        };
        let outcome = table.apply(&Change::Add(Add {
            term: term(until, origin),
            ..one
        }));
        (outcome, table.term(address, now).unwrap())
    };
    let held = term(50, Origin::Mesh);
    assert_eq!(take(50, Origin::Mesh), (Outcome::Changed, held));
    assert_eq!(take(20, Origin::Sensor), (Outcome::Unchanged, held));
    // It ends when it ended, by somebody else's word from now on.
    assert_eq!(
        take(80, Origin::Sensor),
        (Outcome::Changed, term(80, Origin::Sensor))
    );
}

#[test]
fn removing_one_kind_leaves_the_other() {
    let mut table = table(&[]);
    table.apply(&add("1.1.1.1", "ban", 50));
    table.apply(&add("1.1.1.1", "captcha", 90));
    assert_eq!(until(&table, "1.1.1.1"), Some(90));
    table.apply(&remove("1.1.1.1", "captcha"));
    assert_eq!(until(&table, "1.1.1.1"), Some(50));
    assert_eq!(table.apply(&add("1.1.1.1", "throttle", 99)), Outcome::OtherKind);
}

#[test]
fn a_full_picture_ends_what_it_does_not_name() {
    let mut table = table(&[]);
    table.begin();
    for change in [
        add("1.1.1.1", "ban", 50),
        add("2.2.2.2", "ban", 50),
        add("3.3.3.0/24", "ban", 50),
    ] {
        table.apply(&change);
    }
    assert_eq!(table.end(), 0);
    table.begin();
    // Shorter than what is held, and still the truth: the picture says so. A second row may prolong it.
    table.apply(&add("1.1.1.1", "ban", 20));
    table.apply(&add("1.1.1.1", "ban", 30));
    table.apply(&add("1.1.1.1", "ban", 10));
    assert_eq!(table.end(), 2);
    assert_eq!((until(&table, "1.1.1.1"), table.len()), (Some(30), 1));
}

#[test]
fn allowed_and_untouchable_values_are_left_out() {
    let mut table = table(&["10.0.0.0/8", "::ffff:192.0.2.7/128", "2001:db8::/48"]);
    assert_eq!(table.apply(&add("10.1.2.3", "ban", 9)), Outcome::Allowed);
    assert_eq!(table.apply(&add("10.1.0.0/16", "ban", 9)), Outcome::Allowed);
    assert_eq!(table.apply(&add("192.0.2.7", "ban", 9)), Outcome::Allowed);
    assert_eq!(table.apply(&add("2001:db8::1", "ban", 9)), Outcome::Allowed);
    assert_eq!(
        table.apply(&add("0.0.0.0/0", "ban", 9)),
        Outcome::Refused(Refused::TooWide)
    );
    assert_eq!(
        table.left_out(),
        LeftOut {
            allowed: 4,
            refused: 1,
            other_kind: 0
        }
    );
    // A range around an allowed address is kept, without it.
    assert_eq!(table.apply(&add("192.0.2.0/24", "ban", 9)), Outcome::Changed);
    let spans = table.spans(Family::V4, Moment::from_secs(0));
    let text: Vec<String> = spans
        .iter()
        .map(|span| {
            format!(
                "{}-{}",
                Family::V4.address(span.first),
                Family::V4.address(span.last)
            )
        })
        .collect();
    assert_eq!(text, ["192.0.2.0-192.0.2.6", "192.0.2.8-192.0.2.255"]);
}

#[test]
fn what_has_ended_is_not_shown_and_then_forgotten() {
    let mut table = table(&[]);
    table.apply(&add("1.1.1.1", "ban", 50));
    table.apply(&add("2001:db8::1", "ban", 60));
    table.apply(&add("2.2.0.0/16", "ban", 50));
    let now = Moment::from_secs(50);
    assert_eq!(
        table.addresses(now).collect::<Vec<_>>(),
        ["2001:db8::1".parse::<IpAddr>().unwrap()]
    );
    assert!(table.spans(Family::V4, now).is_empty());
    assert_eq!(table.expire(now), 2);
    assert_eq!(table.len(), 1);
}
