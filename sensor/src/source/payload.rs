//! The text of a message that is JSON, or holds several lines: what HTTP, NATS and Kafka bring.
//!
//! Shippers wrap a line into an object. `field` says under which name it stands there; without one the object itself is
//! the line, for logs that are JSON from the start. Deliberately absent: any other field of the object.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::file::MAX_LINE_BYTES;
use super::file::splitter::clean;
use crate::stats::SourceStats;

/// Why a payload gives no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoLine {
    #[error("line {line} is no JSON object: {reason}")]
    NotJson { line: usize, reason: String },
    #[error("line {line} has no text under {field:?}")]
    NoField { line: usize, field: String },
    #[error("there are more than {most} lines")]
    TooMany { most: usize },
}

/// All lines of a body of JSON lines, at most so many, or the first thing that is wrong with it.
pub(crate) fn json_lines(
    body: &[u8],
    field: Option<&str>,
    most: usize,
    stats: &SourceStats,
) -> Result<Vec<String>, NoLine> {
    let mut texts = Vec::new();
    for (number, line) in body.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if !line.is_empty() {
            if texts.len() >= most {
                return Err(NoLine::TooMany { most });
            }
            texts.extend(json_line(line, number + 1, field, stats)?);
        }
    }
    Ok(texts)
}

/// All lines of a message of a broker: plain text, or JSON with the text under `field`.
#[cfg(any(test, feature = "nats", feature = "kafka"))]
pub(crate) fn lines(message: &[u8], field: Option<&str>, stats: &SourceStats) -> Result<Vec<String>, NoLine> {
    match field {
        // A broker bounds its messages, and what it brings would not come again in smaller ones.
        Some(_) => json_lines(message, field, usize::MAX, stats),
        None => Ok(message
            .split(|byte| *byte == b'\n')
            .filter_map(|line| text(line, stats))
            .collect()),
    }
}

fn json_line(
    line: &[u8],
    number: usize,
    field: Option<&str>,
    stats: &SourceStats,
) -> Result<Option<String>, NoLine> {
    let wrong = |reason: String| NoLine::NotJson { line: number, reason };
    if line.first() != Some(&b'{') {
        return Err(wrong("it does not begin with {".to_owned()));
    }
    let Some(field) = field else {
        serde_json::from_slice::<IgnoredAny>(line).map_err(|error| wrong(error.to_string()))?;
        return Ok(text(line, stats));
    };
    let mut input = serde_json::Deserializer::from_slice(line);
    let found = Member(field).deserialize(&mut input);
    let found = found.and_then(|found| input.end().map(|()| found));
    match found.map_err(|error| wrong(error.to_string()))? {
        // What the shipper took for one line is one line.
        Some(found) => Ok(text(
            found.trim_end().replace(['\n', '\r'], " ").as_bytes(),
            stats,
        )),
        None => Err(NoLine::NoField {
            line: number,
            field: field.to_owned(),
        }),
    }
}

/// The text under this name in an object; of several the last. The rest is passed over and not built: small values take
/// many times their text in memory.
struct Member<'f>(&'f str);

/// A text, or `None` for any other value.
struct Text;

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<String>;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Option<String>, D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<String>, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            if *name == *self.0 {
                found = map.next_value_seed(Text)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;
    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Option<String>, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Option<String>, E> {
        Ok(Some(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<String>, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<String>, A::Error> {
        IgnoredAny.visit_map(map).map(|_| None)
    }
}

fn text(line: &[u8], stats: &SourceStats) -> Option<String> {
    let kept = line.get(..line.len().min(MAX_LINE_BYTES)).unwrap_or_default();
    if kept.len() < line.len() {
        stats.cut.add(1);
    }
    clean(kept, stats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, field: Option<&str>, expected: Result<&[&str], &str>) {
        let found = json_lines(body.as_bytes(), field, 3, &SourceStats::default());
        match expected {
            Ok(lines) => assert_eq!(found.unwrap(), lines),
            Err(reason) => assert!(found.unwrap_err().to_string().starts_with(reason), "{reason}"),
        }
    }

    #[test]
    fn the_line_is_the_object_or_what_a_field_of_it_says() {
        check("{\"a\":1}\r\n\n {\"b\":2}", None, Ok(&["{\"a\":1}", "{\"b\":2}"]));
        check(
            "{\"log\":\"one\\ntwo\\n\",\"x\":{}}\n",
            Some("log"),
            Ok(&["one two"]),
        );
        check("", Some("log"), Ok(&[]));
    }

    #[test]
    fn lines_are_bounded() {
        check("{}\n{}\n\n{}\n", None, Ok(&["{}"; 3]));
        check("{}\n{}\n{}\n{}", None, Err("there are more than 3 lines"));
    }

    #[test]
    fn what_is_wrong_says_where() {
        check("{}\n{\"a\":", None, Err("line 2 is no JSON object: EOF"));
        check("[{\"a\":1}]", None, Err("line 1 is no JSON object: it does not"));
        check("{\"a\":1}", Some("log"), Err("line 1 has no text under \"log\""));
        check(
            "{\"log\":1}",
            Some("log"),
            Err("line 1 has no text under \"log\""),
        );
        let deep = format!("{{\"log\":{}", "[".repeat(100_000));
        check(&deep, Some("log"), Err("line 1 is no JSON object"));
        check(
            "{\"log\":\"a\"} x",
            Some("log"),
            Err("line 1 is no JSON object: trailing"),
        );
        check(&deep, None, Err("line 1 is no JSON object"));
    }

    /// The last of several texts of that name counts, and what stands beside it may be anything.
    #[test]
    fn the_field_is_found_among_whatever_there_is() {
        check(
            r#"{"a":[1,{"log":"no"}],"log":1,"b":null,"log":"y\u0065s","c":{"d":[]},"e":-1.5e3,"f":true}"#,
            Some("log"),
            Ok(&["yes"]),
        );
        check(
            r#"{"log":"x","log":["y"]}"#,
            Some("log"),
            Err("line 1 has no text"),
        );
        check(
            r#"{"log":{"a":[null,1,2.5,"s",false]}}"#,
            Some("log"),
            Err("line 1 has no text"),
        );
        let wide = format!("{{\"a\":[{}0],\"l\\u006fg\":\"x\"}}", "0,".repeat(2_000_000));
        check(&wide, Some("log"), Ok(&["x"]));
    }

    #[test]
    fn a_message_of_a_broker_may_be_several_lines() {
        let stats = SourceStats::default();
        assert_eq!(
            lines(b"one\r\ntwo\n\n", None, &stats).unwrap(),
            ["one".to_owned(), "two".to_owned()]
        );
    }
}
