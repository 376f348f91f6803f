//! Where somebody is, as decisions name it: a country or an autonomous system. Pure.
//!
//! Which addresses are there is for [`crate::atlas`] to say.

use std::fmt;

/// A country or an autonomous system (AS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Its two letters by ISO 3166-1, capitals.
    Country([u8; 2]),
    /// Its number, never zero.
    System(u32),
}

// === impl Place ===

impl Place {
    /// Whether decisions of this scope are on places.
    pub fn is_scope(scope: &str) -> bool {
        scope.eq_ignore_ascii_case("country") || scope.eq_ignore_ascii_case("as")
    }

    /// Reads the value of a decision of such a scope. `AS64500` and `64500` are the same.
    pub fn parse(scope: &str, text: &str) -> Option<Self> {
        let text = text.trim();
        if scope.eq_ignore_ascii_case("country") {
            return Self::country(text);
        }
        let digits = match text.split_at_checked(2) {
            Some((letters, digits)) if letters.eq_ignore_ascii_case("as") => digits,
            _ => text,
        };
        Self::system(digits.parse().ok()?)
    }

    /// The country with this code, in capitals or not.
    pub fn country(code: &str) -> Option<Self> {
        let letters: [u8; 2] = code.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Self::Country(letters.map(|letter| letter.to_ascii_uppercase())))
    }

    /// The AS with this number.
    pub fn system(number: u32) -> Option<Self> {
        (number > 0).then_some(Self::System(number))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Country([first, second]) => {
                write!(f, "country {}{}", char::from(*first), char::from(*second))
            }
            Self::System(number) => write!(f, "AS{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scope: &str, text: &str, expected: &str) {
        let got = Place::parse(scope, text).map_or_else(|| "none".to_owned(), |place| place.to_string());
        assert_eq!(got, expected, "{scope} {text}");
    }

    #[test]
    fn places_have_one_form() {
        check("Country", "FR", "country FR");
        check("country", " fr ", "country FR");
        check("AS", "64500", "AS64500");
        check("as", "As64500", "AS64500");
        check("AS", "4294967295", "AS4294967295");
        for (scope, nobody) in [
            ("Country", "XX9"),
            ("Country", "F1"),
            ("Country", "é"),
            ("AS", "4294967296"),
            ("AS", "AS0"),
            ("AS", "é1"),
            ("AS", ""),
        ] {
            check(scope, nobody, "none");
        }
    }
}
