//! What an expression works with. Values borrow from the event and from the compiled expression, so that
//! comparing, searching and choosing allocate nothing.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use hashbrown::HashMap;
use vigie_wire::Timestamp;

use super::go;
use super::leaky::Leaky;
use super::results::{NodeResult, ParserResults};
use crate::parse::event::Event;
use crate::parse::json::Json;
use crate::parse::names::Space;
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
    /// `evt.Parsed` and its like
    Fields(&'a Event, Space),
    /// `leaky`
    Leaky(&'a Leaky<'a>),
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
            Self::Json(Json::Map(entries)) => entries.len(),
            Self::Json(Json::Texts(entries)) => entries.len(),
            Self::Text(text) => text.len(),
            Self::List(items) => items.len(),
            Self::Texts(items) => items.len(),
            Self::Events(items) => items.len(),
            Self::Map(entries) => entries.len(),
            Self::Json(Json::Text(text)) => text.len(),
            Self::Json(Json::List(items)) => items.len(),
            Self::Object(Object::Unmarshaled(event)) => event.unmarshaled.borrow().len(),
            Self::NodeResults(items) => items.len(),
            Self::Object(Object::Sources(sources)) => sources.len(),
            Self::Object(Object::Parsers(results)) => results.len(),
            Self::Object(Object::Stage(documents)) => documents.len(),
            Self::Object(Object::Fields(event, space)) => event.iter().filter(|(of, ..)| of == space).count(),
            _ => return None,
        })
    }

    /// Whether there is no element, key or byte; `None` for what has no length.
    pub fn is_empty(&self) -> Option<bool> {
        self.len().map(|len| len == 0)
    }

    /// How many elements or keys, 0 for what has neither: what looking something up in it costs at most.
    pub(super) fn members(&self) -> usize {
        match self {
            Self::List(_) | Self::Map(_) | Self::Json(Json::Map(_) | Json::Texts(_) | Json::List(_)) => {
                self.len().unwrap_or(0)
            }
            _ => 0,
        }
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

    /// Names and values of a mapping, in its order.
    pub fn entries(&self) -> Option<Vec<(Cow<'a, str>, Value<'a>)>> {
        let owned = |name: &str| Cow::Owned(name.to_owned());
        Some(match self {
            Self::Map(entries) => entries.clone(),
            Self::Json(json) => json
                .entries()?
                .into_iter()
                .map(|(name, value)| (owned(name), Self::Json(value)))
                .collect(),
            Self::Object(Object::Unmarshaled(event)) => event
                .unmarshaled
                .borrow()
                .iter()
                .map(|(name, value)| (owned(name), Self::Json(value.clone())))
                .collect(),
            Self::Object(Object::Fields(event, space)) => event
                .iter()
                .filter(|(of, ..)| of == space)
                .map(|(_, name, value)| (Cow::Borrowed(name), Self::text(value)))
                .collect(),
            _ => return None,
        })
    }

    /// A member of a mapping.
    pub fn member(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Map(entries) => {
                let found = entries.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.clone())
            }
            Self::Json(json) => json.member(name).map(Self::Json),
            Self::Object(Object::Unmarshaled(event)) => {
                let roots = event.unmarshaled.borrow();
                let found = roots.iter().find(|(key, _)| **key == *name);
                found.map(|(_, json)| Self::Json(json.clone()))
            }
            Self::Object(Object::Fields(event, space)) => event
                .is_set(*space, name)
                .then(|| Self::text(event.get_named(*space, name))),
            _ => None,
        }
    }

    /// As JSON; `None` for what JSON does not have.
    pub fn to_json(&self) -> Option<Json> {
        Some(match self {
            Self::Nil => Json::Null,
            Self::Bool(is) => Json::Bool(*is),
            Self::Int(_) | Self::Float(_) | Self::Duration(_) => Json::Number(self.as_float()?),
            Self::Text(text) => Json::Text(Arc::from(&**text)),
            Self::Time(time) => Json::Text(crate::parse::date::render_rfc3339(*time).into()),
            Self::Json(json) => json.clone(),
            Self::List(_) | Self::Texts(_) | Self::Events(_) => {
                let items = (0..self.len()?).map(|at| self.item(at)?.to_json());
                Json::List(items.collect::<Option<_>>()?)
            }
            Self::Map(_) | Self::Object(Object::Unmarshaled(_) | Object::Fields(..)) => {
                let mut entries = self.entries()?;
                entries.sort_by(|one, other| one.0.cmp(&other.0));
                let entries = entries
                    .iter()
                    .map(|(name, value)| Some((Box::from(&**name), value.to_json()?)));
                Json::Map(entries.collect::<Option<_>>()?)
            }
            Self::Object(_) | Self::NodeResults(_) => return None,
        })
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
                if let (Some(left), Some(right)) = (self.entries(), other.entries()) {
                    if left.len() != right.len() {
                        return false;
                    }
                    let mut values = HashMap::with_capacity(right.len());
                    for (name, value) in &right {
                        values.entry(&**name).or_insert(value);
                    }
                    return left
                        .iter()
                        .all(|(name, value)| values.get(&**name).is_some_and(|other| value.equals(other)));
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
            Self::Float(number) | Self::Json(Json::Number(number)) => go::float(*number).into(),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Json(Json::Text(text)) => Cow::Borrowed(text),
            Self::Time(time) => go::time(*time).into(),
            Self::Duration(nanos) => go::duration(*nanos).into(),
            Self::List(_) | Self::Texts(_) | Self::Events(_) | Self::Json(Json::List(_)) => {
                self.display_list().into()
            }
            Self::NodeResults(results) => format!("[{} results]", results.len()).into(),
            Self::Map(_) | Self::Json(_) | Self::Object(_) => {
                let mut entries = self.entries().unwrap_or_default();
                entries.sort_by(|one, other| one.0.cmp(&other.0));
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(name, value)| format!("{name}:{}", value.display()))
                    .collect();
                format!("map[{}]", entries.join(" ")).into()
            }
        }
    }

    fn display_list(&self) -> String {
        let items: Vec<String> = (0..self.len().unwrap_or(0))
            .filter_map(|at| self.item(at))
            .map(|item| item.display().into_owned())
            .collect();
        format!("[{}]", items.join(" "))
    }
}
