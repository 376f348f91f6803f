//! Rule files that cannot be loaded, and the place that each error names.

use proptest::prelude::*;

use vigie_sensor::rules::Loader;

/// The errors of a parser file, without its name.
fn parser_errors(text: &str) -> Vec<String> {
    let mut loader = Loader::new();
    loader.parser("s01-parse", "p", text);
    errors(loader)
}

fn scenario_errors(text: &str) -> Vec<String> {
    let mut loader = Loader::new();
    loader.scenario("p", text);
    errors(loader)
}

fn errors(loader: Loader) -> Vec<String> {
    let (_, errors) = loader.finish_lenient();
    errors
        .iter()
        .map(|error| error.to_string().trim_start_matches("p:").to_owned())
        .collect()
}

#[test]
fn parser_files() {
    let cases = [
        (
            "name: a\nfilter: \"evt.Parsd.x == ''\"\n",
            "2:14: unknown field \"Parsd\" of an event",
        ),
        (
            "name: a\nfilter: evt.Parsed.x == 1\n",
            "2:22: a text and a whole number do not go together here",
        ),
        (
            "name: a\nfilter: |\n  1 == 1 &&\n  nope\n",
            "4:3: unknown name \"nope\"",
        ),
        (
            "name: a\nfilter: >-\n  1 == 1 &&\n  'it' == nope\n",
            "4:11: unknown name \"nope\"",
        ),
        (
            "name: a\nfilter: 'evt.Meta.a == ''x'' && nope'\n",
            "2:33: unknown name \"nope\"",
        ),
        (
            "name: a\nfilter: \"evt.Meta.a == \\\"x\\\" && nope\"\n",
            "2:33: unknown name \"nope\"",
        ),
        ("name: a\nfilterr: x\n", "2:1: unknown key \"filterr\""),
        ("name: a\nname: b\n", "2:1: the key \"name\" stands here twice"),
        ("- a\n", "1:1: expected a mapping"),
        ("name: [a\n", "2:1: not YAML"),
        (
            "name: a\ngrok:\n  pattern: 'a(%{INT:b}'\n  apply_on: message\n",
            "3:12: bad pattern: unclosed group",
        ),
        (
            "name: a\ngrok:\n  pattern: '%{NOPE:b}'\n  apply_on: message\n",
            "3:12: there is no pattern \"NOPE\"",
        ),
        (
            "name: a\ngrok:\n  name: NOPE\n  apply_on: message\n",
            "3:9: there is no pattern \"NOPE\"",
        ),
        (
            "name: a\ngrok:\n  pattern: '%{INT:b}'\n",
            "3:3: a grok needs \"apply_on\" or \"expression\"",
        ),
        (
            "name: a\nstatics:\n - meta: x\n",
            "3:4: a static needs a value or an expression",
        ),
        (
            "name: a\nstatics:\n - value: x\n",
            "3:4: a static needs one of meta, parsed, enriched, target and method",
        ),
        (
            "name: a\nstatics:\n - method: Nope\n   expression: evt.StrTime\n",
            "3:12: unknown method \"Nope\"",
        ),
        (
            "name: a\nonsuccess: stop\n",
            "2:12: onsuccess is \"next_stage\" or \"continue\", not \"stop\"",
        ),
        (
            "name: a\nwhitelist:\n  reason: x\n  ip:\n    - 1.2.3\n",
            "5:7: \"1.2.3\" is not an address",
        ),
        (
            "name: a\nwhitelist:\n  cidr: [10.0.0.0/99]\n",
            "3:10: \"10.0.0.0/99\" is not a range",
        ),
        (
            "name: a\nstash:\n  - name: x\n    key: evt.Parsed.a\n    value: evt.Parsed.b\n",
            "3:5: \"ttl\" is missing",
        ),
        (
            "name: a\nstash:\n  - name: x\n    key: evt.Parsd.a\n    value: '1'\n    ttl: 5s\n    strategy: FIFO\n",
            "7:15: a stash's strategy is LRU, LFU or ARC, not \"FIFO\"",
        ),
        (
            "name: a\ndata:\n  - source_url: x\n    dest_file: y\n    type: sting\n",
            "5:11: the type of a data file is string, regexp, map or json, not \"sting\"",
        ),
        (
            "name: a\nnodes:\n  - filter: a.b\n---\nname: b\n",
            "3:13: unknown name \"a\"",
        ),
    ];
    for (text, expected) in cases {
        let errors = parser_errors(text);
        assert!(
            errors.iter().any(|error| error.starts_with(expected)),
            "{text}\n{errors:?}\n{expected}"
        );
    }
}

#[test]
fn all_mistakes_of_a_document_are_told() {
    let text = "name: a\nfilter: evt.Parsd.x == '' && nope == 1\nfiltre: x\nstatics:\n  - meta: m\n    expression: Uper(1)\n\
                \x20 - meta: m\n    exprssion: x\n    value: y\n---\nname: b\nfilter: bad\n";
    assert_eq!(
        parser_errors(text),
        [
            "2:13: unknown field \"Parsd\" of an event",
            "2:30: unknown name \"nope\"",
            "3:1: unknown key \"filtre\"",
            "6:17: unknown function \"Uper\"",
            "8:5: unknown key \"exprssion\"",
            "12:9: unknown name \"bad\"",
        ]
    );
    let many: String = (0..50).map(|number| format!("bad{number}: x\n")).collect();
    let errors = parser_errors(&format!("name: a\n{many}"));
    assert_eq!(errors.len(), 20);
    assert!(errors[19].ends_with("(and 30 more mistakes)"), "{}", errors[19]);
}

