//! A line on its way through the parsers, and what they found in it.
//!
//! Before: `Line`. After: `detect`, which pours it into buckets. All text of an event lies in one buffer
//! that starts with the line itself, and a field is a range of it: a capture costs eight bytes and no
//! allocation, and one event is used again for every line. Deliberately absent: how fields get their values.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use vigie_wire::Timestamp;

use super::fields::Fields;
use super::json::Json;
use super::names::{Common, FieldId, Names, Space};
use super::node::SourceField;
use super::overflow::Overflow;
use crate::line::{Line, Position};

/// The most text an event holds, the line included. What goes beyond is not stored and counted.
pub const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// A range of an event's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Event {
    names: Arc<Names>,
    text: String,
    line: Span,
    fields: Fields,
    /// Fields that no rule names: space, name, value.
    unnamed: Vec<(Space, Span, Span)>,
    pub(crate) unmarshaled: Inner<Vec<(Box<str>, Json)>>,
    /// `SetMeta` and `SetParsed` of expressions, applied after the expression ran.
    pub(crate) pending: Inner<Vec<(Space, String, String)>>,
    /// Expressions that a bound on what they may cost ended.
    pub(crate) ended: Inner<u32>,
    pub(crate) str_time: Span,
    pub(crate) str_time_format: Span,
    pub(crate) marshaled_time: Span,
    /// `evt.Line.Module` where a static has set it.
    pub(crate) module: Span,
    pub(crate) time: Timestamp,
    /// When the line was read: what stashes and `TimeNow` go by.
    pub(crate) read_at: Timestamp,
    pub(crate) dated: bool,
    pub(crate) source: Arc<str>,
    pub(crate) position: Position,
    pub(crate) kind: Arc<str>,
    /// Labels of the source beside its type.
    pub(crate) labels: Arc<[(String, String)]>,
    pub(crate) whitelisted: bool,
    pub(crate) whitelist_reason: Arc<str>,
    pub(crate) overflow: Option<Arc<Overflow>>,
    /// Texts that found no room.
    dropped: u32,
}

/// What expressions fill while they only borrow the event. A lock and no cell, so that events may go to another thread
/// though they share overflows; nobody ever waits for it.
#[derive(Debug, Default)]
pub(crate) struct Inner<T>(RwLock<T>);

// === impl Inner ===

