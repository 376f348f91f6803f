//! What must hold between two characters.
//!
//! Deliberately absent: words beyond ASCII, whose patterns are left to `regex`.

use regex_syntax::hir;

#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    Start,
    End,
    LineStart,
    LineEnd,
    Boundary,
    NoBoundary,
}

// === impl Look ===

impl Look {
    pub(super) fn of(look: hir::Look) -> Option<Self> {
        Some(match look {
            hir::Look::Start => Self::Start,
            hir::Look::End => Self::End,
            hir::Look::StartLF => Self::LineStart,
            hir::Look::EndLF => Self::LineEnd,
            hir::Look::WordAscii => Self::Boundary,
            hir::Look::WordAsciiNegate => Self::NoBoundary,
            _ => return None,
        })
    }

    pub(super) fn holds(self, text: &[u8], at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|at| text.get(at)).copied();
        let behind = text.get(at).copied();
        let word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match self {
            Self::Start => before.is_none(),
            Self::End => behind.is_none(),
            Self::LineStart => before.is_none_or(|byte| byte == b'\n'),
            Self::LineEnd => behind.is_none_or(|byte| byte == b'\n'),
            Self::Boundary => word(before) != word(behind),
            Self::NoBoundary => word(before) == word(behind),
        }
    }
}
