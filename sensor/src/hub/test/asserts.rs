//! Files of asserts: one expression a line, all of which must hold.
//!
//! They are compiled and run by the engine that rules run on, in its environment for tests. Deliberately absent: what the
//! results are, which `results` gathers.

use std::path::Path;

use super::report::{Failure, MAX_FAILURES};
use crate::expr::{Context, Data, Env, Expression, Results, Scope};
use crate::parse::Event;
use crate::parse::names::Names;

/// What became of a file of asserts.
#[derive(Debug, Default)]
pub(super) struct Asserted {
    pub(super) held: usize,
    pub(super) failed: usize,
    /// The first of those that failed.
    pub(super) failures: Vec<Failure>,
}

/// Holds a file's asserts against results.
pub(super) fn check(file: &Path, text: &str, results: Results<'_>, names: &Names) -> Asserted {
    let mut judge = Judge {
        names: names.clone(),
        data: Data::default(),
        results,
        blank: Event::blank(std::sync::Arc::new(Names::default())),
    };
    let mut asserted = Asserted::default();
    let file = file
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    for (at, line) in text.lines().enumerate() {
        let assert = line.trim();
        if assert.is_empty() {
            continue;
        }
        let Err(was) = judge.holds(assert) else {
            asserted.held += 1;
            continue;
        };
        asserted.failed += 1;
        if asserted.failures.len() < MAX_FAILURES {
            asserted.failures.push(Failure {
                file: file.clone(),
                line: at + 1,
                assert: assert.to_owned(),
                was,
            });
        }
    }
    asserted
}

struct Judge<'r> {
    names: Names,
    data: Data,
    results: Results<'r>,
    blank: Event,
}

// === impl Judge ===

impl Judge<'_> {
    fn scope(&self) -> Scope {
        match self.results {
            Results::Parsers(_) => Scope::ParserResults,
            Results::Overflows(_) => Scope::OverflowResults,
        }
    }

    /// Whether an assert holds; if not, what was there instead.
    fn holds(&mut self, assert: &str) -> Result<(), String> {
        let assert = with_basename(assert);
        let scope = self.scope();
        let mut context = Context {
            names: &mut self.names,
            data: &self.data,
        };
        let compiled = Expression::compile_test(&assert, scope, &mut context)
            .map_err(|error| format!("no expression: {error} (at byte {})", error.at()))?;
        let env = Env::of_test(&self.blank, self.results);
        let held = compiled.eval(env).map(|value| value.as_bool());
        match held {
            Ok(Some(true)) => Ok(()),
            Ok(_) => Err(self.was(&assert)),
            Err(error) => Err(format!("failed: {error}")),
        }
    }

    /// The value of the side of an assert that is not the constant.
    fn was(&mut self, assert: &str) -> String {
        let side = match (split(assert, " == "), split(assert, " in ")) {
            (Some((left, _)), _) => left,
            (None, Some((_, right))) => right,
            _ => return "it is false".to_owned(),
        };
        let scope = self.scope();
        let mut context = Context {
            names: &mut self.names,
            data: &self.data,
        };
        let Ok(compiled) = Expression::compile(side, scope, &mut context) else {
            return "it is false".to_owned();
        };
        let value = compiled.eval(Env::of_test(&self.blank, self.results));
        match value {
            Ok(value) => match value.as_str() {
                Some(text) => format!("{text:?}"),
                None => value.display().into_owned(),
            },
            Err(error) => format!("failed: {error}"),
        }
    }
}

/// Splits at an operator that stands outside of texts.
fn split<'a>(assert: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in assert.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, _) if assert.get(at..).is_some_and(|rest| rest.starts_with(operator)) => {
                return Some((assert.get(..at)?, assert.get(at + operator.len()..)?));
            }
            _ => {}
        }
    }
    None
}

/// Older asserts compare the whole path of a log with the name of its file.
fn with_basename(assert: &str) -> String {
    match split(assert, " == ") {
        Some((left, right)) if left.contains("datasource_path") && !left.contains("basename(") => {
            format!("basename({left}) == {right}")
        }
        _ => assert.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_outside_of_texts_only() {
        assert_eq!(
            split(r#"a["x == \" y"] == "b""#, " == "),
            Some((r#"a["x == \" y"]"#, "\"b\""))
        );
        assert_eq!(split("'a == b'", " == "), None);
        assert_eq!(
            with_basename(r#"results[0].Evt.Meta["datasource_path"] == "x.log""#),
            r#"basename(results[0].Evt.Meta["datasource_path"]) == "x.log""#
        );
        let already = r#"basename(r["datasource_path"]) == "x.log""#;
        assert_eq!(with_basename(already), already);
    }
}
