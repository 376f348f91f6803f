//! Patterns that an expression computes while it runs: compiled once for many lines, and never large.
//!
//! A log may choose them, so their text, their compiled size and how many are remembered are bounded. Deliberately
//! absent: patterns that stand in the rule, which are compiled when it loads.

use std::sync::{Mutex, PoisonError};

use regex::Regex;

use super::EvalError;
use super::eval::fuel::PATTERN_TOO_LARGE;
use crate::grok::re2;

/// Patterns of one expression that are remembered, the latest first.
const REMEMBERED: usize = 8;
/// How long a pattern may be.
const MAX_PATTERN_BYTES: usize = 4 * 1024;
/// How large it may be when compiled, and how large its automaton may grow.
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Computed(Mutex<Vec<Known>>);

/// A pattern's text, and what became of it.
type Known = (Box<str>, Result<Regex, &'static str>);

// === impl Computed ===

impl Computed {
    /// The pattern, compiled now or lately. One that failed is remembered as well.
    pub(super) fn get(&self, pattern: &str) -> Result<Regex, EvalError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(PATTERN_TOO_LARGE.into());
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = known.iter().position(|(text, _)| **text == *pattern) {
            if let Some(until) = known.get_mut(..=at) {
                until.rotate_right(1);
            }
        } else {
            known.truncate(REMEMBERED - 1);
            known.insert(0, (pattern.into(), compile(pattern)));
        }
        match known.first() {
            Some((_, Ok(regex))) => Ok(regex.clone()),
            Some((_, Err(why))) => Err((*why).into()),
            None => Err("bad pattern".into()),
        }
    }
}

fn compile(pattern: &str) -> Result<Regex, &'static str> {
    re2::compile_small(pattern, MAX_COMPILED_BYTES).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PATTERN_TOO_LARGE,
        _ => "bad pattern",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_large_ones_refused() {
        let computed = Computed::default();
        for number in 0..100 {
            assert!(
                computed
                    .get(&format!("a{number}$"))
                    .unwrap()
                    .is_match(&format!("xa{number}"))
            );
            assert!(computed.get("a0$").unwrap().is_match("a0"));
        }
        let known: Vec<_> = computed
            .0
            .lock()
            .unwrap()
            .iter()
            .map(|(text, _)| text.to_string())
            .collect();
        assert_eq!(known.len(), REMEMBERED);
        assert_eq!(known[..2], ["a0$", "a99$"]);
        assert_eq!(computed.get("(").unwrap_err().0, "bad pattern");
        for large in [r"(\pL{900}){900}".to_owned(), "a".repeat(5_000)] {
            assert_eq!(computed.get(&large).unwrap_err().0, PATTERN_TOO_LARGE);
        }
    }
}
