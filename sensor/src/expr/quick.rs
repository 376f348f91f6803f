//! The commonest tests, run without values on the way: comparing and searching fields of the event.
//!
//! What it does not know it leaves to `eval`, which is right about everything. Deliberately absent: anything that can fail.

use super::code::{Closure, Code, Getter};
use super::syntax::Op;
use crate::parse::event::Event;

/// Whether a test holds, if it is one of these.
pub(super) fn test(code: &Code, event: &Event) -> Option<bool> {
    Some(match code {
        Code::Bool(is) => *is,
        Code::FieldIs(field, text) => event.get(*field) == &**text,
        Code::FieldIn(field, set) => set.contains(event.get(*field)),
        Code::InSet(subject, set) => set.contains(text(subject, event)?),
        Code::Equal { left, right, negated } => (text(left, event)? == text(right, event)?) != *negated,
        Code::Search { op, left, right } => search(*op, text(left, event)?, text(right, event)?),
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
        Op::Contains => left.contains(right),
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
        Code::Get(of, Getter::LineRaw) if matches!(**of, Code::Event) => Some(event.line()),
        _ => None,
    }
}
