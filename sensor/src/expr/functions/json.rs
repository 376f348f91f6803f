//! Functions on JSON.

use std::borrow::Cow;

use super::raw_json::{self, Kind};
use super::{Function, Want, function, take, text_arg, text_value};
use crate::expr::value::{Object, Value};
use crate::expr::{Env, EvalError};
use crate::parse::json::Json;

type Ran<'a> = Result<Value<'a>, EvalError>;

/// How many parts of a line are kept in `evt.Unmarshaled`.
pub(super) const MAX_ROOTS: usize = 64;

pub(super) const FUNCTIONS: &[Function] = &[
    function(
        "UnmarshalJSON",
        &[Want::Text, Want::Map, Want::Text],
        Want::Any,
        unmarshal,
    ),
    function("JsonExtract", &[Want::Text, Want::Text], Want::Text, |args, _| {
        let path = text_arg(args, 1)?.to_owned();
        extract(args, &split(&path))
    }),
    Function {
        least: 1,
        more: true,
        ..function(
            "JsonExtractLib",
            &[Want::Text, Want::Text],
            Want::Text,
            |args, _| {
                let path = keys(args)?;
                let path: Vec<&str> = path.iter().map(|key| &**key).collect();
                extract(args, &path)
            },
        )
    },
    Function {
        least: 1,
        more: true,
        ..function(
            "JsonExtractUnescape",
            &[Want::Text, Want::Text],
            Want::Text,
            extract_unescaped,
        )
    },
    function(
        "JsonExtractSlice",
        &[Want::Text, Want::Text],
        Want::List,
        |args, _| {
            let (json, path) = (text_arg(args, 0)?, text_arg(args, 1)?);
            let found = raw_json::find(json, &split(path)).filter(|(_, kind)| *kind == Kind::Array);
            let list = found.and_then(|(text, _)| Json::parse(text));
            Ok(list.map_or(Value::List(Vec::new()), Value::Json))
        },
    ),
    function(
        "JsonExtractObject",
        &[Want::Text, Want::Text],
        Want::Map,
        |args, _| {
            let (json, path) = (text_arg(args, 0)?, text_arg(args, 1)?);
            let found = raw_json::find(json, &split(path)).filter(|(_, kind)| *kind == Kind::Object);
            let map = found.and_then(|(text, _)| Json::parse(text));
            Ok(map.map_or(Value::Map(Vec::new()), Value::Json))
        },
    ),
    function("ToJsonString", &[Want::Any], Want::Text, |args, _| {
        let json = take(args, 0).to_json();
        Ok(json.map_or(Value::text(""), |json| text_value(json.render())))
    }),
    function("toJSON", &[Want::Any], Want::Text, |args, _| {
        let json = take(args, 0)
            .to_json()
            .ok_or(EvalError("JSON has no such value".into()))?;
        let text = serde_json::to_string_pretty(&serde_json::Value::from(&json));
        text.map(text_value).map_err(|_| "JSON has no such value".into())
    }),
    function("fromJSON", &[Want::Text], Want::Any, |args, _| {
        let json = Json::parse(text_arg(args, 0)?);
        json.map(Value::Json).ok_or_else(|| "not JSON".into())
    }),
];

/// Keeps a value under `evt.Unmarshaled`, in place of an earlier one of that name.
fn unmarshal<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let target = take(args, 1);
    let Some(json) = Json::parse(text_arg(args, 0)?) else {
        return Err("not JSON".into());
    };
    let name = text_arg(args, 2)?;
    let Value::Object(Object::Unmarshaled(event)) = target else {
        return Err("the second argument is not evt.Unmarshaled".into());
    };
    let mut roots = event.unmarshaled.borrow_mut();
    if let Some(root) = roots.iter_mut().find(|(key, _)| **key == *name) {
        root.1 = json;
    } else if roots.len() < MAX_ROOTS {
        roots.push((name.into(), json));
    } else {
        return Err("too many parts of a line".into());
    }
    Ok(Value::Nil)
}

/// `a.b[0].c` in steps; one that starts with an index has no others, as in the original.
fn split(path: &str) -> Vec<&str> {
    if path.starts_with('[') {
        return path.split('.').collect();
    }
    let mut steps = Vec::new();
    for step in path.split('.') {
        let mut rest = step;
        while let Some(at) = rest.get(1..).and_then(|rest| rest.find('[')) {
            steps.push(rest.get(..=at).unwrap_or(""));
            rest = rest.get(at + 1..).unwrap_or("");
        }
        steps.push(rest);
    }
    steps
}

/// The keys behind the first argument; a list counts as its elements.
fn keys(args: &[Value<'_>]) -> Result<Vec<String>, EvalError> {
    let mut keys = Vec::new();
    for arg in args.get(1..).unwrap_or(&[]) {
        match arg.as_str() {
            Some(key) => keys.push(key.to_owned()),
            None => return Err("an argument is not a text".into()),
        }
    }
    Ok(keys)
}

/// A value's own text, `""` if it is missing: what is written in JSON, but for the quotes around a text.
fn extract<'a>(args: &mut [Value<'a>], path: &[&str]) -> Ran<'a> {
    if let Some(Value::Json(json)) = args.first()
        && json.as_str().is_none()
    {
        return Err("an argument is not a text".into());
    }
    match take(args, 0).into_text() {
        Some(Cow::Borrowed(json)) => Ok(Value::text(
            raw_json::find(json, path).map_or("", |(text, _)| text),
        )),
        Some(Cow::Owned(json)) => Ok(text_value(
            raw_json::find(&json, path).map_or("", |(text, _)| text),
        )),
        None => Err("an argument is not a text".into()),
    }
}

/// The text of a text, its escapes undone; `""` for what is none. Of several keys the first counts.
fn extract_unescaped<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let key = text_arg(args, 1)?;
    let found = raw_json::find(text_arg(args, 0)?, &[key]);
    let text = found.filter(|(_, kind)| *kind == Kind::Text);
    Ok(text_value(
        text.and_then(|(text, _)| raw_json::unescape(text))
            .unwrap_or_default(),
    ))
}