#[test]
fn a_rule_file_of_a_hundred_thousand_lines() {
    let started = std::time::Instant::now();
    let bad: String = (0..100_000)
        .map(|line| format!("  - meta: m\n    expression: nope{line}\n"))
        .collect();
    let errors = parser_errors(&format!("name: a\nstatics:\n{bad}"));
    assert_eq!(errors.len(), 20);
    let good: String = (0..10_000)
        .map(|number| {
            format!("---\nname: s{number}\ntype: trigger\nfilter: evt.Meta.a == 'x{number}' && evt.Meta.b != ''\ngroupby: evt.Meta.a\nlabels:\n  a: b\n\n\n\n")
        })
        .collect();
    assert_eq!(good.lines().count(), 100_000);
    assert_eq!(scenario_errors(&good), Vec::<String>::new());
    let expression = vec!["evt.Meta.a == 'x'"; 100_000].join("\n  || ");
    let errors = parser_errors(&format!("name: a\nfilter: |\n  {expression}\n"));
    assert!(errors[0].contains("longer than 262144 bytes"), "{errors:?}");
    let patterns: String = (0..2_000)
        .map(|line| format!("  P{line}: '%{{INT:a{line}}}x{{'\n"))
        .collect();
    let errors = parser_errors(&format!("name: a\npattern_syntax:\n{patterns}"));
    assert_eq!(errors, Vec::<String>::new());
    println!("{:?}", started.elapsed());
}

#[test]
fn scenario_files() {
    let good = "type: leaky\nname: a\nfilter: 'true'\ncapacity: 5\nleakspeed: 10s\n";
    assert_eq!(scenario_errors(good), Vec::<String>::new());
    let cases = [
        (good.replace("leaky", "lumpy"), "1:7: unknown type \"lumpy\""),
        (
            good.replace("leaky", "bayesian"),
            "1:1: \"bayesian_prior\" is missing",
        ),
        (
            good.replace("10s", "10 parsecs"),
            "5:12: \"10 parsecs\" is not a duration such as 10s or 1h30m",
        ),
        (
            good.replace("capacity: 5", "capacity: five"),
            "4:11: \"five\" is not a whole number",
        ),
        (
            good.replace("capacity: 5\n", ""),
            "1:1: a leaky bucket needs a capacity above zero",
        ),
        (good.replace("leaky", "trigger"), "1:1: a trigger has no capacity"),
        (
            good.replace("'true'", "evt.Meta.x"),
            "3:18: expected a bool, this is a text",
        ),
        (
            format!("{good}groupby: 1\n"),
            "6:10: expected a text, this is a whole number",
        ),
        (
            format!("{good}scope:\n  type: pid\n"),
            "7:3: the scope \"pid\" needs an expression",
        ),
        (
            format!("{good}reprocess: maybe\n"),
            "6:12: \"maybe\" is neither true nor false",
        ),
        (format!("{good}distinkt: x\n"), "6:1: unknown key \"distinkt\""),
        (
            format!("{good}condition: len(queue.Quue) > 1\n"),
            "6:22: unknown field \"Quue\" of queue",
        ),
        (good.replace("name: a\n", ""), "1:1: \"name\" is missing"),
    ];
    for (text, expected) in cases {
        assert_eq!(scenario_errors(&text), [expected], "{text}");
    }
}

#[test]
fn bombs_are_refused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let alias = format!("*a{}, ", level - 1).repeat(10);
        bomb = [bomb, format!("a{level}: &a{level} [{alias}]\n")].concat();
    }
    assert!(parser_errors(&bomb)[0].contains("more than 1000000 nodes"));
    assert!(parser_errors(&"[".repeat(10_000))[0].contains("recursion limit"));
    assert!(parser_errors(&"[".repeat(100))[0].contains("nested deeper than 64"));
    let keys: Vec<String> = (0..100_000).map(|number| format!("  key{number}: x")).collect();
    let long = format!("labels:\n{}\n", keys.join("\n"));
    assert!(parser_errors(&long)[0].contains("unknown key"));
}

#[test]
fn the_rule_hash_is_that_of_the_document() {
    let one = "type: trigger\nname: a\nfilter: 'true'";
    let other = "type: trigger\nname: b\nfilter: 'true'";
    let load = |text: &str| {
        let mut loader = Loader::new();
        loader.scenario("p", text);
        let rules = loader.finish().unwrap();
        rules
            .scenarios
            .iter()
            .map(|scenario| scenario.rule)
            .collect::<Vec<_>>()
    };
    let both = load(&format!("{one}\n---\n{other}\n"));
    assert_eq!(both, [load(one)[0], load(other)[0]]);
    let expected = blake3::hash(one.as_bytes());
    assert_eq!(both[0].0, expected.as_bytes()[..8]);
}

proptest! {
    #[test]
    fn any_text_is_rules_or_errors(text in "(?:[-a-z:&*!|>'\"{}\\[\\], #%]|\n|\n  |name: |filter: |nodes:\n - |grok:\n){0,60}") {
        parser_errors(&text);
        scenario_errors(&text);
    }
}
