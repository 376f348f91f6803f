//! The names of an event's fields, resolved to slots when rules load.
//!
//! Rules name a few hundred fields; a line sets a few dozen. A slot is the index under which an event keeps
//! the field, so that no name is hashed while lines run. Deliberately absent: values, which are the event's.

use hashbrown::HashMap;

/// Which of the event's three string maps a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// `evt.Parsed`: what patterns captured.
    Parsed,
    /// `evt.Meta`: what scenarios read.
    Meta,
    /// `evt.Enriched`: what methods added.
    Enriched,
}

/// A field's slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(u16);

/// The most fields that one set of rules may name; the whole hub names about 1,500.
pub const MAX_FIELDS: usize = 60_000;

/// All fields that the loaded rules name.
#[derive(Debug, Default, Clone)]
pub struct Names {
    by_name: HashMap<(Space, Box<str>), FieldId>,
    by_slot: Vec<(Space, Box<str>)>,
    /// The slots of what the engine itself asks for.
    common: [Option<FieldId>; COMMON.len()],
}

/// Fields that the engine itself asks for, event by event.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Common {
    SourceIp,
    SourceRange,
    AsNumber,
    AsnNumber,
    AsnOrg,
    IsoCode,
    Latitude,
    Longitude,
}

/// What they are called, in that order.
const COMMON: [(Space, &str); 8] = [
    (Space::Meta, "source_ip"),
    (Space::Meta, "SourceRange"),
    (Space::Enriched, "ASNumber"),
    (Space::Enriched, "ASNNumber"),
    (Space::Enriched, "ASNOrg"),
    (Space::Enriched, "IsoCode"),
    (Space::Enriched, "Latitude"),
    (Space::Enriched, "Longitude"),
];

// === impl FieldId ===

impl FieldId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

// === impl Common ===

impl Common {
    pub(crate) fn name(self) -> (Space, &'static str) {
        COMMON.get(self as usize).copied().unwrap_or((Space::Meta, ""))
    }
}

// === impl Names ===

impl Names {
    /// The slot of a field, taken now if it had none. `None` once [`MAX_FIELDS`] are taken.
    pub fn intern(&mut self, space: Space, name: &str) -> Option<FieldId> {
        if let Some(id) = self.find(space, name) {
            return Some(id);
        }
        if self.by_slot.len() >= MAX_FIELDS {
            return None;
        }
        let id = FieldId(u16::try_from(self.by_slot.len()).ok()?);
        self.by_slot.push((space, name.into()));
        for (place, common) in self.common.iter_mut().zip(COMMON) {
            if common == (space, name) {
                *place = Some(id);
            }
        }
        self.by_name.insert((space, name.into()), id);
        Some(id)
    }

    /// The slot of a field that some rule names.
    pub fn find(&self, space: Space, name: &str) -> Option<FieldId> {
        self.by_name.get(&Key(space, name)).copied()
    }

    /// The slot of a field that the engine asks for, if any rule names it.
    pub(crate) fn common(&self, which: Common) -> Option<FieldId> {
        self.common.get(which as usize).copied().flatten()
    }

    /// What a slot is called.
    pub fn name(&self, id: FieldId) -> (Space, &str) {
        match self.by_slot.get(id.index()) {
            Some((space, name)) => (*space, name),
            None => (Space::Parsed, ""),
        }
    }

    /// What all slots are called, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Space, &str)> {
        self.by_slot.iter().map(|(space, name)| (*space, &**name))
    }

    /// How many slots there are.
    pub fn len(&self) -> usize {
        self.by_slot.len()
    }

    /// Whether no rule names any field.
    pub fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }
}

/// Looks up an owned key by borrowed parts.
#[derive(Hash)]
struct Key<'a>(Space, &'a str);

impl hashbrown::Equivalent<(Space, Box<str>)> for Key<'_> {
    fn equivalent(&self, key: &(Space, Box<str>)) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}
