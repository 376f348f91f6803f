//! Functions on numbers, and from everything to numbers.

use super::lists::items;
use super::{Function, Want, function, int_arg, take};
use crate::expr::value::Value;
use crate::expr::{Env, EvalError};

type Ran<'a> = Result<Value<'a>, EvalError>;

pub(super) const FUNCTIONS: &[Function] = &[
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
    function("ceil", &[Want::Number], Want::Number, |args, _| {
        round(args, f64::ceil)
    }),
    function("floor", &[Want::Number], Want::Number, |args, _| {
        round(args, f64::floor)
    }),
    function("round", &[Want::Number], Want::Number, |args, _| {
        round(args, f64::round)
    }),
    Function {
        least: 1,
        more: true,
        ..function("max", &[Want::Any], Want::Any, |args, _| extreme(args, f64::gt))
    },
    Function {
        least: 1,
        more: true,
        ..function("min", &[Want::Any], Want::Any, |args, _| extreme(args, f64::lt))
    },
    Function {
        least: 1,
        more: true,
        ..function("mean", &[Want::Any], Want::Number, |args, _| {
            let numbers = numbers(args)?;
            let sum: f64 = numbers.iter().filter_map(Value::as_float).sum();
            Ok(Value::Float(if numbers.is_empty() {
                0.0
            } else {
                sum / count(numbers.len())
            }))
        })
    },
    Function {
        least: 1,
        more: true,
        ..function("median", &[Want::Any], Want::Number, median)
    },
    function(
        "Distance",
        &[Want::Text, Want::Text, Want::Text, Want::Text],
        Want::Number,
        |args, _| distance(args),
    ),
    function("bitand", &[Want::Int, Want::Int], Want::Int, |args, _| {
        bits(args, |x, y| Some(x & y))
    }),
    function("bitor", &[Want::Int, Want::Int], Want::Int, |args, _| {
        bits(args, |x, y| Some(x | y))
    }),
    function("bitxor", &[Want::Int, Want::Int], Want::Int, |args, _| {
        bits(args, |x, y| Some(x ^ y))
    }),
    function("bitnand", &[Want::Int, Want::Int], Want::Int, |args, _| {
        bits(args, |x, y| Some(x & !y))
    }),
    function("bitshl", &[Want::Int, Want::Int], Want::Int, |args, _| {
        bits(args, |x, y| {
            Some(x.checked_shl(u32::try_from(y).ok()?).unwrap_or(0))
        })
    }),
    function("bitshr", &[Want::Int, Want::Int], Want::Int, |args, _| {
        bits(args, |x, y| Some(x >> u32::try_from(y).ok()?.min(63)))
    }),
    function("bitushr", &[Want::Int, Want::Int], Want::Int, |args, _| {
        bits(args, |x, y| {
            let shifted = x.cast_unsigned().checked_shr(u32::try_from(y).ok()?);
            Some(shifted.unwrap_or(0).cast_signed())
        })
    }),
    function("bitnot", &[Want::Int], Want::Int, |args, _| {
        Ok(Value::Int(!int_arg(args, 0)?))
    }),
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

fn round<'a>(args: &mut [Value<'a>], how: fn(f64) -> f64) -> Ran<'a> {
    let number = take(args, 0).as_float().ok_or(EvalError("not a number".into()))?;
    Ok(Value::Float(how(number)))
}

/// The numbers of all arguments, lists taken apart.
fn numbers<'a>(args: &[Value<'a>]) -> Result<Vec<Value<'a>>, EvalError> {
    let mut out = Vec::new();
    for arg in args {
        match items(arg) {
            Ok(items) => out.extend(numbers(&items)?),
            Err(_) if arg.as_float().is_some() => out.push(arg.clone()),
            Err(_) => return Err("not a number".into()),
        }
    }
    Ok(out)
}

#[expect(clippy::cast_precision_loss, reason = "lists have fewer elements than 2^53")]
fn count(len: usize) -> f64 {
    len as f64
}

fn extreme<'a>(args: &mut [Value<'a>], beats: fn(&f64, &f64) -> bool) -> Ran<'a> {
    let mut best: Option<(f64, Value<'a>)> = None;
    for value in numbers(args)? {
        let number = value.as_float().unwrap_or(f64::NAN);
        if best.as_ref().is_none_or(|(known, _)| beats(&number, known)) {
            best = Some((number, value));
        }
    }
    Ok(best.map_or(Value::Nil, |(_, value)| value))
}

fn median<'a>(args: &mut [Value<'a>], _: &Env<'a>) -> Ran<'a> {
    let mut numbers: Vec<f64> = numbers(args)?.iter().filter_map(Value::as_float).collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let at = |at: usize| numbers.get(at).copied().unwrap_or(0.0);
    Ok(Value::Float(match numbers.len() {
        0 => 0.0,
        len if len % 2 == 1 => at(middle),
        _ => f64::midpoint(at(middle - 1), at(middle)),
    }))
}

fn bits<'a>(args: &mut [Value<'a>], how: fn(i64, i64) -> Option<i64>) -> Ran<'a> {
    how(int_arg(args, 0)?, int_arg(args, 1)?)
        .map(Value::Int)
        .ok_or_else(|| "a negative shift".into())
}

/// Kilometres between two places on the globe, by the haversine formula. Nowhere, which is 0/0, is no
/// distance from anywhere.
fn distance<'a>(args: &mut [Value<'a>]) -> Ran<'a> {
    let mut degrees = [0.0_f64; 4];
    for (at, degree) in degrees.iter_mut().enumerate() {
        *degree = number(&take(args, at)).ok_or(EvalError("a coordinate is not a number".into()))?;
    }
    let nowhere = |lat: f64, long: f64| lat.abs() + long.abs() < f64::MIN_POSITIVE;
    let [from_lat, from_long, to_lat, to_long] = degrees;
    if nowhere(from_lat, from_long) || nowhere(to_lat, to_long) {
        return Ok(Value::Float(0.0));
    }
    let [from_lat, from_long, to_lat, to_long] = degrees.map(f64::to_radians);
    let a = ((to_lat - from_lat) / 2.0).sin().powi(2)
        + from_lat.cos() * to_lat.cos() * ((to_long - from_long) / 2.0).sin().powi(2);
    Ok(Value::Float(2.0 * 6_371.0 * a.sqrt().atan2((1.0 - a).sqrt())))
}
