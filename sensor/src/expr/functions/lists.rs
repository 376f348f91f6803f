//! Functions on numbers, lists, maps and times.

use std::borrow::Cow;

use super::{Function, Want, function, take};
use crate::expr::value::Value;
use crate::expr::{Env, EvalError};

type Ran<'a> = Result<Value<'a>, EvalError>;

pub(super) const FUNCTIONS: &[Function] = &[
    function("len", &[Want::Any], Want::Int, |args, _| {
        let len = args
            .first()
            .and_then(Value::len)
            .ok_or(EvalError("it has no length".into()))?;
        Ok(Value::Int(i64::try_from(len).unwrap_or(i64::MAX)))
    }),
    function("int", &[Want::Any], Want::Int, int),
    function("float", &[Want::Any], Want::Number, |args, _| {
        number(&take(args, 0))
            .map(Value::Float)
            .ok_or_else(|| "not a number".into())
    }),
    function("Atof", &[Want::Text], Want::Number, |args, _| {
        Ok(Value::Float(number(&take(args, 0)).unwrap_or(0.0)))
    }),
    function("abs", &[Want::Number], Want::Any, |args, _| {
        Ok(match take(args, 0) {
            Value::Int(number) => Value::Int(number.saturating_abs()),
            other => Value::Float(other.as_float().ok_or(EvalError("not a number".into()))?.abs()),
        })
    }),
    function("get", &[Want::Any, Want::Any], Want::Any, |args, _| Ok(get(args))),
    function("first", &[Want::List], Want::Any, |args, _| {
        Ok(take(args, 0).item(0).unwrap_or(Value::Nil))
    }),
    function("last", &[Want::List], Want::Any, |args, _| {
        let list = take(args, 0);
        let last = list.len().and_then(|len| len.checked_sub(1));
        Ok(last.and_then(|at| list.item(at)).unwrap_or(Value::Nil))
    }),
    Function {
        least: 1,
        ..function("join", &[Want::List, Want::Text], Want::Text, join)
    },
    function("Join", &[Want::List, Want::Text], Want::Text, join),
    function("duration", &[Want::Text], Want::Duration, |args, _| {
        let nanos = args.first().and_then(Value::as_str).and_then(parse_duration);
        nanos.map(Value::Duration).ok_or_else(|| "not a duration".into())
    }),
    function("MedianInterval", &[Want::List], Want::Duration, |args, _| {
        intervals(&take(args, 0), true)
    }),
    function("AverageInterval", &[Want::List], Want::Duration, |args, _| {
        intervals(&take(args, 0), false)
    }),
    function(
        "FloatApproxEqual",
        &[Want::Number, Want::Number],
        Want::Bool,
        |args, _| {
            let (one, other) = (take(args, 0).as_float(), take(args, 1).as_float());
            Ok(Value::Bool(
                matches!((one, other), (Some(one), Some(other)) if (one - other).abs() < 1e-6),
            ))
        },
    ),
    function(
        "Distance",
        &[Want::Any, Want::Any, Want::Any, Want::Any],
        Want::Number,
        |args, _| Ok(Value::Float(distance(args))),
    ),
];

#[expect(
    clippy::cast_possible_truncation,
    reason = "the language cuts fractions off, and the cast saturates"
)]
fn int<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let value = take(args, 0);
    if let Value::Int(_) = value {
        return Ok(value);
    }
    if let Some(text) = value.as_str() {
        return text
            .parse()
            .map(Value::Int)
            .map_err(|_| "not a whole number".into());
    }
    value
        .as_float()
        .map(|number| Value::Int(number as i64))
        .ok_or_else(|| "not a number".into())
}

fn number(value: &Value<'_>) -> Option<f64> {
    match value.as_str() {
        Some(text) => text.parse().ok(),
        None => value.as_float(),
    }
}

/// An element or a member, nil where there is none.
fn get<'a>(args: &mut [Value<'a>]) -> Value<'a> {
    let (of, key) = (take(args, 0), take(args, 1));
    if let Value::Int(at) = key {
        return usize::try_from(at)
            .ok()
            .and_then(|at| of.item(at))
            .unwrap_or(Value::Nil);
    }
    let Some(name) = key.as_str() else {
        return Value::Nil;
    };
    match &of {
        Value::Json(json) => json
            .member(name)
            .map_or(Value::Nil, |json| Value::Json(json.clone())),
        Value::Map(entries) => {
            let found = entries.iter().find(|(key, _)| *key == name);
            found.map_or(Value::Nil, |(_, value)| value.clone())
        }
        Value::Object(crate::expr::Object::Unmarshaled(event)) => {
            let roots = event.unmarshaled.borrow();
            let found = roots.iter().find(|(key, _)| **key == *name);
            found.map_or(Value::Nil, |(_, json)| Value::Json(json.clone()))
        }
        _ => Value::Nil,
    }
}

fn join<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let (list, by) = (take(args, 0), take(args, 1));
    let by = by.as_str().unwrap_or("");
    let mut out = String::new();
    for at in 0..list.len().unwrap_or(0) {
        if at > 0 {
            out.push_str(by);
        }
        if let Some(item) = list.item(at) {
            out.push_str(item.as_str().ok_or(EvalError("not a list of texts".into()))?);
        }
    }
    Ok(Value::Text(Cow::Owned(out)))
}

fn intervals<'a>(list: &Value<'_>, median: bool) -> Ran<'a> {
    let mut times = Vec::with_capacity(list.len().unwrap_or(0));
    for at in 0..list.len().unwrap_or(0) {
        let Some(Value::Time(time)) = list.item(at) else {
            return Err("not a list of times".into());
        };
        times.push(time.as_millis());
    }
    if times.len() < 2 {
        return Err("fewer than two times have no interval".into());
    }
    times.sort_unstable();
    let mut gaps: Vec<i64> = times
        .windows(2)
        .map(|pair| pair.iter().rev().copied().reduce(|a, b| a - b).unwrap_or(0))
        .collect();
    gaps.sort_unstable();
    let len = i64::try_from(gaps.len()).unwrap_or(1);
    let middle = gaps.len() / 2;
    let gap = |at: usize| gaps.get(at).copied().unwrap_or(0);
    let nanos = if !median {
        gaps.iter().sum::<i64>().saturating_mul(1_000_000) / len
    } else if gaps.len() % 2 == 1 {
        gap(middle).saturating_mul(1_000_000)
    } else {
        gap(middle - 1)
            .saturating_add(gap(middle))
            .saturating_mul(500_000)
    };
    Ok(Value::Duration(nanos))
}

/// Kilometres between two places on the globe.
fn distance(args: &mut [Value<'_>]) -> f64 {
    let mut degrees = [0.0_f64; 4];
    for (at, degree) in degrees.iter_mut().enumerate() {
        let Some(number) = number(&take(args, at)) else {
            return 0.0;
        };
        *degree = number.to_radians();
    }
    let [from_lat, from_long, to_lat, to_long] = degrees;
    let a = ((to_lat - from_lat) / 2.0).sin().powi(2)
        + from_lat.cos() * to_lat.cos() * ((to_long - from_long) / 2.0).sin().powi(2);
    2.0 * 6_371.0 * a.sqrt().atan2((1.0 - a).sqrt())
}

/// Go's form of a duration, days added: `1h30m`, `0.5s`, `2d`.
pub(in crate::expr) fn parse_duration(text: &str) -> Option<i64> {
    crate::rules::duration::parse_nanos(text)
}
