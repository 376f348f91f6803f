//! What JSON and key=value lines unfold to: `evt.Unmarshaled`.
//!
//! Parts share their memory with the whole, so that an expression can hand a part on without copying it.
//! Numbers are floats, as in the language that the rules were written for.

use std::sync::Arc;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A text.
    Text(Arc<str>),
    /// An array.
    List(Arc<[Json]>),
    /// An object, in the order of the text.
    Map(Arc<[(Box<str>, Json)]>),
    /// A mapping of texts: a name that it lacks is `""`, and not nil.
    Texts(Arc<[(Box<str>, Arc<str>)]>),
}

// === impl Json ===

impl Json {
    /// Reads one JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .map(Self::from)
    }

    /// About how many bytes it takes, with all that it holds.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Null | Self::Bool(_) | Self::Number(_) => 0,
                Self::Text(text) => text.len(),
                Self::List(items) => items.iter().map(Self::bytes).sum(),
                Self::Map(entries) => entries
                    .iter()
                    .map(|(name, value)| size_of::<Box<str>>() + name.len() + value.bytes())
                    .sum(),
                Self::Texts(entries) => entries
                    .iter()
                    .map(|(name, text)| size_of::<(Box<str>, Arc<str>)>() + name.len() + text.len())
                    .sum(),
            }
    }

    /// A member of an object.
    pub fn member(&self, name: &str) -> Option<Self> {
        match self {
            Self::Map(entries) => {
                let found = entries.iter().find(|(key, _)| **key == *name);
                found.map(|(_, value)| value.clone())
            }
            Self::Texts(entries) => {
                let found = entries.iter().find(|(key, _)| **key == *name);
                found.map(|(_, text)| Self::Text(Arc::clone(text)))
            }
            _ => None,
        }
    }

    /// The members of an object.
    pub fn entries(&self) -> Option<Vec<(&str, Self)>> {
        match self {
            Self::Map(entries) => Some(
                entries
                    .iter()
                    .map(|(key, value)| (&**key, value.clone()))
                    .collect(),
            ),
            Self::Texts(entries) => Some(
                entries
                    .iter()
                    .map(|(key, text)| (&**key, Self::Text(Arc::clone(text))))
                    .collect(),
            ),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Back to JSON text.
    pub fn render(&self) -> String {
        serde_json::Value::from(self).to_string()
    }
}

impl From<serde_json::Value> for Json {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(is) => Self::Bool(is),
            serde_json::Value::Number(number) => Self::Number(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::Text(text.into()),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => Self::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.into_boxed_str(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "only whole numbers within range are cast"
)]
impl From<&Json> for serde_json::Value {
    fn from(value: &Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(is) => Self::Bool(*is),
            Json::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Self::from(*number as i64)
            }
            Json::Number(number) => Self::from(*number),
            Json::Text(text) => Self::String(text.as_ref().into()),
            Json::List(items) => Self::Array(items.iter().map(Self::from).collect()),
            Json::Map(entries) => Self::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.as_ref().into(), Self::from(value)))
                    .collect(),
            ),
            Json::Texts(entries) => Self::Object(
                entries
                    .iter()
                    .map(|(key, text)| (key.as_ref().into(), Self::String(text.as_ref().into())))
                    .collect(),
            ),
        }
    }
}
