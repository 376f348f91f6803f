//! Durations as Go writes them (`3h59m12s`, `-13h57m25s`, `1.5h`, `250ms`), the only form the API knows.
//!
//! What we print is always whole seconds, as the servers do: some bouncers read nothing else. Deliberately
//! absent: days and weeks, which Go's own parser refuses too.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A signed duration in nanoseconds; negative in the `deleted` half of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

/// Why a duration could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing there, or only a sign.
    #[error("the duration is empty")]
    Empty,
    /// Something else than a number and a unit.
    #[error("at byte {at} of the duration: expected {expected}")]
    Syntax {
        /// Offset in bytes.
        at: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// More than about 292 years.
    #[error("the duration is longer than 292 years")]
    TooLong,
}

const NANOS_PER_SEC: i64 = 1_000_000_000;

// === impl GoDuration ===

impl GoDuration {
    /// From whole seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Nanoseconds, signed.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds, rounded to the nearest as the servers do.
    pub const fn as_secs_rounded(self) -> i64 {
        let half = if self.0 < 0 {
            -NANOS_PER_SEC / 2
        } else {
            NANOS_PER_SEC / 2
        };
        self.0.saturating_add(half) / NANOS_PER_SEC
    }

    /// What remains of it: nought if it is negative.
    pub fn remaining(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl From<Duration> for GoDuration {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

/// `HhMmSs` as Go prints whole seconds: leading units that are nought are left out (`12s`, `1m0s`, `4h0m0s`).
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.as_secs_rounded();
        let sign = if secs < 0 { "-" } else { "" };
        let all = secs.unsigned_abs();
        let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
        match (hours, minutes) {
            (0, 0) => write!(f, "{sign}{seconds}s"),
            (0, _) => write!(f, "{sign}{minutes}m{seconds}s"),
            _ => write!(f, "{sign}{hours}h{minutes}m{seconds}s"),
        }
    }
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let negative = text.starts_with('-');
        let sign_len = usize::from(negative || text.starts_with('+'));
        let body = text.get(sign_len..).unwrap_or_default();
        if body.is_empty() {
            return Err(DurationError::Empty);
        }
        if body == "0" {
            return Ok(Self(0));
        }
        let mut rest = body;
        let mut nanos: i128 = 0;
        while !rest.is_empty() {
            let at = text.len().saturating_sub(rest.len());
            let (amount, after) = number(rest, at)?;
            let unit_at = text.len().saturating_sub(after.len());
            let (unit, after) = unit(after, unit_at)?;
            nanos = nanos.saturating_add(amount.times(unit));
            if nanos > i128::from(i64::MAX) {
                return Err(DurationError::TooLong);
            }
            rest = after;
        }
        let nanos = i64::try_from(nanos).map_err(|_| DurationError::TooLong)?;
        Ok(Self(if negative { nanos.saturating_neg() } else { nanos }))
    }
}

/// A decimal number without sign: its whole part, and its fraction as (digits, ten to their count).
struct Amount {
    whole: i128,
    fraction: i128,
    scale: i128,
}

impl Amount {
    fn times(&self, unit: i128) -> i128 {
        let fraction = self
            .fraction
            .saturating_mul(unit)
            .checked_div(self.scale)
            .unwrap_or(0);
        self.whole.saturating_mul(unit).saturating_add(fraction)
    }
}

fn number(text: &str, at: usize) -> Result<(Amount, &str), DurationError> {
    let expected = DurationError::Syntax {
        at,
        expected: "a number",
    };
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => digits(after),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(expected);
    }
    // Twelve places are below a nanosecond of an hour; further digits say nothing.
    let fraction = fraction.get(..12).unwrap_or(fraction);
    let scale = 10_i128.saturating_pow(u32::try_from(fraction.len()).unwrap_or(0));
    let parse = |digits: &str| {
        if digits.is_empty() {
            Ok(0)
        } else {
            digits.parse::<i128>()
        }
    };
    let whole = parse(whole).map_err(|_| DurationError::TooLong)?;
    let fraction = parse(fraction).map_err(|_| DurationError::TooLong)?;
    Ok((
        Amount {
            whole,
            fraction,
            scale,
        },
        rest,
    ))
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(end)
}

fn unit(text: &str, at: usize) -> Result<(i128, &str), DurationError> {
    // Longer names first: "ms" is not "m" and an "s".
    const UNITS: [(&str, i128); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS
        .iter()
        .find_map(|(name, nanos)| text.strip_prefix(name).map(|rest| (*nanos, rest)))
        .ok_or(DurationError::Syntax {
            at,
            expected: "a unit: h, m, s, ms, us or ns",
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, nanos: i64) {
        assert_eq!(text.parse::<GoDuration>(), Ok(GoDuration(nanos)), "{text}");
    }

    #[test]
    fn what_servers_send_is_read() {
        check("3h59m12s", 14_352_000_000_000);
        check("-13h57m25s", -50_245_000_000_000);
        check("1.5h", 5_400_000_000_000);
        check("250ms", 250_000_000);
        check("1h0m0.000000001s", 3_600_000_000_001);
        check("-0.5s", -500_000_000);
        check("0", 0);
        check("+3us", 3_000);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error = |text: &str| text.parse::<GoDuration>().unwrap_err();
        assert_eq!(error(""), DurationError::Empty);
        assert_eq!(error("-"), DurationError::Empty);
        assert_eq!(
            error("1h5x"),
            DurationError::Syntax {
                at: 3,
                expected: "a unit: h, m, s, ms, us or ns"
            }
        );
        assert_eq!(
            error("h"),
            DurationError::Syntax {
                at: 0,
                expected: "a number"
            }
        );
        assert_eq!(
            error("2d").to_string(),
            "at byte 1 of the duration: expected a unit: h, m, s, ms, us or ns"
        );
        assert_eq!(error("9999999999999999h"), DurationError::TooLong);
    }

    #[test]
    fn output_is_whole_seconds() {
        let print = |text: &str| text.parse::<GoDuration>().unwrap().to_string();
        assert_eq!(print("4h"), "4h0m0s");
        assert_eq!(print("59.6s"), "1m0s");
        assert_eq!(print("-90s"), "-1m30s");
        assert_eq!(print("12s"), "12s");
        assert_eq!(print("-1ms"), "0s");
    }

    proptest! {
        #[test]
        fn whole_seconds_round_trip(secs in -9_000_000_000_i64..9_000_000_000) {
            let duration = GoDuration::from_secs(secs);
            prop_assert_eq!(duration.to_string().parse::<GoDuration>(), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "[-+]?[0-9.hmsuµn]{0,40}") {
            drop(text.parse::<GoDuration>());
        }
    }
}
