//! How Go prints numbers, times and durations, which rules see in texts.

use vigie_wire::Timestamp;

/// `%v` of a float: the shortest digits, an exponent from 21 on.
pub(super) fn float(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{number:e}");
        let Some((digits, exponent)) = text.split_once('e') else {
            return text;
        };
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{number}")
}

/// `%v` of a duration: `1h2m3.5s`, `1.5ms`.
pub(super) fn duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let fraction = |whole: u64, rest: u64, digits: usize| {
        let rest = format!("{rest:0>digits$}");
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() {
            whole.to_string()
        } else {
            format!("{whole}.{rest}")
        }
    };
    match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(total / 1_000, total % 1_000, 3)),
        1_000_000..1_000_000_000 => {
            format!("{sign}{}ms", fraction(total / 1_000_000, total % 1_000_000, 6))
        }
        _ => {
            let (secs, rest) = (total / 1_000_000_000, total % 1_000_000_000);
            let seconds = fraction(secs % 60, rest, 9);
            let (hours, minutes) = (secs / 3_600, secs / 60 % 60);
            match (hours, minutes) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// `%v` of a time in UTC: `2026-06-01 00:00:00.5 +0000 UTC`.
pub(super) fn time(time: Timestamp) -> String {
    let parts = Parts::of(time);
    let Parts {
        year,
        month,
        day,
        hour,
        minute,
        second,
        milli,
        ..
    } = parts;
    let fraction = if milli == 0 {
        String::new()
    } else {
        format!(".{milli:0>3}").trim_end_matches('0').to_owned()
    };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{fraction} +0000 UTC")
}

/// A time in UTC, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: i64,
    pub(super) day: i64,
    /// From 1.
    pub(super) year_day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
    pub(super) milli: i64,
    /// From Sunday, which is 0.
    pub(super) weekday: i64,
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

// === impl Parts ===

impl Parts {
    /// The calendar by Howard Hinnant's algorithm for days since 1970.
    pub(super) fn of(time: Timestamp) -> Self {
        let millis = time.as_millis();
        let (days, in_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let at = usize::try_from(month - 1).unwrap_or(0);
        let year_day = before.get(at).copied().unwrap_or(0) + day + i64::from(is_leap && month > 2);
        Self {
            year,
            month,
            day,
            year_day,
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / 1_000 % 60,
            milli: in_day % 1_000,
            weekday: (days + 4).rem_euclid(7),
        }
    }
}

/// The name of a month, from 1.
pub(super) fn month_name(month: i64) -> &'static str {
    let at = usize::try_from(month - 1).unwrap_or(usize::MAX);
    MONTHS.get(at).copied().unwrap_or("")
}

/// The name of a day of the week, from Sunday, which is 0.
pub(super) fn weekday_name(day: i64) -> &'static str {
    let at = usize::try_from(day).unwrap_or(usize::MAX);
    WEEKDAYS.get(at).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (20_000_000, "20ms"),
            (90_000_000_000, "1m30s"),
            (3_600_500_000_000, "1h0m0.5s"),
            (-1_000_000_000, "-1s"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(duration(nanos), expected);
        }
    }

    #[test]
    fn the_calendar() {
        let parts = Parts::of(Timestamp::from_secs(1_780_272_000));
        assert_eq!(
            (parts.year, parts.month, parts.day, parts.weekday),
            (2026, 6, 1, 1)
        );
        assert_eq!(parts.year_day, 152);
        let parts = Parts::of(Timestamp::from_secs(951_782_400));
        assert_eq!(
            (parts.year, parts.month, parts.day, parts.year_day),
            (2000, 2, 29, 60)
        );
        assert_eq!(time(Timestamp::from_secs(0)), "1970-01-01 00:00:00 +0000 UTC");
    }
}
