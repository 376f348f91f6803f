//! What the checker knows of an event's fields: which there are and of which type.
//!
//! Rules that name a field which no event has are refused when they load. `Parsed`, `Meta` and `Enriched`
//! hold any name, and `Unmarshaled` anything at all.

use std::fmt;

use super::code::Getter;
use crate::parse::names::Space;

/// What is known of a value before the expression runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Only known while running.
    Any,
    Nil,
    Bool,
    Int,
    Float,
    Text,
    Time,
    Duration,
    Map,
    List(Box<Type>),
    Event,
    Line,
    LineLabels,
    Fields(Space),
    Unmarshaled,
    Overflow,
    Alert,
    /// Sources by their value.
    Sources,
    AlertSource,
    /// `queue`, whose only field is `Queue`.
    Queue,
    /// `results` in the test of a parser: stages by name.
    ParserResults,
    /// A stage of them: documents by name.
    StageResults,
    /// One of a document's results.
    NodeResult,
}

/// Where an expression stands: what it may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// `evt`: filters, statics, grouping.
    Event,
    /// `evt` and `queue`: conditions and cancellations.
    Bucket,
    /// `queue` and `signal`: filters of overflows.
    Overflow,
    /// `results` of parsers: asserts of a test.
    ParserResults,
    /// `results` of scenarios: asserts of a test.
    OverflowResults,
}

// === impl Scope ===

impl Scope {
    /// Whether it is that of a test's asserts.
    pub(super) fn is_test(self) -> bool {
        matches!(self, Self::ParserResults | Self::OverflowResults)
    }
}

// === impl Type ===

