//! `leaky`: the bucket that an expression stands in, for conditions, cancellations and filters of overflows.
//!
//! Deliberately absent: what only means something within `CrowdSec`, such as its bucket's names.

use std::time::Duration;

use vigie_wire::Timestamp;

use super::code::Getter;
use super::types::Type;
use super::value::Value;
use crate::rules::Scenario;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Leaky<'a> {
    /// The scenario.
    pub rule: &'a Scenario,
    /// How many events were poured.
    pub total: u32,
    /// Time of the first.
    pub first_at: Timestamp,
    /// Time of the last.
    pub last_at: Timestamp,
    /// When it overflowed; zero while it has not.
    pub overflow_at: Timestamp,
    /// How long it lives.
    pub lifetime: Duration,
    /// How many events it keeps, less one.
    pub limit: usize,
}

/// The fields of the bucket.
pub(super) fn field(name: &str) -> Option<(Type, Getter)> {
    Some(match name {
        "Name" => (Type::Text, Getter::BucketName),
        "Capacity" => (Type::Int, Getter::BucketCapacity),
        "CacheSize" => (Type::Int, Getter::BucketCache),
        "Total_count" => (Type::Int, Getter::BucketTotal),
        "First_ts" => (Type::Time, Getter::BucketFirst),
        "Last_ts" => (Type::Time, Getter::BucketLast),
        "Ovflw_ts" => (Type::Time, Getter::BucketOverflow),
        "Leakspeed" => (Type::Duration, Getter::BucketLeak),
        "Duration" => (Type::Duration, Getter::BucketLifetime),
        "Reprocess" => (Type::Bool, Getter::BucketReprocess),
        _ => return None,
    })
}

/// The value of a field.
pub(super) fn get<'a>(leaky: &Leaky<'a>, getter: Getter) -> Value<'a> {
    let rule = leaky.rule;
    let nanos = |span: Duration| Value::Duration(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX));
    match getter {
        Getter::BucketName => Value::text(&rule.name),
        Getter::BucketCapacity => Value::Int(i64::from(rule.capacity)),
        Getter::BucketCache => Value::Int(i64::from(rule.cache_size.unwrap_or(0))),
        Getter::BucketTotal => Value::Int(i64::from(leaky.total)),
        Getter::BucketFirst => Value::Time(leaky.first_at),
        Getter::BucketLast => Value::Time(leaky.last_at),
        Getter::BucketOverflow => Value::Time(leaky.overflow_at),
        Getter::BucketLeak => nanos(rule.leakspeed),
        Getter::BucketLifetime => nanos(leaky.lifetime),
        Getter::BucketReprocess => Value::Bool(rule.reprocess),
        Getter::QueueLimit => Value::Int(i64::try_from(leaky.limit).unwrap_or(i64::MAX)),
        _ => Value::Nil,
    }
}
