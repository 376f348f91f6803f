//! Functions on addresses of the web: escapes and queries, as Go's `net/url` has them.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Function, Want, function, take, text_arg, text_value};
use crate::expr::value::Value;
use crate::expr::{Env, EvalError};

type Ran<'a> = Result<Value<'a>, EvalError>;

/// How many parameters of a query are looked at.
const MAX_PARAMETERS: usize = 1_000;

pub(super) const FUNCTIONS: &[Function] = &[
    function("PathUnescape", &[Want::Text], Want::Text, |args, _| {
        Ok(unescaped(take(args, 0), false))
    }),
    function("QueryUnescape", &[Want::Text], Want::Text, |args, _| {
        Ok(unescaped(take(args, 0), true))
    }),
    function("PathEscape", &[Want::Text], Want::Text, |args, _| {
        Ok(text_value(escape(text_arg(args, 0)?, "$&+=:@", false)))
    }),
    function("QueryEscape", &[Want::Text], Want::Text, |args, _| {
        Ok(text_value(escape(text_arg(args, 0)?, "", true)))
    }),
    function("ParseUri", &[Want::Text], Want::TextLists, |args, _| {
        Ok(parse_uri(text_arg(args, 0)?))
    }),
    function("ParseQuery", &[Want::Text], Want::TextLists, |args, _| {
        Ok(Value::Map(lax_query(text_arg(args, 0)?)))
    }),
    function(
        "ExtractQueryParam",
        &[Want::Text, Want::Text],
        Want::Texts,
        extract,
    ),
];

/// A text that is badly encoded stays as it is.
fn unescaped(value: Value<'_>, plus_is_space: bool) -> Value<'_> {
    let Some(text) = value.as_str() else {
        // The original would fail on what is no text.
        return Value::Nil;
    };
    let is_encoded = text.contains('%') || plus_is_space && text.contains('+');
    if !is_encoded {
        return value;
    }
    match unescape(text, plus_is_space, true) {
        Some(text) => text_value(text),
        None => value,
    }
}

/// Percent-decoding; where it is strict, one bad escape spoils the whole.
pub(in crate::expr) fn unescape(text: &str, plus_is_space: bool, strict: bool) -> Option<String> {
    let mut rest = text.as_bytes();
    let mut out = Vec::with_capacity(rest.len());
    // A text without pluses is searched for one byte only.
    let next = |rest: &[u8]| match plus_is_space {
        true => memchr::memchr2(b'%', b'+', rest),
        false => memchr::memchr(b'%', rest),
    };
    while let Some(at) = next(rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let (byte, taken) = match escape {
            [b'+', ..] => (b' ', 1),
            [_, high, low, ..] if let Some(decoded) = hex(*high, *low) => (decoded, 3),
            _ if strict => return None,
            _ => (b'%', 1),
        };
        out.push(byte);
        rest = escape.get(taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Some(
        String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
    )
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn escape(text: &str, also_plain: &str, plus_is_space: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) || also_plain.contains(c) {
            out.push(c);
        } else if c == ' ' && plus_is_space {
            out.push('+');
        } else if write!(out, "%{byte:02X}").is_err() {
            break;
        }
    }
    out
}

type Parameters<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

fn add(parameters: &mut Parameters<'_>, name: String, value: String) {
    let value = text_value(value);
    match parameters.iter_mut().find(|(known, _)| **known == *name) {
        Some((_, Value::List(values))) => values.push(value),
        _ => parameters.push((Cow::Owned(name), Value::List(vec![value]))),
    }
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .take(MAX_PARAMETERS)
        .map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// Bad escapes stay as they are, and `;` is a character like others.
fn lax_query<'a>(query: &str) -> Parameters<'a> {
    let mut parameters = Vec::new();
    for (name, value) in pairs(query).filter(|(name, _)| !name.is_empty()) {
        let plain = |text| unescape(text, true, false).unwrap_or_default();
        add(&mut parameters, plain(name), plain(value));
    }
    parameters
}

/// Strict: one that is no address, or a query with a bad escape, has no parameters.
fn parse_uri<'a>(uri: &str) -> Value<'a> {
    let empty = Value::Map(Vec::new());
    if uri.chars().any(|c| c.is_ascii_control()) {
        return empty;
    }
    let uri = uri.split('#').next().unwrap_or("");
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    if unescape(path, false, true).is_none() {
        return empty;
    }
    let mut parameters = Vec::new();
    for (name, value) in pairs(query) {
        let decoded = (unescape(name, true, true), unescape(value, true, true));
        let (Some(name), Some(value), false) =
            (decoded.0, decoded.1, name.contains(';') || value.contains(';'))
        else {
            return empty;
        };
        add(&mut parameters, name, value);
    }
    Value::Map(parameters)
}

fn extract<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let (uri, wanted) = (text_arg(args, 0)?, text_arg(args, 1)?);
    let Some((_, query)) = uri.split_once('?') else {
        return Ok(Value::List(Vec::new()));
    };
    let found = lax_query(query).into_iter().find(|(name, _)| name == wanted);
    Ok(found.map_or(Value::List(Vec::new()), |(_, values)| values))
}
