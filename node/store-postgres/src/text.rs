//! Texts that PostgreSQL refuses: it holds no NUL in a text, a log line may.
//!
//! Every text goes in through [`escaped`] and comes out through [`unescaped`]; one text has one escaped form, so
//! look-ups by value work on it. Deliberately absent: any other change of a text.

use std::borrow::Cow;

/// A private-use character, the last one that Unicode has.
const ESCAPE: char = '\u{10FFFD}';

/// The text as a column holds it: ESCAPE 0 for NUL, ESCAPE 1 for ESCAPE.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut column = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => column.extend([ESCAPE, '0']),
            ESCAPE => column.extend([ESCAPE, '1']),
            other => column.push(other),
        }
    }
    Cow::Owned(column)
}

/// The text that [`escaped`] was given.
pub(crate) fn unescaped(column: String) -> String {
    if !column.contains(ESCAPE) {
        return column;
    }
    let mut text = String::with_capacity(column.len());
    let mut characters = column.chars();
    while let Some(character) = characters.next() {
        if character != ESCAPE {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('0') => text.push('\0'),
            Some('1') | None => text.push(ESCAPE),
            // Not written by us; give back what stands there.
            Some(other) => text.extend([ESCAPE, other]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in [
            "",
            "plain",
            "\0",
            "a\0b",
            "\u{10FFFD}",
            "\u{10FFFD}0",
            "\0\u{10FFFD}1\0",
        ] {
            let column = escaped(text);
            assert!(!column.contains('\0'), "{text:?}");
            assert_eq!(unescaped(column.into_owned()), text);
        }
    }
}
