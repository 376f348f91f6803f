//! What is left of the own budget in the slot of now: the same rule by which every node judges our chain (`rate`).

use crate::rate::{Class, Scale, Slot};
use crate::wire::Timestamp;

/// Rows spent in one span of slots.
#[derive(Debug, Default)]
pub(super) struct Budget {
    span: Option<(Slot, Slot)>,
    rows: u32,
    urgent: u32,
    scale: Scale,
}

// === impl Budget ===

impl Budget {
    pub(super) fn scaled(scale: Scale) -> Self {
        Self {
            scale,
            ..Self::default()
        }
    }

    pub(super) fn resume(&mut self, class: Class, (left, urgent_left): (u32, u32), now: Timestamp) {
        self.span = Some(class.span(Slot::of(now)));
        self.rows = self.scale.rows(class).saturating_sub(left);
        self.urgent = self.scale.urgent_rows(class).saturating_sub(urgent_left);
    }

    pub(super) fn left(&self, class: Class, at: Timestamp) -> u32 {
        let spent = if self.is_for(class, at) { self.rows } else { 0 };
        self.scale.rows(class).saturating_sub(spent)
    }

    pub(super) fn urgent_left(&self, class: Class, at: Timestamp) -> u32 {
        let spent = if self.is_for(class, at) { self.urgent } else { 0 };
        self.scale
            .urgent_rows(class)
            .saturating_sub(spent)
            .min(self.left(class, at))
    }

    pub(super) fn spend(&mut self, class: Class, rows: usize, urgent: bool, now: Timestamp) {
        if !self.is_for(class, now) {
            *self = Self {
                span: Some(class.span(Slot::of(now))),
                rows: 0,
                urgent: 0,
                scale: self.scale,
            };
        }
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.rows = self.rows.saturating_add(rows);
        if urgent {
            self.urgent = self.urgent.saturating_add(rows);
        }
    }

    /// When the next budget begins.
    pub(super) const fn next_at(class: Class, at: Timestamp) -> Timestamp {
        class.span(Slot::of(at)).1.start()
    }

    /// A newcomer who becomes a member within an hour starts a new budget; the slots of the old one still count for the
    /// rest of the network, and less is left of them than he may spend. So the narrower span is kept while it overlaps.
    fn is_for(&self, class: Class, at: Timestamp) -> bool {
        let (first, next) = class.span(Slot::of(at));
        self.span
            .is_some_and(|(begun, ends)| begun < next && first < ends)
    }
}
