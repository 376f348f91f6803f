//! A checked expression: names are slots, patterns are compiled, constants are in place.

use std::sync::Arc;

use hashbrown::HashSet;
use memchr::memmem;
use regex::{Regex, RegexSet};

use super::ask::Ask;
use super::computed::Computed;
use super::data::Table;
use super::functions::Function;
use super::syntax::Op;
use crate::outside::Outside;
use crate::parse::names::{FieldId, Space};

/// One operation.
#[derive(Debug)]
pub(super) enum Code {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Duration(i64),
    Text(Box<str>),
    Texts(Arc<[Box<str>]>),
    Event,
    Queue,
    Leaky,
    Signal,
    Results,
    /// `#`, `#index` or a `let`, by its place on the stack.
    Local(usize),
    /// `evt.Parsed` and its like, as a whole.
    Fields(Box<Code>, Space),
    /// A field of `evt`.
    Field(FieldId),
    /// A field of another event.
    FieldOf(Box<Code>, FieldId),
    /// A field whose name is computed.
    FieldNamed {
        of: Box<Code>,
        space: Space,
        name: Box<Code>,
    },
    /// Whether a field is set at all.
    HasField {
        of: Box<Code>,
        space: Space,
        name: Box<Code>,
    },
    /// What a mapping has, or what is empty.
    OrEmpty(Box<Code>, Empty),
    Get(Box<Code>, Getter),
    /// A label of an event's source.
    Label(Box<Code>, Box<str>),
    Member {
        of: Box<Code>,
        name: Box<str>,
        optional: bool,
    },
    Index {
        of: Box<Code>,
        at: Box<Code>,
        optional: bool,
    },
    Slice {
        of: Box<Code>,
        from: Option<Box<Code>>,
        to: Option<Box<Code>>,
    },
    Chain(Box<Code>),
    List(Vec<Code>),
    Map(Vec<(Code, Code)>),
    /// Several expressions, of which the last counts.
    Sequence(Vec<Code>),
    Range(Box<Code>, Box<Code>),
    Not(Box<Code>),
    Minus(Box<Code>),
    And(Vec<Code>),
    Or(Vec<Code>),
    /// The commonest filter of all.
    FieldIs(FieldId, Box<str>),
    FieldIn(FieldId, TextSet),
    InSet(Box<Code>, TextSet),
    In(Box<Code>, Box<Code>),
    Equal {
        left: Box<Code>,
        right: Box<Code>,
        negated: bool,
    },
    Order {
        op: Op,
        left: Box<Code>,
        right: Box<Code>,
    },
    Search {
        op: Op,
        left: Box<Code>,
        right: Box<Code>,
    },
    /// For a text that is the same for every event.
    SearchText(Op, Box<Code>, Box<Searched>),
    Matches(Box<Code>, Regex),
    MatchesComputed(Box<Code>, Box<Code>, Computed),
    Sum {
        op: Op,
        left: Box<Code>,
        right: Box<Code>,
    },
    Coalesce(Box<Code>, Box<Code>),
    Choice {
        test: Box<Code>,
        yes: Box<Code>,
        no: Box<Code>,
    },
    Let(Box<Code>, Box<Code>),
    Closure {
        what: Closure,
        list: Box<Code>,
        body: Option<Box<Code>>,
        /// What reducing starts from, or how sorting orders.
        with: Option<Box<Code>>,
    },
    Call(&'static Function, Vec<Code>),
    /// A question to the world beyond the event.
    Ask(Ask, Vec<Code>, Arc<Outside>),
    /// `evt.SetMeta(name, value)` and `evt.SetParsed`.
    Set {
        space: Space,
        name: Box<Code>,
        value: Box<Code>,
    },
    /// Whether one of a data file's patterns matches.
    AnyPattern(Box<Code>, Arc<RegexSet>),
    /// The rows of a data file.
    Rows(Arc<Table>),
    /// The tag of a data file's first row that matches.
    LookUp(Box<Code>, Arc<Table>),
}

/// What stands in for what a mapping has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Empty {
    Text,
    List,
}

/// A field that is not a text of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Getter {
    Same,
    Unmarshaled,
    Overflow,
    Time,
    StrTime,
    StrTimeFormat,
    MarshaledTime,
    Whitelisted,
    WhitelistReason,
    LineRaw,
    LineSource,
    LineModule,
    Empty,
    NoTexts,
    NoMap,
    False,
    True,
    EventKind,
    ReadAt,
    IpSources,
    Remediation,
    HasRemediation,
    OverflowWhitelisted,
    Reprocess,
    Simulated,
    Message,
    ScenarioVersion,
    Capacity,
    Leakspeed,
    StartAt,
    StopAt,
    Source,
    Sources,
    SourceKeys,
    SourceAsNumber,
    SourceAsName,
    SourceCountry,
    SourceLatitude,
    SourceLongitude,
    BucketName,
    BucketCapacity,
    BucketCache,
    BucketTotal,
    BucketFirst,
    BucketLast,
    BucketOverflow,
    BucketLeak,
    BucketLifetime,
    BucketReprocess,
    QueueLimit,
    ResultEvent,
    ResultSuccess,
    AlertEvents,
    SourceIp,
    SourceRange,
    SourceScope,
    SourceValue,
    Scenario,
    EventsCount,
    EventType,
    Weekday,
    WeekdayName,
    Month,
    MonthName,
}

/// A function that evaluates its body for each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closure {
    All,
    Any,
    None,
    One,
    Filter,
    Map,
    Count,
    Find,
    FindIndex,
    FindLast,
    FindLastIndex,
    Sum,
    GroupBy,
    SortBy,
    Reduce,
}

/// Constant texts that one text is looked up in.
#[derive(Debug)]
pub(super) enum TextSet {
    /// A handful: comparing is faster than hashing.
    Few(Box<[Box<str>]>),
    Many(HashSet<Box<str>>),
}

/// A constant text that others are searched for.
#[derive(Debug)]
pub(super) struct Searched {
    pub(super) text: Box<str>,
    finder: memmem::Finder<'static>,
}

// === impl Searched ===

impl Searched {
    pub(super) fn new(text: Box<str>) -> Self {
        Self {
            finder: memmem::Finder::new(text.as_bytes()).into_owned(),
            text,
        }
    }

    /// Whether another text contains it, begins or ends with it.
    pub(super) fn stands_in(&self, op: Op, other: &str) -> bool {
        match op {
            Op::Contains => self.finder.find(other.as_bytes()).is_some(),
            Op::StartsWith => other.starts_with(&*self.text),
            _ => other.ends_with(&*self.text),
        }
    }
}

// === impl Closure ===

impl Closure {
    /// Whether its body must be true or false.
    pub(super) fn is_test(self) -> bool {
        !matches!(
            self,
            Self::Map | Self::Sum | Self::GroupBy | Self::SortBy | Self::Reduce
        )
    }
}

// === impl TextSet ===

impl TextSet {
    pub(super) fn new(texts: impl IntoIterator<Item = Box<str>>) -> Self {
        let texts: Vec<Box<str>> = texts.into_iter().collect();
        if texts.len() <= 8 {
            Self::Few(texts.into())
        } else {
            Self::Many(texts.into_iter().collect())
        }
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        match self {
            Self::Few(texts) => texts.iter().any(|one| **one == *text),
            Self::Many(texts) => texts.contains(text),
        }
    }
}
