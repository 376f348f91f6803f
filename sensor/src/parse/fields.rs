//! Where the values of an event's fields lie in its text.
//!
//! The event that goes from line to line has a place for every field that rules name, so that setting and reading one is
//! a look-up; what is kept of a line has places for what it set. Deliberately absent: the text.

use super::event::Span;
use super::names::FieldId;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// In the order in which they were first set.
    set: Vec<FieldId>,
    /// By slot; [`UNSET`] where there is none. Without slots, in what was kept, it is `kept` that counts.
    by_slot: Box<[Span]>,
    /// As long as `set`, in its order.
    kept: Vec<Span>,
}

/// Lies beyond every text.
const UNSET: Span = Span::new(usize::MAX, usize::MAX);

// === impl Fields ===

/// A copy takes no more room than what is set.
impl Clone for Fields {
    fn clone(&self) -> Self {
        Self {
            set: self.set.clone(),
            by_slot: Box::default(),
            kept: self.iter().map(|(_, span)| span).collect(),
        }
    }
}

impl Fields {
    /// For lines, one after the other, under rules that name so many fields.
    pub(super) fn of_lines(slots: usize) -> Self {
        Self {
            by_slot: vec![UNSET; slots].into(),
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn get(&self, id: FieldId) -> Option<Span> {
        match self.by_slot.get(id.index()) {
            Some(span) => (*span != UNSET).then_some(*span),
            None => self.kept(id),
        }
    }

    #[inline]
    pub(super) fn set(&mut self, id: FieldId, span: Span) {
        let Some(place) = self.by_slot.get_mut(id.index()) else {
            self.keep(id, span);
            return;
        };
        if std::mem::replace(place, span) == UNSET {
            self.set.push(id);
        }
    }

    pub(super) fn clear(&mut self) {
        for id in self.set.drain(..) {
            if let Some(place) = self.by_slot.get_mut(id.index()) {
                *place = UNSET;
            }
        }
        self.kept.clear();
    }

    /// All that are set, in the order in which they first were.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FieldId, Span)> {
        let ids = self.set.iter().copied().enumerate();
        ids.filter_map(|(at, id)| {
            let span = self.by_slot.get(id.index()).or_else(|| self.kept.get(at));
            Some((id, *span?))
        })
    }

    /// About how many bytes a copy takes beside its own.
    pub(super) fn bytes(&self) -> usize {
        self.set.len() * (size_of::<FieldId>() + size_of::<Span>())
    }

    #[cold]
    fn kept(&self, id: FieldId) -> Option<Span> {
        let at = self.set.iter().position(|known| *known == id)?;
        self.kept.get(at).copied()
    }

    #[cold]
    fn keep(&mut self, id: FieldId, span: Span) {
        // Of a slot that nobody knows, or in what was kept.
        if !self.by_slot.is_empty() {
            return;
        }
        let known = self.set.iter().position(|known| *known == id);
        if let Some(place) = known.and_then(|at| self.kept.get_mut(at)) {
            *place = span;
        } else {
            self.set.push(id);
            self.kept.push(span);
        }
    }
}
