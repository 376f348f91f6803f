//! Times and durations as Go prints them, because alerts are read by programs that expect `CrowdSec`'s.
//!
//! Deliberately absent: parsing them; rules do that when they load.

use vigie_wire::Timestamp;

/// `1h2m3.5s`, `250ms`, `0s`, as `time.Duration.String`.
pub(crate) fn duration(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    if millis == 0 {
        return "0s".to_owned();
    }
    if millis < 1_000 {
        return format!("{sign}{millis}ms");
    }
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
    let larger = match (hours, minutes) {
        (0, 0) => String::new(),
        (0, _) => format!("{minutes}m"),
        _ => format!("{hours}h{minutes}m"),
    };
    let fraction = format!("{:03}", millis % 1_000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{larger}{seconds}{point}{fraction}s")
}

/// `2026-11-22 02:35:44.5 +0000 UTC`, as `time.Time.String`.
pub(crate) fn time(at: Timestamp) -> String {
    let Ok(time) = jiff::Timestamp::from_millisecond(at.as_millis()) else {
        return at.as_millis().to_string();
    };
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    format!("{} {} +0000 UTC", time.date(), time.time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_go() {
        for (millis, text) in [
            (0, "0s"),
            (250, "250ms"),
            (2_000, "2s"),
            (63_500, "1m3.5s"),
            (3_600_000, "1h0m0s"),
            (-90_000_000, "-25h0m0s"),
        ] {
            assert_eq!(duration(millis), text);
        }
        assert_eq!(
            time(Timestamp::from_millis(1_792_000_000_500)),
            "2026-10-14 17:46:40.5 +0000 UTC"
        );
        assert_eq!(time(Timestamp::from_secs(0)), "1970-01-01 00:00:00 +0000 UTC");
        assert!(!time(Timestamp::from_millis(i64::MAX)).is_empty());
    }
}
