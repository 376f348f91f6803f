//! Go's form of a duration, as rules write it: `10s`, `1m30s`, `0.5s`, and days, which Go does not have.

use std::time::Duration;

/// A duration in nanoseconds, `None` if it is none or does not fit.
pub(crate) fn parse_nanos(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0.0_f64;
    while !rest.is_empty() {
        let len = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let number: f64 = rest.get(..len)?.parse().ok()?;
        rest = rest.get(len..)?;
        let units = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 60e9),
            ("h", 3_600e9),
            ("d", 86_400e9),
        ];
        let (unit, size) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        nanos += number * size;
        rest = rest.get(unit.len()..)?;
    }
    if !nanos.is_finite() || nanos > 9e18 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to fit")]
    let whole = nanos.round() as i64;
    Some(if negative { -whole } else { whole })
}

/// A duration that is not negative.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    parse_nanos(text)
        .and_then(|nanos| u64::try_from(nanos).ok())
        .map(Duration::from_nanos)
}
