//! Where a part of a pattern can end, found by an automaton, one look-up for each byte.
//!
//! An address, a date, a number are many choices, of which a text nearly always leaves one end: then no step of them is
//! taken. Only ends count that let go on what comes behind the part. Deliberately absent: which groups are within, so
//! that a part with groups, or with several ends, is walked through.

use regex_syntax::hir::{Hir, HirKind, Repetition};

use super::first::First;
use super::program::At;
use super::table::{Table, Told};

/// From how many characters and choices on a part has an automaton.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    /// A part without groups: a smaller one is walked through in the same time.
    pub(super) plain: usize,
    /// What may be left out, with groups: looking ahead is for nothing wherever it is there.
    pub(super) option: usize,
}

pub(super) const WORTH: Worth = Worth { plain: 6, option: 32 };

/// All those of a pattern.
const MAX_BYTES: usize = 1 << 20;
const MAX_PARTS: usize = 64;
/// Parts end sooner, or are walked through: what is looked at for nothing is bounded.
const MAX_SEEN: usize = 256;

/// A part of a pattern, before its steps.
#[derive(Debug)]
pub(super) struct Field {
    /// Which automaton.
    pub(super) part: usize,
    /// What may stand behind it.
    pub(super) next: First,
    /// The step behind it.
    pub(super) after: At,
    /// Something within is captured: its steps have to be taken.
    pub(super) groups: bool,
}

/// The automata of a pattern; parts whose automaton is too large are known as well.
#[derive(Debug, Default)]
pub(super) struct Parts(Vec<(Hir, Option<Table>)>);

/// Where a part can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Nowhere,
    At(usize),
    /// At several places, or nobody knows.
    Open,
}

// === impl Parts ===

impl Parts {
    /// The number of a part's automaton, if it is worth one.
    pub(super) fn add(&mut self, hir: &Hir, worth: usize) -> Option<usize> {
        if weight(hir) < worth {
            return None;
        }
        if let Some(known) = self.0.iter().position(|(known, _)| known == hir) {
            return self.0.get(known)?.1.is_some().then_some(known);
        }
        let tables = self.0.iter().filter_map(|(_, table)| table.as_ref());
        let bytes: usize = tables.map(Table::bytes).sum();
        if bytes > MAX_BYTES || self.0.len() >= MAX_PARTS {
            return None;
        }
        let table = Table::new(hir);
        let is_one = table.is_some();
        self.0.push((hir.clone(), table));
        is_one.then(|| self.0.len() - 1)
    }

    /// Where a part can end that begins at a place, and how many bytes were looked at for that.
    pub(super) fn ends(&self, field: &Field, text: &[u8], at: usize) -> (Ends, usize) {
        let Some((_, Some(table))) = self.0.get(field.part) else {
            return (Ends::Open, 0);
        };
        let Some(rest) = text.get(at..) else {
            return (Ends::Open, 0);
        };
        let mut state = table.start(at.checked_sub(1).and_then(|at| text.get(at)).copied());
        let looked = rest.get(..MAX_SEEN).unwrap_or(rest);
        let (mut found, mut seen) = (Ends::Nowhere, 0);
        loop {
            // That something ended before a byte is told by the state behind it.
            let (told, at_byte, after) = table.go(state, looked, seen);
            (state, seen) = (after, at_byte + 1);
            match told {
                Told::Match(byte) if !field.next.bytes.has(byte) => {}
                Told::Match(_) if !field.groups && found == Ends::Nowhere => found = Ends::At(at + at_byte),
                Told::Match(_) => return (Ends::Open, seen),
                Told::Dead => return (found, seen),
                Told::Nothing => break,
            }
        }
        if rest.len() > looked.len() {
            return (Ends::Open, looked.len());
        }
        let at_end = field.next.at_end && table.ends(state);
        let ends = match found {
            found if !at_end => found,
            Ends::Nowhere => Ends::At(text.len()),
            _ => Ends::Open,
        };
        (ends, rest.len())
    }
}

/// How many steps it takes, roughly: characters and choices, as often as they must or may stand there.
fn weight(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(_) | HirKind::Class(_) => 1,
        HirKind::Repetition(Repetition { sub, .. }) => 1 + weight(sub),
        HirKind::Capture(capture) => weight(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(weight).sum(),
        HirKind::Alternation(parts) => parts.iter().map(|part| 1 + weight(part)).sum(),
    }
}
