//! Durations as Go writes them, and days, which CrowdSec adds: `1h2m3.5s`, `300ms`, `7d`.

use std::time::Duration;

/// Longest that is read: a hundred years.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

/// What such a text says; `None` for what says nothing, is negative, or longer than a hundred years.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut secs = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        secs += number
            * match rest.get(..unit)? {
                "d" => 86_400.0,
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = rest.get(unit..)?;
    }
    (secs <= LONGEST).then(|| Duration::from_secs_f64(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, millis) in [
            ("4h", 14_400_000),
            ("4h0m0s", 14_400_000),
            ("1.5h", 5_400_000),
            ("300ms", 300),
            ("7d", 604_800_000),
            ("1h2m3.5s", 3_723_500),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for wrong in [
            "",
            "4",
            "h",
            "-4h",
            "4 h",
            "1e9h",
            "4w",
            "99999999999d",
            "1.2.3s",
            ".",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
