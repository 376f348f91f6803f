//! The functions that expressions may call, in one table: names, arguments, results.
//!
//! Absent on purpose: what asks CrowdSec's central service, what asks the network, and what reads files while
//! lines run.

mod asserts;
mod json;
mod lists;
mod net;
mod text;

use super::types::Type;
use super::value::Value;
use super::{Env, EvalError};

pub(super) use self::lists::parse_duration;

/// What a function takes or gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Any,
    Text,
    Bool,
    Int,
    /// A whole number or a float.
    Number,
    List,
    Texts,
    Duration,
    Map,
}

pub(super) type Run = for<'a> fn(&mut [Value<'a>], &Env<'a>) -> Result<Value<'a>, EvalError>;

/// One function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) takes: &'static [Want],
    /// How many arguments there are at least.
    pub(super) least: usize,
    /// Whether any number may follow.
    pub(super) more: bool,
    pub(super) gives: Want,
    pub(super) run: Run,
}

// === impl Want ===

impl Want {
    pub(super) fn as_type(self) -> Type {
        match self {
            Self::Any => Type::Any,
            Self::Text => Type::Text,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Number => Type::Float,
            Self::List => Type::list(Type::Any),
            Self::Texts => Type::list(Type::Text),
            Self::Duration => Type::Duration,
            Self::Map => Type::Map,
        }
    }
}

const fn function(name: &'static str, takes: &'static [Want], gives: Want, run: Run) -> Function {
    Function {
        name,
        takes,
        least: takes.len(),
        more: false,
        gives,
        run,
    }
}

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    [
        asserts::FUNCTIONS,
        text::FUNCTIONS,
        json::FUNCTIONS,
        net::FUNCTIONS,
        lists::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
    .find(|function| function.name == name)
}

/// An argument as text.
fn text_arg<'v>(args: &'v [Value<'_>], at: usize) -> Result<&'v str, EvalError> {
    args.get(at)
        .and_then(Value::as_str)
        .ok_or_else(|| "an argument is not a text".into())
}

/// An argument, taken out.
fn take<'a>(args: &mut [Value<'a>], at: usize) -> Value<'a> {
    args.get_mut(at)
        .map_or(Value::Nil, |value| std::mem::replace(value, Value::Nil))
}
