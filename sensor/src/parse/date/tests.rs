use proptest::prelude::*;

use super::*;

/// 2026-06-01T00:00:00Z
const JUNE: i64 = 1_780_272_000;

fn read(text: &str, format: &str, now: i64) -> String {
    let Some(date) = parse(text, format, Timestamp::from_secs(now)) else {
        return "none".to_owned();
    };
    let mut out = String::new();
    date.render(&mut out);
    out
}

#[test]
fn common_forms() {
    let cases = [
        ("2026-05-03T10:00:00Z", "2026-05-03T10:00:00Z"),
        (
            "2026-05-03T10:00:00.123456789+02:00",
            "2026-05-03T10:00:00.123456789+02:00",
        ),
        ("03/May/2026:10:00:00 -0330", "2026-05-03T10:00:00-03:30"),
        ("Sun May 3 10:00:00 2026", "2026-05-03T10:00:00Z"),
        ("Sun May 03 10:00:00.5 2026", "2026-05-03T10:00:00.5Z"),
        ("05/03/2026 10:00:00", "2026-05-03T10:00:00Z"),
        ("2026/05/03 10:00:00", "2026-05-03T10:00:00Z"),
        ("2026-05-03 10:00:00,25", "2026-05-03T10:00:00.25Z"),
        ("2026-05-03 10:00", "2026-05-03T10:00:00Z"),
        ("2026-05-03", "2026-05-03T00:00:00Z"),
        ("2026-05-03T10:00:00", "2026-05-03T10:00:00Z"),
        ("2026-05-03 10:00:00.1 +0200 CEST", "2026-05-03T10:00:00.1+02:00"),
        ("1779876123", "2026-05-27T10:02:03Z"),
        ("1779876123.25", "2026-05-27T10:02:03Z"),
        ("1779876123250", "2026-05-27T10:02:03.25Z"),
        ("May  3 10:00:00", "2026-05-03T10:00:00Z"),
        ("May 13 10:00:00", "2026-05-13T10:00:00Z"),
        ("Feb 29 10:00:00", "2026-03-01T10:00:00Z"),
        ("", "none"),
        ("yesterday", "none"),
        ("2026-02-30", "none"),
        ("2026-05-03T25:00:00Z", "none"),
        ("2026-05-03T10:00:00Z and more", "none"),
    ];
    for (text, expected) in cases {
        assert_eq!(read(text, "", JUNE), expected, "{text}");
    }
}

#[test]
fn a_date_without_a_year_lies_not_ahead() {
    let second = |text: &str| {
        parse(text, "", Timestamp::from_secs(JUNE))
            .unwrap()
            .timestamp()
            .as_secs()
    };
    let (new_year, old_year) = (second("2027-01-01T00:00:05Z"), second("2026-12-31T23:59:55Z"));
    assert_eq!(read("Dec 31 23:59:59", "", new_year), "2026-12-31T23:59:59Z");
    assert_eq!(read("Jan  1 00:00:01", "", new_year), "2027-01-01T00:00:01Z");
    // Its clock is ahead of ours.
    assert_eq!(read("Jan  1 00:00:01", "", old_year), "2027-01-01T00:00:01Z");
    assert_eq!(read("Dec 31 23:59:59", "", old_year), "2026-12-31T23:59:59Z");
    assert_eq!(read("Jun  2 12:00:00", "", JUNE), "2026-06-02T12:00:00Z");
    assert_eq!(read("Jul  2 12:00:00", "", JUNE), "2025-07-02T12:00:00Z");
}

#[test]
fn layouts_of_go() {
    let cases = [
        (
            "2006 2 15.04.05 Jan",
            "2026 3 10.00.00 May",
            "2026-05-03T10:00:00Z",
        ),
        (
            "January _2, 2006 3:04 PM",
            "May  3, 2026 1:05 PM",
            "2026-05-03T13:05:00Z",
        ),
        (
            "02.01.06 03:04:05pm",
            "03.05.26 12:00:01am",
            "2026-05-03T00:00:01Z",
        ),
        ("2006-002", "2026-123", "2026-05-03T00:00:00Z"),
        (
            "20060102150405Z0700",
            "20260503100000+0200",
            "2026-05-03T10:00:00+02:00",
        ),
        (
            "2006-01-02 15:04:05.000",
            "2026-05-03 10:00:00.120",
            "2026-05-03T10:00:00.12Z",
        ),
        (
            "Monday, 02-Jan-06 15:04:05 MST",
            "Sunday, 03-May-26 10:00:00 GMT",
            "2026-05-03T10:00:00Z",
        ),
        ("2006.01.02 15:04:05.000", "2026.05.03 10:00:00.1", "none"),
    ];
    for (layout, text, expected) in cases {
        assert_eq!(read(text, layout, JUNE), expected, "{layout}");
    }
}

proptest! {
    #[test]
    fn any_text_with_any_layout_ends(text in "\\PC{0,40}", layout in "[A-Za-z0-9 :.,/_+-]{0,30}", now in any::<i64>()) {
        read(&text, &layout, now / 1_000);
    }

    #[test]
    fn what_is_rendered_reads_the_same(millis in -62_135_596_800_000_i64..253_402_300_799_000) {
        let time = Timestamp::from_millis(millis);
        prop_assert_eq!(parse(&render_rfc3339(time), "", Timestamp::ZERO).map(Date::timestamp), Some(time));
    }
}
