//! Seconds of the Unix epoch as 2026-01-31T23:59:59Z and back: the proleptic Gregorian calendar, no zones, no leap seconds.

use crate::Timestamp;

const DAY_SECS: i64 = 86_400;

pub(super) fn render(time: Timestamp) -> String {
    let (days, secs) = (
        time.as_secs().div_euclid(DAY_SECS),
        time.as_secs().rem_euclid(DAY_SECS),
    );
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (secs / 3_600, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Only what `render` writes is read.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let secs = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let time = Timestamp::from_secs(days * DAY_SECS + secs);
    (time.is_on_wire() && render(time) == text).then_some(time)
}

/// Year, month and day of a day since 1970-01-01, by 400-year eras that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_314_920, "2026-11-22T02:35:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(render(Timestamp::from_secs(secs)), text);
            assert_eq!(parse(text), Some(Timestamp::from_secs(secs)));
        }
    }

    #[test]
    fn only_the_one_writing_is_read() {
        for text in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22t02:35:20z",
            "2026-11-22T02:35:20",
            "2026-11-22T02:35:20Zx",
            "+026-11-22T02:35:20Z",
            "1969-12-31T23:59:59Z",
            "é026-11-22T02:35:20Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
