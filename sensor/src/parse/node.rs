//! A parser's node at work: filter, whitelist, grok, children, statics, in the order of the original.
//!
//! The order and what counts as success are `CrowdSec`'s, quirks included: children run even if the grok
//! failed, and without a grok of its own a node succeeds as its last child did.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::Scratch;
use super::date;
use super::event::{Event, Span};
use super::finder::{Finder, Prepared};
use super::names::{FieldId, Space};
use crate::address;
use crate::expr::value::Value;
use crate::expr::{Env, EvalError, Expression, Quick};
use crate::grok::Grok;
use crate::outside::{Outside, Stash};

/// One node and its children.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    pub(crate) filter: Option<Expression>,
    pub(crate) whitelist: Option<Whitelist>,
    pub(crate) grok: Option<GrokStep>,
    pub(crate) stashes: Vec<StashStep>,
    pub(crate) children: Vec<Node>,
    pub(crate) statics: Vec<Static>,
    pub(crate) next_stage: bool,
}

/// A pattern, on what it is tried, and what follows if it matches.
#[derive(Debug)]
pub(crate) struct GrokStep {
    pub(crate) grok: Grok,
    pub(crate) prepared: Prepared,
    pub(crate) fields: Box<[(FieldId, usize)]>,
    pub(crate) on: On,
    pub(crate) statics: Vec<Static>,
    /// Its place among all groks, for the buffers of matching.
    pub(crate) slot: usize,
}

/// What a pattern is tried on.
#[derive(Debug)]
pub(crate) enum On {
    Line,
    Field(FieldId),
    Expression(Expression),
}

/// Leaves something for later lines.
#[derive(Debug)]
pub(crate) struct StashStep {
    pub(crate) stash: Arc<Stash>,
    pub(crate) key: Expression,
    pub(crate) value: Expression,
    pub(crate) ttl: Duration,
}

/// Sets something.
#[derive(Debug)]
pub(crate) struct Static {
    pub(crate) target: Target,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum Target {
    Field(FieldId),
    StrTime,
    StrTimeFormat,
    MarshaledTime,
    Method(Method),
    /// A field of `evt.Overflow.Alert.Source`.
    Source(SourceField),
    /// `evt.Line.Module`
    LineModule,
    /// A target that no event has.
    Nothing,
}

/// What postoverflows may change of whom an overflow is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SourceField {
    Scope,
    Value,
    Ip,
    Range,
    AsNumber,
    AsName,
    Country,
}

#[derive(Debug, Clone)]
pub(crate) enum Method {
    ParseDate,
    /// Something that is looked up for an address.
    Lookup(Lookup, Arc<Outside>),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Lookup {
    City,
    Asn,
    Range,
    Name,
}

#[derive(Debug)]
pub(crate) enum What {
    Text(Box<str>),
    Field(FieldId),
    Expression(Expression),
}

/// Events that are none of our business.
#[derive(Debug)]
pub(crate) struct Whitelist {
    pub(crate) reason: Arc<str>,
    pub(crate) ips: Vec<IpAddr>,
    pub(crate) ranges: Vec<IpNet>,
    pub(crate) expressions: Vec<Expression>,
    pub(crate) source_ip: FieldId,
}

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) success: bool,
    /// Whether it, or a node within it, sent the event on to the next stage.
    pub(crate) next_stage: bool,
}

const FAILED: Done = Done {
    success: false,
    next_stage: false,
};

// === impl Node ===

impl Node {
    pub(crate) fn process(&self, event: &mut Event, scratch: &mut Scratch) -> Done {
        if let Some(filter) = &self.filter {
            let holds = filter.holds(Env::of(event));
            event.apply_pending();
            if !holds {
                return FAILED;
            }
        }
        let listed = self.whitelist.as_ref().is_some_and(|list| list.check(event));
        let (mut success, matched) = match &self.grok {
            Some(grok) => {
                let matched = grok.process(event, scratch);
                (matched, matched)
            }
            None => (true, false),
        };
        if matched || self.grok.is_none() {
            for stash in &self.stashes {
                stash.apply(event);
            }
        }
        let mut next_stage = false;
        for child in &self.children {
            let done = child.process(event, scratch);
            next_stage |= done.next_stage;
            if done.success {
                success = true;
                if self.next_stage {
                    break;
                }
            } else if !matched {
                success = false;
            }
        }
        if !success {
            return Done { success, next_stage };
        }
        if listed || self.whitelist.is_none() {
            for one in &self.statics {
                one.apply(event, scratch);
            }
        }
        Done {
            success,
            next_stage: next_stage || self.next_stage,
        }
    }
}

