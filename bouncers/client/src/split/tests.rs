//! The splitter against real shapes, wrong shapes and every way of cutting a body into pieces.

use proptest::prelude::*;

use super::*;

fn split(body: &[u8], piece: usize) -> Result<Vec<String>, SplitError> {
    let mut splitter = Splitter::default();
    let mut rows = Vec::new();
    for chunk in body.chunks(piece.max(1)) {
        splitter.push(chunk, |section, row| {
            rows.push(format!("{section:?} {}", String::from_utf8_lossy(row)));
        })?;
    }
    splitter.finish()?;
    Ok(rows)
}

fn check(body: &str, expected: &[&str]) {
    for piece in [1, 2, 3, 7, 1_000] {
        assert_eq!(
            split(body.as_bytes(), piece).unwrap(),
            expected,
            "{body} in pieces of {piece}"
        );
    }
}

fn refused(body: &str) -> String {
    split(body.as_bytes(), 5).unwrap_err().to_string()
}

#[test]
fn rows_are_found_wherever_the_pieces_are_cut() {
    check("{}", &[]);
    check(r#"{"new":null,"deleted":null}"#, &[]);
    check(" {\"new\": [ ],\n\"deleted\" : [ { } ] } \n", &["Deleted { }"]);
    check(
        r#"{"new":[{"a":"}]\"{","b":[{"c":1}]},{"d":2}],"deleted":[{"e":{}}]}"#,
        &[
            r#"New {"a":"}]\"{","b":[{"c":1}]}"#,
            r#"New {"d":2}"#,
            r#"Deleted {"e":{}}"#,
        ],
    );
}

#[test]
fn other_keys_are_passed_over() {
    check(
        r#"{"links":{"a":["},"]},"n":12,"s":"x,}","new":[{}],"t":true}"#,
        &["New {}"],
    );
}

#[test]
fn wrong_shapes_are_told_with_their_place() {
    assert_eq!(refused("null"), "at byte 0 of the body: expected an object");
    assert_eq!(refused("<html>"), "at byte 0 of the body: expected an object");
    assert_eq!(
        refused(r#"{"new":{}}"#),
        "at byte 7 of the body: expected a list or null"
    );
    assert_eq!(
        refused(r#"{"new":[1]}"#),
        "at byte 8 of the body: expected a decision"
    );
    assert_eq!(
        refused(r#"{"new":[{},]}"#),
        "at byte 11 of the body: expected a decision"
    );
    assert_eq!(
        refused(r#"{"new":[]}x"#),
        "at byte 10 of the body: expected nothing more"
    );
    assert_eq!(
        refused(r#"{"new":[{"a":1}"#),
        "the body ends after 15 bytes, in the middle"
    );
    assert_eq!(refused(""), "the body ends after 0 bytes, in the middle");
}

#[test]
fn one_endless_row_is_bounded() {
    let body = format!(r#"{{"new":[{{"value":"{}"#, "a".repeat(ROW_BYTES));
    assert!(matches!(
        split(body.as_bytes(), 4096),
        Err(SplitError::RowTooLong { .. })
    ));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_read_but_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200), piece in 1_usize..50) {
        drop(split(&body, piece));
    }

    #[test]
    fn truncation_is_always_seen(cut in 0_usize..60) {
        let body = br#"{"new":[{"value":"1.2.3.4"}],"deleted":[{"value":"5.6.7.8"}]}"#;
        prop_assert!(split(&body[..cut.min(body.len() - 1)], 9).is_err());
    }
}
