//! Functions on texts.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{Function, Want, function, take, text_arg};
use crate::expr::value::Value;
use crate::expr::{Env, EvalError};

type Ran<'a> = Result<Value<'a>, EvalError>;

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
    function("trimPrefix", &[Want::Text, Want::Text], Want::Text, trim_prefix),
    function("TrimSuffix", &[Want::Text, Want::Text], Want::Text, trim_suffix),
    function("trimSuffix", &[Want::Text, Want::Text], Want::Text, trim_suffix),
    function("hasPrefix", &[Want::Text, Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(text_arg(args, 0)?.starts_with(text_arg(args, 1)?)))
    }),
    function("hasSuffix", &[Want::Text, Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(text_arg(args, 0)?.ends_with(text_arg(args, 1)?)))
    }),
    function("indexOf", &[Want::Text, Want::Text], Want::Int, |args, _| {
        Ok(place(text_arg(args, 0)?.find(text_arg(args, 1)?)))
    }),
    function("lastIndexOf", &[Want::Text, Want::Text], Want::Int, |args, _| {
        Ok(place(text_arg(args, 0)?.rfind(text_arg(args, 1)?)))
    }),
    function("Split", &[Want::Text, Want::Text], Want::Texts, split),
    function("split", &[Want::Text, Want::Text], Want::Texts, split),
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
    function(
        "replace",
        &[Want::Text, Want::Text, Want::Text],
        Want::Text,
        replace,
    ),
    function("PathUnescape", &[Want::Text], Want::Text, |args, _| {
        Ok(unescape(take(args, 0), false))
    }),
    function("QueryUnescape", &[Want::Text], Want::Text, |args, _| {
        Ok(unescape(take(args, 0), true))
    }),
    function("Match", &[Want::Text, Want::Text], Want::Bool, |args, _| {
        Ok(Value::Bool(glob(
            text_arg(args, 0)?.as_bytes(),
            text_arg(args, 1)?.as_bytes(),
        )))
    }),
    Function {
        least: 1,
        more: true,
        ..function("Sprintf", &[Want::Text, Want::Any], Want::Text, sprintf)
    },
    function("string", &[Want::Any], Want::Text, |args, _| {
        let value = take(args, 0);
        if let Value::Text(_) = value {
            return Ok(value);
        }
        Ok(Value::Text(Cow::Owned(value.display().into_owned())))
    }),
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

fn trim_prefix<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    with(args, |text, prefix| text.strip_prefix(prefix).unwrap_or(text))
}

fn trim_suffix<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    with(args, |text, suffix| text.strip_suffix(suffix).unwrap_or(text))
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
    let by = take(args, 1);
    let by = by.as_str().ok_or(EvalError("an argument is not a text".into()))?;
    let part = |text: &str| Value::Text(Cow::Owned(text.to_owned()));
    match take(args, 0).into_text() {
        Some(text) if by.is_empty() => Ok(Value::List(
            text.chars()
                .map(|c| Value::Text(Cow::Owned(c.to_string())))
                .collect(),
        )),
        Some(Cow::Borrowed(text)) => Ok(Value::List(
            text.split(by)
                .map(|text| Value::Text(Cow::Borrowed(text)))
                .collect(),
        )),
        Some(Cow::Owned(text)) => Ok(Value::List(text.split(by).map(part).collect())),
        None => Err("an argument is not a text".into()),
    }
}

fn replace<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let (text, from, to) = (text_arg(args, 0)?, text_arg(args, 1)?, text_arg(args, 2)?);
    let replaced = match args.get(3) {
        Some(Value::Int(most)) if *most >= 0 => text.replacen(from, to, usize::try_from(*most).unwrap_or(0)),
        _ => text.replace(from, to),
    };
    Ok(Value::Text(Cow::Owned(replaced)))
}

/// Percent-decoding as Go does it; a text that is badly encoded stays as it is.
fn unescape(value: Value<'_>, plus_is_space: bool) -> Value<'_> {
    let Some(text) = value.as_str() else { return value };
    let is_encoded = text.contains('%') || plus_is_space && text.contains('+');
    if !is_encoded {
        return value;
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'%' => {
                let digits = bytes
                    .get(at..at + 2)
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                let Some(decoded) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                    return value;
                };
                out.push(decoded);
                at += 2;
            }
            b'+' if plus_is_space => out.push(b' '),
            other => out.push(*other),
        }
    }
    Value::Text(Cow::Owned(String::from_utf8_lossy(&out).into_owned()))
}

/// `*` stands for anything, `?` for one byte. Linear but for the stars.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
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

/// Go's `%v`, `%s`, `%d`, `%q`, `%f` and `%%`, without widths.
fn sprintf<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let format = text_arg(args, 0)?;
    let mut out = String::with_capacity(format.len() + 16);
    let (mut chars, mut next) = (format.chars(), 1);
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let verb = chars.next();
        if verb == Some('%') {
            out.push('%');
            continue;
        }
        let Some(value) = args.get(next) else {
            return Err("the format wants more arguments".into());
        };
        next += 1;
        let written = match verb {
            Some('v' | 's' | 'd' | 't') => out.write_str(&value.display()),
            Some('q') => write!(out, "{:?}", value.display()),
            Some('f') => write!(out, "{:.6}", value.as_float().unwrap_or(f64::NAN)),
            _ => return Err("the format has a verb that is not supported".into()),
        };
        if written.is_err() {
            return Err("the format failed".into());
        }
    }
    Ok(Value::Text(Cow::Owned(out)))
}
