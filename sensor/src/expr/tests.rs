use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::parse::names::Space;

mod bounds;

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
    data.insert(
        "table.json",
        concat!(
            r#"{"pattern":"/x","tag":"equal","type":"equals"}"#,
            "\n",
            r#"{"pattern":"/admin","tag":"contained","type":"contains"}"#,
            "\n",
            r#"{"pattern":"^[0-9]+$","tag":"matched","type":"regex"}"#,
        ),
    );
    let mut context = Context {
        names: &mut names,
        data: &data,
    };
    let expression = match Expression::compile(source, Scope::Event, &mut context) {
        Ok(expression) => expression,
        Err(errors) => {
            let errors: Vec<String> = errors
                .0
                .iter()
                .map(|error| format!("{}: {}", error.at, error.message))
                .collect();
            return errors.join(" | ");
        }
    };
    let event = event(names);
    match expression.eval(Env::of(&event)) {
        Ok(value) => value.display().into_owned(),
        Err(error) => format!("!{error}"),
    }
}

fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(source, expected)| (source, expected, eval(source)))
        .filter(|(_, expected, found)| {
            found != *expected
                && !(found.contains(": ") && !expected.is_empty() && found.starts_with(**expected))
        })
        .map(|(source, expected, found)| format!("{source}\n  gives   {found}\n  and not {expected}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
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
        ("len(evt.Parsed.program) + len([1, 2]) + len('é')", "7"),
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
        (
            "not evt.Parsed.x in ['a']",
            "15: expected a bool, this is a text | 20: a bool is never in a list of a text",
        ),
        (
            "nope == 1 && evt.Pasred.x == 'a' || foo(bar) && Upper(evt.Line.Row)",
            "0: unknown name \"nope\" | 17: unknown field \"Pasred\" of an event | 36: unknown function \"foo\" \
             | 40: unknown name \"bar\" | 53: expected a bool, this is a text | 63: unknown field \"Row\" of evt.Line",
        ),
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
        (
            "1 ?? 2 + 3",
            "7: \"??\" and other operators do not mix: put parentheses around one",
        ),
        (
            "CrowdsecCTI('1.2.3.4')",
            "0: the function \"CrowdsecCTI\" is left out: it asks CrowdSec's central service",
        ),
        ("evt.Time.Nope()", "9: unknown method \"Nope\" of a time"),
        (
            "evt.Time.Add('1h')",
            "13: Add expects a duration here, this is a text",
        ),
        ("map([1], #acc)", "9: # stands only within a closure"),
        ("File('x')", "5: there is no data file \"x\""),
        ("evt.GetMeta", "4: unknown field \"GetMeta\" of an event"),
        ("\"a\\.b\"", "2: there is no escape \\."),
    ]);
}

