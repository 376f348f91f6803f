//! Times as lines tell them: `ParseDate`.
//!
//! Tried in turn: the layout that the parser named, a list of common layouts, and seconds since the epoch.
//! A date without a year is the latest that does not lie ahead of now, so that December's lines read in
//! January stay in December. Absent on purpose: names of time zones, which Go too takes for UTC.

pub mod layout;

use std::sync::LazyLock;

use vigie_wire::Timestamp;

use self::layout::Layout;

/// A moment and the offset from UTC in which it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    secs: i64,
    nanos: u32,
    offset_secs: i32,
}

/// How far ahead of now a date without a year may lie: clocks and time zones differ.
const AHEAD_MILLIS: i64 = 2 * 86_400_000;

/// In Go's notation, in the order in which they are tried.
const LAYOUTS: &[&str] = &[
    "2006-01-02T15:04:05Z07:00",
    "02/Jan/2006:15:04:05 -0700",
    "Jan  2 15:04:05",
    "Mon Jan 2 15:04:05 2006",
    "02-Jan-2006 15:04:05 europe/paris",
    "01/02/2006 15:04:05",
    "2006-01-02 15:04:05.999999999 -0700 MST",
    "Mon Jan 02 15:04:05.000000 2006",
    "2006/01/02",
    "2006/01/02 15:04",
    "2006-01-02",
    "2006-01-02 15:04",
    "2006/01/02 15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05",
    "2006-01-02T15:04:05.999999999Z07:00",
];

static COMPILED: LazyLock<Vec<Layout>> =
    LazyLock::new(|| LAYOUTS.iter().map(|text| Layout::new(text)).collect());

const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];

/// Reads a time. `format` is Go's layout that the parser named, or `""`.
pub fn parse(text: &str, format: &str, now: Timestamp) -> Option<Date> {
    if text.is_empty() {
        return None;
    }
    if !format.is_empty()
        && let Some(fields) = Layout::new(format).read(text)
    {
        return Date::from_fields(&fields, now);
    }
    let found = COMPILED.iter().find_map(|layout| layout.read(text));
    match found {
        Some(fields) => Date::from_fields(&fields, now),
        None => epoch(text),
    }
}

/// Seconds since the epoch, whose fraction is left out as in the original; from 13 digits on, milliseconds.
fn epoch(text: &str) -> Option<Date> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok().filter(|number| *number > 0)?;
    if whole.len() >= 13 {
        return Some(Date::from(Timestamp::from_millis(number)));
    }
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    (whole.len() <= 11).then_some(Date {
        secs: number,
        nanos: 0,
        offset_secs: 0,
    })
}

/// Days from the epoch to a day of the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The other way round: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// As RFC 3339, in UTC.
pub fn render_rfc3339(time: Timestamp) -> String {
    let mut out = String::with_capacity(32);
    Date::from(time).render(&mut out);
    out
}

/// The English name of the day, in UTC.
pub fn weekday(time: Timestamp) -> &'static str {
    let day = time.as_secs().div_euclid(86_400).rem_euclid(7);
    WEEKDAYS
        .get(usize::try_from(day).unwrap_or(0))
        .copied()
        .unwrap_or("")
}

// === impl Date ===

impl Date {
    fn from_fields(fields: &layout::Fields, now: Timestamp) -> Option<Self> {
        let of_year = |year: i64| {
            let days = match fields.day_of_year {
                Some(day) => days_from_civil(year, 1, 1) + day - 1,
                None => days_from_civil(year, fields.month.unwrap_or(1), fields.day.unwrap_or(1)),
            };
            let secs = days * 86_400 + fields.hour24() * 3_600 + fields.minute * 60 + fields.second;
            Self {
                secs: secs - i64::from(fields.offset_secs),
                nanos: fields.nanos,
                offset_secs: fields.offset_secs,
            }
        };
        if let Some(year) = fields.year {
            return Some(of_year(year));
        }
        let (this_year, ..) = civil_from_days(now.as_secs().div_euclid(86_400));
        let limit = now.as_millis().saturating_add(AHEAD_MILLIS);
        let candidates = [this_year + 1, this_year, this_year - 1].map(of_year);
        candidates
            .into_iter()
            .find(|date| date.timestamp().as_millis() <= limit)
    }

    /// The moment, to the millisecond.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millis(
            self.secs
                .saturating_mul(1_000)
                .saturating_add(i64::from(self.nanos / 1_000_000)),
        )
    }

    /// As RFC 3339 with the offset in which it was told, as Go marshals it.
    pub fn render(self, out: &mut String) {
        let local = self.secs + i64::from(self.offset_secs);
        let (year, month, day) = civil_from_days(local.div_euclid(86_400));
        let second = local.rem_euclid(86_400);
        push(out, year, 4, '-');
        push(out, month, 2, '-');
        push(out, day, 2, 'T');
        push(out, second / 3_600, 2, ':');
        push(out, second / 60 % 60, 2, ':');
        push(out, second % 60, 2, '.');
        out.pop();
        if self.nanos > 0 {
            out.push('.');
            push(out, i64::from(self.nanos), 9, '.');
            out.pop();
            while out.ends_with('0') {
                out.pop();
            }
        }
        if self.offset_secs == 0 {
            out.push('Z');
            return;
        }
        out.push(if self.offset_secs < 0 { '-' } else { '+' });
        let offset = i64::from(self.offset_secs.abs());
        push(out, offset / 3_600, 2, ':');
        push(out, offset / 60 % 60, 2, ':');
        out.pop();
    }
}

/// A number with leading zeros, and what follows it.
fn push(out: &mut String, number: i64, width: u32, after: char) {
    let mut unit = 10_i64.pow(width.saturating_sub(1));
    while unit > 0 {
        let digit = (number / unit).rem_euclid(10);
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
        unit /= 10;
    }
    out.push(after);
}

impl From<Timestamp> for Date {
    fn from(time: Timestamp) -> Self {
        let millis = u32::try_from(time.as_millis().rem_euclid(1_000)).unwrap_or(0);
        Self {
            secs: time.as_secs(),
            nanos: millis * 1_000_000,
            offset_secs: 0,
        }
    }
}

#[cfg(test)]
mod tests;
