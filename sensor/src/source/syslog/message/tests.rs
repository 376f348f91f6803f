use super::*;

use proptest::prelude::*;

/// 2026-06-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_secs(1_780_272_000);

fn peer() -> IpAddr {
    "192.0.2.1".parse().unwrap()
}

#[track_caller]
fn check(message: &str, whole: &str, said: &str) {
    assert_eq!(line(message, peer(), NOW, true), whole);
    assert_eq!(line(message, peer(), NOW, false), said);
}

#[test]
fn rfc_5424() {
    check(
        "<34>1 2026-10-11T22:14:15.003Z mail.example.com sshd 42 ID47 - \u{feff}Failed password",
        "2026-10-11T22:14:15.003Z mail.example.com sshd[42]: Failed password",
        "Failed password",
    );
    check(
        r#"<165>1 2026-10-11T22:14:15+02:00 host app - - [a@1 b="]\"\\" c="d"][e@2] said it"#,
        "2026-10-11T22:14:15+02:00 host app: said it",
        "said it",
    );
    check(
        "<13>1 - - - - - -",
        "2026-06-01T00:00:00.000Z 192.0.2.1 unknown: ",
        "",
    );
    check(
        "<13>1 2026-10-11T22:14:15Z host app x9 - - said",
        "2026-10-11T22:14:15Z host app: said",
        "said",
    );
}

#[test]
fn rfc_3164() {
    check(
        "<34>Oct 11 22:14:15 host sshd[42]: Failed password",
        "Oct 11 22:14:15 host sshd[42]: Failed password",
        "Failed password",
    );
    check(
        "<34>Oct  1 22:14:15 host su: said",
        "Oct  1 22:14:15 host su: said",
        "said",
    );
    check(
        "<190>Oct  1 22:14:15 web nginx: 192.0.2.9 - - [01/Oct/2026:22:14:15 +0000] \"GET / HTTP/1.1\" 200 1",
        "Oct  1 22:14:15 web nginx: 192.0.2.9 - - [01/Oct/2026:22:14:15 +0000] \"GET / HTTP/1.1\" 200 1",
        "192.0.2.9 - - [01/Oct/2026:22:14:15 +0000] \"GET / HTTP/1.1\" 200 1",
    );
}

#[test]
fn what_daemons_and_devices_make_of_it() {
    check(
        "<34>2026-10-11T22:14:15.1+02:00 host sshd[42]: rsyslog's forward format",
        "2026-10-11T22:14:15.1+02:00 host sshd[42]: rsyslog's forward format",
        "rsyslog's forward format",
    );
    check(
        "<34>Oct 11 22:14:15 sshd[42]: no host",
        "Oct 11 22:14:15 192.0.2.1 sshd[42]: no host",
        "no host",
    );
    check(
        "<34>sshd[42]: neither time nor host",
        "2026-06-01T00:00:00.000Z 192.0.2.1 sshd[42]: neither time nor host",
        "neither time nor host",
    );
    check(
        "no syslog at all",
        "2026-06-01T00:00:00.000Z 192.0.2.1 no syslog at all",
        "no syslog at all",
    );
    check(
        "<999>Oct 11 22:14:15 host a: that is no priority",
        "2026-06-01T00:00:00.000Z 192.0.2.1 <999>Oct 11 22:14:15 host a: that is no priority",
        "<999>Oct 11 22:14:15 host a: that is no priority",
    );
    check(
        "<13>1 nonsense host app - - - a",
        "2026-06-01T00:00:00.000Z 192.0.2.1 1 nonsense host app - - - a",
        "1 nonsense host app - - - a",
    );
    check(
        "<13>1 2026-10-11T22:14:15Z host app - - [torn x=\"",
        "2026-06-01T00:00:00.000Z 192.0.2.1 1 2026-10-11T22:14:15Z host app - - [torn x=\"",
        "1 2026-10-11T22:14:15Z host app - - [torn x=\"",
    );
    check(
        "<13>Oct 11 22:14:15 host a: two\nlines",
        "Oct 11 22:14:15 host a: two lines",
        "two lines",
    );
}

proptest! {
    #[test]
    fn any_text_is_one_line_that_keeps_its_end(message in "\\PC{0,80}") {
        for whole in [true, false] {
            let line = line(&message, peer(), NOW, whole);
            prop_assert!(!line.contains('\n'));
            if let Some(word) = message.split(' ').next_back().filter(|_| message.contains(": ")) {
                prop_assert!(line.ends_with(word), "{line:?}");
            }
        }
    }

    #[test]
    fn anything_that_begins_like_syslog_is_read(rest in "[-\\[\\]\"\\\\a-z0-9: =@\u{feff}]{0,80}") {
        for head in ["<13>1 ", "<13>1 2026-10-11T22:14:15Z host app - - ", "<13>Oct 11 22:14:15 ", "<13>"] {
            line(&format!("{head}{rest}"), peer(), NOW, true);
        }
    }

    #[test]
    fn rfc_5424_survives_its_structured_data(value in "[^\"\\\\\\]\n\r]{0,40}", said in "[a-z0-9 ]{0,40}") {
        let escaped = format!("{value}\\\"\\\\\\]");
        let message = format!("<13>1 2026-10-11T22:14:15Z host app 1 - [x@1 y=\"{escaped}\"] {said}");
        prop_assert_eq!(
            line(&message, peer(), NOW, true),
            format!("2026-10-11T22:14:15Z host app[1]: {said}")
        );
    }
}
