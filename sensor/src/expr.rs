//! The expression language of rules: compiled and checked when rules load, evaluated for every line.
//!
//! A front end of our own for the language of expr-lang 1.17 with `CrowdSec`'s functions: unknown fields and
//! functions are load errors with a place, fields become slots, and values borrow from the event. Why of our
//! own: docs/decisions/0004-own-expressions.md. Absent on purpose: `CrowdSec`'s central service and its WAF.

mod ask;
mod check;
mod code;
mod computed;
mod data;
mod eval;
pub(crate) mod facts;
mod functions;
mod go;
mod leaky;
mod lexer;
mod quick;
pub mod results;
mod syntax;
mod types;
pub mod value;
mod xml;

use std::borrow::Cow;

pub use self::data::Data;
pub(crate) use self::data::DataKind;
pub use self::leaky::Leaky;
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

/// All that is wrong with an expression, in the order of the text; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|error| &*error.message).collect::<Vec<_>>().join("; "))]
pub struct ExprErrors(pub Vec<ExprError>);

/// What compiling needs and fills.
#[derive(Debug)]
pub struct Context<'c> {
    /// The slots, to which the expression's fields are added.
    pub names: &'c mut Names,
    /// The data files and the world beyond the event.
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
    /// `leaky`
    pub leaky: Option<&'a Leaky<'a>>,
    /// `results`
    pub results: Option<Results<'a>>,
}

pub(crate) use self::quick::Quick;

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

// === impl ExprErrors ===

impl ExprErrors {
    /// The byte of the first mistake.
    pub fn at(&self) -> usize {
        self.0.first().map_or(0, |error| error.at)
    }
}

// === impl EvalError ===

impl From<&'static str> for EvalError {
    fn from(message: &'static str) -> Self {
        Self(Cow::Borrowed(message))
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
            leaky: None,
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
    pub fn compile(source: &str, scope: Scope, context: &mut Context<'_>) -> Result<Self, ExprErrors> {
        Self::compile_as(source, scope, context, &types::Type::Any)
    }

    /// Compiles an expression that must be true or false.
    pub fn compile_test(source: &str, scope: Scope, context: &mut Context<'_>) -> Result<Self, ExprErrors> {
        Self::compile_as(source, scope, context, &types::Type::Bool)
    }

    /// Compiles an expression that must be a text.
    pub fn compile_text(source: &str, scope: Scope, context: &mut Context<'_>) -> Result<Self, ExprErrors> {
        Self::compile_as(source, scope, context, &types::Type::Text)
    }

    fn compile_as(
        source: &str,
        scope: Scope,
        context: &mut Context<'_>,
        want: &types::Type,
    ) -> Result<Self, ExprErrors> {
        let ast = syntax::parse(source).map_err(|error| ExprErrors(vec![error]))?;
        let mut checker = check::Checker::new(context, scope);
        let code = checker.wanted(&ast, want);
        let mut errors = checker.errors;
        if !errors.is_empty() {
            errors.sort_by_key(|error| error.at);
            return Err(ExprErrors(errors));
        }
        Ok(Self {
            source: source.into(),
            code,
        })
    }

    /// One that fails whenever it runs, in the place of one that cannot be compiled.
    pub(crate) fn broken() -> Self {
        Self {
            source: "".into(),
            code: code::Code::Nil,
        }
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
        quick::test(&self.code, env.event)
            .unwrap_or_else(|| self.eval(env).is_ok_and(|value| value.as_bool() == Some(true)))
    }

    /// Its value, if that is easily had; a text that is made is appended to `out`, which is of no use where none is.
    pub(crate) fn quick<'a>(&'a self, event: &'a Event, out: &mut String) -> Quick<'a> {
        quick::value(&self.code, event, out)
    }

    /// Its text; numbers and the like are refused.
    pub fn text<'a>(&'a self, env: Env<'a>) -> Result<Cow<'a, str>, EvalError> {
        if let Some(text) = quick::made(&self.code, env.event) {
            return Ok(text);
        }
        self.eval(env)?.into_text().ok_or_else(|| "not a text".into())
    }
}

#[cfg(test)]
mod tests;
