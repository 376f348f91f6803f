//! Members, elements, parts and sums of values.

use std::borrow::Cow;

use vigie_wire::Timestamp;

use super::{Ran, Stop, fail, overflow};
use crate::expr::code::Getter;
use crate::expr::leaky;
use crate::expr::syntax::Op;
use crate::expr::value::{Object, Value};
use crate::expr::{go, results};
use crate::parse::event::Event;
use crate::parse::json::Json;
use crate::parse::overflow::NOBODY;

pub(super) fn get<'a>(of: &Value<'a>, getter: Getter) -> Ran<'a> {
    match of {
        Value::Object(Object::Event(event)) => Ok(get_event(event, getter)),
        Value::Object(Object::Overflow(overflow)) => Ok(overflow::get(overflow, getter)),
        Value::Object(Object::Source(source)) => Ok(overflow::get_source(source, getter)),
        Value::Object(Object::Leaky(bucket)) => Ok(leaky::get(bucket, getter)),
        Value::Object(Object::NodeResult(result)) => Ok(match getter {
            Getter::ResultEvent => Value::Object(Object::Event(&result.event)),
            _ => Value::Bool(result.success),
        }),
        Value::Time(time) => Ok(Value::Int(match getter {
            Getter::Month => go::Parts::of(*time).month,
            _ => go::Parts::of(*time).weekday,
        })),
        Value::Int(number) => Ok(Value::text(match getter {
            Getter::MonthName => go::month_name(*number),
            _ => go::weekday_name(*number),
        })),
        // An event that is no overflow has an empty one, as in the original.
        Value::Nil => Ok(overflow::get_missing(getter)),
        _ => fail("it has no such field"),
    }
}

fn get_event(event: &Event, getter: Getter) -> Value<'_> {
    match getter {
        Getter::Unmarshaled => Value::Object(Object::Unmarshaled(event)),
        Getter::Overflow => event
            .overflow
            .as_deref()
            .map_or(Value::Nil, |it| Value::Object(Object::Overflow(it))),
        Getter::Time => Value::Time(event.time()),
        Getter::StrTime => Value::text(event.str(event.str_time)),
        Getter::StrTimeFormat => Value::text(event.str(event.str_time_format)),
        Getter::MarshaledTime => Value::text(event.str(event.marshaled_time)),
        Getter::Whitelisted => Value::Bool(event.whitelisted),
        Getter::WhitelistReason => Value::text(event.whitelist_reason().unwrap_or("")),
        Getter::LineRaw => Value::text(event.line()),
        Getter::LineSource => Value::text(event.source()),
        Getter::LineModule => Value::text(event.module()),
        Getter::EventType => Value::text(if event.overflow.is_some() {
            "overflow"
        } else {
            "log"
        }),
        Getter::EventKind => Value::Int(i64::from(event.overflow.is_some())),
        Getter::ReadAt => Value::Time(event.read_at),
        Getter::IpSources => {
            let of_log = [event.meta("source_ip")];
            let of_overflow = event.overflow.as_deref().map(|overflow| {
                let sources = overflow.sources.iter();
                sources.map(|source| &*source.value).collect::<Vec<_>>()
            });
            let all = of_overflow.as_deref().unwrap_or(&of_log).iter();
            let ips = all.filter(|ip| ip.parse::<std::net::IpAddr>().is_ok());
            Value::List(ips.map(|ip| Value::Text(Cow::Owned((*ip).to_owned()))).collect())
        }
        Getter::NoTexts => Value::List(Vec::new()),
        Getter::NoMap => Value::Map(Vec::new()),
        Getter::False => Value::Bool(false),
        Getter::True => Value::Bool(true),
        _ => Value::text(""),
    }
}

pub(super) fn member<'a>(of: &Value<'a>, name: &str, optional: bool) -> Ran<'a> {
    if let Some(value) = of.member(name) {
        return Ok(value);
    }
    match of {
        Value::Object(Object::Sources(sources)) => {
            let found = sources.iter().find(|source| source.value == name);
            Ok(Value::Object(Object::Source(found.unwrap_or(&NOBODY))))
        }
        Value::Object(Object::Parsers(results)) => Ok(Value::Object(Object::Stage(results.get(name)))),
        Value::Object(Object::Stage(stage)) => Ok(Value::NodeResults(results::node(stage, name))),
        Value::Json(Json::Texts(_)) => Ok(Value::text("")),
        Value::Json(Json::Map(_)) | Value::Map(_) | Value::Object(Object::Unmarshaled(_)) => Ok(Value::Nil),
        nil if nil.is_nil() && optional => Err(Stop::Skip),
        nil if nil.is_nil() => fail("a member of nil"),
        _ => fail("it has no members"),
    }
}

pub(super) fn index<'a>(of: &Value<'a>, at: &Value<'_>, optional: bool) -> Ran<'a> {
    if let Some(name) = at.as_str() {
        return member(of, name, optional);
    }
    if of.is_nil() {
        return if optional {
            Err(Stop::Skip)
        } else {
            fail("an element of nil")
        };
    }
    let number = match at {
        Value::Int(number) => *number,
        whole => whole_number(whole).ok_or(Stop::Failed("it cannot be indexed so".into()))?,
    };
    let Some(len) = of.len() else {
        return fail("it cannot be indexed");
    };
    let place = if number < 0 {
        i64::try_from(len).unwrap_or(0) + number
    } else {
        number
    };
    let place = usize::try_from(place).ok();
    let byte = |place: usize| {
        of.as_str()?
            .as_bytes()
            .get(place)
            .map(|byte| Value::Int(i64::from(*byte)))
    };
    let item = place.and_then(|place| of.item(place).or_else(|| byte(place)));
    item.ok_or_else(|| Stop::Failed("the index is out of range".into()))
}

