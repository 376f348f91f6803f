//! Times and durations: functions, and the methods that Go gives them.

use vigie_wire::Timestamp;

use super::lists::items;
use super::{Function, Want, function, int_arg, take, text_arg, text_value};
use crate::expr::EvalError;
use crate::expr::go::{self, Parts};
use crate::expr::value::Value;
use crate::parse::date;

type Ran<'a> = Result<Value<'a>, EvalError>;

pub(super) const FUNCTIONS: &[Function] = &[
    function("now", &[], Want::Time, |_, env| {
        Ok(Value::Time(env.event.read_at))
    }),
    function("TimeNow", &[], Want::Text, |_, env| {
        Ok(text_value(rfc3339(env.event.read_at)))
    }),
    function("duration", &[Want::Text], Want::Duration, |args, _| {
        let nanos = args.first().and_then(Value::as_str).and_then(parse_duration);
        nanos.map(Value::Duration).ok_or_else(|| "not a duration".into())
    }),
    Function {
        least: 1,
        ..function("date", &[Want::Text, Want::Text], Want::Time, |args, env| {
            let layout = args.get(1).and_then(Value::as_str).unwrap_or("");
            let parsed = date::parse(text_arg(args, 0)?, layout, env.event.read_at);
            parsed
                .map(|date| Value::Time(date.timestamp()))
                .ok_or_else(|| "not a date".into())
        })
    },
    function("ParseUnix", &[Want::Text], Want::Text, |args, _| {
        Ok(unix(text_arg(args, 0)?).map_or(Value::text(""), |time| text_value(rfc3339(time))))
    }),
    function("ParseUnixTime", &[Want::Text], Want::Time, |args, _| {
        let time = unix(text_arg(args, 0)?);
        time.map(Value::Time).ok_or_else(|| "not a unix timestamp".into())
    }),
    function("MedianInterval", &[Want::List], Want::Duration, |args, _| {
        intervals(&take(args, 0), true)
    }),
    function("AverageInterval", &[Want::List], Want::Duration, |args, _| {
        intervals(&take(args, 0), false)
    }),
];

/// Methods of a time.
pub(super) const METHODS: &[Function] = &[
    function("Year", &[Want::Time], Want::Int, |args, _| {
        part(args, |parts| parts.year)
    }),
    function("Day", &[Want::Time], Want::Int, |args, _| {
        part(args, |parts| parts.day)
    }),
    function("YearDay", &[Want::Time], Want::Int, |args, _| {
        part(args, |parts| parts.year_day)
    }),
    function("Hour", &[Want::Time], Want::Int, |args, _| {
        part(args, |parts| parts.hour)
    }),
    function("Minute", &[Want::Time], Want::Int, |args, _| {
        part(args, |parts| parts.minute)
    }),
    function("Second", &[Want::Time], Want::Int, |args, _| {
        part(args, |parts| parts.second)
    }),
    function("Nanosecond", &[Want::Time], Want::Int, |args, _| {
        part(args, |parts| parts.milli * 1_000_000)
    }),
    function("Unix", &[Want::Time], Want::Int, |args, _| {
        Ok(Value::Int(time(args, 0)?.as_secs()))
    }),
    function("UnixMilli", &[Want::Time], Want::Int, |args, _| {
        Ok(Value::Int(time(args, 0)?.as_millis()))
    }),
    function("UnixMicro", &[Want::Time], Want::Int, |args, _| {
        Ok(Value::Int(time(args, 0)?.as_millis().saturating_mul(1_000)))
    }),
    function("UnixNano", &[Want::Time], Want::Int, |args, _| {
        Ok(Value::Int(time(args, 0)?.as_millis().saturating_mul(1_000_000)))
    }),
    function("IsZero", &[Want::Time], Want::Bool, |args, _| {
        Ok(Value::Bool(time(args, 0)? == Timestamp::ZERO))
    }),
    function("String", &[Want::Time], Want::Text, |args, _| {
        Ok(text_value(go::time(time(args, 0)?)))
    }),
    function("Format", &[Want::Time, Want::Text], Want::Text, |args, _| {
        Ok(text_value(format(time(args, 0)?, text_arg(args, 1)?)))
    }),
    function("After", &[Want::Time, Want::Time], Want::Bool, |args, _| {
        Ok(Value::Bool(time(args, 0)? > time(args, 1)?))
    }),
    function("Before", &[Want::Time, Want::Time], Want::Bool, |args, _| {
        Ok(Value::Bool(time(args, 0)? < time(args, 1)?))
    }),
    function("Equal", &[Want::Time, Want::Time], Want::Bool, |args, _| {
        Ok(Value::Bool(time(args, 0)? == time(args, 1)?))
    }),
    function("Sub", &[Want::Time, Want::Time], Want::Duration, |args, _| {
        let millis = time(args, 0)?
            .as_millis()
            .saturating_sub(time(args, 1)?.as_millis());
        Ok(Value::Duration(millis.saturating_mul(1_000_000)))
    }),
    function("Add", &[Want::Time, Want::Duration], Want::Time, |args, _| {
        let nanos = duration(args, 1)?;
        let millis = time(args, 0)?.as_millis().saturating_add(nanos / 1_000_000);
        Ok(Value::Time(Timestamp::from_millis(millis)))
    }),
    function(
        "Truncate",
        &[Want::Time, Want::Duration],
        Want::Time,
        |args, _| {
            let (millis, step) = (time(args, 0)?.as_millis(), duration(args, 1)? / 1_000_000);
            let millis = if step > 0 {
                millis - millis.rem_euclid(step)
            } else {
                millis
            };
            Ok(Value::Time(Timestamp::from_millis(millis)))
        },
    ),
];

