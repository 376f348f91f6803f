//! What the checker knows of an event's fields: which there are and of which type.
//!
//! Rules that name a field which no event has are refused when they load. `Parsed`, `Meta` and `Enriched`
//! hold any name, and `Unmarshaled` anything at all.

use std::fmt;

use super::code::Getter;
use super::functions::{self, Function};
use super::leaky;
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
    /// A day of the week, a number with a name.
    Weekday,
    /// A month, a number with a name.
    Month,
    Map,
    /// A mapping that is empty where it has no name: texts or lists.
    MapOf(Box<Type>),
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
    Appsec,
    /// `queue`: its events and how many it may hold.
    Queue,
    /// `leaky`: the bucket.
    Leaky,
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
    /// `evt`, `queue` and `leaky`: conditions and cancellations.
    Bucket,
    /// `queue`, `leaky` and `signal`: filters of overflows.
    Overflow,
    /// `results` of parsers: asserts of a test.
    ParserResults,
    /// `results` of scenarios: asserts of a test.
    OverflowResults,
}

/// A method: something to get, or a function whose first argument is what it is a method of.
pub(super) enum Method {
    Get(Type, Getter),
    Call(&'static Function),
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

    pub(super) fn map_of(of: Type) -> Self {
        Self::MapOf(Box::new(of))
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(
            self,
            Self::Int | Self::Float | Self::Any | Self::Weekday | Self::Month
        )
    }

    pub(super) fn may_be(&self, other: &Type) -> bool {
        match (self, other) {
            (Self::Any, _)
            | (_, Self::Any)
            | (Self::Unmarshaled | Self::Fields(_) | Self::LineLabels | Self::MapOf(_), Self::Map)
            | (Self::Weekday | Self::Month, Self::Int) => true,
            (Self::List(left), Self::List(right)) => left.may_be(right),
            _ => self == other,
        }
    }

    /// Whether `==` between the two can ever hold.
    pub(super) fn comparable(&self, other: &Type) -> bool {
        self.may_be(other)
            || other.may_be(self)
            || matches!((self, other), (Self::Nil, _) | (_, Self::Nil))
            || (self.is_number() && other.is_number())
    }

    /// The type of either, for a choice between two.
    pub(super) fn either(self, other: &Type) -> Type {
        if self == *other { self } else { Self::Any }
    }

    /// A field of a typed object; `None` if it has none of that name.
    pub(super) fn field(&self, name: &str) -> Option<(Type, Getter)> {
        Some(match self {
            Self::Event => return event_field(name),
            Self::Line => match name {
                "Raw" => (Self::Text, Getter::LineRaw),
                "Src" => (Self::Text, Getter::LineSource),
                "Module" => (Self::Text, Getter::LineModule),
                "Labels" => (Self::LineLabels, Getter::Same),
                "Time" => (Self::Time, Getter::ReadAt),
                "Process" => (Self::Bool, Getter::True),
                _ => return None,
            },
            Self::Overflow => match name {
                "Alert" => (Self::Alert, Getter::Same),
                "Whitelisted" => (Self::Bool, Getter::OverflowWhitelisted),
                "Reprocess" => (Self::Bool, Getter::Reprocess),
                "Sources" => (Self::Sources, Getter::Sources),
                _ => return None,
            },
            Self::Alert => return alert_field(name),
            Self::AlertSource => return source_field(name),
            Self::NodeResult => match name {
                "Evt" => (Self::Event, Getter::ResultEvent),
                "Success" => (Self::Bool, Getter::ResultSuccess),
                _ => return None,
            },
            Self::Appsec => match name {
                "HasInBandMatches" | "HasOutBandMatches" => (Self::Bool, Getter::False),
                "MatchedRules" => (Self::list(Self::Any), Getter::NoTexts),
                "Vars" => (Self::map_of(Self::Text), Getter::NoMap),
                _ => return None,
            },
            Self::Leaky => return leaky::field(name),
            Self::Queue if name == "Queue" => (Self::list(Self::Event), Getter::Same),
            _ => return None,
        })
    }

    /// What indexing gives.
    pub(super) fn element(self) -> Type {
        match self {
            Self::List(item) => *item,
            Self::Text => Self::Int,
            Self::Sources => Self::AlertSource,
            Self::ParserResults => Self::StageResults,
            Self::StageResults => Self::list(Self::NodeResult),
            _ => Self::Any,
        }
    }

    /// A method, with or without arguments.
    pub(super) fn method(&self, name: &str) -> Option<Method> {
        let get = |kind, getter| Some(Method::Get(kind, getter));
        match (self, name) {
            (Self::Alert, "GetScenario") => get(Self::Text, Getter::Scenario),
            (Self::Alert | Self::AlertSource, "GetScope") => get(Self::Text, Getter::SourceScope),
            (Self::Alert | Self::AlertSource, "GetValue") => get(Self::Text, Getter::SourceValue),
            (Self::Alert, "GetEventsCount") => get(Self::Int, Getter::EventsCount),
            (Self::Alert, "HasRemediation") => get(Self::Bool, Getter::HasRemediation),
            (Self::Overflow, "GetSources") => get(Self::list(Self::Text), Getter::SourceKeys),
            (Self::Event, "GetType") => get(Self::Text, Getter::EventType),
            (Self::Event, "ParseIPSources") => get(Self::list(Self::Text), Getter::IpSources),
            (Self::Appsec, "GetName" | "GetURI" | "GetHash" | "GetVersion" | "GetMethod") => {
                get(Self::Text, Getter::Empty)
            }
            (Self::Appsec, "GetNames" | "Kinds" | "GetMatchedZones") => {
                get(Self::list(Self::Text), Getter::NoTexts)
            }
            (Self::Appsec, "GetRuleIDs") => get(Self::list(Self::Int), Getter::NoTexts),
            (Self::Time, "Weekday") => get(Self::Weekday, Getter::Weekday),
            (Self::Time, "Month") => get(Self::Month, Getter::Month),
            (Self::Weekday, "String") => get(Self::Text, Getter::WeekdayName),
            (Self::Month, "String") => get(Self::Text, Getter::MonthName),
            (Self::Time, "UTC") => get(Self::Time, Getter::Same),
            (Self::Text, "String") => get(Self::Text, Getter::Same),
            (Self::Time | Self::Duration | Self::Appsec, _) => {
                functions::find_method(self, name).map(Method::Call)
            }
            _ => None,
        }
    }

    /// Whether members are only known while running.
    pub(super) fn is_dynamic(&self) -> bool {
        matches!(self, Self::Any | Self::Map | Self::Unmarshaled)
    }
}

fn alert_field(name: &str) -> Option<(Type, Getter)> {
    Some(match name {
        "Remediation" => (Type::Bool, Getter::Remediation),
        "Simulated" => (Type::Bool, Getter::Simulated),
        "Scenario" => (Type::Text, Getter::Scenario),
        "ScenarioVersion" => (Type::Text, Getter::ScenarioVersion),
        "Message" => (Type::Text, Getter::Message),
        "EventsCount" => (Type::Int, Getter::EventsCount),
        "Capacity" => (Type::Int, Getter::Capacity),
        "Leakspeed" => (Type::Text, Getter::Leakspeed),
        "StartAt" => (Type::Text, Getter::StartAt),
        "StopAt" => (Type::Text, Getter::StopAt),
        "Source" => (Type::AlertSource, Getter::Source),
        "Events" => (Type::list(Type::Event), Getter::AlertEvents),
        _ => return None,
    })
}

fn source_field(name: &str) -> Option<(Type, Getter)> {
    Some(match name {
        "IP" => (Type::Text, Getter::SourceIp),
        "Range" => (Type::Text, Getter::SourceRange),
        "Scope" => (Type::Text, Getter::SourceScope),
        "Value" => (Type::Text, Getter::SourceValue),
        "AsNumber" => (Type::Text, Getter::SourceAsNumber),
        "AsName" => (Type::Text, Getter::SourceAsName),
        "Cn" => (Type::Text, Getter::SourceCountry),
        "Latitude" => (Type::Float, Getter::SourceLatitude),
        "Longitude" => (Type::Float, Getter::SourceLongitude),
        _ => return None,
    })
}

fn event_field(name: &str) -> Option<(Type, Getter)> {
    Some(match name {
        "Parsed" => (Type::Fields(Space::Parsed), Getter::Same),
        "Meta" => (Type::Fields(Space::Meta), Getter::Same),
        "Enriched" => (Type::Fields(Space::Enriched), Getter::Same),
        "Unmarshaled" => (Type::Unmarshaled, Getter::Unmarshaled),
        "Line" => (Type::Line, Getter::Same),
        "Overflow" => (Type::Overflow, Getter::Overflow),
        "Appsec" => (Type::Appsec, Getter::Same),
        "Time" => (Type::Time, Getter::Time),
        "StrTime" => (Type::Text, Getter::StrTime),
        "StrTimeFormat" => (Type::Text, Getter::StrTimeFormat),
        "MarshaledTime" => (Type::Text, Getter::MarshaledTime),
        "Whitelisted" => (Type::Bool, Getter::Whitelisted),
        "WhitelistReason" => (Type::Text, Getter::WhitelistReason),
        "Type" => (Type::Int, Getter::EventKind),
        "Process" => (Type::Bool, Getter::True),
        _ => return None,
    })
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
            Self::Weekday => "a weekday",
            Self::Month => "a month",
            Self::Map => "a map",
            Self::MapOf(of) => return write!(f, "a map of {of}"),
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
            Self::Appsec => "evt.Appsec",
            Self::Sources => "sources by value",
            Self::ParserResults => "results by stage",
            Self::StageResults => "results by parser",
            Self::NodeResult => "a parser's result",
            Self::Queue => "queue",
            Self::Leaky => "leaky",
        };
        f.write_str(name)
    }
}
