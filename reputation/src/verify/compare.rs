//! The first place at which two values differ, as a JSON pointer: what a person looks up, and what a test can rely on.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// Longest value that is repeated, in characters.
const LONGEST: usize = 120;

/// Where two values differ first, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// A JSON pointer.
    pub at: String,
    /// What the file says.
    pub said: String,
    /// What it should be.
    pub computed: String,
}

// === impl Difference ===

impl Difference {
    pub(super) fn new(at: &str, said: &str, computed: &str) -> Self {
        let short = |text: &str| text.chars().take(LONGEST).collect();
        Self {
            at: at.to_owned(),
            said: short(said),
            computed: short(computed),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the file says {}, and it is {}",
            self.at, self.said, self.computed
        )
    }
}

/// The first difference between what a file says and what was computed.
pub(super) fn of<T: Serialize>(at: &str, said: &T, computed: &T) -> Option<Difference> {
    match (serde_json::to_value(said), serde_json::to_value(computed)) {
        (Ok(said), Ok(computed)) => walk(at, &said, &computed),
        _ => Some(Difference::new(at, "something that cannot be written", "nothing")),
    }
}

/// The same of two values as they stand in a file.
pub(super) fn first(said: &Value, computed: &Value) -> Option<Difference> {
    walk("", said, computed)
}

/// As deep as the parser goes, which bounds it.
fn walk(at: &str, said: &Value, computed: &Value) -> Option<Difference> {
    match (said, computed) {
        (Value::Object(said), Value::Object(computed)) => {
            let ours = computed.iter().find_map(|(name, value)| {
                let at = format!("{at}/{name}");
                match said.get(name) {
                    Some(said) => walk(&at, said, value),
                    None => Some(Difference::new(&at, "nothing", &value.to_string())),
                }
            });
            let theirs = || {
                let unknown = said.iter().find(|(name, _)| !computed.contains_key(*name));
                unknown.map(|(name, value)| {
                    Difference::new(&format!("{at}/{name}"), &value.to_string(), "nothing")
                })
            };
            ours.or_else(theirs)
        }
        (Value::Array(said), Value::Array(computed)) => {
            let pairs = said.iter().zip(computed).enumerate();
            let inside = pairs
                .into_iter()
                .find_map(|(place, (said, computed))| walk(&format!("{at}/{place}"), said, computed));
            inside.or_else(|| {
                let (said, computed) = (said.len(), computed.len());
                (said != computed)
                    .then(|| Difference::new(at, &format!("{said} items"), &format!("{computed} items")))
            })
        }
        _ => (said != computed).then(|| Difference::new(at, &said.to_string(), &computed.to_string())),
    }
}
