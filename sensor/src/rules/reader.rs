//! Strict reading of YAML mappings: every key is known or an error, and every error has its place.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashSet;

use super::duration;
use super::error::RuleError;
use super::yaml::{Kind, Node, Source};

/// A mapping that is being read.
pub(crate) struct Reader<'n> {
    source: &'n Source<'n>,
    node: &'n Node,
    entries: Vec<(&'n str, &'n Node, &'n Node)>,
}

/// A text and the node that holds it, for errors within it.
#[derive(Clone)]
pub(crate) struct Text<'n> {
    pub(crate) text: Arc<str>,
    pub(crate) node: &'n Node,
}

type Read<T> = Result<T, RuleError>;

// === impl Reader ===

impl<'n> Reader<'n> {
    pub(crate) fn new(source: &'n Source<'n>, node: &'n Node) -> Read<Self> {
        let Kind::Map(map) = &node.kind else {
            return Err(source.error_at(node, "expected a mapping"));
        };
        let mut entries: Vec<(&str, &Node, &Node)> = Vec::with_capacity(map.len());
        let mut known: HashSet<&str> = HashSet::with_capacity(map.len());
        for (key, value) in map {
            let Kind::Scalar { text, .. } = &key.kind else {
                return Err(source.error_at(key, "a key must be a text"));
            };
            if !known.insert(text) {
                return Err(source.error_at(key, format!("the key {text:?} stands here twice")));
            }
            entries.push((text, key, value));
        }
        Ok(Self {
            source,
            node,
            entries,
        })
    }

    pub(crate) fn node(&self) -> &'n Node {
        self.node
    }

    /// Takes the value of a key; one that is null counts as missing.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'n Node> {
        let at = self.entries.iter().position(|(known, ..)| *known == key)?;
        let (_, _, value) = self.entries.remove(at);
        (!value.is_null()).then_some(value)
    }

    /// Takes keys that say nothing to us.
    pub(crate) fn ignore(&mut self, keys: &[&str]) {
        self.entries.retain(|(key, ..)| !keys.contains(key));
    }

    /// Refuses keys that are known and not supported, and all that are left.
    /// All but the first are only noted.
    pub(crate) fn finish(&self, unsupported: &[&str]) -> Read<()> {
        let mut errors = self.entries.iter().map(|(name, key, _)| {
            let message = if unsupported.contains(name) {
                format!("{name:?} is not supported yet")
            } else {
                format!("unknown key {name:?}")
            };
            self.source.error_at(key, message)
        });
        let Some(first) = errors.next() else { return Ok(()) };
        errors.for_each(|error| self.source.report(error));
        Err(first)
    }

    pub(crate) fn text(&mut self, key: &str) -> Read<Option<Text<'n>>> {
        self.take(key).map(|node| text_of(self.source, node)).transpose()
    }

    pub(crate) fn required(&mut self, key: &str) -> Read<Text<'n>> {
        let missing = self.source.error_at(self.node, format!("{key:?} is missing"));
        self.text(key)?
            .filter(|text| !text.text.is_empty())
            .ok_or(missing)
    }

    pub(crate) fn bool(&mut self, key: &str) -> Read<bool> {
        let Some(text) = self.text(key)? else {
            return Ok(false);
        };
        match &*text.text {
            "true" | "True" | "TRUE" | "yes" | "on" => Ok(true),
            "false" | "False" | "FALSE" | "no" | "off" => Ok(false),
            other => Err(self
                .source
                .error_at(text.node, format!("{other:?} is neither true nor false"))),
        }
    }

    pub(crate) fn integer(&mut self, key: &str) -> Read<Option<i32>> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let parsed = text.text.parse().map(Some);
        parsed.map_err(|_| {
            self.source
                .error_at(text.node, format!("{:?} is not a whole number", text.text))
        })
    }

    pub(crate) fn duration(&mut self, key: &str) -> Read<Option<Duration>> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        let bad = || {
            self.source.error_at(
                text.node,
                format!("{:?} is not a duration such as 10s or 1h30m", text.text),
            )
        };
        duration::parse(&text.text).map(Some).ok_or_else(bad)
    }

    pub(crate) fn list(&mut self, key: &str) -> Read<&'n [Node]> {
        let Some(node) = self.take(key) else {
            return Ok(&[]);
        };
        match &node.kind {
            Kind::List(items) => Ok(items),
            _ => Err(self.source.error_at(node, format!("{key:?} must be a list"))),
        }
    }

    pub(crate) fn texts(&mut self, key: &str) -> Read<Vec<Text<'n>>> {
        self.list(key)?
            .iter()
            .map(|node| text_of(self.source, node))
            .collect()
    }

    /// A mapping of texts, in the order of the file.
    pub(crate) fn map(&mut self, key: &str) -> Read<Vec<(&'n str, &'n Node)>> {
        let Some(node) = self.take(key) else {
            return Ok(Vec::new());
        };
        let inner = Self::new(self.source, node)?;
        Ok(inner
            .entries
            .iter()
            .map(|(key, _, value)| (*key, *value))
            .collect())
    }
}

/// The text of a scalar.
pub(crate) fn text_of<'n>(source: &Source<'_>, node: &'n Node) -> Read<Text<'n>> {
    match &node.kind {
        Kind::Scalar { text, .. } => Ok(Text {
            text: Arc::clone(text),
            node,
        }),
        _ => Err(source.error_at(node, "expected a text")),
    }
}
