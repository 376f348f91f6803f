//! Places in the table: ranges as long as an atlas knows them, beside decisions on addresses and ranges.

use std::collections::BTreeSet;

use super::*;

fn on_country(code: &str, kind: &str, until: u32) -> Change {
    let Change::Add(change) = add("1.1.1.1", kind, until) else {
        unreachable!()
    };
    Change::Add(Add {
        value: Value::parse("Country", code).unwrap(),
        ..change
    })
}

fn country_is_over(code: &str, kind: &str) -> Change {
    Change::Remove {
        value: Value::parse("Country", code).unwrap(),
        kind: Arc::from(kind),
    }
}

fn atlas(places: &[(&str, &str)]) -> Arc<Atlas> {
    Arc::new(Atlas::of(places))
}

/// Who is kept out, by kind and end.
fn told(table: &Table) -> BTreeSet<String> {
    table
        .decisions(Moment::from_secs(0))
        .map(|(net, kind, term)| format!("{net} {kind} {}", term.until.as_secs()))
        .collect()
}

fn texts(expected: &[&str]) -> BTreeSet<String> {
    expected.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_place_is_its_ranges_and_takes_no_other_decision_with_it() {
    let mut table = table(&["2.0.0.7/32"]);
    table.locate(atlas(&[("FR", "2.0.0.0/24"), ("FR", "2a01::/32")]));
    table.apply(&add("2.0.0.0/24", "ban", 9));
    table.apply(&add("2.0.0.1", "ban", 5));
    assert_eq!(table.apply(&on_country("FR", "ban", 50)), Outcome::Changed);
    table.apply(&on_country("FR", "captcha", 20));
    let all = [
        "2.0.0.0/24 0 50",
        "2.0.0.0/24 0 9",
        "2.0.0.0/24 1 20",
        "2.0.0.1/32 0 5",
        "2a01::/32 0 50",
        "2a01::/32 1 20",
    ];
    assert_eq!(told(&table), texts(&all));
    let spans = table.spans(Family::V4, Moment::from_secs(0));
    let ends: Vec<_> = spans
        .iter()
        .map(|span| (span.last - span.first + 1, span.term.until.as_secs()))
        .collect();
    assert_eq!(ends, [(7, 50), (248, 50)], "without whom we allow");
    table.apply(&country_is_over("FR", "ban"));
    table.apply(&country_is_over("FR", "captcha"));
    assert_eq!(told(&table), texts(&["2.0.0.0/24 0 9", "2.0.0.1/32 0 5"]));
}

#[test]
fn another_atlas_moves_a_place_and_one_that_nobody_knows_waits_for_it() {
    let mut table = table(&[]);
    assert_eq!(table.apply(&on_country("FR", "ban", 50)), Outcome::Nowhere);
    assert_eq!(table.apply(&on_country("FR", "ban", 50)), Outcome::Unchanged);
    assert_eq!((told(&table), table.len()), (texts(&[]), 1));
    table.locate(atlas(&[("FR", "2.0.0.0/24")]));
    assert_eq!(told(&table), texts(&["2.0.0.0/24 0 50"]));
    table.locate(atlas(&[("FR", "2.0.1.0/24")]));
    assert_eq!(told(&table), texts(&["2.0.1.0/24 0 50"]));
    table.begin();
    assert_eq!(table.end(), 1, "a picture that does not name it");
    assert!(table.is_empty());
}

#[test]
fn places_beyond_the_bound_are_refused_and_say_so() {
    let mut table = table(&[]);
    let nets = |first: u32| {
        let nets = (0..260_000_u32).map(move |n| std::net::Ipv4Addr::from_bits(first + 2 * n));
        nets.map(|address| address.to_string())
    };
    let (french, german): (Vec<_>, Vec<_>) = (nets(0x0200_0000).collect(), nets(0x0300_0000).collect());
    let places = french.iter().map(|net| ("FR", net.as_str()));
    let places: Vec<_> = places
        .chain(german.iter().map(|net| ("DE", net.as_str())))
        .collect();
    table.locate(atlas(&places));
    assert_eq!(table.apply(&on_country("FR", "ban", 50)), Outcome::Changed);
    assert_eq!(
        table.apply(&on_country("DE", "ban", 50)),
        Outcome::Refused(Refused::TooMany)
    );
    // What a new picture has not named yet takes no room from what it names.
    table.begin();
    assert_eq!(table.apply(&on_country("DE", "ban", 50)), Outcome::Changed);
    assert_eq!((table.end(), table.len()), (1, 1));
}