/// Methods of a duration.
pub(super) const DURATION_METHODS: &[Function] = &[
    function("Hours", &[Want::Duration], Want::Number, |args, _| {
        fraction(args, 3_600e9)
    }),
    function("Minutes", &[Want::Duration], Want::Number, |args, _| {
        fraction(args, 60e9)
    }),
    function("Seconds", &[Want::Duration], Want::Number, |args, _| {
        fraction(args, 1e9)
    }),
    function("Milliseconds", &[Want::Duration], Want::Int, |args, _| {
        Ok(Value::Int(duration(args, 0)? / 1_000_000))
    }),
    function("Microseconds", &[Want::Duration], Want::Int, |args, _| {
        Ok(Value::Int(duration(args, 0)? / 1_000))
    }),
    function("Nanoseconds", &[Want::Duration], Want::Int, |args, _| {
        Ok(Value::Int(duration(args, 0)?))
    }),
    function("Abs", &[Want::Duration], Want::Duration, |args, _| {
        Ok(Value::Duration(duration(args, 0)?.saturating_abs()))
    }),
    function("String", &[Want::Duration], Want::Text, |args, _| {
        Ok(text_value(go::duration(duration(args, 0)?)))
    }),
];

fn part<'a>(args: &[Value<'a>], part: fn(&Parts) -> i64) -> Ran<'a> {
    Ok(Value::Int(part(&Parts::of(time(args, 0)?))))
}

/// Go's form of a duration, days added: `1h30m`, `0.5s`, `2d`.
pub(in crate::expr) fn parse_duration(text: &str) -> Option<i64> {
    crate::rules::duration::parse_nanos(text)
}

fn time(args: &[Value<'_>], at: usize) -> Result<Timestamp, EvalError> {
    match args.get(at) {
        Some(Value::Time(time)) => Ok(*time),
        _ => Err("an argument is not a time".into()),
    }
}

fn duration(args: &[Value<'_>], at: usize) -> Result<i64, EvalError> {
    match args.get(at) {
        Some(Value::Duration(nanos)) => Ok(*nanos),
        _ => int_arg(args, at),
    }
}

#[expect(clippy::cast_precision_loss, reason = "so does Go")]
fn fraction<'a>(args: &mut [Value<'a>], of: f64) -> Ran<'a> {
    Ok(Value::Float(duration(args, 0)? as f64 / of))
}

/// Seconds since 1970, with or without a fraction, which is cut off.
fn unix(text: &str) -> Option<Timestamp> {
    let whole = text.split('.').next()?;
    whole
        .parse::<i64>()
        .ok()
        .filter(|secs| (1..1 << 48).contains(secs))
        .map(Timestamp::from_secs)
}

fn rfc3339(time: Timestamp) -> String {
    format(time, "2006-01-02T15:04:05Z07:00")
}

/// The words of Go's layouts, longest first where one begins like another.
const WORDS: &[&str] = &[
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "Z07:00",
    "Z0700",
    "-07:00",
    "-0700",
    "-07",
    ".000000000",
    ".000000",
    ".000",
    ".999999999",
    ".999999",
    ".999",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "PM",
    "pm",
    "_2",
    "1",
    "2",
    "3",
    "4",
    "5",
];

/// A time in UTC by a layout of Go's.
fn format(time: Timestamp, layout: &str) -> String {
    let parts = Parts::of(time);
    let hour12 = (parts.hour + 11) % 12 + 1;
    let mut out = String::with_capacity(layout.len() + 8);
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) else {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or("");
            continue;
        };
        rest = rest.get(word.len()..).unwrap_or("");
        let written = match *word {
            "January" => go::month_name(parts.month).to_owned(),
            "Jan" => go::month_name(parts.month).chars().take(3).collect(),
            "Monday" => go::weekday_name(parts.weekday).to_owned(),
            "Mon" => go::weekday_name(parts.weekday).chars().take(3).collect(),
            "MST" => "UTC".to_owned(),
            "2006" => format!("{:04}", parts.year),
            "06" => format!("{:02}", parts.year.rem_euclid(100)),
            "01" => format!("{:02}", parts.month),
            "1" => parts.month.to_string(),
            "02" => format!("{:02}", parts.day),
            "_2" => format!("{:2}", parts.day),
            "2" => parts.day.to_string(),
            "002" => format!("{:03}", parts.year_day),
            "15" => format!("{:02}", parts.hour),
            "03" => format!("{hour12:02}"),
            "3" => hour12.to_string(),
            "04" => format!("{:02}", parts.minute),
            "4" => parts.minute.to_string(),
            "05" => format!("{:02}", parts.second),
            "5" => parts.second.to_string(),
            "PM" => if parts.hour < 12 { "AM" } else { "PM" }.to_owned(),
            "pm" => if parts.hour < 12 { "am" } else { "pm" }.to_owned(),
            "Z07:00" | "Z0700" => "Z".to_owned(),
            "-07:00" => "+00:00".to_owned(),
            "-0700" => "+0000".to_owned(),
            "-07" => "+00".to_owned(),
            zeros => {
                let digits = format!("{:03}000000", parts.milli);
                let digits: String = digits.chars().take(zeros.len() - 1).collect();
                if zeros.contains('9') {
                    let digits = digits.trim_end_matches('0');
                    if digits.is_empty() {
                        String::new()
                    } else {
                        format!(".{digits}")
                    }
                } else {
                    format!(".{digits}")
                }
            }
        };
        out.push_str(&written);
    }
    out
}

fn intervals<'a>(list: &Value<'a>, median: bool) -> Ran<'a> {
    let mut times = Vec::new();
    for item in items(list)? {
        let Value::Time(time) = item else {
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
