//! What must be so wherever a test holds: read off its code, so that events of which it is not so need not be tested.
//!
//! A fact may be weaker than the test, never stronger. Deliberately absent: running tests, and using facts, which parsers
//! (`parse::gate`) and detectors (`detect::dispatch`) do.

use std::sync::Arc;

use super::Expression;
use super::code::{Closure, Code, Getter, TextSet};
use super::functions::url::unescape;
use super::syntax::Op;
use crate::parse::literal;
use crate::parse::names::FieldId;

/// More texts than this are no help.
const MAX_TEXTS: usize = 20_000;

/// Something that holds wherever the test does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The field's value is one of these.
    Is(FieldId, Vec<Box<str>>),
    /// At least one of these.
    AnyOf(Vec<Holds>),
}

/// A field holds one of some texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holds {
    pub(crate) field: FieldId,
    /// In lower case. They are compared with values in ASCII in any case; of other values nothing is said.
    pub(crate) texts: Vec<Box<str>>,
    /// As they were written, if they must stand in the field in just that case.
    pub(crate) exact: Vec<Box<str>>,
    /// The texts are looked for behind an unescaping: nothing is said of values with a percent sign or a plus, but of what
    /// [`unescaped`] makes of them.
    pub(crate) unescaped: bool,
    /// The field is one of the exact texts.
    pub(crate) whole: bool,
}

// === impl Expression ===

impl Expression {
    /// What holds wherever this test does.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        gather(&self.code, &mut facts);
        facts
    }

    /// Whether it holds wherever all its facts do.
    pub(crate) fn is_its_facts(&self) -> bool {
        is_its_facts(&self.code)
    }

    /// The field that this is, if it is nothing but a field.
    pub(crate) fn as_field(&self) -> Option<FieldId> {
        match &self.code {
            Code::Field(field) => Some(*field),
            _ => None,
        }
    }

    /// Whether this is the line as it was read.
    pub(crate) fn is_line(&self) -> bool {
        matches!(&self.code, Code::Get(_, Getter::LineRaw))
    }

    /// Whether this is the kind of the line.
    pub(crate) fn is_kind(&self) -> bool {
        matches!(&self.code, Code::Label(_, name) if **name == *"type")
    }

    /// Whether it depends on nothing but the kind of the line.
    pub(crate) fn asks_only_kind(&self) -> bool {
        asks_only_kind(&self.code)
    }

    /// Whether it must be run even where it cannot hold, because it may set fields before it fails.
    pub(crate) fn always_runs(&self) -> bool {
        self.may_set() && !sets_at_the_end(&self.source)
    }

    /// Whether running it may set fields.
    pub(crate) fn may_set(&self) -> bool {
        ["SetParsed", "SetMeta", "SetInStash"]
            .iter()
            .any(|name| self.source.contains(name))
    }
}

/// Where something stands behind all that must hold, it is not reached unless all that holds. By the text alone, and
/// whatever is not as plain as that is taken to be reached.
fn sets_at_the_end(source: &str) -> bool {
    let branches = ["||", " or ", ";", "?", "if "];
    if branches.iter().any(|branch| source.contains(branch)) {
        return false;
    }
    let last = source.rfind("&&").max(source.rfind(" and "));
    let sets = ["SetParsed", "SetMeta"].iter().filter_map(|set| source.find(set));
    sets.min()
        .is_some_and(|first| last.is_some_and(|last| last < first))
}

fn asks_only_kind(code: &Code) -> bool {
    match code {
        Code::Label(_, name) => **name == *"type",
        Code::Text(_) | Code::Texts(_) | Code::Bool(_) => true,
        Code::And(items) | Code::Or(items) => items.iter().all(asks_only_kind),
        Code::Not(inner) | Code::InSet(inner, _) => asks_only_kind(inner),
        Code::Equal { left, right, .. } | Code::Search { left, right, .. } => {
            asks_only_kind(left) && asks_only_kind(right)
        }
        Code::SearchText(_, left, _) => asks_only_kind(left),
        _ => false,
    }
}

fn gather(code: &Code, facts: &mut Vec<Fact>) {
    match code {
        Code::And(items) => items.iter().for_each(|item| gather(item, facts)),
        Code::FieldIs(field, text) => facts.push(Fact::Is(*field, vec![text.clone()])),
        Code::FieldIn(field, set) => facts.push(Fact::Is(*field, texts_of(set))),
        Code::Closure {
            what: Closure::Any,
            list,
            body: Some(body),
            ..
        } if let (Code::Texts(texts), Some(field)) = (&**list, is_element(body)) => {
            facts.push(Fact::Is(field, texts.to_vec()));
        }
        _ => {
            if let Some(holds) = holds(code) {
                facts.push(Fact::AnyOf(holds));
            }
        }
    }
}

/// A fact about a field's whole value says all that the test does of which it is read off.
fn is_its_facts(code: &Code) -> bool {
    if let Code::And(items) = code {
        return items.iter().all(is_its_facts);
    }
    let mut facts = Vec::new();
    gather(code, &mut facts);
    matches!(facts.as_slice(), [Fact::Is(..)])
}

