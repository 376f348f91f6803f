//! A word that many rows have in common, and a way for those that hold many to keep it once.
//!
//! Deliberately absent: a table for the whole process. Whoever holds many rows holds the words with them, and both go.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that never changes; a copy is a pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Word(Arc<str>);

/// Words in use, each held once.
#[derive(Debug, Default)]
pub struct Words {
    known: HashSet<Word>,
    /// With so many, those that nobody else holds any more are looked for.
    sweep_at: usize,
}

/// Fewer are never swept.
const FEW: usize = 64;

// === impl Word ===

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl<'a> From<&'a Word> for Cow<'a, str> {
    fn from(word: &'a Word) -> Self {
        Self::Borrowed(word)
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0.as_ref().to_owned()
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

// === impl Words ===

impl Words {
    /// The same word, as all others hold it. Takes as much room as there are different words in use, twice at most.
    pub fn share(&mut self, word: &Word) -> Word {
        if let Some(known) = self.known.get(word) {
            return known.clone();
        }
        if self.known.len() >= self.sweep_at.max(FEW) {
            self.known.retain(|word| Arc::strong_count(&word.0) > 1);
            self.sweep_at = 2 * self.known.len();
        }
        self.known.insert(word.clone());
        word.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_are_held_once() {
        let mut words = Words::default();
        let (one, two) = (words.share(&"Ip".into()), words.share(&String::from("Ip").into()));
        assert!(Arc::ptr_eq(&one.0, &two.0));
        assert_eq!(words.known.len(), 1);
    }

    #[test]
    fn words_that_nobody_holds_are_forgotten() {
        let mut words = Words::default();
        let held = words.share(&"held".into());
        for number in 0..10_000 {
            words.share(&number.to_string().into());
            assert!(words.known.len() <= FEW + 1, "{}", words.known.len());
        }
        assert!(Arc::ptr_eq(&held.0, &words.share(&"held".into()).0));
    }

    #[test]
    fn it_is_a_string_in_json() {
        let word: Word = serde_json::from_str("\"crowdsecurity/ssh-bf\"").unwrap();
        assert_eq!(word, "crowdsecurity/ssh-bf");
        assert_eq!(serde_json::to_string(&word).unwrap(), "\"crowdsecurity/ssh-bf\"");
    }
}
