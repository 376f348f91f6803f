//! The commonest tests and texts, run without values on the way: comparing, searching and joining fields of the event.
//!
//! What it does not know it leaves to `eval`, which is right about everything. Deliberately absent: anything that can fail,
//! and anything long, which `eval` counts.

use std::borrow::Cow;

use memchr::memmem;

use super::Env;
use super::code::{Closure, Code, Getter};
use super::functions::Function;
use super::syntax::Op;
use super::value::Value;
use crate::parse::event::Event;
use crate::parse::names::FieldId;

/// Longer texts are made by `eval`.
const MAX_MADE_BYTES: usize = 4_096;
/// Room for most that are looked up in one case.
const FOLDED_BYTES: usize = 32;
/// Room for most that are joined.
const JOINED_BYTES: usize = 64;

/// What an expression is that is easily had.
#[derive(Debug)]
pub(crate) enum Quick<'a> {
    /// A field, set or not.
    Field(FieldId),
    /// The line as it was read.
    Line,
    /// A text that stands somewhere.
    Text(&'a str),
    /// A text that was made.
    Made,
    Count(usize),
    /// It is not easily had.
    No,
}

/// Whether a test holds, if it is one of these.
pub(super) fn test(code: &Code, event: &Event) -> Option<bool> {
    Some(match code {
        Code::Bool(is) => *is,
        Code::FieldIs(field, text) => event.get(*field) == &**text,
        Code::FieldIn(field, set) => set.contains(event.get(*field)),
        Code::InSet(subject, set) => match folded(subject, event, &mut [0; FOLDED_BYTES]) {
            Some(text) => set.contains(text),
            None => asked(subject, event, |text| set.contains(text))?,
        },
        Code::Equal { left, right, negated } => {
            asked(left, event, |left| asked(right, event, |right| left == right))?? != *negated
        }
        Code::Search { op, left, right } => {
            let right = text(right, event)?;
            asked(left, event, |left| search(*op, left, right))?
        }
        Code::SearchText(op, left, searched) => asked(left, event, |left| searched.stands_in(*op, left))?,
        Code::Not(inner) => !test(inner, event)?,
        Code::And(items) => {
            for item in items {
                if !test(item, event)? {
                    return Some(false);
                }
            }
            true
        }
        Code::Or(items) => {
            for item in items {
                if test(item, event)? {
                    return Some(true);
                }
            }
            false
        }
        Code::Closure {
            what: Closure::Any,
            list,
            body: Some(body),
            ..
        } => {
            let Code::Texts(texts) = &**list else { return None };
            match &**body {
                Code::Search { op, left, right } if matches!(**right, Code::Local(0)) => {
                    let left = text(left, event)?;
                    texts.iter().any(|right| search(*op, left, right))
                }
                Code::Equal {
                    left,
                    right,
                    negated: false,
                } if matches!(**right, Code::Local(0)) => {
                    let left = text(left, event)?;
                    texts.iter().any(|right| left == &**right)
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn search(op: Op, left: &str, right: &str) -> bool {
    match op {
        Op::Contains => memmem::find(left.as_bytes(), right.as_bytes()).is_some(),
        Op::StartsWith => left.starts_with(right),
        _ => left.ends_with(right),
    }
}

/// The text that an expression is, if it is a field or a constant.
pub(super) fn text<'a>(code: &'a Code, event: &'a Event) -> Option<&'a str> {
    match code {
        Code::Text(text) => Some(text),
        Code::Field(field) => Some(event.get(*field)),
        Code::Label(of, name) if matches!(**of, Code::Event) => Some(event.label(name)),
        Code::Get(of, getter) if matches!(**of, Code::Event) => match getter {
            Getter::LineRaw => Some(event.line()),
            Getter::LineSource => Some(event.source()),
            Getter::LineModule => Some(event.module()),
            Getter::StrTime => Some(event.str(event.str_time)),
            Getter::StrTimeFormat => Some(event.str(event.str_time_format)),
            Getter::MarshaledTime => Some(event.marshaled_time()),
            _ => None,
        },
        _ => None,
    }
}

/// Asks something of the text that an expression is or makes.
#[inline]
fn asked<T>(code: &Code, event: &Event, ask: impl FnOnce(&str) -> T) -> Option<T> {
    match text(code, event) {
        Some(text) => Some(ask(text)),
        None => Some(ask(&made(code, event)?)),
    }
}

/// See [`Quick`]; a text that is made is appended to `out`.
pub(super) fn value<'a>(code: &'a Code, event: &'a Event, out: &mut String) -> Quick<'a> {
    match code {
        Code::Field(field) => Quick::Field(*field),
        Code::Get(_, Getter::LineRaw) => Quick::Line,
        Code::Text(_) | Code::Label(..) | Code::Get(..) => text(code, event).map_or(Quick::No, Quick::Text),
        Code::Call(function, args) if function.name == "len" => match args.as_slice() {
            [arg] => text(arg, event).map_or(Quick::No, |text| Quick::Count(text.chars().count())),
            _ => Quick::No,
        },
        Code::Choice { .. } | Code::Sum { .. } | Code::Call(..) => {
            join(code, event, out).map_or(Quick::No, |()| Quick::Made)
        }
        _ => Quick::No,
    }
}

/// The text that an expression is or makes, if it is made of such.
pub(super) fn made<'a>(code: &'a Code, event: &'a Event) -> Option<Cow<'a, str>> {
    if let Some(text) = text(code, event) {
        return Some(Cow::Borrowed(text));
    }
    match code {
        Code::Choice { test: of, yes, no } => made(if test(of, event)? { yes } else { no }, event),
        Code::Sum { op: Op::Plus, .. } => {
            let mut joined = String::with_capacity(JOINED_BYTES);
            join(code, event, &mut joined)?;
            Some(Cow::Owned(joined))
        }
        Code::Call(function, args) if is_plain(function) => {
            let [arg] = args.as_slice() else { return None };
            let text = made(arg, event).filter(|text| text.len() <= MAX_MADE_BYTES)?;
            let value = (function.run)(&mut [Value::Text(text)], &Env::of(event)).ok()?;
            value.into_text()
        }
        _ => None,
    }
}

/// `Upper` or `Lower` of a short field in ASCII.
fn folded<'r>(code: &Code, event: &Event, room: &'r mut [u8; FOLDED_BYTES]) -> Option<&'r str> {
    let Code::Call(function, args) = code else {
        return None;
    };
    let fold = match function.name {
        "Upper" => <[u8]>::make_ascii_uppercase,
        "Lower" => <[u8]>::make_ascii_lowercase,
        _ => return None,
    };
    let text = text(args.first()?, event).filter(|text| text.is_ascii())?;
    let room = room.get_mut(..text.len())?;
    room.copy_from_slice(text.as_bytes());
    fold(room);
    std::str::from_utf8(room).ok()
}

/// Appends the text that an expression is or makes; where it is not known, something may have been appended.
pub(super) fn join(code: &Code, event: &Event, out: &mut String) -> Option<()> {
    if let Code::Sum {
        op: Op::Plus,
        left,
        right,
    } = code
    {
        join(left, event, out)?;
        return join(right, event, out);
    }
    let text = made(code, event)?;
    if out.len() + text.len() > MAX_MADE_BYTES {
        return None;
    }
    out.push_str(&text);
    Some(())
}

/// Makes of one text another, no longer than a few times that.
fn is_plain(function: &Function) -> bool {
    matches!(
        function.name,
        "Upper" | "Lower" | "PathUnescape" | "QueryUnescape"
    )
}
