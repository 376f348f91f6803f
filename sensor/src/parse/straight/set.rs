//! Bytes that may stand at a place, and how to find the end of a run of them.
//!
//! Texts are UTF-8, so a set holds all characters beyond ASCII or none; a character is told by its first byte.
//! Deliberately absent: sets of some characters beyond ASCII, which `program` sees to.

use regex_syntax::hir::Class;

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Set([u64; 4]);

/// What ends a run of a set's bytes.
#[derive(Debug, Clone)]
pub(super) enum Ends {
    Nothing,
    One(u8),
    Two(u8, u8),
    Three(u8, u8, u8),
    /// More than can be searched for at once: which bytes are in the set.
    More(Box<[bool; 256]>),
}

/// Whether a set is all that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exact {
    Yes,
    /// Some characters beyond ASCII are in it and some are not: it only holds for texts in ASCII.
    InAscii,
}

/// Characters beyond ASCII: all scalar values but the first 128.
const ALL_BEYOND: u32 = 0x11_0000 - 0x800 - 0x80;

// === impl Set ===

impl Set {
    /// Every byte that begins a character.
    pub(super) const ALL: Self = Self([u64::MAX, u64::MAX, 0, u64::MAX]);

    pub(super) const ANY: Self = Self([u64::MAX; 4]);

    pub(super) fn of(byte: u8) -> Self {
        let mut set = Self::default();
        set.insert(byte);
        set
    }

    /// The bytes of a class's characters, those of UTF-8 beyond ASCII taken as one.
    pub(super) fn of_class(class: &Class) -> Option<(Self, Exact)> {
        let (mut set, mut beyond) = (Self::default(), 0);
        let mut add = |from: u32, to: u32| {
            for byte in (from..=to.min(0x7F)).filter_map(|byte| u8::try_from(byte).ok()) {
                set.insert(byte);
            }
        };
        match class {
            Class::Unicode(class) => {
                for range in class.ranges() {
                    let (from, to) = (u32::from(range.start()), u32::from(range.end()));
                    add(from, to);
                    // Characters are counted without the surrogates, which are none.
                    let surrogates = if from < 0xD800 && to > 0xDFFF { 0x800 } else { 0 };
                    beyond += (to + 1).saturating_sub(from.max(0x80)) - surrogates;
                }
            }
            Class::Bytes(class) if class.is_ascii() => {
                let ranges = class.ranges().iter();
                ranges.for_each(|range| add(range.start().into(), range.end().into()));
            }
            Class::Bytes(_) => return None,
        }
        if beyond == 0 {
            return Some((set, Exact::Yes));
        }
        set = set.or(&Self([0, 0, u64::MAX, u64::MAX]));
        let all = beyond == ALL_BEYOND;
        Some((set, if all { Exact::Yes } else { Exact::InAscii }))
    }

    pub(super) fn has(&self, byte: u8) -> bool {
        let word = self.0.get(usize::from(byte >> 6)).copied().unwrap_or(0);
        word >> (byte & 63) & 1 == 1
    }

    fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub(super) fn is_ascii(&self) -> bool {
        !self.has(0x80)
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The only byte of a set of one.
    pub(super) fn only(&self) -> Option<u8> {
        let count: u32 = self.0.iter().map(|word| word.count_ones()).sum();
        (0..=u8::MAX).find(|byte| count == 1 && self.has(*byte))
    }

    /// All of both sets.
    pub(super) fn or(mut self, other: &Self) -> Self {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(word, other)| *word |= other);
        self
    }

    /// What is in both sets.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(word, other)| *word &= other);
        self
    }
}

// === impl Ends ===

impl Ends {
    pub(super) fn new(set: &Set) -> Self {
        let mut bytes = (0..=u8::MAX).filter(|byte| !set.has(*byte));
        match (bytes.next(), bytes.next(), bytes.next(), bytes.next()) {
            (None, ..) => Self::Nothing,
            (Some(one), None, ..) => Self::One(one),
            (Some(one), Some(two), None, _) => Self::Two(one, two),
            (Some(one), Some(two), Some(three), None) => Self::Three(one, two, three),
            _ => Self::More(Box::new(std::array::from_fn(|byte| {
                u8::try_from(byte).is_ok_and(|byte| set.has(byte))
            }))),
        }
    }

    /// How many bytes come before the end.
    pub(super) fn run(&self, text: &[u8]) -> usize {
        let end = match self {
            Self::Nothing => None,
            Self::One(one) => memchr::memchr(*one, text),
            Self::Two(one, two) => memchr::memchr2(*one, *two, text),
            Self::Three(one, two, three) => memchr::memchr3(*one, *two, *three, text),
            Self::More(has) => text
                .iter()
                .position(|byte| !has.get(usize::from(*byte)).is_some_and(|has| *has)),
        };
        end.unwrap_or(text.len())
    }
}
