//! What an expression works with. Values borrow from the event and from the compiled expression, so that
//! comparing, searching and choosing allocate nothing.

use std::borrow::Cow;
use std::cmp::Ordering;

use vigie_wire::Timestamp;

use super::results::{NodeResult, ParserResults};
use crate::parse::event::Event;
use crate::parse::json::Json;
use crate::parse::overflow::{Overflow, Source};

/// A value while an expression runs.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `nil`
    Nil,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A point in time.
    Time(Timestamp),
    /// A span of time in nanoseconds.
    Duration(i64),
    /// Several values.
    List(Vec<Value<'a>>),
    /// Several texts of a data file or of a literal.
    Texts(&'a [Box<str>]),
    /// A part of `evt.Unmarshaled`.
    Json(Json),
    /// Values by name.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
    /// Something with fields.
    Object(Object<'a>),
    /// The events of a bucket.
    Events(&'a [Event]),
    /// What a parser did to each event, in the test of a rule.
    NodeResults(&'a [NodeResult]),
}

/// Things with fields, whose types the checker knows.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// `evt`, an element of `queue.Queue`
    Event(&'a Event),
    /// `evt.Unmarshaled`
    Unmarshaled(&'a Event),
    /// `evt.Overflow` and its `Alert`
    Overflow(&'a Overflow),
    /// `evt.Overflow.Sources`
    Sources(&'a [Source]),
    /// One of them, or `evt.Overflow.Alert.Source`
    Source(&'a Source),
    /// `results` in the test of a parser
    Parsers(&'a ParserResults),
    /// One of its stages
    Stage(&'a [(Box<str>, Vec<NodeResult>)]),
    /// What a parser did to one event
    NodeResult(&'a NodeResult),
}

// === impl Value ===

impl<'a> Value<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(json) => json.as_str(),
            _ => None,
        }
    }

    /// The text, which keeps borrowing where it did.
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(Json::Text(text)) => Some(Cow::Owned(text.as_ref().into())),
            _ => None,
        }
    }

    /// `true` or `false`, if it is that.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(is) | Self::Json(Json::Bool(is)) => Some(*is),
            _ => None,
        }
    }

    /// Whether it is `nil`, also that of JSON.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil | Self::Json(Json::Null))
    }

    /// The number as a float.
    #[expect(
        clippy::cast_precision_loss,
        reason = "so does the language the rules were written for"
    )]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Self::Int(number) | Self::Duration(number) => Some(*number as f64),
            Self::Float(number) | Self::Json(Json::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// How many elements, keys or bytes.
    pub fn len(&self) -> Option<usize> {
        Some(match self {
            Self::Text(text) => text.len(),
            Self::List(items) => items.len(),
            Self::Texts(items) => items.len(),
            Self::Events(items) => items.len(),
            Self::Map(entries) => entries.len(),
            Self::Json(Json::Text(text)) => text.len(),
            Self::Json(Json::List(items)) => items.len(),
            Self::Json(Json::Map(entries)) => entries.len(),
            Self::Object(Object::Unmarshaled(event)) => event.unmarshaled.borrow().len(),
            Self::NodeResults(items) => items.len(),
            Self::Object(Object::Sources(sources)) => sources.len(),
            Self::Object(Object::Parsers(results)) => results.len(),
            Self::Object(Object::Stage(documents)) => documents.len(),
            _ => return None,
        })
    }

    /// Whether there is no element, key or byte; `None` for what has no length.
    pub fn is_empty(&self) -> Option<bool> {
        self.len().map(|len| len == 0)
    }

    /// An element of a list.
    pub fn item(&self, at: usize) -> Option<Value<'a>> {
        match self {
            Self::List(items) => items.get(at).cloned(),
            Self::Texts(items) => items.get(at).map(|text| Self::text(text)),
            Self::Events(items) => items.get(at).map(|event| Self::Object(Object::Event(event))),
            Self::NodeResults(items) => items.get(at).map(|item| Self::Object(Object::NodeResult(item))),
            Self::Json(Json::List(items)) => items.get(at).cloned().map(Self::Json),
            _ => None,
        }
    }

    /// Equality of the language: numbers across their kinds, `nil` only to itself.
    pub fn equals(&self, other: &Value<'_>) -> bool {
        if self.is_nil() || other.is_nil() {
            return self.is_nil() && other.is_nil();
        }
        if let (Some(left), Some(right)) = (self.as_str(), other.as_str()) {
            return left == right;
        }
        if let (Some(left), Some(right)) = (self.as_bool(), other.as_bool()) {
            return left == right;
        }
        match (self, other) {
            (Self::Int(left), Value::Int(right)) | (Self::Duration(left), Value::Duration(right)) => {
                left == right
            }
            (Self::Time(left), Value::Time(right)) => left == right,
            (Self::Json(left), Value::Json(right)) => left == right,
            _ => {
                if let (Some(left), Some(right)) = (self.as_float(), other.as_float()) {
                    return left.partial_cmp(&right) == Some(Ordering::Equal);
                }
                match (self.list_len(), other.list_len()) {
                    (Some(left), Some(right)) if left == right => (0..left).all(
                        |at| matches!((self.item(at), other.item(at)), (Some(a), Some(b)) if a.equals(&b)),
                    ),
                    _ => false,
                }
            }
        }
    }

    fn list_len(&self) -> Option<usize> {
        match self {
            Self::List(_) | Self::Texts(_) | Self::Events(_) | Self::Json(Json::List(_)) => self.len(),
            _ => None,
        }
    }

    /// The order of numbers, texts and times.
    pub fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        if let (Some(left), Some(right)) = (self.as_str(), other.as_str()) {
            return Some(left.cmp(right));
        }
        match (self, other) {
            (Self::Int(left), Value::Int(right)) | (Self::Duration(left), Value::Duration(right)) => {
                Some(left.cmp(right))
            }
            (Self::Time(left), Value::Time(right)) => Some(left.cmp(right)),
            _ => self.as_float()?.partial_cmp(&other.as_float()?),
        }
    }

    /// How Go's `%v` prints it.
    pub fn display(&self) -> Cow<'_, str> {
        match self {
            Self::Nil | Self::Json(Json::Null) => "<nil>".into(),
            Self::Bool(is) | Self::Json(Json::Bool(is)) => if *is { "true" } else { "false" }.into(),
            Self::Int(number) => number.to_string().into(),
            Self::Float(number) | Self::Json(Json::Number(number)) => go_float(*number).into(),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Json(Json::Text(text)) => Cow::Borrowed(text),
            Self::Time(time) => crate::parse::date::render_rfc3339(*time).into(),
            Self::Duration(nanos) => format!("{nanos}ns").into(),
            Self::Json(json) => json.render().into(),
            Self::Map(entries) => format!("map[{} keys]", entries.len()).into(),
            Self::Object(_) => "{}".into(),
            Self::NodeResults(results) => format!("[{} results]", results.len()).into(),
            Self::List(_) | Self::Texts(_) | Self::Events(_) => {
                let len = self.len().unwrap_or(0);
                let items: Vec<String> = (0..len)
                    .filter_map(|at| self.item(at))
                    .map(|item| item.display().into_owned())
                    .collect();
                format!("[{}]", items.join(" ")).into()
            }
        }
    }
}

/// Go's `%v` of a float: `%g` with the shortest digits, exponent from 21 on.
fn go_float(number: f64) -> String {
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
