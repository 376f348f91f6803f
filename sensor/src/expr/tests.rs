use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::parse::names::Space;

/// An event with a few fields, under the names that the expression brought along.
fn event(names: Names) -> Event {
    let mut event = Event::blank(Arc::new(names));
    event.begin(&crate::line::Line {
        source: Arc::from("/var/log/x"),
        position: crate::line::Position::File { file: 0, offset: 0 },
        kind: Arc::from("syslog"),
        text: r#"{"a":{"b":[1,"two"]},"n":3.5,"s":"x\"y"}"#.to_owned(),
        read_at: vigie_wire::Timestamp::from_secs(1_780_272_000),
    });
    event.set(Space::Parsed, "program", "sshd");
    event.set(Space::Parsed, "path", "/A/b%20c.PHP?x=1");
    event.set(Space::Parsed, "count", "12");
    event.set(Space::Meta, "source_ip", "203.0.113.9");
    event.set(Space::Meta, "odd-name", "odd");
    event
}

/// What an expression comes to, as `%v` prints it; `!` before what failed while running.
fn eval(source: &str) -> String {
    let mut names = Names::default();
    let mut data = Data::default();
    data.insert("words.txt", "# comment\nalpha\n\n^b+$\n");
    let mut context = Context {
        names: &mut names,
        data: &data,
    };
    let expression = match Expression::compile(source, Scope::Event, &mut context) {
        Ok(expression) => expression,
        Err(error) => return format!("{}: {}", error.at, error.message),
    };
    let event = event(names);
    match expression.eval(Env::of(&event)) {
        Ok(value) => value.display().into_owned(),
        Err(error) => format!("!{error}"),
    }
}

fn check(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        assert_eq!(eval(source), *expected, "{source}");
    }
}

#[test]
fn comparing_and_combining() {
    check(&[
        ("evt.Parsed.program == 'sshd'", "true"),
        ("'sshd' != evt.Parsed.program", "false"),
        ("evt.Parsed.program in ['a', \"sshd\"]", "true"),
        ("evt.Parsed.program not in ['a', 'b']", "true"),
        ("evt.Parsed.missing == ''", "true"),
        ("evt.Meta['odd-name']", "odd"),
        ("evt.Parsed[Lower('PROGRAM')]", "sshd"),
        ("1 < 2 && 2 <= 2 and not (3 > 4) || false", "true"),
        ("!(1 == 1.0) or 2 >= 3", "false"),
        ("'abc' < 'abd'", "true"),
        ("true ? 'a' : false ? 'b' : 'c'", "a"),
        ("evt.Meta.source_ip contains '.113.'", "true"),
        (
            "evt.Meta.source_ip startsWith '203' and evt.Meta.source_ip not endsWith '8'",
            "true",
        ),
        ("evt.Parsed.path matches '^/[A-Z]/'", "true"),
        ("evt.Parsed.path matches `\\.(?i:php)\\?`", "true"),
        ("evt.Parsed.path matches Upper('^/a/B')", "false"),
        ("evt.Parsed.program not matches 's{3}hd'", "true"),
        ("if 1 > 2 { 'x' } else if true { 'y' } else { 'z' }", "y"),
        ("let a = 2; let b = a + 3; a * b", "10"),
        ("/* a */ 1 // b", "1"),
    ]);
}

