//! Functions on texts.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::{Function, Want, function, int_arg, take, text_arg, text_value};
use crate::expr::eval::fuel::{LIST_TOO_LONG, MAX_ITEMS, MAX_MADE_BYTES, TEXT_TOO_LONG};
use crate::expr::value::Value;
use crate::expr::{Env, EvalError};
use crate::parse::json::Json;

type Ran<'a> = Result<Value<'a>, EvalError>;

/// How long a text may get by being repeated.
const MAX_REPEATED_BYTES: usize = 1024 * 1024;

pub(super) const FUNCTIONS: &[Function] = &[
    function("Upper", &[Want::Text], Want::Text, upper),
    function("upper", &[Want::Text], Want::Text, upper),
    function("Lower", &[Want::Text], Want::Text, lower),
    function("lower", &[Want::Text], Want::Text, lower),
    function("TrimSpace", &[Want::Text], Want::Text, |args, _| {
        map(args, str::trim)
    }),
    Function {
        least: 1,
        ..function("trim", &[Want::Text, Want::Text], Want::Text, trim)
    },
    function("Trim", &[Want::Text, Want::Text], Want::Text, trim),
    function("TrimLeft", &[Want::Text, Want::Text], Want::Text, |args, _| {
        with(args, |text, set| text.trim_start_matches(|c| set.contains(c)))
    }),
    function("TrimRight", &[Want::Text, Want::Text], Want::Text, |args, _| {
        with(args, |text, set| text.trim_end_matches(|c| set.contains(c)))
    }),
    function("TrimPrefix", &[Want::Text, Want::Text], Want::Text, trim_prefix),
    Function {
        least: 1,
        ..function("trimPrefix", &[Want::Text, Want::Text], Want::Text, trim_prefix)
    },
    function("TrimSuffix", &[Want::Text, Want::Text], Want::Text, trim_suffix),
    Function {
        least: 1,
        ..function("trimSuffix", &[Want::Text, Want::Text], Want::Text, trim_suffix)
    },
    function("hasPrefix", &[Want::Text, Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(text_arg(args, 0)?.starts_with(text_arg(args, 1)?)))
    }),
    function("hasSuffix", &[Want::Text, Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(text_arg(args, 0)?.ends_with(text_arg(args, 1)?)))
    }),
    function("indexOf", &[Want::Text, Want::Text], Want::Int, index),
    function("Index", &[Want::Text, Want::Text], Want::Int, index),
    function("IndexAny", &[Want::Text, Want::Text], Want::Int, |args, _| {
        let set = text_arg(args, 1)?;
        Ok(place(text_arg(args, 0)?.find(|c| set.contains(c))))
    }),
    function("lastIndexOf", &[Want::Text, Want::Text], Want::Int, |args, _| {
        Ok(place(text_arg(args, 0)?.rfind(text_arg(args, 1)?)))
    }),
    function("Split", &[Want::Text, Want::Text], Want::Texts, split),
    Function {
        least: 2,
        ..function("split", &[Want::Text, Want::Text, Want::Int], Want::Texts, split)
    },
    function("SplitN", &[Want::Text, Want::Text, Want::Int], Want::Texts, split),
    function("SplitAfter", &[Want::Text, Want::Text], Want::Texts, split_after),
    Function {
        least: 2,
        ..function(
            "splitAfter",
            &[Want::Text, Want::Text, Want::Int],
            Want::Texts,
            split_after,
        )
    },
    function(
        "SplitAfterN",
        &[Want::Text, Want::Text, Want::Int],
        Want::Texts,
        split_after,
    ),
    function("repeat", &[Want::Text, Want::Int], Want::Text, |args, _| {
        let (text, times) = (text_arg(args, 0)?, int_arg(args, 1)?);
        let times = usize::try_from(times).map_err(|_| EvalError("a negative number of times".into()))?;
        if text.len().saturating_mul(times) > MAX_REPEATED_BYTES {
            return Err(TEXT_TOO_LONG.into());
        }
        Ok(text_value(text.repeat(times)))
    }),
    function("Fields", &[Want::Text], Want::Texts, |args, _| {
        let words = text_arg(args, 0)?.split_whitespace();
        Ok(Value::List(
            words
                .map(|word| Value::Text(Cow::Owned(word.to_owned())))
                .collect(),
        ))
    }),
    function(
        "Replace",
        &[Want::Text, Want::Text, Want::Text, Want::Int],
        Want::Text,
        replace,
    ),
    function(
        "ReplaceAll",
        &[Want::Text, Want::Text, Want::Text],
        Want::Text,
        replace,
    ),
    Function {
        least: 3,
        ..function(
            "replace",
            &[Want::Text, Want::Text, Want::Text, Want::Int],
            Want::Text,
            replace,
        )
    },
    function("Match", &[Want::Text, Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(glob(
            text_arg(args, 0)?.as_bytes(),
            text_arg(args, 1)?.as_bytes(),
        )))
    }),
    function("string", &[Want::Any], Want::Text, |args, _| {
        let value = take(args, 0);
        if let Value::Text(_) = value {
            return Ok(value);
        }
        Ok(text_value(value.display()))
    }),
    function("ToString", &[Want::Any], Want::Text, |args, _| {
        Ok(take(args, 0).into_text().map_or(Value::text(""), Value::Text))
    }),
    function("type", &[Want::Any], Want::Text, |args, _| {
        Ok(Value::text(match take(args, 0) {
            nil if nil.is_nil() => "nil",
            Value::Bool(_) | Value::Json(Json::Bool(_)) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) | Value::Json(Json::Number(_)) => "float",
            Value::Time(_) => "time.Time",
            Value::Duration(_) => "time.Duration",
            other if other.as_str().is_some() => "string",
            other if other.entries().is_some() => "map",
            Value::Object(_) => "struct",
            _ => "array",
        }))
    }),
    function("B64Decode", &[Want::Text], Want::Text, base64_decode),
    function("fromBase64", &[Want::Text], Want::Text, base64_decode),
    function("toBase64", &[Want::Text], Want::Text, |args, _| {
        Ok(text_value(BASE64_STANDARD.encode(text_arg(args, 0)?)))
    }),
    Function {
        least: 1,
        more: true,
        ..function("LogInfo", &[Want::Text, Want::Any], Want::Bool, |args, _| {
            let message = super::sprintf::format(args)?;
            tracing::info!("a rule says: {message}");
            Ok(Value::Bool(true))
        })
    },
];