/// A number that came as a float from JSON, where it is whole.
#[expect(
    clippy::cast_possible_truncation,
    reason = "only whole numbers within range are cast"
)]
fn whole_number(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        other => {
            let number = other.as_float()?;
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
        }
    }
}

pub(super) fn slice(of: Value<'_>, from: Option<i64>, to: Option<i64>) -> Ran<'_> {
    let Some(len) = of.len() else {
        return fail("it cannot be sliced");
    };
    let bound = |at: i64| {
        let at = if at < 0 {
            at.saturating_add(i64::try_from(len).unwrap_or(0))
        } else {
            at
        };
        usize::try_from(at).unwrap_or(0).min(len)
    };
    let to = to.map_or(len, bound);
    let from = from.map_or(0, bound).min(to);
    Ok(match of {
        Value::Text(Cow::Borrowed(text)) if text.get(from..to).is_some() => {
            Value::text(text.get(from..to).unwrap_or(""))
        }
        Value::Texts(texts) => Value::Texts(texts.get(from..to).unwrap_or(&[])),
        Value::Events(events) => Value::Events(events.get(from..to).unwrap_or(&[])),
        other => match other.as_str() {
            // Go cuts bytes; what is cut through is replaced here.
            Some(text) => {
                let bytes = text.as_bytes().get(from..to).unwrap_or(&[]);
                Value::Text(Cow::Owned(String::from_utf8_lossy(bytes).into_owned()))
            }
            None => Value::List((from..to).filter_map(|at| other.item(at)).collect()),
        },
    })
}

pub(super) fn contained(left: &Value<'_>, right: &Value<'_>) -> Result<bool, Stop> {
    match right {
        Value::Map(_)
        | Value::Json(Json::Map(_) | Json::Texts(_))
        | Value::Object(Object::Unmarshaled(_)) => {
            Ok(left.as_str().is_some_and(|name| right.member(name).is_some()))
        }
        Value::Object(_) => fail("in wants a list"),
        nil if nil.is_nil() => Ok(false),
        list => match list.len().filter(|_| list.as_str().is_none()) {
            Some(len) => Ok((0..len).any(|at| list.item(at).is_some_and(|item| item.equals(left)))),
            None => fail("in wants a list"),
        },
    }
}

pub(super) fn sum<'a>(op: Op, left: Value<'a>, right: &Value<'a>) -> Ran<'a> {
    if op == Op::Plus
        && let (Some(one), Some(other)) = (left.as_str(), right.as_str())
    {
        if other.is_empty() {
            return Ok(left);
        }
        let mut text = String::with_capacity(one.len() + other.len());
        text.push_str(one);
        text.push_str(other);
        return Ok(Value::Text(Cow::Owned(text)));
    }
    let nanos = |millis: i64| millis.saturating_mul(1_000_000);
    let moved = |time: &Timestamp, nanos: i64| {
        Value::Time(Timestamp::from_millis(
            time.as_millis().saturating_add(nanos / 1_000_000),
        ))
    };
    let whole = match (&left, right, op) {
        (Value::Int(_), Value::Int(0), Op::Modulo) => return fail("division by zero"),
        (Value::Time(time), Value::Duration(nanos), Op::Plus)
        | (Value::Duration(nanos), Value::Time(time), Op::Plus) => return Ok(moved(time, *nanos)),
        (Value::Time(time), Value::Duration(nanos), Op::Minus) => {
            return Ok(moved(time, nanos.saturating_neg()));
        }
        (Value::Duration(one), Value::Int(other), Op::Times)
        | (Value::Int(one), Value::Duration(other), Op::Times) => {
            return Ok(Value::Duration(one.saturating_mul(*other)));
        }
        (Value::Int(one), Value::Int(other), Op::Plus) => one.checked_add(*other),
        (Value::Int(one), Value::Int(other), Op::Minus) => one.checked_sub(*other),
        (Value::Int(one), Value::Int(other), Op::Times) => one.checked_mul(*other),
        (Value::Int(one), Value::Int(other), Op::Modulo) => one.checked_rem(*other),
        (Value::Time(one), Value::Time(other), Op::Minus) => {
            return Ok(Value::Duration(nanos(
                one.as_millis().saturating_sub(other.as_millis()),
            )));
        }
        (Value::Duration(one), Value::Duration(other), Op::Plus) => {
            return Ok(Value::Duration(one.saturating_add(*other)));
        }
        (Value::Duration(one), Value::Duration(other), Op::Minus) => {
            return Ok(Value::Duration(one.saturating_sub(*other)));
        }
        _ => {
            let (Some(one), Some(other)) = (left.as_float(), right.as_float()) else {
                return fail("these cannot be reckoned with");
            };
            return Ok(Value::Float(match op {
                Op::Plus => one + other,
                Op::Minus => one - other,
                Op::Times => one * other,
                Op::Modulo => return fail("a remainder is that of whole numbers"),
                Op::Power => one.powf(other),
                _ => one / other,
            }));
        }
    };
    whole
        .map(Value::Int)
        .ok_or_else(|| Stop::Failed("the number is too large".into()))
}