impl Type {
    pub(super) fn list(of: Type) -> Self {
        Self::List(Box::new(of))
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Any)
    }

    pub(super) fn may_be(&self, other: &Type) -> bool {
        match (self, other) {
            (Self::Any, _)
            | (_, Self::Any)
            | (Self::Unmarshaled | Self::Fields(_) | Self::LineLabels, Self::Map) => true,
            (Self::List(left), Self::List(right)) => left.may_be(right),
            _ => self == other,
        }
    }

    /// Whether `==` between the two can ever hold.
    pub(super) fn comparable(&self, other: &Type) -> bool {
        self.may_be(other)
            || matches!((self, other), (Self::Nil, _) | (_, Self::Nil))
            || (self.is_number() && other.is_number())
    }

    /// The type of either, for a choice between two.
    pub(super) fn either(self, other: &Type) -> Type {
        if self == *other { self } else { Self::Any }
    }

    /// A field of a typed object; `Err` if it has none of that name.
    pub(super) fn field(&self, name: &str) -> Option<(Type, Getter)> {
        Some(match (self, name) {
            (Self::Event, "Parsed") => (Self::Fields(Space::Parsed), Getter::Same),
            (Self::Event, "Meta") => (Self::Fields(Space::Meta), Getter::Same),
            (Self::Event, "Enriched") => (Self::Fields(Space::Enriched), Getter::Same),
            (Self::Event, "Unmarshaled") => (Self::Unmarshaled, Getter::Unmarshaled),
            (Self::Event, "Line") => (Self::Line, Getter::Same),
            (Self::Event, "Overflow") => (Self::Overflow, Getter::Overflow),
            (Self::Event, "Time") => (Self::Time, Getter::Time),
            (Self::Event, "StrTime") => (Self::Text, Getter::StrTime),
            (Self::Event, "StrTimeFormat") => (Self::Text, Getter::StrTimeFormat),
            (Self::Event, "MarshaledTime") => (Self::Text, Getter::MarshaledTime),
            (Self::Event, "Whitelisted") => (Self::Bool, Getter::Whitelisted),
            (Self::Event, "WhitelistReason") => (Self::Text, Getter::WhitelistReason),
            (Self::Line, "Raw") => (Self::Text, Getter::LineRaw),
            (Self::Line, "Src") => (Self::Text, Getter::LineSource),
            (Self::Line, "Module") => (Self::Text, Getter::LineModule),
            (Self::Line, "Labels") => (Self::LineLabels, Getter::Same),
            (Self::Overflow, "Alert") => (Self::Alert, Getter::Same),
            (Self::Overflow, "Whitelisted") => (Self::Bool, Getter::OverflowWhitelisted),
            (Self::Overflow, "Reprocess") => (Self::Bool, Getter::Reprocess),
            (Self::Overflow, "Sources") => (Self::Sources, Getter::Sources),
            (Self::Alert, "Remediation") => (Self::Bool, Getter::Remediation),
            (Self::Alert, "Simulated") => (Self::Bool, Getter::Simulated),
            (Self::Alert, "Scenario") => (Self::Text, Getter::Scenario),
            (Self::Alert, "ScenarioVersion") => (Self::Text, Getter::ScenarioVersion),
            (Self::Alert, "Message") => (Self::Text, Getter::Message),
            (Self::Alert, "EventsCount") => (Self::Int, Getter::EventsCount),
            (Self::Alert, "Capacity") => (Self::Int, Getter::Capacity),
            (Self::Alert, "Leakspeed") => (Self::Text, Getter::Leakspeed),
            (Self::Alert, "StartAt") => (Self::Text, Getter::StartAt),
            (Self::Alert, "StopAt") => (Self::Text, Getter::StopAt),
            (Self::Alert, "Source") => (Self::AlertSource, Getter::Source),
            (Self::Alert, "Events") => (Self::list(Self::Event), Getter::AlertEvents),
            (Self::AlertSource, "IP") => (Self::Text, Getter::SourceIp),
            (Self::AlertSource, "Range") => (Self::Text, Getter::SourceRange),
            (Self::AlertSource, "Scope") => (Self::Text, Getter::SourceScope),
            (Self::AlertSource, "Value") => (Self::Text, Getter::SourceValue),
            (Self::AlertSource, "AsNumber") => (Self::Text, Getter::SourceAsNumber),
            (Self::AlertSource, "AsName") => (Self::Text, Getter::SourceAsName),
            (Self::AlertSource, "Cn") => (Self::Text, Getter::SourceCountry),
            (Self::AlertSource, "Latitude") => (Self::Float, Getter::SourceLatitude),
            (Self::AlertSource, "Longitude") => (Self::Float, Getter::SourceLongitude),
            (Self::NodeResult, "Evt") => (Self::Event, Getter::ResultEvent),
            (Self::NodeResult, "Success") => (Self::Bool, Getter::ResultSuccess),
            (Self::Queue, "Queue") => (Self::list(Self::Event), Getter::Same),
            _ => return None,
        })
    }

    /// What indexing gives.
    pub(super) fn element(self) -> Type {
        match self {
            Self::List(item) => *item,
            Self::Sources => Self::AlertSource,
            Self::ParserResults => Self::StageResults,
            Self::StageResults => Self::list(Self::NodeResult),
            _ => Self::Any,
        }
    }

    /// A method without arguments.
    pub(super) fn method(&self, name: &str) -> Option<(Type, Getter)> {
        Some(match (self, name) {
            (Self::Overflow, "GetSources") => (Self::list(Self::Text), Getter::SourceKeys),
            (Self::Alert, "GetScenario") => (Self::Text, Getter::Scenario),
            (Self::Alert | Self::AlertSource, "GetScope") => (Self::Text, Getter::SourceScope),
            (Self::Alert | Self::AlertSource, "GetValue") => (Self::Text, Getter::SourceValue),
            (Self::Alert, "HasRemediation") => (Self::Bool, Getter::HasRemediation),
            (Self::Alert, "GetEventsCount") => (Self::Int, Getter::EventsCount),
            (Self::Event, "GetType") => (Self::Text, Getter::EventType),
            (Self::Time, "Hour") => (Self::Int, Getter::Hour),
            (Self::Time, "Minute") => (Self::Int, Getter::Minute),
            (Self::Time, "Weekday") => (Self::Text, Getter::Weekday),
            (Self::Time, "Unix") => (Self::Int, Getter::Unix),
            (Self::Text, "String") => (Self::Text, Getter::Same),
            _ => return None,
        })
    }

    /// Whether members are only known while running.
    pub(super) fn is_dynamic(&self) -> bool {
        matches!(self, Self::Any | Self::Map | Self::Unmarshaled)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Any => "anything",
            Self::Nil => "nil",
            Self::Bool => "a bool",
            Self::Int => "a whole number",
            Self::Float => "a float",
            Self::Text => "a text",
            Self::Time => "a time",
            Self::Duration => "a duration",
            Self::Map => "a map",
            Self::List(of) => return write!(f, "a list of {of}"),
            Self::Event => "an event",
            Self::Line => "evt.Line",
            Self::LineLabels => "evt.Line.Labels",
            Self::Fields(Space::Parsed) => "evt.Parsed",
            Self::Fields(Space::Meta) => "evt.Meta",
            Self::Fields(Space::Enriched) => "evt.Enriched",
            Self::Unmarshaled => "evt.Unmarshaled",
            Self::Overflow => "evt.Overflow",
            Self::Alert => "an alert",
            Self::AlertSource => "the source of an alert",
            Self::Sources => "sources by value",
            Self::ParserResults => "results by stage",
            Self::StageResults => "results by parser",
            Self::NodeResult => "a parser's result",
            Self::Queue => "queue",
        };
        f.write_str(name)
    }
}
