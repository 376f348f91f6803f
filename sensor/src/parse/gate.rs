//! Whether a line can come through all stages at all: one search for a few plain texts, before anything else is done.
//!
//! For each kind of line it is worked out what every document of a stage needs to stand in the line; a line that holds
//! nothing of what one stage needs is not parsed. What cannot be worked out counts as possible, so the gate only
//! stops what would have been stopped. Deliberately absent: what happens to lines that pass.

use std::sync::Arc;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use hashbrown::HashMap;

use super::event::Event;
use super::literal::{better, required};
use super::names::{FieldId, Names, Space};
use super::node::{GrokStep, Node, On, Static, Target, What};
use crate::expr::facts::{Fact, Holds};
use crate::expr::{Env, Expression};
use crate::rules::Stage;

/// More texts than this are slower to look for than the lines are to parse.
const MAX_TEXTS: usize = 64;
/// Rounds in which fields' origins are worked out; each makes at least one field known.
const MAX_ROUNDS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) enum Gate {
    Open,
    /// Lines without any of these texts end at this stage.
    Texts {
        stage: usize,
        search: Searcher,
    },
    /// No document of this stage is for lines of this kind.
    Shut {
        stage: usize,
    },
}

/// What must be so for a node to succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Can {
    Never,
    /// One of these texts stands in the line.
    If(Vec<String>),
    Always,
}

/// Where the text of a field may come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Origin {
    line: bool,
    constants: Vec<Box<str>>,
    unknown: bool,
}

struct Survey<'s> {
    names: &'s Names,
    /// An event of which nothing is known but its kind.
    event: Event,
    origins: HashMap<FieldId, Origin>,
    changed: bool,
    /// An expression sets fields on its own: nothing is certain any more.
    wild: bool,
}

// === impl Gate ===

impl Gate {
    /// For lines of one kind.
    pub(crate) fn new(stages: &[Stage], names: &Arc<Names>, kind: &Arc<str>) -> Self {
        let mut event = Event::blank(Arc::clone(names));
        event.kind = Arc::clone(kind);
        let mut survey = Survey {
            names,
            event,
            origins: HashMap::new(),
            changed: true,
            wild: false,
        };
        for _ in 0..MAX_ROUNDS {
            if !std::mem::take(&mut survey.changed) {
                break;
            }
            for node in stages.iter().flat_map(|stage| &stage.nodes) {
                survey.note(node);
            }
        }
        if survey.wild || survey.changed {
            return Self::Open;
        }
        let mut best: Option<(usize, Vec<String>)> = None;
        for (at, stage) in stages.iter().enumerate() {
            let can = stage
                .nodes
                .iter()
                .fold(Can::Never, |can, node| can.or(survey.node(node)));
            match can {
                Can::Never => return Self::Shut { stage: at },
                Can::If(texts) if texts.len() <= MAX_TEXTS => {
                    let is_better = best.as_ref().is_none_or(|(_, known)| {
                        better(Some(known.clone()), Some(texts.clone())) != Some(known.clone())
                    });
                    if is_better {
                        best = Some((at, texts));
                    }
                }
                Can::If(_) | Can::Always => {}
            }
        }
        best.and_then(|(stage, texts)| {
            let search = Config::new()
                .match_kind(MatchKind::LeftmostFirst)
                .builder()
                .extend(texts)
                .build()?;
            Some(Self::Texts { stage, search })
        })
        .unwrap_or(Self::Open)
    }

    /// The stage at which a line is certain to end.
    pub(crate) fn stops(&self, line: &str) -> Option<usize> {
        match self {
            Self::Open => None,
            Self::Texts { stage, search } => search.find(line).is_none().then_some(*stage),
            Self::Shut { stage } => Some(*stage),
        }
    }
}

// === impl Can ===

impl Can {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Always, _) | (_, Self::Always) => Self::Always,
            (Self::Never, can) | (can, Self::Never) => can,
            (Self::If(mut texts), Self::If(more)) => {
                texts.extend(more);
                texts.sort_unstable();
                texts.dedup();
                Self::If(texts)
            }
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, can) | (can, Self::Always) => can,
            (Self::If(one), Self::If(other)) => better(Some(one), Some(other)).map_or(Self::Always, Self::If),
        }
    }
}

// === impl Survey ===

