//! What one evaluation may cost, and what is found by hash: neither lines nor rules make it run long or large.

use super::{eval, event};
use crate::expr::{Context, Data, Env, Expression, Scope};
use crate::parse::names::Names;

/// What lines and rules could make of each other without an end: each ends soon, and is counted.
#[test]
fn no_evaluation_makes_more_than_it_may() {
    let text = "'0123456789abcdef'";
    let long = format!("repeat({text}, 60000)");
    for source in [
        // Texts that double.
        format!("len(reduce(1..40, #acc + #acc, {text}))"),
        format!("len(join(map(1..90000, {text}), {long}))"),
        format!("len(map(1..90000, {long}))"),
        // Lists of lists of lists.
        "let l = 1..3000; len(map(l, l))".to_owned(),
        "len(reduce(1..30, concat(#acc, #acc), [1]))".to_owned(),
        "let l = map(1..3000, {let n = #; map(1..3000, n)}); len(l)".to_owned(),
        format!("len(Split({long} + {long}, ''))"),
        "len(groupBy(1..90000, {1..5000}))".to_owned(),
        // Work without making anything.
        format!("let t = {long}; all(1..90000, not (t contains 'x'))"),
        format!("let t = {long}; all(1..90000, not (t matches 'x$'))"),
        "let l = 1..20000; any(l, -1 in l)".to_owned(),
    ] {
        let (mut names, data) = (Names::default(), Data::default());
        let mut context = Context {
            names: &mut names,
            data: &data,
        };
        let expression = Expression::compile(&source, Scope::Event, &mut context)
            .unwrap_or_else(|errors| panic!("{source}: {errors}"));
        let event = event(names);
        let begun = std::time::Instant::now();
        let error = expression
            .eval(Env::of(&event))
            .map(|value| value.display().into_owned());
        assert!(error.is_err(), "{source}: {error:?}");
        assert_eq!(event.ended(), 1, "{source}: {error:?}");
        assert!(
            begun.elapsed().as_secs() < 20,
            "{source} took {:?}",
            begun.elapsed()
        );
    }
}

/// A hundred thousand different values are told apart in the time of a hundred thousand, and by the language's equality.
#[test]
fn what_is_grouped_is_found_by_hash() {
    let begun = std::time::Instant::now();
    for (source, expected) in [
        ("len(uniq(concat(1..90000, 1..90000)))", "90000"),
        ("len(groupBy(1..90000, {string(#)}))", "90000"),
        ("len(fromPairs(map(1..40000, [string(#), 1])))", "40000"),
        ("len(uniq(map(1..20000, {{'a': #}})))", "20000"),
        (
            "uniq([1, 1.0, '1', true, nil, nil, 0.0, -0.0])",
            "[1 1 true <nil> 0]",
        ),
        (
            "uniq([[1, 2], [1.0, 2], {'a': 1}, {'a': 1.0}])",
            "[[1 2] map[a:1]]",
        ),
        ("{'a': 1, 'b': [2]} == {'b': [2.0], 'a': 1}", "true"),
        ("{'a': 1, 'b': 2} == {'b': 2, 'c': 1}", "false"),
    ] {
        assert_eq!(eval(source), expected, "{source}");
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}