#[test]
fn all_of_the_language() {
    check(&[
        ("1..4 | filter(# % 2 == 0) | map(# * 10)", "[20 40]"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ^ 2", "-4"),
        ("1 < 2 < 3", "true"),
        ("3 > 2 >= 2 > 2", "false"),
        ("'' ?: 1", "0: expected a bool, this is a text"),
        ("(evt.Unmarshaled.x?.y).z", "<nil>"),
        ("evt.Unmarshaled?.x?.[0]", "<nil>"),
        ("reduce([1, 2, 3], #acc + #)", "6"),
        ("reduce([1, 2, 3], {#acc + #index * #}, 10)", "18"),
        ("sum([1, 2.5])", "3.5"),
        ("sum(['a', 'bb'], len(#))", "3"),
        ("count([true, false])", "1"),
        (
            "findLast([1, 2, 3, 4], # < 4) + findLastIndex([1, 2, 3], # < 3)",
            "4",
        ),
        ("sortBy(['ccc', 'a', 'bb'], len(#), 'desc')", "[ccc bb a]"),
        ("groupBy([1, 2, 3], # % 2)", "map[0:[2] 1:[1 3]]"),
        ("groupBy(['a'], #)['b']", "[]"),
        ("{'a': 1, (Lower('B')): 2, 3: 4}", "map[3:4 a:1 b:2]"),
        ("'x'; 'y'", "y"),
        ("'abc'[1]", "98"),
        ("'\\101\\x42'", "AB"),
        (".5 + 1e1", "10.5"),
        ("::len('abc')", "3"),
        ("any(['a'], let b = #; b == 'a')", "true"),
        ("'x' in evt.Parsed || 'program' in evt.Parsed", "true"),
        ("len(evt.Parsed) == 3 and 'path' in keys(evt.Parsed)", "true"),
        ("evt.Process && evt.Type == 0", "true"),
        ("evt.Appsec.GetName() + evt.Appsec.Vars.x", ""),
        ("Sprintf('%+v', evt.Appsec.GetRuleIDs())", "[]"),
    ]);
}

#[test]
fn functions_on_lists_and_numbers() {
    check(&[
        ("max(1, [2, 3.5]) + min([4, 2])", "5.5"),
        ("mean(1, 2) + median([3, 1, 2])", "3.5"),
        ("[ceil(1.2), floor(1.8), round(1.5), abs(-3)]", "[2 1 2 3]"),
        (
            "[bitand(6, 3), bitor(6, 3), bitxor(6, 3), bitnand(6, 3), bitnot(0)]",
            "[2 7 5 4 -1]",
        ),
        ("[bitshl(1, 4), bitshr(-16, 2), bitushr(-1, 60)]", "[16 -4 15]"),
        ("bitshl(1, -1)", "!a negative shift"),
        ("reverse(sort([3, 1, 2]))", "[3 2 1]"),
        ("uniq(concat([1, 2], [2, 3]))", "[1 2 3]"),
        ("flatten([1, [2, [3]]])", "[1 2 3]"),
        ("Flatten(1, [2], [[3]])", "[1 2 3]"),
        ("FlattenDistinct(1, [1], [[2]])", "[1 2]"),
        ("Distinct(['a', 'b', 'a'])", "[a b]"),
        ("toPairs({a: 1})", "[[a 1]]"),
        ("fromPairs([['a', 1]]).a", "1"),
        ("take([1, 2, 3], 2)", "[1 2]"),
        ("values({a: 1})", "[1]"),
        ("Get(['a'], 0) + Get(['a'], 7)", "a"),
        (
            "KeyExists('a', {a: nil}) && !KeyExists('b', evt.Unmarshaled)",
            "true",
        ),
        ("FloatApproxEqual(1, 1.0000001)", "true"),
        ("Distance('48.85', '2.35', '51.5', '-0.12') > 340", "true"),
        ("Distance('0', '0', '51.5', '-0.12')", "0"),
        (
            "Distance('x', '0', '51.5', '-0.12')",
            "!a coordinate is not a number",
        ),
        ("int('7') % 0", "!division by zero"),
        (
            "any(1..100000, any(1..100000, false))",
            "!it makes more than 16 MiB",
        ),
    ]);
}

#[test]
fn what_has_no_order_and_what_grows_without_end_is_refused() {
    let mixed = format!("sort([{}])", "1, 'a', 0, ".repeat(30).trim_end_matches(", "));
    assert_eq!(eval(&mixed), "!these have no order");
    let grown = "Replace(repeat('x', 100000), 'x', repeat('y', 100000), -1)";
    assert_eq!(eval(grown), "!the text gets too long");
}

#[test]
fn functions_on_texts() {
    check(&[
        ("SplitN('a,b,c', ',', 2)", "[a b,c]"),
        ("SplitAfter('a,b', ',')", "[a, b]"),
        ("SplitAfterN('a,b,c', ',', 2)", "[a, b,c]"),
        (
            "len(Split('abc', '')) + len(split('a,b', ',', 0)) + len(Split('', ','))",
            "4",
        ),
        ("Fields(' a  b ')", "[a b]"),
        ("Index('chicken', 'ken') + IndexAny('golang', 'ny')", "8"),
        ("repeat('ab', 2) + replace('aaa', 'a', 'b', 1)", "ababbaa"),
        ("trimPrefix(' a') + trimSuffix('b ')", "ab"),
        ("B64Decode('aGk=') + fromBase64(toBase64('x'))", "hix"),
        ("B64Decode('%')", "!not base64"),
        (
            "ToString(1) + ToString('a') + string(1.5) + type([]) + type(nil)",
            "a1.5arraynil",
        ),
        (
            "PathEscape('a b/ü') + QueryEscape('a b&c')",
            "a%20b%2F%C3%BCa+b%26c",
        ),
        ("ParseUri('/x?a=1&a=2&b=%20')['a']", "[1 2]"),
        ("ParseUri('/x?a=%zz')", "map[]"),
        ("len(ParseUri('/x').missing)", "0"),
        ("ParseQuery('a=%zz;&b')", "map[a:[%zz;] b:[]]"),
        ("ExtractQueryParam('/x?q=a+b', 'q')", "[a b]"),
        ("Match('a**', 'a') || Match('', 'a')", "false"),
        (
            "Match('a**', 'ab') && Match('*', '') && Match('', '') && Match('a*c?', 'abbcd')",
            "true",
        ),
        (
            "Sprintf('%05d|%-4s|%4s|%+d|%x|%X|%.2f|%q|%T', 42, 'a', 'b', 3, 255, 'hi', 1.005, 'c', 1)",
            "00042|a   |   b|+3|ff|6869|1.00|\"c\"|int",
        ),
        ("Sprintf('%d %s', 'a')", "%!d(string=a) %!s(MISSING)"),
        ("Sprintf('x', 1, 'b')", "x%!(EXTRA int=1, string=b)"),
        (
            "Sprintf('%v %v %v', nil, {b: 1, a: [true]}, duration('90s'))",
            "<nil> map[a:[true] b:1] 1m30s",
        ),
        (
            "Sprintf('%t %c %e %g', true, 65, 12345.678, 1e21)",
            "true A 1.234568e+04 1e+21",
        ),
        ("LogInfo('seen %s', evt.Parsed.program)", "true"),
    ]);
}

#[test]
fn functions_on_times() {
    check(&[
        ("TimeNow()", "2026-06-01T00:00:00Z"),
        ("now() - date('2026-05-31T23:00:00Z')", "1h0m0s"),
        (
            "ParseUnix('1780272000.7') + ParseUnix('x') + ParseUnix('0')",
            "2026-06-01T00:00:00Z",
        ),
        ("ParseUnixTime('1').Year()", "1970"),
        (
            "(evt.Time + duration('36h')).Format('Mon Jan _2 15:04:05 MST 2006')",
            "Tue Jun  2 12:00:00 UTC 2026",
        ),
        (
            "evt.Time.Format('2006-01-02T15:04:05.000Z07:00 PM 3')",
            "2026-06-01T00:00:00.000Z AM 12",
        ),
        (
            "evt.Time.Weekday() == 1 && evt.Time.Month().String() == 'June'",
            "true",
        ),
        ("evt.Time.YearDay()", "152"),
        (
            "evt.Time.Add(duration('1h')).After(evt.Time) && !evt.Time.IsZero()",
            "true",
        ),
        ("evt.Time.Truncate(duration('24h')).Unix()", "1780272000"),
        (
            "duration('90m').Hours() + duration('1s').Milliseconds()",
            "1001.5",
        ),
        ("duration('2h') == 2 * duration('1h')", "true"),
        ("string(evt.Time)", "2026-06-01 00:00:00 +0000 UTC"),
        (
            "MedianInterval([evt.Time, evt.Time + duration('1s'), evt.Time + duration('4s')])",
            "2s",
        ),
        ("AverageInterval([evt.Time, evt.Time + duration('3s')])", "3s"),
        (
            "AverageInterval([evt.Time])",
            "!fewer than two times have no interval",
        ),
    ]);
}

#[test]
fn json_as_it_is_written() {
    check(&[
        (r#"JsonExtract(`{"a": { "b" : "x\"y" }}`, 'a.b')"#, r#"x\"y"#),
        (
            r#"JsonExtract('{"a": { "b" : [1,  2] }}', 'a')"#,
            r#"{ "b" : [1,  2] }"#,
        ),
        ("JsonExtract('[[1, 2], 3]', '[0].[1]')", "2"),
        (r#"JsonExtract('{"a":[[1, 2]]}', 'a[0][1]')"#, "2"),
        (r#"JsonExtract('{"a":null}', 'a')"#, "null"),
        (r#"JsonExtractUnescape(`{"a":"x\"y\u0041"}`, 'a')"#, r#"x"yA"#),
        (r#"JsonExtractUnescape('{"a":1}', 'a')"#, ""),
        (r#"JsonExtractLib('{"a":{"b.c":1}}', 'a', 'b.c')"#, "1"),
        (r#"JsonExtractSlice('{"a":[1,"b"]}', 'a')"#, "[1 b]"),
        (r#"JsonExtractSlice('{"a":1}', 'a')"#, "[]"),
        (r#"JsonExtractObject('{"a":{"b":1}}', 'a').b"#, "1"),
        ("ToJsonString({b: [1, 'x'], a: nil})", r#"{"a":null,"b":[1,"x"]}"#),
        (r#"fromJSON('{"a":[1]}').a[0]"#, "1"),
        (
            "ParseKV('a=1', evt.Unmarshaled, 'k') == nil && ParseKV('b=2', evt.Unmarshaled, 'k') == nil \
          && evt.Unmarshaled.k.a + evt.Unmarshaled.k.b + evt.Unmarshaled.k.none == '12'",
            "true",
        ),
        (
            "ParseKVLax('a=x y b=\"q c=1\" d=', evt.Unmarshaled, 'k') ?? evt.Unmarshaled.k",
            "map[a:x y b:q c=1 d:]",
        ),
        (
            "ParseKV('none', evt.Unmarshaled, 'k')",
            "!there is no key=value in it",
        ),
        (
            "XMLGetNodeValue('<a><b x=\"1\">t</b></a>', '/a/b') + XMLGetAttributeValue('<a x=\"1\"/>', '/a', 'x')",
            "t1",
        ),
        ("XMLGetNodeValue('<a', '/a')", ""),
        (
            "IsIPV4('::ffff:1.2.3.4') && IpInRange('::ffff:1.2.3.4', '1.2.3.0/24')",
            "true",
        ),
        ("IpToRange('1.2.3.4', '/33') + IpToRange('x', '/24')", ""),
        (
            "GetFromStash('none', 'a') + Hostname() + IPToCountry('1.2.3.4')",
            "",
        ),
        (
            "GeoIPEnrich('1.2.3.4') == nil && GetDecisionsCount('1.2.3.4') == 0",
            "true",
        ),
        (
            "LookupFile('/a/admin', 'table.json') + LookupFile('/x', 'table.json') + LookupFile('99', 'table.json')",
            "containedequalmatched",
        ),
        ("FileMap('table.json')[0].tag", "equal"),
        (
            "LookupFile('a', 'words.txt')",
            "16: the row \"alpha\" is no JSON of texts",
        ),
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