impl Survey<'_> {
    fn is_dead(&self, node: &Node) -> bool {
        node.filter
            .as_ref()
            .is_some_and(|filter| filter.asks_only_kind() && !filter.holds(Env::of(&self.event)))
    }

    /// Notes where a node's fields come from.
    fn note(&mut self, node: &Node) {
        if self.is_dead(node) {
            return;
        }
        let whitelists = node.whitelist.iter().flat_map(|list| &list.expressions);
        self.wild |= node.filter.iter().chain(whitelists).any(Expression::may_set);
        // Without a pattern to fail it first, a stash may take from a line that fails later.
        self.wild |= node.grok.is_none() && !node.stashes.is_empty();
        if let Some(grok) = &node.grok {
            let origin = self.subject(grok);
            for (field, _) in &grok.fields {
                self.add(*field, &origin);
            }
            grok.statics.iter().for_each(|one| self.note_static(one));
        }
        node.statics.iter().for_each(|one| self.note_static(one));
        node.children.iter().for_each(|child| self.note(child));
    }

    fn note_static(&mut self, one: &Static) {
        let origin = match &one.what {
            What::Text(text) => Origin {
                constants: vec![text.clone()],
                ..Origin::default()
            },
            What::Field(field) => self.of(*field),
            What::Expression(expression) => self.origin(expression),
        };
        if let Target::Field(field) = one.target {
            self.add(field, &origin);
        }
    }

    fn subject(&mut self, grok: &GrokStep) -> Origin {
        match &grok.on {
            On::Line => Origin {
                line: true,
                ..Origin::default()
            },
            On::Field(field) => self.of(*field),
            On::Expression(expression) => self.origin(expression),
        }
    }

    fn origin(&mut self, expression: &Expression) -> Origin {
        self.wild |= expression.may_set();
        let mut origin = Origin::default();
        if let Some(field) = expression.as_field() {
            return self.of(field);
        } else if expression.is_line() {
            origin.line = true;
        } else if expression.is_kind() {
            origin.constants.push(self.event.kind().into());
        } else {
            origin.unknown = true;
        }
        origin
    }

    /// Only what patterns capture is written by nothing but parsers.
    fn of(&self, field: FieldId) -> Origin {
        if self.names.name(field).0 == Space::Parsed {
            return self.origins.get(&field).cloned().unwrap_or_default();
        }
        Origin {
            unknown: true,
            ..Origin::default()
        }
    }

    fn add(&mut self, field: FieldId, origin: &Origin) {
        let known = self.origins.entry(field).or_default();
        let before = known.clone();
        known.line |= origin.line;
        known.unknown |= origin.unknown;
        for text in &origin.constants {
            if !known.constants.contains(text) {
                known.constants.push(text.clone());
            }
        }
        self.changed |= *known != before;
    }

    fn node(&mut self, node: &Node) -> Can {
        if self.is_dead(node) {
            return Can::Never;
        }
        let filter = node
            .filter
            .as_ref()
            .map_or(Can::Always, |filter| self.filter(filter));
        if node.grok.is_none() && node.children.is_empty() {
            return filter;
        }
        let mut inner = Can::Never;
        if let Some(grok) = &node.grok {
            inner = self.grok(grok);
        }
        for child in &node.children {
            inner = inner.or(self.node(child));
        }
        filter.and(inner)
    }

    fn grok(&mut self, grok: &GrokStep) -> Can {
        let origin = self.subject(grok);
        if origin.unknown || !origin.constants.is_empty() {
            return Can::Always;
        }
        required(grok.grok.pattern(), false).map_or(Can::Always, Can::If)
    }

    fn filter(&self, filter: &Expression) -> Can {
        let mut can = Can::Always;
        for fact in filter.facts() {
            can = can.and(match fact {
                Fact::Is(field, values) => self.is(field, &values),
                Fact::AnyOf(any) => any
                    .iter()
                    .fold(Can::Never, |can, holds| can.or(self.holds(holds))),
            });
        }
        can
    }

    /// That a field holds one of some texts.
    fn holds(&self, holds: &Holds) -> Can {
        let origin = self.of(holds.field);
        let constant = origin.constants.iter().any(|text| {
            let folded = text.to_ascii_lowercase();
            holds.is_silent(text) || holds.texts.iter().any(|wanted| folded.contains(&**wanted))
        });
        if origin.unknown || constant || (origin.line && holds.exact.is_empty()) {
            return Can::Always;
        }
        if !origin.line {
            return Can::Never;
        }
        Can::If(holds.exact.iter().map(ToString::to_string).collect())
    }

    /// That a field has one of some values.
    fn is(&self, field: FieldId, values: &[Box<str>]) -> Can {
        let origin = self.of(field);
        let empty = values.iter().any(|value| value.is_empty());
        let constant = origin
            .constants
            .iter()
            .any(|text| values.iter().any(|value| text.contains(&**value)));
        if origin.unknown || empty || constant {
            return Can::Always;
        }
        if !origin.line {
            return Can::Never;
        }
        Can::If(values.iter().map(ToString::to_string).collect())
    }
}
