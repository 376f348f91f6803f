//! The constants that nodes share stand on the page as they stand in the code.

use std::path::Path;
use std::time::Duration;

use vigie_gossip_core::constants::*;

fn secs(duration: Duration) -> i128 {
    i128::from(duration.as_secs())
}

fn count(number: usize) -> i128 {
    i128::try_from(number).unwrap()
}

#[test]
fn the_constants_are_those_of_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, section) = page.split_once("\n## Constants\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<(&str, i128)> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`'), cells[2].parse().unwrap())
        })
        .collect();
    let code = [
        ("FUTURE_SKEW", secs(FUTURE_SKEW)),
        ("CLOCK_TOLERANCE", secs(CLOCK_TOLERANCE)),
        ("FRESH", secs(FRESH)),
        ("RETENTION_DAYS", RETENTION_DAYS.into()),
        ("BODY_RETENTION", secs(BODY_RETENTION)),
        ("HEAD_INTERVAL", secs(HEAD_INTERVAL)),
        ("HEAD_AGE", secs(HEAD_AGE)),
        ("CERTIFICATE_LIFE", secs(CERTIFICATE_LIFE)),
        ("VOUCH_LIFE", secs(VOUCH_LIFE)),
        ("QUARTER_MILLIS", QUARTER_MILLIS.into()),
        ("MEMBER_VOUCHES_PER_QUARTER", count(MEMBER_VOUCHES_PER_QUARTER)),
        ("SEED_VOUCHES_PER_QUARTER", count(SEED_VOUCHES_PER_QUARTER)),
        ("MEMBER_VOUCHES_LIVE", count(MEMBER_VOUCHES_LIVE)),
        ("MEMBERS_TO_ADMIT", count(MEMBERS_TO_ADMIT)),
        ("PROBATION", secs(PROBATION)),
        ("SLOT_MILLIS", SLOT_MILLIS.into()),
        ("SLOTS_PER_HOUR", SLOTS_PER_HOUR.into()),
        ("NEWCOMER_ROWS_PER_HOUR", NEWCOMER_ROWS_PER_HOUR.into()),
        ("MEMBER_ROWS_PER_SLOT", MEMBER_ROWS_PER_SLOT.into()),
        ("SEED_ROWS_PER_SLOT", SEED_ROWS_PER_SLOT.into()),
        ("URGENT_ONE_IN", URGENT_ONE_IN.into()),
        ("ACCIDENT_GRACE", secs(ACCIDENT_GRACE)),
        ("ACCIDENT_MEMORY", secs(ACCIDENT_MEMORY)),
        ("FORKS_PER_PUBLISHER", count(FORKS_PER_PUBLISHER)),
        ("HELD_OF_LATER_HOURS", count(HELD_OF_LATER_HOURS)),
        ("SYNC_INTERVAL", secs(SYNC_INTERVAL)),
        ("SYNC_MESSAGE_BYTES", count(SYNC_MESSAGE_BYTES)),
        ("HEADS_PER_MESSAGE", count(HEADS_PER_MESSAGE)),
        ("STATEMENT_IDS_PER_MESSAGE", count(STATEMENT_IDS_PER_MESSAGE)),
        ("RANGES_PER_MESSAGE", count(RANGES_PER_MESSAGE)),
        ("RANGE_PLACES", RANGE_PLACES.into()),
        ("HASHES_PER_MESSAGE", count(HASHES_PER_MESSAGE)),
        ("ENVELOPES_PER_MESSAGE", count(ENVELOPES_PER_MESSAGE)),
        ("PROOFS_PER_MESSAGE", count(PROOFS_PER_MESSAGE)),
        ("REQUESTS_PER_SESSION", REQUESTS_PER_SESSION.into()),
    ];
    assert_eq!(rows, code);
}
