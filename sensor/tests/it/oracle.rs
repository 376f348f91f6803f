//! Our expressions against another implementation of the language, the `expr-lang` crate: generated
//! expressions, and those of the hub's scenarios where it can run them.
//!
//! Only where both give a value do they have to agree: ours refuses when it compiles what the other finds
//! while it runs, or never. Why there are two: docs/decisions/0004-own-expressions.md.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use vigie_sensor::expr::{Context, Data, Env, Expression, Scope, Value};
use vigie_sensor::parse::Event;
use vigie_sensor::parse::names::{Names, Space};
use vigie_sensor::rules::Loader;

use crate::hub::shared;

/// What both see: texts by `space.name`.
type Fields = BTreeMap<(Space, String), String>;

fn ours(source: &str, fields: &Fields) -> Result<String, String> {
    let (mut names, data) = (Names::default(), Data::default());
    let mut context = Context {
        names: &mut names,
        data: &data,
    };
    let compiled = Expression::compile(source, Scope::Event, &mut context);
    let expression = compiled.map_err(|errors| format!("compiling: {errors}"))?;
    let mut event = Event::blank(Arc::new(names));
    for ((space, name), value) in fields {
        event.set(*space, name, value);
    }
    let value = expression.eval(Env::of(&event));
    value.map(|value| show(&value)).map_err(|error| error.to_string())
}

/// Numbers of both kinds alike, so that only their value counts.
fn number(number: f64) -> String {
    format!("{number:.9}")
}

fn show(value: &Value<'_>) -> String {
    if let Some(text) = value.as_str() {
        return format!("{text:?}");
    }
    if let Some(float) = value.as_float() {
        return number(float);
    }
    if let Some(entries) = value.entries() {
        let entries: BTreeMap<_, _> = entries.iter().map(|(name, value)| (name, show(value))).collect();
        return format!("{entries:?}");
    }
    match (value, value.len()) {
        (_, Some(len)) => {
            let items = (0..len).filter_map(|at| value.item(at));
            format!("{:?}", items.map(|item| show(&item)).collect::<Vec<_>>())
        }
        (value, None) => value.display().into_owned(),
    }
}

fn theirs(source: &str, fields: &Fields) -> Result<String, String> {
    let space = |wanted: Space| {
        let of = fields.iter().filter(move |((space, _), _)| *space == wanted);
        let entries = of.map(|((_, name), value)| (name.clone(), expr::Value::String(value.clone())));
        expr::Value::Map(entries.collect())
    };
    let spaces = [
        ("Parsed".to_owned(), space(Space::Parsed)),
        ("Meta".to_owned(), space(Space::Meta)),
        ("Enriched".to_owned(), space(Space::Enriched)),
    ];
    let mut context = expr::Context::default();
    context.insert("evt".to_owned(), expr::Value::Map(spaces.into_iter().collect()));
    let mut environment = expr::Environment::new();
    let text = |args: &[expr::Value]| {
        args.first()
            .and_then(|arg| arg.as_string())
            .unwrap_or("")
            .to_owned()
    };
    environment.add_function("Upper", move |call| Ok(text(&call.args).to_uppercase().into()));
    environment.add_function("Lower", move |call| Ok(text(&call.args).to_lowercase().into()));
    let value = environment.eval(source, &context);
    value
        .map(|value| show_theirs(&value))
        .map_err(|error| error.to_string())
}

fn show_theirs(value: &expr::Value) -> String {
    match value {
        expr::Value::Integer(whole) =>
        {
            #[expect(clippy::cast_precision_loss, reason = "the same for both")]
            number(*whole as f64)
        }
        expr::Value::Float(float) => number(*float),
        expr::Value::Bool(is) => is.to_string(),
        expr::Value::String(text) => format!("{text:?}"),
        expr::Value::Array(items) => format!("{:?}", items.iter().map(show_theirs).collect::<Vec<_>>()),
        expr::Value::Map(entries) => {
            let entries: BTreeMap<_, _> = entries
                .iter()
                .map(|(name, value)| (name, show_theirs(value)))
                .collect();
            format!("{entries:?}")
        }
        // Ours has texts for keys; there the key's kind is kept.
        expr::Value::KeyedMap(entries) => {
            let key = |key: &expr::Value| key.as_string().map_or_else(|| format!("{key}"), str::to_owned);
            let entries: BTreeMap<_, _> = entries
                .iter()
                .map(|(name, value)| (key(name), show_theirs(value)))
                .collect();
            format!("{entries:?}")
        }
        expr::Value::Nil => "<nil>".to_owned(),
        expr::Value::Bytes(bytes) => format!("{bytes:?}"),
    }
}

