//! The `Meta` of an event, packed: what a bucket keeps of each line.
//!
//! Names are numbered once for all, values lie in one block that the buckets of all scenarios share. A hundred
//! thousand buckets are a hundred thousand of these, hence no maps and no strings.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::parse::event::Event;
use crate::parse::names::{Common, FieldId, Names, Space};

/// The longest value kept; the rest of a longer one is cut.
pub(crate) const MAX_VALUE_BYTES: usize = 16_384;
/// Different names; later ones are not kept.
const MAX_NAMES: usize = u16::MAX as usize;

/// Repeated: number of the name, length of the value, the value.
pub(crate) type Packed = Arc<[u8]>;

/// Of the address that an event speaks of.
const ADDRESS: u16 = 0;

/// Numbers of names.
#[derive(Debug)]
pub(crate) struct Packer {
    numbers: HashMap<Box<str>, u16>,
    names: Vec<Box<str>>,
    /// By slot of a field, what becomes of it.
    slots: Vec<Slot>,
    scratch: Vec<u8>,
}

/// What becomes of a field that rules name.
#[derive(Debug, Clone, Copy, Default)]
enum Slot {
    #[default]
    New,
    /// It is not of `Meta`, or there are too many names.
    Left,
    /// Its name's number.
    Number(u16),
}

// === impl Packer ===

impl Default for Packer {
    fn default() -> Self {
        let address = Common::SourceIp.name().1;
        Self {
            numbers: HashMap::from([(address.into(), ADDRESS)]),
            names: vec![address.into()],
            slots: Vec::new(),
            scratch: Vec::new(),
        }
    }
}

impl Packer {
    pub(crate) fn pack(&mut self, event: &Event) -> Packed {
        self.scratch.clear();
        for (id, value) in event.named() {
            let slot = match self.slots.get(id.index()).copied().unwrap_or_default() {
                Slot::New => self.learn(event.names(), id),
                known => known,
            };
            if let Slot::Number(number) = slot {
                self.push(number, event.str(value));
            }
        }
        for (space, name, value) in event.unnamed() {
            if space == Space::Meta
                && let Some(number) = self.number(name)
            {
                self.push(number, value);
            }
        }
        Arc::from(self.scratch.as_slice())
    }

    fn push(&mut self, number: u16, value: &str) {
        let end = value.floor_char_boundary(MAX_VALUE_BYTES);
        let value = value.as_bytes().get(..end).unwrap_or_default();
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let ([a, b], [c, d]) = (number.to_le_bytes(), length.to_le_bytes());
        self.scratch.reserve(4 + value.len());
        self.scratch.extend_from_slice(&[a, b, c, d]);
        self.scratch.extend_from_slice(value);
    }

    /// The address that an event spoke of, `""` if of none.
    pub(crate) fn address(packed: &[u8]) -> &str {
        let found = Fields(packed).find(|(number, _)| *number == ADDRESS);
        found.map_or("", |(_, value)| std::str::from_utf8(value).unwrap_or(""))
    }

    /// Names and values, sorted by name.
    pub(crate) fn unpack(&self, packed: &[u8]) -> Vec<(String, String)> {
        let mut fields: Vec<_> = Fields(packed)
            .filter_map(|(number, value)| {
                let name = self.names.get(usize::from(number))?;
                Some((
                    name.as_ref().to_owned(),
                    String::from_utf8_lossy(value).into_owned(),
                ))
            })
            .collect();
        fields.sort_unstable();
        fields
    }

    fn learn(&mut self, names: &Names, id: FieldId) -> Slot {
        let slot = match names.name(id) {
            (Space::Meta, name) => self.number(name).map_or(Slot::Left, Slot::Number),
            _ => Slot::Left,
        };
        if self.slots.len() <= id.index() {
            self.slots.resize(id.index() + 1, Slot::New);
        }
        if let Some(place) = self.slots.get_mut(id.index()) {
            *place = slot;
        }
        slot
    }

    fn number(&mut self, name: &str) -> Option<u16> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        let number = u16::try_from(self.names.len())
            .ok()
            .filter(|_| self.names.len() < MAX_NAMES)?;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        Some(number)
    }
}

struct Fields<'p>(&'p [u8]);

impl<'p> Iterator for Fields<'p> {
    type Item = (u16, &'p [u8]);
    fn next(&mut self) -> Option<Self::Item> {
        let (number, rest) = self.0.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        self.0 = rest;
        Some((u16::from_le_bytes(*number), value))
    }
}
