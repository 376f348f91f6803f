//! The functions that expressions may call, in one table: names, arguments, results.
//!
//! Those that ask the world beyond the event are in `ask`. Absent on purpose: what asks `CrowdSec`'s central
//! service, what belongs to its WAF, and what reads files while lines run.

mod asserts;
mod json;
mod kv;
pub(super) mod lists;
mod net;
mod numbers;
mod raw_json;
mod sprintf;
mod text;
mod time;
pub(super) mod url;
mod xml;

use super::types::Type;
use super::value::Value;
use super::{Env, EvalError};

pub(super) use self::time::parse_duration;

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
    Time,
    Duration,
    /// Any mapping.
    Map,
    /// Lists of texts by name.
    TextLists,
    Appsec,
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
            Self::Time => Type::Time,
            Self::Duration => Type::Duration,
            Self::Map => Type::Map,
            Self::TextLists => Type::map_of(Type::list(Type::Text)),
            Self::Appsec => Type::Appsec,
        }
    }

    /// Whether something of that type may be given.
    pub(super) fn takes(self, kind: &Type) -> bool {
        kind.may_be(&self.as_type())
            || match self {
                Self::List => matches!(kind, Type::List(_)),
                Self::Number => kind.is_number(),
                _ => false,
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

const TABLES: &[&[Function]] = &[
    asserts::FUNCTIONS,
    text::FUNCTIONS,
    url::FUNCTIONS,
    json::FUNCTIONS,
    kv::FUNCTIONS,
    xml::FUNCTIONS,
    net::FUNCTIONS,
    lists::FUNCTIONS,
    numbers::FUNCTIONS,
    time::FUNCTIONS,
    sprintf::FUNCTIONS,
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    TABLES
        .iter()
        .copied()
        .flatten()
        .find(|function| function.name == name)
}

/// The method of that name, of times and durations.
pub(super) fn find_method(of: &Type, name: &str) -> Option<&'static Function> {
    let methods = match of {
        Type::Time => time::METHODS,
        Type::Duration => time::DURATION_METHODS,
        Type::Appsec => lists::APPSEC_METHODS,
        _ => return None,
    };
    methods.iter().find(|method| method.name == name)
}

/// An argument as text.
fn text_arg<'v>(args: &'v [Value<'_>], at: usize) -> Result<&'v str, EvalError> {
    args.get(at)
        .and_then(Value::as_str)
        .ok_or_else(|| "an argument is not a text".into())
}

fn text_value<'a>(text: impl Into<String>) -> Value<'a> {
    Value::Text(std::borrow::Cow::Owned(text.into()))
}

fn int_arg(args: &[Value<'_>], at: usize) -> Result<i64, EvalError> {
    match args.get(at) {
        Some(Value::Int(number)) => Ok(*number),
        _ => Err("an argument is not a whole number".into()),
    }
}

/// An argument, taken out.
fn take<'a>(args: &mut [Value<'a>], at: usize) -> Value<'a> {
    args.get_mut(at)
        .map_or(Value::Nil, |value| std::mem::replace(value, Value::Nil))
}