fn fields() -> Fields {
    [("a", "sshd"), ("b", ""), ("n", "12"), ("path", "/A/b.php?x=1")]
        .into_iter()
        .map(|(name, value)| ((Space::Parsed, name.to_owned()), value.to_owned()))
        .collect()
}

fn texts() -> BoxedStrategy<String> {
    prop_oneof![
        proptest::sample::select(vec![
            "evt.Parsed.a",
            "evt.Parsed.b",
            "evt.Parsed.n",
            "evt.Parsed['path']",
            "'sshd'",
            "\"ss\"",
            "''",
            "`1.2`",
        ])
        .prop_map(str::to_owned),
    ]
    .prop_recursive(3, 12, 3, |text| {
        prop_oneof![
            (text.clone(), text.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            text.clone().prop_map(|a| format!("upper({a})")),
            text.clone().prop_map(|a| format!("trim({a})")),
            (text.clone(), text.clone()).prop_map(|(a, b)| format!("trimPrefix({a}, {b})")),
            (text.clone(), -3..6_i64, -3..6_i64).prop_map(|(a, from, to)| format!("{a}[{from}:{to}]")),
            (text.clone(), text.clone(), text.clone())
                .prop_map(|(a, b, c)| format!("replace({a}, 's' + {b}, {c})")),
            (tests_of(text.clone()), text.clone(), text).prop_map(|(t, a, b)| format!("({t} ? {a} : {b})")),
        ]
    })
    .boxed()
}

fn tests_of(text: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> {
    let operators = proptest::sample::select(vec![
        "==",
        "!=",
        "contains",
        "startsWith",
        "endsWith",
        "not contains",
        "not startsWith",
        "<",
        ">=",
        "matches",
    ]);
    (text.clone(), operators, text).prop_map(|(a, operator, b)| match operator {
        "matches" => format!("({a} matches '^[a-z]+$' or {b} matches `\\d`)"),
        operator => format!("({a} {operator} {b})"),
    })
}

fn numbers() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (-20..20_i64).prop_map(|number| format!("({number})")),
        Just("len(evt.Parsed.a)".to_owned()),
        Just("1.5".to_owned()),
        Just("int(evt.Parsed.n)".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 2, |number| {
        let operators = proptest::sample::select(vec!["+", "-", "*", "/", "**"]);
        prop_oneof![
            (number.clone(), operators, number.clone())
                .prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            number.clone().prop_map(|a| format!("-{a}")),
            number.clone().prop_map(|a| format!("abs({a})")),
            proptest::collection::vec(number.clone(), 1..4)
                .prop_map(|all| format!("sum([{}])", all.join(", "))),
            proptest::collection::vec(number, 1..4).prop_map(|all| format!("max([{}])", all.join(", "))),
        ]
    })
}

fn lists() -> impl Strategy<Value = String> {
    proptest::collection::vec(texts(), 1..4).prop_flat_map(|items| {
        let list = format!("[{}]", items.join(", "));
        proptest::sample::select(vec![
            list.clone(),
            format!("filter({list}, len(#) > 2)"),
            format!("map({list}, {{# + '!'}})"),
            format!("any({list}, {{# contains 's'}}) && !all({list}, # == '')"),
            format!("{list} | map(upper(#)) | filter(# != '')"),
            format!("count({list}, # == 'sshd') + findIndex({list} + ['zz'], # != '')"),
            format!("'sshd' in {list} and '1' not in {list}"),
            format!("sort(uniq({list}))"),
            format!("join({list}, '-')"),
            format!("{list}[-1]"),
            format!("{list}[1:]"),
            format!("first({list}) + last({list})"),
            format!("reduce({list}, #acc + #)"),
            format!("groupBy({list}, upper(#))"),
            format!("let x = {list}; len(x) > 1 ? x[1] : x[0]"),
            format!("find({list}, # == 'nowhere') ?? 'none'"),
            format!("1..len({list})"),
        ])
    })
}

fn agree(source: &str, fields: &Fields) -> Result<bool, TestCaseError> {
    let (Ok(own), Ok(other)) = (ours(source, fields), theirs(source, fields)) else {
        return Ok(false);
    };
    prop_assert_eq!(own, other, "{}", source);
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn generated_expressions(
        text in texts(),
        test in tests_of(texts()),
        number in numbers(),
        list in lists(),
        operator in proptest::sample::select(vec!["&&", "||", "and", "or"]),
    ) {
        let fields = fields();
        for source in [&text, &test, &number, &list] {
            agree(source, &fields)?;
        }
        agree(&format!("{test} {operator} not {test} {operator} {number} > 1"), &fields)?;
        agree(&format!("{number} < {number} <= 7"), &fields)?;
    }
}

/// Both run most of what is generated; otherwise agreeing would mean little.
#[test]
fn the_comparison_compares() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop_oneof![texts(), tests_of(texts()), numbers(), lists()];
    let (mut both, all) = (0, 500);
    for _ in 0..all {
        let source = strategy.new_tree(&mut runner).unwrap().current();
        both += usize::from(agree(&source, &fields()).unwrap());
    }
    println!("{both} of {all} generated expressions run in both");
    assert!(both > all * 8 / 10, "{both}");
}

