//! A run: characters of one set, one after the other.
//!
//! Where it ends is found in one go. Deliberately absent: giving some of it back, which is `walk`.

use memchr::memmem;

use super::first::First;
use super::set::{Ends, Set};

/// Runs that may take more than this are not looked over in advance: nobody pays for that.
const MAX_PROBED: u32 = 64;

/// Characters of one set, as many as there are or, if it is lazy, as few as will do.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) set: Set,
    pub(super) ends: Ends,
    pub(super) min: u32,
    pub(super) max: Option<u32>,
    /// Every character of it is a byte.
    pub(super) ascii: bool,
    pub(super) lazy: bool,
    /// What may follow.
    pub(super) next: First,
    /// At what of the set's own it may end, if it takes less than it can; nothing: it always takes all.
    pub(super) back: Set,
    /// It takes all it can or nothing: what is in its set cannot follow it.
    pub(super) takes_all: bool,
    /// The one byte that can follow.
    pub(super) only: Option<u8>,
    /// The text that must follow, if it is lazy.
    pub(super) until: Option<Box<memmem::Finder<'static>>>,
}

// === impl Run ===

impl Run {
    pub(super) fn new(set: Set, min: u32, max: Option<u32>, lazy: bool) -> Self {
        Self {
            ends: Ends::new(&set),
            ascii: set.is_ascii(),
            set,
            min,
            max,
            lazy,
            next: First::default(),
            back: Set::default(),
            takes_all: false,
            only: None,
            until: None,
        }
    }

    pub(super) fn follow(&mut self, next: &First) {
        self.next = *next;
        self.back = next.bytes.and(&self.set);
        self.takes_all = self.back.is_empty() && !self.lazy;
        self.only = next.bytes.only().filter(|_| !next.at_end);
    }

    pub(super) fn is_short(&self) -> bool {
        self.max.is_some_and(|most| most <= MAX_PROBED)
    }

    /// Where it ends if it takes all it can.
    pub(super) fn end(&self, text: &[u8], at: usize) -> Option<usize> {
        if !self.ascii {
            return self.extent(text, at).map(|(_, high)| high);
        }
        let rest = text.get(at..)?;
        let rest = self
            .max
            .and_then(|most| rest.get(..most as usize))
            .unwrap_or(rest);
        let taken = self.ends.run(rest);
        (taken >= self.min as usize).then_some(at + taken)
    }

    /// The least and the most that it can take of a text from a place on: where each ends. `None` if there is too little.
    pub(super) fn extent(&self, text: &[u8], at: usize) -> Option<(usize, usize)> {
        let rest = text.get(at..).unwrap_or_default();
        if self.ascii || (self.max.is_none() && self.min <= 1) {
            let most = self.max.map_or(rest.len(), |most| rest.len().min(most as usize));
            let taken = self.ends.run(rest.get(..most).unwrap_or(rest));
            let least = match self.min {
                0 => 0,
                1 => rest.first().map_or(1, |byte| length(*byte)),
                least => least as usize,
            };
            return (taken >= least).then_some((at + least, at + taken));
        }
        let (most, mut end, mut count) = (self.max.unwrap_or(u32::MAX), at, 0);
        let mut low = (self.min == 0).then_some(at);
        while count < most
            && let Some(byte) = text.get(end).filter(|byte| self.set.has(**byte))
        {
            end += length(*byte);
            count += 1;
            if count == self.min {
                low = Some(end);
            }
        }
        Some((low?, end))
    }
}

/// How many bytes a character has that begins with this one.
pub(super) fn length(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}
