//! One message of syslog to one line: RFC 5424, RFC 3164, and what devices make of it.
//!
//! The time is kept as the sender wrote it; where there is none, it is when the message arrived. What is no syslog at
//! all is a line too: nothing that was sent is thrown away here. Deliberately absent: facility, severity and structured
//! data, which no rule asks for.

use std::borrow::Cow;
use std::net::IpAddr;

use vigie_wire::Timestamp;

const MONTHS: &[&str] = &[
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// Length of `Mmm dd hh:mm:ss`.
const BSD_TIME: usize = 15;

/// What a message consists of.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'m> {
    time: Option<&'m str>,
    host: Option<&'m str>,
    /// `program[pid]:` and all that follows.
    rest: Cow<'m, str>,
    said: &'m str,
}

/// The line of a syslog daemon, or if not `whole` only what the program said.
pub(crate) fn line(message: &str, peer: IpAddr, now: Timestamp, whole: bool) -> String {
    let (priority, text) = without_priority(message);
    let parts = priority
        .then(|| rfc5424(text))
        .flatten()
        .unwrap_or_else(|| rfc3164(text));
    let line = if whole {
        let now = || format!("{:.3}", jiff_time(now));
        let time = parts.time.map_or_else(now, str::to_owned);
        let host = parts.host.map_or_else(|| peer.to_string(), str::to_owned);
        format!("{time} {host} {}", parts.rest)
    } else {
        parts.said.to_owned()
    };
    // One message is one line, whatever it holds.
    if line.contains(['\n', '\r']) {
        line.replace(['\n', '\r'], " ")
    } else {
        line
    }
}

fn jiff_time(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

/// Takes off `<PRI>`; whether there was one.
fn without_priority(message: &str) -> (bool, &str) {
    let inner = message
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'))
        .filter(|(number, _)| number.len() <= 3 && number.parse::<u8>().is_ok_and(|number| number <= 191));
    match inner {
        Some((_, rest)) => (true, rest),
        None => (false, message),
    }
}

// === RFC 5424 ===

fn rfc5424(text: &str) -> Option<Parts<'_>> {
    let rest = text.strip_prefix("1 ")?;
    let (time, rest) = rest.split_once(' ')?;
    let (host, rest) = rest.split_once(' ')?;
    let (program, rest) = rest.split_once(' ')?;
    let (process, rest) = rest.split_once(' ')?;
    let (_message_id, rest) = rest.split_once(' ')?;
    let said = after_structured_data(rest)?;
    let said = said.strip_prefix('\u{feff}').unwrap_or(said);
    let time = match time {
        "-" => None,
        time if is_full_time(time) => Some(time),
        _ => return None,
    };
    let program = if program == "-" { "unknown" } else { program };
    // Only a number is a process to those who read the line.
    let is_number = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    let rest = if is_number {
        format!("{program}[{process}]: {said}")
    } else {
        format!("{program}: {said}")
    };
    Some(Parts {
        time,
        host: (host != "-").then_some(host),
        rest: Cow::Owned(rest),
        said,
    })
}

/// What follows `-` or `[id name="value" ...]...`, where a value may hold anything with `"`, `\` and `]` escaped.
fn after_structured_data(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    if rest.len() == text.len() {
        rest = after_element(text.strip_prefix('[')?)?;
        while let Some(element) = rest.strip_prefix('[') {
            rest = after_element(element)?;
        }
    }
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(' ')
    }
}

fn after_element(text: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => return text.get(at + 1..),
            _ => {}
        }
    }
    None
}

/// As RFC 3339 has it.
fn is_full_time(text: &str) -> bool {
    text.len() >= 20 && text.as_bytes().get(10) == Some(&b'T') && text.parse::<jiff::Timestamp>().is_ok()
}

// === RFC 3164 ===

/// `Mmm dd hh:mm:ss host program[pid]: said`, or with a full time as rsyslog forwards it. Everything may be missing.
fn rfc3164(text: &str) -> Parts<'_> {
    let (time, rest) = bsd_time(text)
        .or_else(|| text.split_once(' ').filter(|(first, _)| is_full_time(first)))
        .map_or((None, text), |(time, rest)| (Some(time), rest));
    let rest = rest.trim_start_matches(' ');
    // Without a time there is no telling a host from a word.
    let host = rest
        .split_once(' ')
        .filter(|(first, _)| time.is_some() && !first.ends_with(':') && !first.contains('['));
    let (host, rest) = host.map_or((None, rest), |(host, rest)| (Some(host), rest));
    let said = match rest.split_once(' ') {
        Some((tag, said)) if tag.ends_with(':') => said,
        _ => rest,
    };
    Parts {
        time,
        host,
        rest: Cow::Borrowed(rest),
        said,
    }
}

fn bsd_time(text: &str) -> Option<(&str, &str)> {
    let (time, rest) = text.split_at_checked(BSD_TIME)?;
    let shape = time.bytes().enumerate().all(|(at, byte)| match at {
        0..=2 => byte.is_ascii_alphabetic(),
        3 | 6 => byte == b' ',
        9 | 12 => byte == b':',
        4 => byte == b' ' || byte.is_ascii_digit(),
        _ => byte.is_ascii_digit(),
    });
    let month = time.get(..3).is_some_and(|month| MONTHS.contains(&month));
    (shape && month).then_some((time, rest.strip_prefix(' ')?))
}

#[cfg(test)]
mod tests;
