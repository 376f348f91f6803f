//! The walker finds what `regex` finds, group for group.

use std::sync::Arc;

use proptest::prelude::*;
use regex::Regex;

use super::field::{WORTH, Worth};
use super::{Program, Search, Walker};

/// Compares; `false` if the walker gave the text up.
fn check(walker: &mut Walker, regex: &Regex, text: &str) -> bool {
    let expected = regex.captures(text);
    if expected.is_some() {
        assert!(walker.may_match(text), "{regex} matches {text:?}");
    }
    let found = walker.search(text, |text| regex.find(text).map(|found| found.start()));
    if found == Search::GiveUp {
        return false;
    }
    assert_eq!(found == Search::Match, expected.is_some(), "{regex} on {text:?}");
    for group in 0..regex.captures_len() {
        let wanted = expected.as_ref().and_then(|captures| captures.get(group));
        let wanted = wanted.map(|group| (group.start(), group.end()));
        if expected.is_some() {
            assert_eq!(
                walker.group(group),
                wanted,
                "group {group} of {regex} on {text:?}"
            );
        }
    }
    true
}

/// With automata for all that can have one, so that small patterns try them too.
fn walker(pattern: &str) -> Option<(Walker, Regex)> {
    walker_of(pattern, Worth { plain: 1, option: 1 })
}

fn walker_of(pattern: &str, worth: Worth) -> Option<(Walker, Regex)> {
    let program = Arc::new(Program::compile(pattern, worth)?);
    Some((Walker::new(&program), Regex::new(pattern).unwrap()))
}

#[test]
fn priorities_loops_and_boundaries_are_those_of_regex() {
    for pattern in [
        "(a|ab)(c|bcd)(d*)",
        "(?:(a)|b)*",
        "(a+)*",
        "(a*)(b|ab)*?(c?)",
        "(?:a|(b)){2,3}(c?)",
        "([a-z]{2,3}?)(.*)",
        "([^,]{1,2}),(.{0,3})",
        "(?m)^(b+)$",
        "(?i)AB(c*)",
        r"(?:(\p{L}+) ?)+",
        "^(.*?),(.*),(.*)$",
        r"(?-u:\b)([0-9]+)(?-u:\b)",
        r"(?-u:\B)x(y?)",
        "(é|e)+(.)",
        r#""([^"]*)"( [0-9]+)?"#,
        "^$",
        "()",
        "(x)?$",
        "a(.*)",
        "(a)?(.*)$",
        "b(.*)(c?)",
        "a(.*?)b",
        "(?:[ab]?[ab]{1,2}(c|))([ab]?[a-c]{1,2})?c",
        "([ab]*)(?:(c)|a|ab)*([bc]{0,2})",
        "([^ ]*) ([^ ]*?)b",
        "(a|b)*c",
        "x?([ab]+)([bc]*)d?",
        "(.*?)(b+)(.*)",
    ] {
        let (mut walker, regex) = walker(pattern).unwrap();
        for text in [
            "",
            "ab\nbb\nc",
            "a",
            "ab",
            "abcd",
            "abbcd",
            "aab c",
            "b",
            "bab",
            "x",
            "xy",
            "axy",
            "1",
            "a1 22 b3",
            "é",
            "eé!",
            "a,b,c,d",
            "\"q\" 12",
            "\"\"",
            "say \"é\" 9 and \"x\"",
        ] {
            assert!(
                check(&mut walker, &regex, text) || !text.is_ascii(),
                "{pattern} on {text:?}"
            );
        }
    }
}

#[test]
fn what_it_does_not_know_it_leaves_alone() {
    for pattern in ["(a*)*", r"\bé\b", "(?:a|b*)+"] {
        assert!(Program::new(pattern).is_none(), "{pattern}");
    }
    let (mut walker, _) = walker(r"(\p{Greek}+)").unwrap();
    assert_eq!(walker.search("é", |_| None), Search::GiveUp);
    assert_eq!(walker.search("e", |_| None), Search::NoMatch);
}

#[test]
fn a_pattern_that_goes_back_for_ever_is_given_up() {
    let (mut walker, regex) = walker("^(.*)a(.*)b(.*)c(.*)d$").unwrap();
    assert_eq!(walker.search(&"abc".repeat(2_000), |_| None), Search::GiveUp);
    assert!(
        check(&mut walker, &regex, "aabbccdd"),
        "the next text is served again"
    );
}

