//! The texts that every match of a pattern holds, one behind the other, and what stands beside each.
//!
//! A quote behind a number is rare where quotes and numbers are not: most lines that a pattern does not match are told by a
//! few searches. Deliberately absent: matching; what is said here is only that there may be a match.

use memchr::memmem;
use regex_syntax::hir::{Hir, HirKind};

use super::first::First;
use super::program::At;
use super::set::Set;

/// So many texts of a pattern are looked for.
const MAX_TEXTS: usize = 16;
/// A text that stands at more places than this, none of them right, may stand at a right one.
const MAX_PLACES: usize = 32;

/// See the module.
#[derive(Debug)]
pub(super) struct Texts(Box<[Wanted]>);

#[derive(Debug)]
struct Wanted {
    text: memmem::Finder<'static>,
    before: Set,
    after: First,
}

/// A text of a pattern: the step that takes it, and the bytes that may stand before it.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) at: At,
    pub(super) before: Set,
    pub(super) bytes: Box<[u8]>,
}

// === impl Texts ===

impl Texts {
    pub(super) fn new(texts: &[Text], firsts: &[First]) -> Self {
        let wanted = |text: &Text| {
            Some(Wanted {
                text: memmem::Finder::new(&text.bytes).into_owned(),
                before: text.before,
                after: *firsts.get(text.at as usize + 1)?,
            })
        };
        Self(texts.iter().take(MAX_TEXTS).filter_map(wanted).collect())
    }

    /// Whether all of them stand in a text, in their order.
    pub(super) fn stand_in(&self, text: &[u8]) -> bool {
        let mut from = 0;
        self.0.iter().all(|wanted| match wanted.end(text, from) {
            Some(end) => {
                from = end;
                true
            }
            None => false,
        })
    }
}

// === impl Wanted ===

impl Wanted {
    /// Where it ends for the first time.
    fn end(&self, text: &[u8], from: usize) -> Option<usize> {
        let first = from + self.text.find(text.get(from..)?)?;
        let length = self.text.needle().len();
        let mut at = first;
        for _ in 0..MAX_PLACES {
            let before = at.checked_sub(1).and_then(|before| text.get(before));
            if before.is_none_or(|byte| self.before.has(*byte))
                && self.after.allows(text.get(at + length).copied())
            {
                return Some(at + length);
            }
            at += 1 + self.text.find(text.get(at + 1..)?)?;
        }
        Some(first + length)
    }
}

/// The bytes with which a part may end, where these may stand before it.
pub(super) fn last(hir: &Hir, before: Set) -> Set {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => before,
        HirKind::Literal(literal) => literal.0.last().copied().map_or(before, Set::of),
        HirKind::Class(class) => Set::of_class(class).map_or(Set::ANY, |(set, _)| set),
        HirKind::Capture(capture) => last(&capture.sub, before),
        HirKind::Repetition(repetition) => {
            let last = last(&repetition.sub, before);
            if repetition.min == 0 {
                last.or(&before)
            } else {
                last
            }
        }
        HirKind::Concat(parts) => parts.iter().fold(before, |before, part| last(part, before)),
        HirKind::Alternation(parts) => parts
            .iter()
            .map(|part| last(part, before))
            .fold(Set::default(), |all, one| all.or(&one)),
    }
}