// === impl GrokStep ===

impl GrokStep {
    fn process(&self, event: &mut Event, scratch: &mut Scratch) -> bool {
        let subject = match &self.on {
            On::Line => Some(event.line_span()),
            On::Field(field) => event.span_of(*field),
            // Nothing is an empty text to a pattern, which may match it.
            On::Expression(expression) => tried(expression, event, scratch)
                .ok()
                .map(Option::unwrap_or_default),
        };
        let Some(subject) = subject else { return false };
        let Some(slot) = scratch.finders.get_mut(self.slot) else {
            return false;
        };
        let finder = slot.get_or_insert_with(|| Finder::new(&self.grok, &self.prepared, scratch.plain));
        if !finder.find(&self.grok, &self.prepared, event.str(subject)) {
            return false;
        }
        for (field, group) in &self.fields {
            let span = finder
                .group(*group)
                .map_or_else(Span::default, |(start, end)| subject.part(start, end));
            event.set_span(*field, span);
        }
        for one in &self.statics {
            one.apply(event, scratch);
        }
        true
    }
}

// === impl StashStep ===

impl StashStep {
    /// A key or a value that is no text leaves nothing, as in the original.
    fn apply(&self, event: &mut Event) {
        let env = Env::of(event);
        if let (Ok(value), Ok(key)) = (self.value.text(env), self.key.text(env)) {
            self.stash.set(&key, &value, Some(self.ttl), event.read_at);
        }
        event.apply_pending();
    }
}

// === impl Static ===

impl Static {
    fn apply(&self, event: &mut Event, scratch: &mut Scratch) {
        if let (Target::Field(to), What::Field(from)) = (&self.target, &self.what) {
            let value = event.span_of(*from).filter(|value| !value.is_empty());
            if let Some(value) = value {
                event.set_span(*to, value);
            }
            return;
        }
        let value = match &self.what {
            What::Text(text) => Some(event.put(text)),
            What::Field(field) => event.span_of(*field),
            What::Expression(expression) => evaluate(expression, event, scratch),
        };
        let value = value.filter(|value| !value.is_empty());
        if let Target::Method(Method::ParseDate) = self.target {
            parse_date(value.unwrap_or_default(), event, scratch);
            return;
        }
        let Some(value) = value else { return };
        match &self.target {
            Target::Field(field) => event.set_span(*field, value),
            Target::StrTime => event.str_time = value,
            Target::StrTimeFormat => event.str_time_format = value,
            Target::MarshaledTime => event.marshaled_time = value,
            Target::LineModule => event.module = value,
            Target::Source(field) => event.set_source(*field, value),
            Target::Method(Method::Lookup(what, outside)) => look_up(*what, outside, value, event),
            Target::Method(Method::ParseDate) | Target::Nothing => {}
        }
    }
}

/// Fills `Enriched` with what is known of an address, in the original's names and forms.
fn look_up(what: Lookup, outside: &Outside, subject: Span, event: &mut Event) {
    if let Lookup::Name = what {
        let subject = event.str(subject).to_owned();
        if let Some(name) = outside.resolver().and_then(|resolver| resolver.name(&subject)) {
            event.set(Space::Enriched, "reverse_dns", &name);
        }
        return;
    }
    let Ok(ip) = event.str(subject).parse::<IpAddr>() else {
        return;
    };
    let Some(places) = outside.places() else { return };
    let mut set = |name: &str, value: &str| event.set(Space::Enriched, name, value);
    match what {
        Lookup::City => {
            let Some(city) = places.city(ip) else { return };
            set("IsoCode", &city.country);
            set("IsInEU", if city.in_eu { "true" } else { "false" });
            set("Latitude", &format!("{:.6}", city.latitude));
            set("Longitude", &format!("{:.6}", city.longitude));
        }
        Lookup::Asn => {
            let Some(asn) = places.asn(ip) else { return };
            let number = asn.number.to_string();
            set("ASNNumber", &number);
            set("ASNumber", &number);
            set("ASNOrg", &asn.organization);
        }
        Lookup::Range => {
            let Some(range) = places.range(ip) else { return };
            set("SourceRange", &range.to_string());
        }
        Lookup::Name => {}
    }
}

