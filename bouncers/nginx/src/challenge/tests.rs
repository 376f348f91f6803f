use std::net::IpAddr;

use super::captcha::Provider;
use super::work::Seed;
use super::*;

const NOW: u64 = 1_700_000_000;
const SECRET: Secret = Secret::new([7; 32]);
const WORK: Asks<'_> = Asks::Work { bits: 8 };

fn client(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn challenge<'a>(who: &str, asks: Asks<'a>, now_secs: u64) -> Challenge<'a> {
    Challenge {
        secret: &SECRET,
        client: client(who),
        asks,
        window_secs: 3_600,
        now_secs,
    }
}

fn lets_in(who: &str, cookie: &str, now_secs: u64) -> bool {
    challenge(who, WORK, now_secs).is_met(cookie.as_bytes())
}

/// The cookie of a client whose browser has worked for it.
fn worked(challenge: &Challenge<'_>, bits: u8) -> String {
    let window = challenge.window();
    let seed = Seed::new(challenge.secret, challenge.client, window);
    let number = (0_u64..1 << 40).find(|number| seed.is_solved_by(&number.to_string(), bits));
    format!("{window}-{}", number.unwrap())
}

#[test]
fn work_lets_one_client_in_for_two_windows() {
    let cookie = worked(&challenge("192.0.2.1", WORK, NOW), 8);
    assert!(lets_in("192.0.2.1", &cookie, NOW));
    assert!(lets_in("::ffff:192.0.2.1", &cookie, NOW));
    assert!(lets_in("192.0.2.1", &cookie, NOW + 3_600));
    assert!(!lets_in("192.0.2.1", &cookie, NOW + 7_200));
    assert!(!lets_in("192.0.2.1", &cookie, NOW - 3_600));
    assert!(!lets_in("192.0.2.2", &cookie, NOW));
    let other = Challenge {
        secret: &Secret::new([8; 32]),
        ..challenge("192.0.2.1", WORK, NOW)
    };
    assert!(!other.is_met(cookie.as_bytes()));
}

#[test]
fn a_network_of_64_bits_is_one_client() {
    let cookie = worked(&challenge("2001:db8::1", WORK, NOW), 8);
    assert!(lets_in("2001:db8::ffff:1:2:3", &cookie, NOW));
    assert!(!lets_in("2001:db8:0:1::1", &cookie, NOW));
    assert_ne!(
        cookie_name(client("2001:db8::1")),
        cookie_name(client("192.0.2.1"))
    );
}

#[test]
fn harder_work_takes_more() {
    let hard = challenge("192.0.2.1", Asks::Work { bits: 14 }, NOW);
    let cookie = worked(&hard, 14);
    assert!(lets_in("192.0.2.1", &cookie, NOW));
    let seed = Seed::new(&SECRET, hard.client, hard.window());
    let weak = (0_u64..1 << 40)
        .map(|number| number.to_string())
        .find(|number| seed.is_solved_by(number, 8) && !seed.is_solved_by(number, 14))
        .unwrap();
    assert!(!hard.is_met(format!("{}-{weak}", hard.window()).as_bytes()));
}

#[test]
fn rubbish_lets_nobody_in() {
    let window = NOW / 3_600;
    let good = worked(&challenge("192.0.2.1", WORK, NOW), 8);
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
    assert!(!challenge("192.0.2.1", WORK, NOW).is_met(b"\xff-\xff"));
    // What hashes well and is no number all the same.
    let seed = Seed::new(&SECRET, client("192.0.2.1"), window);
    for before in [" ", "+", "-", "0x", "000000000000000"] {
        let mut all = (0_u32..1 << 20).map(|number| format!("{before}{number}"));
        let written = all.find(|written| seed.noughts(written) >= 8).unwrap();
        assert!(
            !lets_in("192.0.2.1", &format!("{window}-{written}"), NOW),
            "{written}"
        );
    }
    // No window at all is one for ever, and no division by nought.
    let for_ever = Challenge {
        window_secs: 0,
        ..challenge("192.0.2.1", WORK, NOW)
    };
    assert!(for_ever.is_met(worked(&for_ever, 8).as_bytes()));
}

#[test]
fn a_captcha_lets_one_client_in_and_work_does_not() {
    let captcha = Captcha::new(Provider::Hcaptcha, "10000000-ffff", None).unwrap();
    let asks = Asks::Captcha(&captcha);
    let at = |who: &str, now_secs| challenge(who, asks, now_secs);
    let cookie = captcha::cookie(&SECRET, client("192.0.2.1"), at("192.0.2.1", NOW).window());
    let (name, value) = cookie.split_once('=').unwrap();
    assert_eq!(name, cookie_name(client("192.0.2.1")));
    assert!(at("192.0.2.1", NOW).is_met(value.as_bytes()));
    assert!(at("192.0.2.1", NOW + 3_600).is_met(value.as_bytes()));
    assert!(!at("192.0.2.1", NOW + 7_200).is_met(value.as_bytes()));
    assert!(!at("192.0.2.2", NOW).is_met(value.as_bytes()));
    assert!(!at("192.0.2.1", NOW).is_met(&value.as_bytes()[..value.len() - 2]));
    assert!(!at("192.0.2.1", NOW).is_met(format!("{value}00").as_bytes()));
    assert!(!at("192.0.2.1", NOW).is_met(worked(&at("192.0.2.1", NOW), 8).as_bytes()));
    assert!(!lets_in("192.0.2.1", value, NOW));
}

#[test]
fn what_would_break_out_of_a_page_is_no_captcha() {
    for (key, script) in [
        ("", None),
        ("a\"b", None),
        ("a<b", None),
        ("key", Some("https://x/\"onload=")),
        ("key", Some("")),
    ] {
        assert_eq!(
            Captcha::new(Provider::Turnstile, key, script),
            None,
            "{key} {script:?}"
        );
    }
    assert!(Captcha::new(Provider::Turnstile, &"a".repeat(201), None).is_none());
    assert!(
        Captcha::new(
            Provider::Recaptcha,
            "k",
            Some("https://recaptcha.net/api.js?hl=fr")
        )
        .is_some()
    );
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
    let work = challenge("192.0.2.1", WORK, NOW);
    let seed = Seed::new(&SECRET, work.client, work.window());
    let text = page.render(&work);
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
}

#[test]
fn our_own_pages_hold_what_is_to_be_done() {
    let ours = Page::for_work().render(&challenge("192.0.2.1", WORK, NOW));
    assert!(ours.contains("<title>One moment</title>") && ours.contains("id=\"vigie\""));
    assert!(ours.contains("has to compute") && !ours.contains("<!--"));
    // Nothing within the script may end it.
    assert_eq!(ours.matches("</script").count(), 1);
    let captcha = Captcha::new(Provider::Turnstile, "0x4AAA", None).unwrap();
    let ours = Page::for_captcha().render(&challenge("192.0.2.1", Asks::Captcha(&captcha), NOW));
    for part in [
        "<title>One moment</title>",
        "show that somebody is there",
        "action=\"/.vigie/captcha\"",
        "class=\"cf-turnstile\" data-sitekey=\"0x4AAA\"",
        "src=\"https://challenges.cloudflare.com/turnstile/v0/api.js\"",
    ] {
        assert!(ours.contains(part), "{part}");
    }
    assert_eq!(ours.matches("</script").count(), 2);
}
