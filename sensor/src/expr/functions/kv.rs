//! `key=value` lines: the strict reader and the lax one, which takes blanks into values.

use std::sync::{Arc, LazyLock};

use hashbrown::HashMap;
use regex::Regex;

use super::json::MAX_ROOTS;
use super::{Function, Want, function, take, text_arg};
use crate::expr::EvalError;
use crate::expr::value::{Object, Value};
use crate::parse::json::Json;

type Ran<'a> = Result<Value<'a>, EvalError>;
type Pairs = Vec<(Box<str>, Arc<str>)>;

pub(super) const FUNCTIONS: &[Function] = &[
    function(
        "ParseKV",
        &[Want::Text, Want::Map, Want::Text],
        Want::Any,
        |args, _| keep(args, strict),
    ),
    function(
        "ParseKVLax",
        &[Want::Text, Want::Map, Want::Text],
        Want::Any,
        |args, _| keep(args, lax),
    ),
];

/// Adds what a line holds to a mapping of `evt.Unmarshaled`; nil if it held anything.
fn keep<'a>(args: &mut [Value<'a>], read: fn(&str) -> Pairs) -> Ran<'a> {
    let target = take(args, 1);
    let Value::Object(Object::Unmarshaled(event)) = target else {
        return Err("the second argument is not evt.Unmarshaled".into());
    };
    let (line, name) = (text_arg(args, 0)?, text_arg(args, 2)?);
    let pairs = read(line);
    if pairs.is_empty() {
        return Err("there is no key=value in it".into());
    }
    let mut roots = event.unmarshaled.borrow_mut();
    let known = roots.iter().position(|(key, _)| **key == *name);
    let mut all: Pairs = match known.and_then(|at| roots.get(at)) {
        None => Vec::new(),
        Some((_, Json::Texts(before))) => before.to_vec(),
        Some(_) => return Err("what has that name already is no key=value".into()),
    };
    // A line of a megabyte may hold a hundred thousand keys: they are not searched one by one.
    let mut places: HashMap<Box<str>, usize> = all
        .iter()
        .enumerate()
        .map(|(at, (key, _))| (key.clone(), at))
        .collect();
    for (key, value) in pairs {
        if let Some(entry) = places.get(&key).and_then(|at| all.get_mut(*at)) {
            entry.1 = value;
        } else {
            places.insert(key.clone(), all.len());
            all.push((key, value));
        }
    }
    let json = Json::Texts(all.into());
    if let Some(root) = known.and_then(|at| roots.get_mut(at)) {
        root.1 = json;
    } else if roots.len() < MAX_ROOTS {
        roots.push((name.into(), json));
    } else {
        return Err("too many parts of a line".into());
    }
    Ok(Value::Nil)
}

fn strict(line: &str) -> Pairs {
    #[expect(clippy::unwrap_used, reason = "a constant, compiled in a test")]
    static PAIR: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"([^=\t\n\f\r ]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^=\t\n\f\r ]+)|[\t\n\f\r ]*)"#)
            .unwrap()
    });
    let mut pairs = Vec::new();
    for pair in PAIR.captures_iter(line) {
        let part = |at: usize| {
            pair.get(at)
                .map(|part| part.as_str())
                .filter(|part| !part.is_empty())
        };
        if let Some(key) = part(1) {
            pairs.push((key.into(), Arc::from(part(3).or(part(2)).unwrap_or(""))));
        }
    }
    pairs
}

fn lax(line: &str) -> Pairs {
    #[expect(clippy::unwrap_used, reason = "a constant, compiled in a test")]
    static KEY: LazyLock<Regex> = LazyLock::new(|| Regex::new("([a-zA-Z_][a-zA-Z0-9_.-]*)=").unwrap());
    // Keys within quotes are parts of a value.
    let (mut quoted, mut escapes, mut seen) = (false, 0_usize, 0);
    let mut is_quoted = |at: usize| {
        for byte in line.as_bytes().get(seen..=at).unwrap_or(&[]) {
            match byte {
                b'\\' => escapes += 1,
                b'"' if escapes % 2 == 0 => (quoted, escapes) = (!quoted, 0),
                _ => escapes = 0,
            }
        }
        seen = at + 1;
        quoted
    };
    let mut keys = Vec::new();
    for key in KEY.captures_iter(line) {
        if let (Some(whole), Some(name)) = (key.get(0), key.get(1))
            && !is_quoted(whole.start())
        {
            keys.push((whole.start(), name.as_str(), whole.end()));
        }
    }
    let ends = keys.iter().skip(1).map(|(start, ..)| *start).chain([line.len()]);
    keys.iter()
        .zip(ends)
        .map(|((_, name, start), end)| {
            let value = line.get(*start..end).unwrap_or("").trim();
            ((*name).into(), Arc::from(unquoted(value)))
        })
        .collect()
}

fn unquoted(value: &str) -> String {
    let Some(body) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    match body.strip_suffix('"') {
        Some(body) => body.replace("\\\\", "\\").replace("\\\"", "\""),
        None => body.to_owned(),
    }
}
