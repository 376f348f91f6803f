//! The `Meta` of an event, packed: what a bucket keeps of each line.
//!
//! Names are numbered once for all, values lie in one block that the buckets of all scenarios share. A hundred
//! thousand buckets are a hundred thousand of these, hence no maps and no strings.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::parse::event::Event;
use crate::parse::names::{Common, Names, Space};

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
    /// By slot of a field that rules name, its name's number if it is of `Meta`.
    slots: Box<[Option<u16>]>,
    scratch: Vec<u8>,
}

// === impl Packer ===

impl Packer {
    pub(crate) fn new(names: &Names) -> Self {
        let address = Common::SourceIp.name().1;
        let mut packer = Self {
            numbers: HashMap::from([(address.into(), ADDRESS)]),
            names: vec![address.into()],
            slots: Box::default(),
            scratch: Vec::new(),
        };
        let slots = names.iter().map(|(space, name)| {
            let is_kept = space == Space::Meta;
            is_kept.then(|| packer.number(name)).flatten()
        });
        packer.slots = slots.collect();
        packer
    }

    pub(crate) fn pack(&mut self, event: &Event) -> Packed {
        self.scratch.clear();
        for (id, value) in event.named() {
            if let Some(&Some(number)) = self.slots.get(id.index()) {
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