/// Dates the event by a text, or by now if the text tells no time. Neighbouring lines often tell the same time.
fn parse_date(text: Span, event: &mut Event, scratch: &mut Scratch) {
    let (text, format) = (event.str(text), event.str(event.str_time_format));
    let last = &mut scratch.date;
    if last.now != scratch.now || last.text != text || last.format != format || last.rendered.is_empty() {
        last.now = scratch.now;
        text.clone_into(&mut last.text);
        format.clone_into(&mut last.format);
        last.told = date::parse(text, format, scratch.now);
        last.rendered.clear();
        let date = last.told.unwrap_or_else(|| date::Date::from(scratch.now));
        date.render(&mut last.rendered);
    }
    if let Some(date) = last.told {
        event.set_time(date.timestamp());
    }
    let rendered = event.put(&last.rendered);
    if let Some(field) = scratch.marshaled_time {
        event.set_span(field, rendered);
    }
}

/// Where the text of an expression's value lies; it is put into the event unless it lies there already. Nil,
/// nothing and what failed are `None`.
fn evaluate(expression: &Expression, event: &mut Event, scratch: &mut Scratch) -> Option<Span> {
    tried(expression, event, scratch).ok().flatten()
}

/// The same, but what failed is told from nothing.
fn tried(
    expression: &Expression,
    event: &mut Event,
    scratch: &mut Scratch,
) -> Result<Option<Span>, EvalError> {
    scratch.text.clear();
    match expression.quick(event, &mut scratch.text) {
        Quick::Field(field) => return Ok(event.span_of(field)),
        Quick::Line => return Ok(Some(event.line_span())),
        Quick::Text(text) => {
            let lies = event.locate(text);
            if lies.is_some() {
                return Ok(lies);
            }
            scratch.text.push_str(text);
            return Ok(Some(event.put(&scratch.text)));
        }
        Quick::Made => return Ok(Some(event.put(&scratch.text))),
        Quick::Count(count) => return Ok(Some(event.put_number(count))),
        Quick::No => scratch.text.clear(),
    }
    let lies = expression
        .eval(Env::of(event))
        .map(|value| render(&value, event, &mut scratch.text));
    event.apply_pending();
    if scratch.text.is_empty() {
        lies
    } else {
        lies.map(|_| Some(event.put(&scratch.text)))
    }
}

/// Finds a value's text within the event, or writes it out.
fn render(value: &Value<'_>, event: &Event, out: &mut String) -> Option<Span> {
    if let Some(text) = value.as_str() {
        let lies = event.locate(text);
        if lies.is_none() {
            out.push_str(text);
        }
        return lies;
    }
    let written = match (value, value.as_float()) {
        (Value::Int(number), _) => write!(out, "{number}"),
        (_, Some(number)) => write!(out, "{number:.6}"),
        _ => return None,
    };
    if written.is_err() {
        out.clear();
    }
    None
}

// === impl Whitelist ===

impl Whitelist {
    fn check(&self, event: &mut Event) -> bool {
        let holds = |text: &str| {
            address::read(text).is_some_and(|ip| {
                self.ips.contains(&ip) || self.ranges.iter().any(|range| range.contains(&ip))
            })
        };
        let by_ip = (!self.ips.is_empty() || !self.ranges.is_empty())
            && match event.overflow() {
                Some(overflow) => overflow.sources.iter().any(|source| holds(&source.value)),
                None => holds(event.get(self.source_ip)),
            };
        let listed = by_ip
            || self
                .expressions
                .iter()
                .any(|expression| expression.holds(Env::of(event)));
        if listed && !event.whitelisted {
            event.set_whitelisted();
            event.whitelist_reason = Arc::clone(&self.reason);
        }
        listed
    }
}