#[test]
fn a_part_with_one_end_is_not_walked_through() {
    // An address is one of three forms, and may be a host that is left out.
    let address =
        r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|[a-z0-9-]+(?:\.[a-z0-9-]+)*";
    let pattern = format!("(?:(?P<host>{address})(:[0-9]+)? )?({address}) - ([^ ]*) x");
    let (mut walker, regex) = walker(&pattern).unwrap();
    for text in [
        "192.0.2.1 - u x",
        "www.example.org:80 192.0.2.1 - u x",
        "a.b 2001:db8:0:0:0:0:0:1 - u x",
        "192.0.2.1 - u y",
        "no 192.0.2.1 - u x",
        "é 192.0.2.1 - u x",
    ] {
        assert!(check(&mut walker, &regex, text), "{text}");
    }
}

#[test]
fn bytes_are_paid_for_too() {
    // Each step back leads to a run over all that is left.
    let (mut walker, regex) = walker(r"^(.*?)[ \t]+u").unwrap();
    let spaces = "x".to_owned() + &" ".repeat(65_536);
    assert_eq!(walker.search(&spaces, |_| None), Search::GiveUp);
    assert!(check(&mut walker, &regex, "project=  u"));
}

#[test]
fn what_only_goes_ahead_pays_as_well() {
    // Each turn of the loop looks at all that is left, and none fails.
    let (mut walker, regex) = walker(r"^(?:(x)?[^!]*?,)*").unwrap();
    assert_eq!(
        walker.search(&",".repeat(1 << 20), |_| None),
        Search::GiveUp,
        "a lazy run"
    );
    assert!(check(&mut walker, &regex, "x,,x,"));
    let (mut walker, regex) = walker_of("^(?:(?:a|b[^!]*!|b|ccc)(x)?)*", WORTH).unwrap();
    assert!(check(&mut walker, &regex, "abxb!x"));
    let started = std::time::Instant::now();
    walker.search(&"b".repeat(1 << 20), |_| None);
    assert!(
        started.elapsed().as_secs() < 60,
        "a part is looked at to the end of the text"
    );
}

#[test]
fn a_group_behind_one_that_cannot_be_is_not_lost() {
    assert!(Program::new("(?:(x)){0}(b)").is_none());
}

#[test]
fn ways_that_meet_are_walked_once() {
    let (mut walker, regex) = walker("^(?:a|aa|aaa)*(?:a|aa)+$").unwrap();
    // Without that it would take more steps than there are atoms.
    assert!(check(&mut walker, &regex, &("a".repeat(200) + "b")));
    assert!(check(&mut walker, &regex, &"a".repeat(200)));
}

/// Patterns put together of what grok patterns are made of.
fn patterns() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        Just("a".to_owned()),
        Just("b".to_owned()),
        Just(".".to_owned()),
        Just("[a-c]".to_owned()),
        Just("[^ ]".to_owned()),
        Just(" ".to_owned()),
        Just("é".to_owned()),
        Just("1".to_owned()),
        Just("abc".to_owned()),
        Just(r"(?-u:\b)".to_owned()),
    ];
    atom.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            inner.clone().prop_map(|part| format!("({part})")),
            inner.clone().prop_map(|part| format!("(?:{part})*")),
            inner.clone().prop_map(|part| format!("(?:{part})*?")),
            inner.clone().prop_map(|part| format!("(?:{part})+")),
            inner.prop_map(|part| format!("(?:{part})?")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_pattern_on_any_text(
        pattern in patterns(), anchor: bool, texts in prop::collection::vec("(abc|[abc1 é]){0,24}", 1..4)
    ) {
        let pattern = if anchor { format!("^{pattern}") } else { pattern };
        for worth in [WORTH, Worth { plain: 1, option: 1 }] {
            // Loops over what may be empty are none for it.
            let Some((mut walker, regex)) = walker_of(&pattern, worth) else { return Ok(()) };
            for text in &texts {
                let served = check(&mut walker, &regex, text);
                // Loops in loops may cost more than they are worth, on any text: (?:(?:.)+)*?b((?-u:\\b)) did.
                let loops = pattern.matches(")*").count() + pattern.matches(")+").count();
                let simple = text.is_ascii() && pattern.len() <= 40 && loops < 2;
                prop_assert!(served || !simple, "{} gave {:?} up", pattern, text);
            }
        }
    }
}
