use std::net::IpAddr;

use super::*;

const TERMS: Terms = Terms {
    bits: 8,
    window_secs: 3_600,
};
const NOW: u64 = 1_700_000_000;

fn secret() -> Secret {
    Secret::new([7; 32])
}

fn client(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The cookie of a client who has worked for it.
fn worked(who: &str, terms: Terms, now_secs: u64) -> String {
    let seed = terms.seed(&secret(), client(who), now_secs);
    let number = (0_u64..1 << 40).find(|number| seed.is_solved_by(&number.to_string(), terms.bits));
    format!("{}-{}", seed.window, number.unwrap())
}

fn lets_in(who: &str, cookie: &str, now_secs: u64) -> bool {
    TERMS.are_met(&secret(), client(who), (cookie.as_bytes(), now_secs))
}

#[test]
fn work_lets_one_client_in_for_two_windows() {
    let cookie = worked("192.0.2.1", TERMS, NOW);
    assert!(lets_in("192.0.2.1", &cookie, NOW));
    assert!(lets_in("::ffff:192.0.2.1", &cookie, NOW));
    assert!(lets_in("192.0.2.1", &cookie, NOW + 3_600));
    assert!(!lets_in("192.0.2.1", &cookie, NOW + 7_200));
    assert!(!lets_in("192.0.2.1", &cookie, NOW - 3_600));
    assert!(!lets_in("192.0.2.2", &cookie, NOW));
    let other = Secret::new([8; 32]);
    assert!(!TERMS.are_met(&other, client("192.0.2.1"), (cookie.as_bytes(), NOW)));
}

#[test]
fn a_network_of_64_bits_is_one_client() {
    let cookie = worked("2001:db8::1", TERMS, NOW);
    assert!(lets_in("2001:db8::ffff:1:2:3", &cookie, NOW));
    assert!(!lets_in("2001:db8:0:1::1", &cookie, NOW));
    assert_ne!(
        cookie_name(client("2001:db8::1")),
        cookie_name(client("192.0.2.1"))
    );
}

#[test]
fn harder_terms_want_more_work() {
    let hard = Terms { bits: 14, ..TERMS };
    let cookie = worked("192.0.2.1", hard, NOW);
    assert!(lets_in("192.0.2.1", &cookie, NOW));
    let seed = TERMS.seed(&secret(), client("192.0.2.1"), NOW);
    let weak = (0_u64..1 << 40)
        .map(|number| number.to_string())
        .find(|number| seed.is_solved_by(number, 8) && !seed.is_solved_by(number, 14))
        .unwrap();
    let weak = format!("{}-{weak}", seed.window);
    assert!(!hard.are_met(&secret(), client("192.0.2.1"), (weak.as_bytes(), NOW)));
}

#[test]
fn rubbish_lets_nobody_in() {
    let window = NOW / 3_600;
    let good = worked("192.0.2.1", TERMS, NOW);
    let number = good.split_once('-').unwrap().1;
    for cookie in [
        String::new(),
        "-".to_owned(),
        number.to_owned(),
        format!("{window}-"),
        format!("-{number}"),
        format!("+{window}-{number}"),
        format!("{window}- {number}"),
        format!("{window}-{number}-"),
        format!("{window}-0000000000000000{number}"),
        format!("99999999999999999999999-{number}"),
        format!("18446744073709551615-{number}"),
        "9".repeat(100_000),
    ] {
        assert!(!lets_in("192.0.2.1", &cookie, NOW), "{cookie}");
    }
    assert!(!TERMS.are_met(&secret(), client("192.0.2.1"), (b"\xff-\xff", NOW)));
    // No window at all is one for ever, and no division by nought.
    let terms = Terms {
        window_secs: 0,
        ..TERMS
    };
    let cookie = worked("192.0.2.1", terms, NOW);
    assert!(terms.are_met(&secret(), client("192.0.2.1"), (cookie.as_bytes(), NOW)));
}

#[test]
fn a_secret_is_of_some_length_and_never_shown() {
    assert!(Secret::from_file(b"  fifteen bytes..\n\n").is_none());
    let one = Secret::from_file(b"sixteen bytes ..").unwrap();
    assert_eq!(one.0, Secret::from_file(b"sixteen bytes ..\n").unwrap().0);
    assert_eq!(format!("{one:?}"), "Secret");
}

#[test]
fn a_template_has_one_place_for_the_script() {
    let page = Page::new(b"<p>ours</p><!--vigie--><p>end</p>").unwrap();
    let seed = TERMS.seed(&secret(), client("192.0.2.1"), NOW);
    let text = page.render(&seed, TERMS, client("192.0.2.1"));
    assert!(text.starts_with("<p>ours</p><script data-seed=\"") && text.ends_with("</script><p>end</p>"));
    assert!(text.contains(&format!(
        "\"{}\" data-bits=\"8\" data-window=\"472222\"",
        seed.text
    )));
    assert!(text.contains("data-cookie=\"vigie_pass4\" data-lasts=\"7200\""));
    assert_eq!(Page::new(b"none"), Err(PageError::Mark));
    assert_eq!(Page::new(b"<!--vigie--><!--vigie-->"), Err(PageError::Mark));
    assert_eq!(Page::new(b"\xff<!--vigie-->"), Err(PageError::Text));
    assert_eq!(Page::new(&vec![b' '; 65_537]), Err(PageError::Long));
    let ours = Page::default().render(&seed, TERMS, client("192.0.2.1"));
    assert!(ours.contains("<title>One moment</title>") && ours.contains("id=\"vigie\""));
    // Nothing within the script may end it.
    assert_eq!(ours.matches("</script").count(), 1);
}
