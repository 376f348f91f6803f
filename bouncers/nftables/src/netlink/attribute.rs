//! Messages and attributes of netlink: written into one buffer, and read from one. All lengths are checked.

use std::fmt;
use std::io::Write as _;

use super::consts::{INET, NLA_F_NESTED, NLA_TYPE_MASK, NLM_F_REQUEST};

const HEADER_BYTES: usize = 16;
const ATTRIBUTE_BYTES: usize = 4;

/// Writes messages one after another.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    messages: u32,
}

/// Where something began whose length is not known yet.
#[derive(Debug)]
#[must_use]
pub(super) struct Open(usize);

// === impl Writer ===

impl Writer {
    /// Begins a message; its sequence number is its place among all, counted from `first_sequence`.
    pub(super) fn message(&mut self, kind: u16, flags: u16, family: u8, resource: u16) -> Open {
        let open = Open(self.bytes.len());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes
            .extend_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&self.messages.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&[family, 0]);
        self.bytes.extend_from_slice(&resource.to_be_bytes());
        self.messages = self.messages.saturating_add(1);
        open
    }

    /// Begins a message about something of the family inet.
    pub(super) fn inet(&mut self, kind: u16, flags: u16) -> Open {
        self.message(kind, flags, INET, 0)
    }

    pub(super) fn end_message(&mut self, open: &Open) {
        let length = u32::try_from(self.bytes.len().saturating_sub(open.0)).unwrap_or(u32::MAX);
        if let Some(place) = self.bytes.get_mut(open.0..open.0.saturating_add(4)) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
    }

    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len().saturating_add(ATTRIBUTE_BYTES)).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    /// A name; whoever names keeps it short. There is one in each of half a million elements, so it is written in place.
    pub(super) fn text(&mut self, kind: u16, value: impl fmt::Display) {
        let open = Open(self.bytes.len());
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        // Writing into memory cannot fail.
        write!(self.bytes, "{value}\0").unwrap_or_default();
        self.end_nest(&open);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    pub(super) fn number(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_be_bytes());
    }

    pub(super) fn nest(&mut self, kind: u16) -> Open {
        let open = Open(self.bytes.len());
        self.attribute(kind | NLA_F_NESTED, &[]);
        open
    }

    /// Whoever nests keeps below 64 KiB.
    pub(super) fn end_nest(&mut self, open: &Open) {
        let length = u16::try_from(self.bytes.len().saturating_sub(open.0)).unwrap_or(u16::MAX);
        if let Some(place) = self.bytes.get_mut(open.0..open.0.saturating_add(2)) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
    }

    /// How many messages were begun.
    pub(super) const fn messages(&self) -> u32 {
        self.messages
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// A message that the kernel sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

// === impl Received ===

impl<'a> Received<'a> {
    /// The first message of a datagram, and the rest.
    pub(super) fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let payload = bytes.get(HEADER_BYTES..length)?;
        let rest = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        let message = Self {
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            sequence: u32_at(bytes, 8)?,
            payload,
        };
        Some((message, rest))
    }

    /// Its attributes, after the four bytes that say the family.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        attributes(self.payload.get(4..).unwrap_or_default())
    }
}

/// Attributes of a message or a nest. What does not fit ends the list.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & NLA_TYPE_MASK;
        let value = rest.get(ATTRIBUTE_BYTES..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of a kind.
pub(super) fn find<'a>(mut list: impl Iterator<Item = (u16, &'a [u8])>, kind: u16) -> Option<&'a [u8]> {
    list.find(|(other, _)| *other == kind).map(|(_, value)| value)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at.checked_add(2)?)?
        .try_into()
        .ok()
        .map(u16::from_ne_bytes)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at.checked_add(4)?)?
        .try_into()
        .ok()
        .map(u32::from_ne_bytes)
}