#[test]
fn numbers_and_texts() {
    check(&[
        ("1 + 2 * 3 - 4 % 3", "6"),
        ("7 / 2", "3.5"),
        ("-(2) + 0x10", "14"),
        ("'a' + 'b' + evt.Parsed.program", "absshd"),
        ("int(evt.Parsed.count) + 1", "13"),
        ("int('x')", "!not a whole number"),
        ("float('1.5') > 1", "true"),
        ("len(evt.Parsed.program) + len([1, 2]) + len('é')", "8"),
        ("evt.Parsed.program[1:]", "shd"),
        ("evt.Parsed.program[-2:]", "hd"),
        ("evt.Parsed.program[:1]", "s"),
        ("[1, 2, 3][-1]", "3"),
        ("[1, 2, 3][5]", "!the index is out of range"),
        ("Split('a,b,c', ',')[1]", "b"),
        ("Join(Split('a,b', ','), '-')", "a-b"),
        ("Upper('aé') + Lower('BÉ') + TrimSpace('  x ')", "AÉbéx"),
        (
            "TrimPrefix('abc', 'a') + trimSuffix('abc', 'c') + Trim('xax', 'x')",
            "bcaba",
        ),
        ("hasPrefix('abc', 'ab') && hasSuffix('abc', 'bc')", "true"),
        ("lastIndexOf('a.b.c', '.')", "3"),
        ("Replace('aaa', 'a', 'b', 2)", "bba"),
        ("Sprintf('%v-%s-%d%%', 1.0, 'x', 3)", "1-x-3%"),
        ("Sprintf('%v', 1779876123.5)", "1779876123.5"),
        ("PathUnescape(evt.Parsed.path)", "/A/b c.PHP?x=1"),
        ("QueryUnescape('a+b%zz')", "a+b%zz"),
        ("Match('*.ex?', 'cmd.exe')", "true"),
        ("duration('1m30s') > duration('80s')", "true"),
    ]);
}

#[test]
fn lists_and_closures() {
    check(&[
        ("any(['a', 'b'], {# == 'b'})", "true"),
        ("all([1, 2], # > 1)", "false"),
        ("filter([1, 2, 3], {# != 2})", "[1 3]"),
        ("map(filter([1, 2, 3], # > 1), {# * #index})", "[0 3]"),
        ("count(['x', 'xy'], {# contains 'y'})", "1"),
        ("none([1], # == 2) && one([1, 2], # == 2)", "true"),
        ("find([1, 2, 3], # > 1)", "2"),
        ("any([[1], [2, 3]], {any(#, {# == 3})})", "true"),
        ("any(File('words.txt'), {# == 'alpha'})", "true"),
        ("RegexpInFile('bbb', 'words.txt')", "true"),
        ("'alpha' in File('words.txt')", "true"),
        ("1 in [1, 2] and 'k' in {k: 1} and !('z' in {k: 1})", "true"),
        ("first([4, 5]) + last([4, 5])", "9"),
    ]);
}