#[test]
fn the_hub_s_expressions() {
    let Some(shared) = shared("the hub's expressions") else {
        return;
    };
    let mut loader = Loader::new();
    loader
        .data_dir(&shared.join("hub-data"))
        .dir(&shared.join("hub/scenarios/.."));
    let (rules, _) = loader.finish_lenient();
    let mut sources: Vec<String> = Vec::new();
    for scenario in &rules.scenarios {
        let expressions = [
            Some(&scenario.filter),
            scenario.group_by.as_ref(),
            scenario.distinct.as_ref(),
        ];
        sources.extend(expressions.into_iter().flatten().map(|it| it.source().to_owned()));
    }
    sources.sort_unstable();
    sources.dedup();
    let field = regex::Regex::new(r"evt\.(Parsed|Meta|Enriched)\.(\w+)").unwrap();
    let literal = regex::Regex::new(r#"'([^'\\]*)'|"([^"\\]*)""#).unwrap();
    let (mut run, mut compared, mut held) = (0, 0, 0);
    for source in &sources {
        let mut values: Vec<&str> = literal
            .captures_iter(source)
            .filter_map(|found| found.get(1).or(found.get(2)))
            .map(|found| found.as_str())
            .collect();
        values.push("");
        let mut agreed = false;
        for turn in 0..4 {
            let fields: Fields = field
                .captures_iter(source)
                .enumerate()
                .map(|(at, found)| {
                    let space = match &found[1] {
                        "Parsed" => Space::Parsed,
                        "Meta" => Space::Meta,
                        _ => Space::Enriched,
                    };
                    let value = values[(at * 7 + turn * 3) % values.len()];
                    ((space, found[2].to_owned()), value.to_owned())
                })
                .collect();
            let (Ok(own), Ok(other)) = (ours(source, &fields), theirs(source, &fields)) else {
                continue;
            };
            assert_eq!(own, other, "{source}\n{fields:?}");
            agreed = true;
            compared += 1;
            held += usize::from(own == "true");
        }
        run += usize::from(agreed);
    }
    println!(
        "{run} of {} expressions of the hub's scenarios run in both; {compared} comparisons, of which {held} held",
        sources.len()
    );
    assert!(run > 500, "{run}");
}
