//! Functions on JSON and on key=value lines.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::{Function, Want, function, take, text_arg};
use crate::expr::value::{Object, Value};
use crate::expr::{Env, EvalError};
use crate::parse::json::Json;

type Ran<'a> = Result<Value<'a>, EvalError>;

/// How many parts of a line are kept in `evt.Unmarshaled`.
const MAX_ROOTS: usize = 64;

pub(super) const FUNCTIONS: &[Function] = &[
    function(
        "UnmarshalJSON",
        &[Want::Text, Want::Map, Want::Text],
        Want::Any,
        unmarshal,
    ),
    function("JsonExtract", &[Want::Text, Want::Text], Want::Text, |args, _| {
        extract(args)
    }),
    function(
        "JsonExtractUnescape",
        &[Want::Text, Want::Text],
        Want::Text,
        |args, _| extract(args),
    ),
    function("ToJsonString", &[Want::Any], Want::Text, |args, _| {
        Ok(match take(args, 0) {
            Value::Json(json) => Value::Text(Cow::Owned(json.render())),
            other => Value::Text(Cow::Owned(other.display().into_owned())),
        })
    }),
    function(
        "ParseKV",
        &[Want::Text, Want::Map, Want::Text],
        Want::Any,
        parse_kv,
    ),
];

/// Keeps a value under `evt.Unmarshaled`, in place of an earlier one of that name.
fn keep(target: &Value<'_>, name: &str, json: Json) -> Result<(), EvalError> {
    let Value::Object(Object::Unmarshaled(event)) = target else {
        return Err("the second argument is not evt.Unmarshaled".into());
    };
    let mut roots = event.unmarshaled.borrow_mut();
    if let Some(root) = roots.iter_mut().find(|(key, _)| **key == *name) {
        root.1 = json;
    } else if roots.len() < MAX_ROOTS {
        roots.push((name.into(), json));
    }
    Ok(())
}

fn unmarshal<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let target = take(args, 1);
    let Some(json) = Json::parse(text_arg(args, 0)?) else {
        return Err("not JSON".into());
    };
    keep(&target, text_arg(args, 2)?, json)?;
    Ok(Value::Nil)
}

/// A member by its path, `a.b[0].c`: texts as they are, everything else as JSON, `""` if it is missing.
fn extract<'a>(args: &mut [Value<'a>]) -> Ran<'a> {
    let path = text_arg(args, 1)?;
    let mut json = match args.first() {
        Some(Value::Json(json)) => Some(json.clone()),
        _ => Json::parse(text_arg(args, 0)?),
    };
    let path = path.replace('[', ".[");
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let Some(value) = json else { break };
        json = match (step.strip_prefix('['), &value) {
            (Some(index), Json::List(items)) => {
                let at = index.trim_end_matches(']').parse::<usize>().ok();
                at.and_then(|at| items.get(at)).cloned()
            }
            _ => value.member(step).cloned(),
        };
    }
    Ok(Value::Text(match json {
        None => Cow::Borrowed(""),
        Some(Json::Text(text)) => Cow::Owned(text.as_ref().into()),
        Some(other) => Cow::Owned(other.render()),
    }))
}

fn parse_kv<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    #[expect(clippy::unwrap_used, reason = "a constant, compiled in a test")]
    static PAIR: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"([^=\s]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^=\s]+)|\s*)"#).unwrap());
    let target = take(args, 1);
    let mut entries: Vec<(Box<str>, Json)> = Vec::new();
    for pair in PAIR.captures_iter(text_arg(args, 0)?) {
        let part = |at: usize| pair.get(at).map(|part| part.as_str());
        let (Some(key), value) = (part(1), part(2).or(part(3)).unwrap_or("")) else {
            continue;
        };
        let value = Json::Text(Arc::from(value));
        match entries.iter_mut().find(|(known, _)| **known == *key) {
            Some(entry) => entry.1 = value,
            None => entries.push((key.into(), value)),
        }
    }
    if entries.is_empty() {
        return Err("there is no key=value in it".into());
    }
    keep(&target, text_arg(args, 2)?, Json::Map(entries.into()))?;
    Ok(Value::Nil)
}
