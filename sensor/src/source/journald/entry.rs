//! One entry of the journal, rewritten as the line that a syslog daemon would have written of it.
//!
//! So one syslog parser reads both. The time is written in full, so that neither year nor zone is guessed.
//! Deliberately absent: all other fields of the journal.

use serde::Deserialize;

use super::writer::Writer;

/// What we keep of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) cursor: String,
    pub(crate) text: String,
    /// The name that the writer gave himself.
    pub(crate) identifier: String,
    pub(crate) writer: Writer,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    microseconds: String,
    #[serde(rename = "_HOSTNAME", default)]
    host: Field,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Field,
    #[serde(rename = "_COMM", default)]
    command: Field,
    #[serde(rename = "SYSLOG_PID", default)]
    syslog_pid: Field,
    #[serde(rename = "_PID", default)]
    pid: Field,
    #[serde(rename = "_UID", default)]
    uid: Field,
    #[serde(rename = "_SYSTEMD_UNIT", default)]
    unit: Field,
    #[serde(rename = "_EXE", default)]
    program: Field,
    #[serde(rename = "_TRANSPORT", default)]
    transport: Field,
    #[serde(rename = "MESSAGE", default)]
    message: Field,
}

/// journalctl writes text as a string, other bytes as an array of numbers, a repeated field as an array of both.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Field {
    Text(String),
    Bytes(Vec<u8>),
    Several(Vec<Field>),
    #[default]
    Absent,
}

// === impl Entry ===

impl Entry {
    /// From one line of `journalctl --output=json`; `None` for what is no entry with a message.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let fields: Fields = serde_json::from_slice(json).ok()?;
        let microseconds: i64 = fields.microseconds.parse().ok()?;
        let time = jiff::Timestamp::from_microsecond(microseconds).ok()?;
        let message = fields.message.text()?;
        let host = fields.host.text().unwrap_or_else(|| "localhost".to_owned());
        let identifier = fields
            .identifier
            .text()
            .or_else(|| fields.command.text())
            .unwrap_or_else(|| "unknown".to_owned());
        let pid = fields.syslog_pid.text().or_else(|| fields.pid.text());
        let pid = pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
        // One entry is one line, whatever the message holds.
        let message = message
            .trim_end()
            .replace(['\n', '\r'], " ")
            .replace('\0', "\u{fffd}");
        let text = format!("{time:.6} {host} {identifier}{pid}: {message}");
        Some(Self {
            cursor: fields.cursor,
            text,
            identifier,
            writer: Writer {
                uid: fields.uid.text().unwrap_or_default(),
                unit: fields.unit.text().unwrap_or_default(),
                program: fields.program.text().unwrap_or_default(),
                transport: fields.transport.text().unwrap_or_default(),
            },
        })
    }
}

// === impl Field ===

impl Field {
    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Self::Several(fields) => fields.into_iter().next()?.text(),
            Self::Absent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        assert_eq!(Entry::parse(json.as_bytes()).unwrap().text, expected);
    }

    #[test]
    fn an_entry_reads_like_syslog() {
        check(
            r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1792000000123456","_HOSTNAME":"host","SYSLOG_IDENTIFIER":"sshd",
               "_PID":"42","MESSAGE":"Failed password for root from 192.0.2.1 port 1 ssh2","X":null}"#,
            "2026-10-14T17:46:40.123456Z host sshd[42]: Failed password for root from 192.0.2.1 port 1 ssh2",
        );
    }

    #[test]
    fn bytes_and_repeated_fields_and_missing_ones() {
        check(
            r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"0","_COMM":"x","MESSAGE":[104,105,255,10]}"#,
            "1970-01-01T00:00:00.000000Z localhost x: hi\u{fffd}",
        );
        check(
            r#"{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"0","SYSLOG_IDENTIFIER":["a","b"],"MESSAGE":"m"}"#,
            "1970-01-01T00:00:00.000000Z localhost a: m",
        );
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for json in [
            "",
            "{",
            "{}",
            "[]",
            r#"{"__CURSOR":"s","__REALTIME_TIMESTAMP":"x","MESSAGE":"m"}"#,
        ] {
            assert_eq!(Entry::parse(json.as_bytes()), None, "{json}");
        }
    }
}