#[test]
fn json_and_addresses() {
    check(&[
        ("JsonExtract(evt.Line.Raw, 'a.b[1]')", "two"),
        ("JsonExtract(evt.Line.Raw, 'a')", r#"{"b":[1,"two"]}"#),
        ("JsonExtract(evt.Line.Raw, 'a.x.y')", ""),
        (
            "UnmarshalJSON(evt.Line.Raw, evt.Unmarshaled, 'j') in ['', nil] && evt.Unmarshaled.j.a.b[0] == 1",
            "true",
        ),
        ("UnmarshalJSON('{', evt.Unmarshaled, 'j')", "!not JSON"),
        ("evt.Unmarshaled.j.a", "!a member of nil"),
        ("evt.Unmarshaled.j?.a.b", "<nil>"),
        ("evt.Unmarshaled.j?.a ?? 'none'", "none"),
        ("evt.Unmarshaled.j == nil", "true"),
        (
            "ParseKV('a=1 b=\"x y\"', evt.Unmarshaled, 'kv') == nil && evt.Unmarshaled.kv.b == 'x y'",
            "true",
        ),
        ("get({a: 1}, 'a') == 1 and get([1], 3) == nil", "true"),
        (
            "IpInRange(evt.Meta.source_ip, '203.0.113.0/24') and !IpInRange('::1', '10.0.0.0/8')",
            "true",
        ),
        (
            "IsIP('::1') && IsIPV6('::1') && !IsIPV4('::1') && !IsIP('x')",
            "true",
        ),
        ("IpToRange('2001:db8:1:2:3::', '/64')", "2001:db8:1:2::/64"),
        (
            "evt.Line.Labels.type + evt.Line.Module + evt.Line.Src",
            "syslogfile/var/log/x",
        ),
        (
            "evt.Time.Hour() == 0 && evt.Time.Weekday().String() == 'Monday'",
            "true",
        ),
        ("evt.Overflow.Alert.Remediation == true", "false"),
    ]);
}

#[test]
fn what_cannot_work_is_refused_with_its_place() {
    check(&[
        ("evt.Parsd.x == ''", "4: unknown field \"Parsd\" of an event"),
        (
            "1 == 1 && evt.Line.Row == ''",
            "19: unknown field \"Row\" of evt.Line",
        ),
        ("foo(1)", "0: unknown function \"foo\""),
        ("bar == 1", "0: unknown name \"bar\""),
        ("queue.Queue", "0: unknown name \"queue\""),
        (
            "evt.Parsed.x == 1",
            "13: a text and a whole number do not go together here",
        ),
        ("evt.Parsed.x && true", "11: expected a bool, this is a text"),
        ("not evt.Parsed.x in ['a']", "15: expected a bool, this is a text"),
        ("Upper(1)", "6: Upper expects a text here, this is a whole number"),
        ("Upper()", "0: Upper takes 1 arguments, here are 0"),
        ("Lower", "0: \"Lower\" is a function and wants its arguments"),
        ("'a' matches 'b('", "12: bad pattern: unclosed group"),
        ("'a", "0: the text does not end"),
        ("(1", "2: expected \")\", found the end"),
        ("1 2", "2: a number does not belong here"),
        ("#", "0: # stands only within a closure"),
        ("any([1])", "0: any takes a list and a closure"),
        ("any('a', # == 1)", "0: any wants a list, this is a text"),
        ("1..3", "1: the operator \"..\" is not supported"),
        ("File('x')", "5: there is no data file \"x\""),
        ("evt.GetMeta", "4: unknown field \"GetMeta\" of an event"),
        ("\"a\\.b\"", "2: there is no escape \\."),
    ]);
}

#[test]
fn long_and_deep_expressions_end() {
    let long = vec!["evt.Parsed.a == 'x'"; 5_000].join(" || ");
    assert_eq!(eval(&long), "false");
    assert!(eval(&"(".repeat(100_000)).contains("nested deeper"));
    assert!(eval(&"!".repeat(100_000)).contains("nested deeper"));
    assert!(eval(&vec!["1"; 5_000].join("+")).contains("more than"));
    assert!(eval(&format!("evt{}", ".a".repeat(5_000))).contains("more than"));
}

#[test]
fn set_meta_takes_effect_after_the_expression() {
    let (mut names, data) = (Names::default(), Data::default());
    let mut context = Context {
        names: &mut names,
        data: &data,
    };
    let expression = Expression::compile("evt.SetMeta('cve', 'x')", Scope::Event, &mut context).unwrap();
    let mut event = event(names);
    assert!(expression.holds(Env::of(&event)));
    event.apply_pending();
    assert_eq!(event.meta("cve"), "x");
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_an_error(source in "\\PC{0,60}") {
        eval(&source);
    }

    #[test]
    fn any_words_are_an_expression_or_an_error(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "evt", ".Parsed", ".Meta", ".x", "?.", "(", ")", "[", "]", "{", "}", "#", "any", "len", "Split", "'a'",
            "1", "-", "+", "==", "in", "not", "&&", "?", ":", ",", "let", "=", ";", "matches", "nil", "??",
            "evt.Unmarshaled", "if", "else", "JsonExtract", "Sprintf", "'%v%q'", "9223372036854775807", "%", "*",
        ]), 0..24)) {
        eval(&words.join(" "));
    }
}