/// Of which texts one must stand in which fields.
fn holds(code: &Code) -> Option<Vec<Holds>> {
    match code {
        Code::And(items) => items.iter().filter_map(holds).max_by_key(|holds| worth(holds)),
        Code::Or(items) => {
            let mut all = Vec::new();
            for item in items {
                all.extend(holds(item)?);
            }
            Some(all)
        }
        Code::FieldIs(field, text) => whole(*field, [&**text]),
        Code::FieldIn(field, set) => whole(*field, texts_of(set).iter().map(|text| &**text)),
        Code::InSet(left, set) => of(subject(left)?, texts_of(set).iter().map(|text| &**text)),
        Code::Equal {
            left,
            right,
            negated: false,
        } => {
            let Code::Text(text) = &**right else { return None };
            of(subject(left)?, [&**text])
        }
        Code::SearchText(_, left, searched) => of(subject(left)?, [&*searched.text]),
        Code::Matches(left, regex) => {
            let texts = literal::required(regex.as_str(), true)?;
            of(folded(subject(left)?), texts.iter().map(String::as_str))
        }
        Code::AnyPattern(left, patterns) => {
            let mut texts = Vec::new();
            for pattern in patterns.patterns() {
                texts.extend(literal::required(pattern, true)?);
            }
            of(folded(subject(left)?), texts.iter().map(String::as_str))
        }
        Code::Closure {
            what: Closure::Any,
            list,
            body: Some(body),
            ..
        } => {
            let Code::Texts(texts) = &**list else { return None };
            any(texts, body)
        }
        _ => None,
    }
}

/// `any(texts, {field contains #})`.
fn any(texts: &Arc<[Box<str>]>, body: &Code) -> Option<Vec<Holds>> {
    let Code::Search { op, left, right } = body else {
        return None;
    };
    if !matches!(op, Op::Contains | Op::StartsWith | Op::EndsWith) {
        return None;
    }
    let subject = match &**right {
        Code::Local(0) => subject(left)?,
        Code::Call(function, args)
            if ["Upper", "Lower"].contains(&function.name) && matches!(args.as_slice(), [Code::Local(0)]) =>
        {
            folded(subject(left)?)
        }
        _ => return None,
    };
    of(subject, texts.iter().map(|text| &**text))
}

/// `field == #`
fn is_element(body: &Code) -> Option<FieldId> {
    match body {
        Code::Equal {
            left,
            right,
            negated: false,
        } => match (&**left, &**right) {
            (Code::Field(field), Code::Local(0)) | (Code::Local(0), Code::Field(field)) => Some(*field),
            _ => None,
        },
        _ => None,
    }
}

fn worth(holds: &[Holds]) -> usize {
    let texts = holds.iter().flat_map(|holds| &holds.texts);
    texts.map(|text| text.len()).min().unwrap_or(0)
}

/// A field, and what was done to it.
#[derive(Debug, Clone, Copy)]
struct Subject {
    field: FieldId,
    folded: bool,
    unescaped: bool,
}

// === impl Subject ===

impl Subject {
    fn plain(field: FieldId) -> Self {
        Self {
            field,
            folded: false,
            unescaped: false,
        }
    }
}

/// The texts are not those that were written.
fn folded(subject: Subject) -> Subject {
    Subject {
        folded: true,
        ..subject
    }
}

fn subject(code: &Code) -> Option<Subject> {
    match code {
        Code::Field(field) => Some(Subject::plain(*field)),
        Code::Call(function, args) => {
            let [inner] = args.as_slice() else { return None };
            let inner = subject(inner)?;
            match function.name {
                "Upper" | "Lower" | "upper" | "lower" => Some(Subject {
                    folded: true,
                    ..inner
                }),
                // Once: of what is unescaped twice nothing is said.
                "PathUnescape" | "QueryUnescape" if !inner.unescaped => Some(Subject {
                    unescaped: true,
                    ..inner
                }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// An empty text stands everywhere, and says nothing.
fn of<'t>(subject: Subject, texts: impl IntoIterator<Item = &'t str>) -> Option<Vec<Holds>> {
    let written: Vec<Box<str>> = texts.into_iter().map(Box::from).collect();
    if written.len() > MAX_TEXTS || written.iter().any(|text| text.is_empty()) {
        return None;
    }
    let folded = written
        .iter()
        .map(|text| text.to_ascii_lowercase().into_boxed_str());
    let as_written = !subject.folded && !subject.unescaped;
    Some(vec![Holds {
        field: subject.field,
        texts: folded.collect(),
        exact: if as_written { written } else { Vec::new() },
        unescaped: subject.unescaped,
        whole: false,
    }])
}

/// A field is one of some texts.
fn whole<'t>(field: FieldId, texts: impl IntoIterator<Item = &'t str>) -> Option<Vec<Holds>> {
    let mut all = of(Subject::plain(field), texts)?;
    for holds in &mut all {
        holds.whole = true;
    }
    Some(all)
}

fn texts_of(set: &TextSet) -> Vec<Box<str>> {
    match set {
        TextSet::Few(texts) => texts.to_vec(),
        TextSet::Many(texts) => texts.iter().cloned().collect(),
    }
}

impl Holds {
    /// Whether nothing can be said of a value: then the test must be run.
    pub(crate) fn is_silent(&self, value: &str) -> bool {
        !value.is_ascii() || (self.unescaped && is_escaped(value))
    }
}

/// Whether unescaping may change a value.
fn is_escaped(value: &str) -> bool {
    memchr::memchr2(b'%', b'+', value.as_bytes()).is_some()
}

/// What unescaping makes of a value if it changes it: as a path, and as a query if that is something else.
pub(crate) fn unescaped(value: &str) -> impl Iterator<Item = String> {
    let kinds = [(b'%', false), (b'+', true)].into_iter();
    let kinds = kinds.filter(|(escape, _)| memchr::memchr(*escape, value.as_bytes()).is_some());
    kinds.filter_map(|(_, plus_is_space)| unescape(value, plus_is_space, true))
}
