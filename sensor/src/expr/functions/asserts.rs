//! Functions that asserts of tests use more than rules do.

use std::borrow::Cow;

use super::{Function, Want, function, take};
use crate::expr::value::Value;

/// How far apart two numbers may be that are approximately equal.
const CLOSE: f64 = 1e-6;

pub(super) const FUNCTIONS: &[Function] = &[
    function("basename", &[Want::Text], Want::Text, |args, _| {
        Ok(match take(args, 0).into_text() {
            Some(Cow::Borrowed(path)) => Value::text(basename(path)),
            Some(Cow::Owned(path)) => Value::Text(Cow::Owned(basename(&path).to_owned())),
            None => return Err("not a text".into()),
        })
    }),
    function(
        "FloatApproxEqual",
        &[Want::Number, Want::Number],
        Want::Bool,
        |args, _| match (take(args, 0).as_float(), take(args, 1).as_float()) {
            (Some(one), Some(other)) => Ok(Value::Bool((one - other).abs() < CLOSE)),
            _ => Err("not a number".into()),
        },
    ),
];

/// The last part of a path, as Go's `filepath.Base` has it.
fn basename(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/";
    }
    trimmed.rsplit_once('/').map_or(trimmed, |(_, name)| name)
}
