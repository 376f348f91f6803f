//! The page and the code say the same.

use std::path::Path;

use vigie_wire::*;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    std::fs::read_to_string(path).unwrap()
}

/// The rows of the table under a heading, without its two first lines.
fn table(heading: &str) -> Vec<Vec<String>> {
    let page = page();
    let (_, section) = page
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        row.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().replace('`', ""))
            .collect()
    })
    .collect()
}

#[test]
fn the_behaviours_are_those_of_the_code() {
    let code: Vec<Vec<String>> = Behaviour::all()
        .map(|(behaviour, name)| vec![behaviour.0.to_string(), name.to_owned()])
        .collect();
    assert_eq!(table("Behaviours"), code);
}

#[test]
fn the_kinds_are_those_of_the_code() {
    for row in table("Kinds") {
        assert_eq!(Kind::from_number(row[0].parse().unwrap()).name(), row[1]);
    }
    assert_eq!(table("Kinds").len(), 8);
}

#[test]
fn every_domain_stands_on_the_page() {
    let source = include_str!("../../src/domain.rs");
    let quoted = source
        .split('"')
        .filter(|text| text.starts_with("vigie/") && *text != "vigie/batch/v1");
    let page = page();
    let mut count = 0;
    for domain in quoted {
        assert!(page.contains(&format!("`{domain}`")), "{domain}");
        count += 1;
    }
    assert_eq!(count, 18);
}

#[test]
fn the_limits_are_those_of_the_code() {
    let limits = table("Limits");
    let limit = |name: &str| {
        let row = limits
            .iter()
            .find(|row| row[0] == name)
            .unwrap_or_else(|| panic!("no limit {name}"));
        row[1].replace(' ', "").parse::<usize>().unwrap()
    };
    assert_eq!(limit("rows of an envelope"), MAX_ROWS);
    assert_eq!(limit("bytes of an envelope or bundle"), MAX_ENVELOPE_BYTES);
    assert_eq!(
        limit("bytes of an envelope of an unknown version, kind or flag"),
        MAX_UNKNOWN_BYTES
    );
    assert_eq!(
        limit("bytes left free for each row of a whole envelope"),
        vigie_wire::envelope::ERASURE_ROOM_BYTES
    );
    assert_eq!(limit("bytes of a name"), MAX_NAME_BYTES);
    assert_eq!(
        limit("bytes of an indicator's value"),
        vigie_wire::indicator::MAX_INDICATOR_BYTES
    );
    assert_eq!(
        limit("days of a certificate"),
        vigie_wire::statement::MAX_CERTIFICATE_DAYS as usize
    );
    assert_eq!(
        limit("days of a vouch"),
        vigie_wire::statement::MAX_VOUCH_DAYS as usize
    );
    assert_eq!(
        limit("signatures under a change of seeds"),
        vigie_wire::statement::MAX_SEED_SIGNATURES
    );
    assert_eq!(limit("seeds in a genesis file"), vigie_wire::genesis::MAX_SEEDS);
    assert_eq!(
        limit("members in a genesis file"),
        vigie_wire::genesis::MAX_MEMBERS
    );
    assert_eq!(
        limit("bytes of a genesis file"),
        vigie_wire::genesis::MAX_GENESIS_BYTES
    );
}