impl<T> Inner<T> {
    pub(crate) fn borrow(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn borrow_mut(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Clone for Inner<T> {
    fn clone(&self) -> Self {
        Self(RwLock::new(self.borrow().clone()))
    }
}

// === impl Span ===

impl Span {
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self {
            start: narrow(start),
            end: narrow(end),
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start >= self.end
    }

    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    /// The part of this span that a capture relative to its start covers.
    pub(crate) fn part(self, start: usize, end: usize) -> Self {
        Self::new(self.start() + start, self.start() + end)
    }
}

/// Offsets beyond what an event holds lie behind all of it.
#[expect(clippy::cast_possible_truncation, reason = "what would be cut is not cast")]
const fn narrow(offset: usize) -> u32 {
    if offset < u32::MAX as usize {
        offset as u32
    } else {
        u32::MAX
    }
}

// === impl Event ===

impl Event {
    /// An event with nothing in it.
    pub fn blank(names: Arc<Names>) -> Self {
        let empty: Arc<str> = Arc::from("");
        Self {
            fields: Fields::of_lines(names.len()),
            names,
            text: String::new(),
            line: Span::default(),
            unnamed: Vec::new(),
            unmarshaled: Inner::default(),
            pending: Inner::default(),
            ended: Inner::default(),
            str_time: Span::default(),
            str_time_format: Span::default(),
            marshaled_time: Span::default(),
            module: Span::default(),
            time: Timestamp::ZERO,
            read_at: Timestamp::ZERO,
            dated: false,
            source: Arc::clone(&empty),
            position: Position::File { file: 0, offset: 0 },
            kind: Arc::clone(&empty),
            labels: Arc::default(),
            whitelisted: false,
            whitelist_reason: empty,
            overflow: None,
            dropped: 0,
        }
    }

    /// Begins a new line in the same buffers.
    pub fn begin(&mut self, line: &Line) {
        self.begin_text(&line.text, line);
    }

    /// Begins a text as a line from where another is.
    pub(crate) fn begin_text(&mut self, text: &str, line: &Line) {
        self.clear();
        self.line = self.put(text);
        if !Arc::ptr_eq(&self.source, &line.source) {
            self.source.clone_from(&line.source);
        }
        if !Arc::ptr_eq(&self.kind, &line.kind) {
            self.kind.clone_from(&line.kind);
        }
        self.position.clone_from(&line.position);
        self.time = line.read_at;
        self.read_at = line.read_at;
    }

    /// Empties everything, the buffers stay.
    pub fn clear(&mut self) {
        self.fields.clear();
        self.text.clear();
        self.unnamed.clear();
        self.unmarshaled.get_mut().clear();
        self.pending.get_mut().clear();
        *self.ended.get_mut() = 0;
        self.line = Span::default();
        self.str_time = Span::default();
        self.str_time_format = Span::default();
        self.marshaled_time = Span::default();
        self.module = Span::default();
        self.dated = false;
        self.whitelisted = false;
        self.overflow = None;
        self.dropped = 0;
    }

    /// A copy that holds nothing but `Meta`, the source, the position and the time: what buckets keep.
    pub fn keep_meta(&self) -> Self {
        let mut kept = Self {
            fields: Fields::default(),
            ..Self::blank(Arc::new(Names::default()))
        };
        kept.names = Arc::clone(&self.names);
        for (space, name, value) in self.iter() {
            if space == Space::Meta {
                kept.set(space, name, value);
            }
        }
        kept.source = Arc::clone(&self.source);
        kept.position = self.position.clone();
        kept.kind = Arc::clone(&self.kind);
        kept.time = self.time;
        kept.read_at = self.read_at;
        kept.dated = self.dated;
        kept.overflow.clone_from(&self.overflow);
        kept
    }

    /// A whole copy, without the table that makes look-ups fast and memory large.
    pub fn keep(&self) -> Self {
        self.clone()
    }

    /// About how many bytes a copy that [`Event::keep`] made takes.
    pub(crate) fn bytes(&self) -> usize {
        let unmarshaled = self.unmarshaled.borrow();
        let unfolded = unmarshaled.iter().map(|(name, json)| name.len() + json.bytes());
        size_of::<Self>()
            + self.text.len()
            + self.fields.bytes()
            + self.unnamed.len() * size_of::<(Space, Span, Span)>()
            + unfolded.sum::<usize>()
    }

    /// The line as it was read.
    pub fn line(&self) -> &str {
        self.str(self.line)
    }

    /// Where the line came from.
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// Where the line stands in its source.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// What kind of source read it, in the original's words.
    pub(crate) fn module(&self) -> &str {
        match (self.str(self.module), &self.position) {
            ("", Position::File { .. }) => "file",
            ("", Position::Cursor(_)) => "journalctl",
            (module, _) => module,
        }
    }

    /// `labels.type` of the source.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// A label of the source, `""` if it has none of that name.
    pub fn label(&self, name: &str) -> &str {
        if name == "type" {
            return &self.kind;
        }
        let found = self.labels.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The time the line tells, or that of its reading.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// Whether [`Event::time`] is the line's own.
    pub fn is_dated(&self) -> bool {
        self.dated
    }

    /// Sets the time, as `ParseDate` does.
    pub fn set_time(&mut self, time: Timestamp) {
        self.time = time;
        self.dated = true;
    }

    /// Why the event was whitelisted, if it was.
    pub fn whitelist_reason(&self) -> Option<&str> {
        self.whitelisted.then_some(&*self.whitelist_reason)
    }

    /// The overflow that this event tells of, where it is no line but a bucket that was poured back.
    pub fn overflow(&self) -> Option<&Arc<Overflow>> {
        self.overflow.as_ref()
    }

    /// Makes this the event of an overflow, which `reprocess` pours into the other buckets.
    pub fn set_overflow(&mut self, overflow: Arc<Overflow>) {
        self.overflow = Some(overflow);
    }

    /// Marks the event, and the overflow that it may be, as none of our business.
    pub(crate) fn set_whitelisted(&mut self) {
        self.whitelisted = true;
        if let Some(overflow) = self.overflow.as_mut().map(Arc::make_mut) {
            overflow.whitelisted = true;
        }
    }

    /// Changes whom the overflow's first alert names.
    pub(crate) fn set_source(&mut self, field: SourceField, value: Span) {
        let value = self.str(value).to_owned();
        let Some(source) = self
            .overflow
            .as_mut()
            .and_then(|overflow| Arc::make_mut(overflow).alerted.first_mut())
        else {
            return;
        };
        *match field {
            SourceField::Scope => &mut source.scope,
            SourceField::Value => &mut source.value,
            SourceField::Ip => &mut source.ip,
            SourceField::Range => &mut source.range,
            SourceField::AsNumber => &mut source.as_number,
            SourceField::AsName => &mut source.as_name,
            SourceField::Country => &mut source.country,
        } = value;
    }

    /// Sets `evt.MarshaledTime`, as the static of the date parser does.
    pub fn set_marshaled_time(&mut self, text: &str) {
        self.marshaled_time = self.put(text);
    }

    /// The text that `evt.MarshaledTime` was set to, `""` if nobody did.
    pub fn marshaled_time(&self) -> &str {
        self.str(self.marshaled_time)
    }

    /// Texts that found no room in this event.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Expressions about this event that were ended because they looked at too much or made too much.
    pub fn ended(&self) -> u32 {
        *self.ended.borrow()
    }

    /// The slots of this event's fields.
    pub fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// A field of `Meta`, `""` if it is not set.
    pub fn meta(&self, name: &str) -> &str {
        self.get_named(Space::Meta, name)
    }

    /// A field of `Parsed`, `""` if it is not set.
    pub fn parsed(&self, name: &str) -> &str {
        self.get_named(Space::Parsed, name)
    }

    /// A field of `Enriched`, `""` if it is not set.
    pub fn enriched(&self, name: &str) -> &str {
        self.get_named(Space::Enriched, name)
    }

    /// All fields that are set, in the order in which they first were.
    pub fn iter(&self) -> impl Iterator<Item = (Space, &str, &str)> {
        let named = self.named().map(|(id, value)| {
            let (space, name) = self.names.name(id);
            (space, name, self.str(value))
        });
        named.chain(self.unnamed())
    }

    /// A field by slot, `""` if it is not set.
    pub fn get(&self, id: FieldId) -> &str {
        self.span_of(id).map_or("", |span| self.str(span))
    }

    /// A field by name, `""` if it is not set.
    pub fn get_named(&self, space: Space, name: &str) -> &str {
        if let Some(id) = self.names.find(space, name) {
            return self.get(id);
        }
        let found = self
            .unnamed
            .iter()
            .find(|(in_space, key, _)| *in_space == space && self.str(*key) == name);
        found.map_or("", |(_, _, value)| self.str(*value))
    }

    /// A field that the engine itself asks for, `""` if it is not set.
    pub(crate) fn common(&self, which: Common) -> &str {
        match self.names.common(which) {
            Some(id) => self.get(id),
            None if self.unnamed.is_empty() => "",
            None => {
                let (space, name) = which.name();
                self.get_named(space, name)
            }
        }
    }

    /// Whether a field is set, be it to nothing.
    pub fn is_set(&self, space: Space, name: &str) -> bool {
        if let Some(id) = self.names.find(space, name) {
            return self.span_of(id).is_some();
        }
        let mut unnamed = self.unnamed.iter();
        unnamed.any(|(in_space, key, _)| *in_space == space && self.str(*key) == name)
    }

    /// Sets a field by name, also one that no rule names.
    pub fn set(&mut self, space: Space, name: &str, value: &str) {
        let value = self.put(value);
        if let Some(id) = self.names.find(space, name) {
            self.set_span(id, value);
            return;
        }
        let at = self
            .unnamed
            .iter()
            .position(|(in_space, key, _)| *in_space == space && self.str(*key) == name);
        if let Some(entry) = at.and_then(|at| self.unnamed.get_mut(at)) {
            entry.2 = value;
        } else {
            let name = self.put(name);
            self.unnamed.push((space, name, value));
        }
    }

    /// Carries out what `SetMeta` and `SetParsed` of an expression asked for. Call it after each expression
    /// that may hold them; reading is all that expressions themselves do.
    #[inline]
    pub fn apply_pending(&mut self) {
        if !self.pending.get_mut().is_empty() {
            self.apply_those();
        }
    }

    #[cold]
    fn apply_those(&mut self) {
        for (space, name, value) in std::mem::take(self.pending.get_mut()) {
            self.set(space, &name, &value);
        }
    }

    /// Whether an expression asked for what [`Event::apply_pending`] does.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    pub(crate) fn line_span(&self) -> Span {
        self.line
    }

    pub(crate) fn str(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or("")
    }

    pub(crate) fn span_of(&self, id: FieldId) -> Option<Span> {
        self.fields.get(id)
    }

    /// Sets a field to a range of this event's text.
    pub(crate) fn set_span(&mut self, id: FieldId, span: Span) {
        self.fields.set(id, span);
    }

    /// Appends text, which fields may then point to.
    pub(crate) fn put(&mut self, text: &str) -> Span {
        let start = self.text.len();
        if start + text.len() > MAX_EVENT_BYTES {
            self.dropped = self.dropped.saturating_add(1);
            return Span::default();
        }
        self.text.push_str(text);
        Span::new(start, self.text.len())
    }

    /// Appends a number in decimal digits.
    pub(crate) fn put_number(&mut self, number: usize) -> Span {
        let mut digits = [0; 20];
        let (mut rest, mut at) = (number, digits.len());
        for place in digits.iter_mut().rev() {
            *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            (rest, at) = (rest / 10, at - 1);
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(at..).unwrap_or_default();
        self.put(std::str::from_utf8(digits).unwrap_or_default())
    }

    /// The fields that rules name, and those that no rule names.
    pub(crate) fn named(&self) -> impl Iterator<Item = (FieldId, Span)> {
        self.fields.iter()
    }

    pub(crate) fn unnamed(&self) -> impl Iterator<Item = (Space, &str, &str)> {
        let unnamed = self.unnamed.iter();
        unnamed.map(|&(space, name, value)| (space, self.str(name), self.str(value)))
    }

    /// The span of a text that lies in this event already.
    pub(crate) fn locate(&self, text: &str) -> Option<Span> {
        let start = (text.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize)?;
        (start + text.len() <= self.text.len()).then(|| Span::new(start, start + text.len()))
    }
}
