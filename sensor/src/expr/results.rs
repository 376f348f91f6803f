//! What a test of rules looks at: `results`, the second environment of expressions.
//!
//! In tests of parsers it holds, by stage and by name, each event as each document of a parser file left it; in tests
//! of scenarios the overflows, as events. Same types as the hub's own tests expect, checked when an assert is compiled.
//! Deliberately absent: gathering them, which `hub::test` does.

use super::value::{Object, Value};
use crate::parse::event::Event;

/// An event as a document of a parser file left it.
#[derive(Debug)]
pub struct NodeResult {
    /// The event.
    pub event: Event,
    /// Whether the document succeeded.
    pub success: bool,
}

/// The results of one stage, by the name of the document.
pub type StageResults = Vec<(Box<str>, Vec<NodeResult>)>;

/// The results of all stages that an event came to, by name.
#[derive(Debug)]
pub struct ParserResults {
    stages: Vec<(Box<str>, StageResults)>,
}

/// What `results` is.
#[derive(Debug, Clone, Copy)]
pub enum Results<'a> {
    /// Of a parser's test.
    Parsers(&'a ParserResults),
    /// Of a scenario's test: one event for each overflow.
    Overflows(&'a [Event]),
}

// === impl ParserResults ===

impl Default for ParserResults {
    /// With the stage `success`, which the original always has and never fills: asserts count on it.
    fn default() -> Self {
        Self {
            stages: vec![("success".into(), vec![("".into(), Vec::new())])],
        }
    }
}

impl ParserResults {
    /// The results of a stage, which is made if there is none.
    pub fn stage(&mut self, name: &str) -> &mut StageResults {
        entry(&mut self.stages, name)
    }

    /// The results of a document in a stage; both are made if there are none.
    pub fn node(&mut self, stage: &str, name: &str) -> &mut Vec<NodeResult> {
        entry(self.stage(stage), name)
    }

    pub(super) fn len(&self) -> usize {
        self.stages.len()
    }

    /// A stage's results; there are none of a stage that no event came to.
    pub(super) fn get(&self, name: &str) -> &[(Box<str>, Vec<NodeResult>)] {
        find(&self.stages, name).map_or(&[], Vec::as_slice)
    }
}

// === impl Results ===

impl<'a> Results<'a> {
    pub(super) fn value(self) -> Value<'a> {
        match self {
            Self::Parsers(results) => Value::Object(Object::Parsers(results)),
            Self::Overflows(events) => Value::Events(events),
        }
    }
}

/// A document's results within those of its stage.
pub(super) fn node<'a>(stage: &'a [(Box<str>, Vec<NodeResult>)], name: &str) -> &'a [NodeResult] {
    find(stage, name).map_or(&[], Vec::as_slice)
}

fn find<'a, T>(entries: &'a [(Box<str>, T)], name: &str) -> Option<&'a T> {
    entries
        .iter()
        .find(|(key, _)| **key == *name)
        .map(|(_, value)| value)
}

fn entry<'a, T: Default>(entries: &'a mut Vec<(Box<str>, T)>, name: &str) -> &'a mut T {
    let at = entries
        .iter()
        .position(|(key, _)| **key == *name)
        .unwrap_or_else(|| {
            entries.push((name.into(), T::default()));
            entries.len() - 1
        });
    #[expect(
        clippy::indexing_slicing,
        reason = "the place was found, or made, on the line before"
    )]
    &mut entries[at].1
}