/// Applies a function that gives a part of its text, and keeps borrowing.
fn map<'a>(args: &mut [Value<'a>], part: impl Fn(&str) -> &str) -> Ran<'a> {
    match take(args, 0).into_text() {
        Some(Cow::Borrowed(text)) => Ok(Value::Text(borrow_part(text, part(text)))),
        Some(Cow::Owned(text)) => Ok(Value::Text(Cow::Owned(part(&text).to_owned()))),
        None => Err("an argument is not a text".into()),
    }
}

/// The part of `whole` that `part` is, with the life of `whole`.
fn borrow_part<'a>(whole: &'a str, part: &str) -> Cow<'a, str> {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    whole
        .get(start..start.wrapping_add(part.len()))
        .map_or_else(|| Cow::Owned(part.to_owned()), Cow::Borrowed)
}

fn with<'a>(args: &mut [Value<'a>], part: impl for<'t> Fn(&'t str, &str) -> &'t str) -> Ran<'a> {
    let second = take(args, 1);
    let set = second
        .as_str()
        .ok_or(EvalError("an argument is not a text".into()))?;
    map(args, |text| part(text, set))
}

fn trim<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    if args.len() < 2 {
        return map(args, str::trim);
    }
    with(args, |text, set| text.trim_matches(|c| set.contains(c)))
}

/// Without a second argument a blank is meant.
fn trim_prefix<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    if args.len() < 2 {
        return map(args, |text| text.strip_prefix(' ').unwrap_or(text));
    }
    with(args, |text, prefix| text.strip_prefix(prefix).unwrap_or(text))
}

fn trim_suffix<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    if args.len() < 2 {
        return map(args, |text| text.strip_suffix(' ').unwrap_or(text));
    }
    with(args, |text, suffix| text.strip_suffix(suffix).unwrap_or(text))
}

