//! The expression language of rules: compiled and checked when rules load, evaluated for every line.
//!
//! A front end of our own for the language of expr-lang 1.17, as far as rules use it: unknown fields and
//! functions are load errors with a place, fields become slots, and values borrow from the event. Absent on
//! purpose: `reduce`, pipes, ranges, bit operations and whatever needs the network.

mod check;
mod code;
mod eval;
mod functions;
mod lexer;
pub mod results;
mod syntax;
mod types;
pub mod value;

use std::borrow::Cow;
use std::sync::Arc;

use hashbrown::HashMap;

pub use self::results::{NodeResult, ParserResults, Results};
pub use self::types::Scope;
pub use self::value::{Object, Value};
use crate::parse::event::Event;
use crate::parse::names::Names;
use crate::parse::overflow::Overflow;

/// An expression that cannot be compiled, and the byte of it that is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    /// Offset in bytes into the expression's text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

/// An expression that failed while it ran. A filter that fails does not match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvalError(pub Cow<'static, str>);

/// The data files that expressions may name, by name, read before rules are compiled.
#[derive(Debug, Default, Clone)]
pub struct Data {
    files: HashMap<String, Arc<[Box<str>]>>,
}

/// What compiling needs and fills.
#[derive(Debug)]
pub struct Context<'c> {
    /// The slots, to which the expression's fields are added.
    pub names: &'c mut Names,
    /// The data files.
    pub data: &'c Data,
}

/// What an expression sees while it runs.
#[derive(Debug, Clone, Copy)]
pub struct Env<'a> {
    /// `evt`
    pub event: &'a Event,
    /// `queue.Queue`
    pub queue: &'a [Event],
    /// `signal`
    pub signal: Option<&'a Overflow>,
    /// `results`
    pub results: Option<Results<'a>>,
}

/// A compiled expression.
#[derive(Debug)]
pub struct Expression {
    source: Box<str>,
    code: code::Code,
}

// === impl ExprError ===

impl ExprError {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }
}

// === impl EvalError ===

impl From<&'static str> for EvalError {
    fn from(message: &'static str) -> Self {
        Self(Cow::Borrowed(message))
    }
}

// === impl Data ===

impl Data {
    /// Adds a file. Empty lines and those that begin with `#` do not count.
    pub fn insert(&mut self, name: &str, text: &str) {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        self.files
            .insert(name.to_owned(), lines.map(Into::into).collect());
    }

    pub(crate) fn lines(&self, name: &str) -> Result<Arc<[Box<str>]>, String> {
        self.files
            .get(name)
            .cloned()
            .ok_or_else(|| format!("there is no data file {name:?}"))
    }
}

// === impl Env ===

impl<'a> Env<'a> {
    /// Of one event alone.
    pub fn of(event: &'a Event) -> Self {
        Self {
            event,
            queue: &[],
            signal: None,
            results: None,
        }
    }

    /// Of the test of a rule. The event is empty; asserts do not see it.
    pub fn of_test(blank: &'a Event, results: Results<'a>) -> Self {
        Self {
            results: Some(results),
            ..Self::of(blank)
        }
    }
}

// === impl Expression ===

impl Expression {
    /// Compiles an expression of any type.
    pub fn compile(source: &str, scope: Scope, context: &mut Context<'_>) -> Result<Self, ExprError> {
        Self::compile_as(source, scope, context, &types::Type::Any)
    }

    /// Compiles an expression that must be true or false.
    pub fn compile_test(source: &str, scope: Scope, context: &mut Context<'_>) -> Result<Self, ExprError> {
        Self::compile_as(source, scope, context, &types::Type::Bool)
    }

    /// Compiles an expression that must be a text.
    pub fn compile_text(source: &str, scope: Scope, context: &mut Context<'_>) -> Result<Self, ExprError> {
        Self::compile_as(source, scope, context, &types::Type::Text)
    }

    fn compile_as(
        source: &str,
        scope: Scope,
        context: &mut Context<'_>,
        want: &types::Type,
    ) -> Result<Self, ExprError> {
        let ast = syntax::parse(source)?;
        let mut checker = check::Checker {
            context,
            scope,
            locals: Vec::new(),
        };
        let code = checker.wanted(&ast, want)?;
        Ok(Self {
            source: source.into(),
            code,
        })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Runs it.
    pub fn eval<'a>(&'a self, env: Env<'a>) -> Result<Value<'a>, EvalError> {
        eval::run(&self.code, env)
    }

    /// Whether it holds. One that fails, or that gives anything but `true`, does not.
    pub fn holds(&self, env: Env<'_>) -> bool {
        self.eval(env).is_ok_and(|value| value.as_bool() == Some(true))
    }

    /// Its text; numbers and the like are refused.
    pub fn text<'a>(&'a self, env: Env<'a>) -> Result<Cow<'a, str>, EvalError> {
        self.eval(env)?.into_text().ok_or_else(|| "not a text".into())
    }
}

#[cfg(test)]
mod tests;