fn base64_decode<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let text: String = text_arg(args, 0)?
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n'))
        .collect();
    let decoded = BASE64_STANDARD
        .decode(text)
        .map_err(|_| EvalError("not base64".into()))?;
    Ok(text_value(String::from_utf8_lossy(&decoded)))
}

fn index<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    Ok(place(text_arg(args, 0)?.find(text_arg(args, 1)?)))
}

fn upper<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let text = take(args, 0)
        .into_text()
        .ok_or(EvalError("an argument is not a text".into()))?;
    let is_upper = text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_lowercase());
    Ok(Value::Text(if is_upper {
        text
    } else {
        Cow::Owned(text.to_uppercase())
    }))
}

fn lower<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let text = take(args, 0)
        .into_text()
        .ok_or(EvalError("an argument is not a text".into()))?;
    let is_lower = text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    Ok(Value::Text(if is_lower {
        text
    } else {
        Cow::Owned(text.to_lowercase())
    }))
}

fn place<'a>(at: Option<usize>) -> Value<'a> {
    Value::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
}

fn split<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    split_by(args, false)
}

fn split_after<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    split_by(args, true)
}

/// Go's rules: at most so many parts, -1 is any number and 0 none; an empty separator splits characters.
fn split_by<'a>(args: &mut [Value<'a>], keep: bool) -> Ran<'a> {
    let most = match args.get(2) {
        Some(Value::Int(most)) if *most >= 0 => usize::try_from(*most).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    let by = take(args, 1);
    let by = by.as_str().ok_or(EvalError("an argument is not a text".into()))?;
    match take(args, 0).into_text() {
        _ if most == 0 => Ok(Value::List(Vec::new())),
        Some(Cow::Borrowed(text)) => Ok(Value::List(
            parts(text, by, most, keep)?
                .into_iter()
                .map(Value::text)
                .collect(),
        )),
        Some(Cow::Owned(text)) => Ok(Value::List(
            parts(&text, by, most, keep)?
                .into_iter()
                .map(text_value)
                .collect(),
        )),
        None => Err("an argument is not a text".into()),
    }
}

fn parts<'t>(text: &'t str, by: &str, most: usize, keep: bool) -> Result<Vec<&'t str>, EvalError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while parts.len() + 1 < most {
        let cut = if by.is_empty() {
            let first = rest.chars().next().map_or(0, char::len_utf8);
            (first < rest.len()).then_some((first, first))
        } else {
            rest.find(by).map(|at| (at, at + by.len()))
        };
        let Some((end, next)) = cut else { break };
        parts.push(rest.get(..if keep { next } else { end }).unwrap_or(""));
        rest = rest.get(next..).unwrap_or("");
        if parts.len() > MAX_ITEMS {
            return Err(LIST_TOO_LONG.into());
        }
    }
    if !(rest.is_empty() && by.is_empty()) {
        parts.push(rest);
    }
    Ok(parts)
}

fn replace<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let (text, from, to) = (text_arg(args, 0)?, text_arg(args, 1)?, text_arg(args, 2)?);
    let longest = text
        .matches(from)
        .count()
        .saturating_mul(to.len())
        .saturating_add(text.len());
    if longest > MAX_MADE_BYTES {
        return Err(TEXT_TOO_LONG.into());
    }
    let replaced = match args.get(3) {
        Some(Value::Int(most)) if *most >= 0 => text.replacen(from, to, usize::try_from(*most).unwrap_or(0)),
        _ => text.replace(from, to),
    };
    Ok(Value::Text(Cow::Owned(replaced)))
}

/// `*` stands for anything, `?` for one byte. Linear but for the stars. As in the original, several stars at
/// the end want at least one byte.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let stars = pattern.iter().rev().take_while(|byte| **byte == b'*').count();
    if stars < 2 {
        return glob_one(pattern, text);
    }
    let mut shorter = pattern.get(..pattern.len() - stars).unwrap_or(&[]).to_vec();
    shorter.extend_from_slice(b"?*");
    glob_one(&shorter, text)
}

fn glob_one(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(byte) if text.get(t) == Some(byte) => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
        }
    }
    pattern.get(p..).unwrap_or(&[]).iter().all(|byte| *byte == b'*')
}
