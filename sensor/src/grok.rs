//! Grok patterns: named pieces of regular expressions, expanded and compiled once, when rules load.
//!
//! The pieces and their quirks are those of `CrowdSec`'s grok engine: `%{NAME:field}` captures, the last
//! definition of a field within a pattern wins, fields of inner patterns are exported unless the pattern
//! itself names them, a group that took no part yields an empty field, and a pattern without any field never
//! matches. One quirk is left out: that engine counts parentheses without reading them, so that after `-)` or
//! `s)` fields get their neighbour's text. No pattern of the hub depends on it.

pub mod library;
pub mod re2;

use std::sync::OnceLock;

use hashbrown::{HashMap, HashSet};
use regex::{CaptureLocations, Regex};

/// How deep named patterns may nest.
const MAX_DEPTH: u32 = 24;
/// How long a pattern may get when all names are expanded; the hub's longest has 27 KiB.
const MAX_EXPANDED_BYTES: usize = 512 * 1024;

/// A pattern that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrokError {
    /// A name that no library has.
    #[error("there is no pattern {0:?}")]
    Unknown(String),
    /// A pattern that contains itself, or nests without end.
    #[error("{0:?} nests deeper than {MAX_DEPTH} patterns")]
    Deep(String),
    /// Expansion without end.
    #[error("the pattern expands to more than {MAX_EXPANDED_BYTES} bytes")]
    Long,
    /// What the engine of regular expressions says.
    #[error("bad pattern: {0}")]
    Regex(String),
}

/// Named patterns.
#[derive(Debug, Clone, Default)]
pub struct Library {
    patterns: HashMap<Box<str>, Box<str>>,
}

/// A compiled pattern and the fields that it captures.
#[derive(Debug)]
pub struct Grok {
    /// In the syntax of `regex`.
    pattern: Box<str>,
    /// Compiled when the first text needs it.
    regex: OnceLock<Option<Regex>>,
    fields: Vec<(Box<str>, usize)>,
}

/// What the groups of one match captured.
#[derive(Debug, Clone)]
pub struct Locations(Option<CaptureLocations>);

/// A pattern's text while it is put together.
#[derive(Default)]
struct Expanded {
    text: String,
    /// Fields and the numbers of their groups, from 1.
    fields: Vec<(Box<str>, usize)>,
}

// === impl Locations ===

impl Locations {
    /// Start and end of a group, if it took part.
    pub fn get(&self, group: usize) -> Option<(usize, usize)> {
        self.0.as_ref()?.get(group)
    }
}

// === impl Library ===

impl Library {
    /// Our own patterns.
    pub fn builtin() -> Self {
        let mut library = Self::default();
        for (_, text) in library::FILES {
            library.add_file(text);
        }
        library
    }

    /// Adds the patterns of a file: a line each, name and pattern; `#` begins a comment.
    pub fn add_file(&mut self, text: &str) {
        for line in text.lines() {
            let line = line.trim_end();
            if line.starts_with('#') {
                continue;
            }
            if let Some((name, pattern)) = line.split_once(char::is_whitespace) {
                self.add(name, pattern.trim_start());
            }
        }
    }

    /// Adds one pattern; `false` if there is one of that name already, which then stays.
    pub fn add(&mut self, name: &str, pattern: &str) -> bool {
        let is_new = !self.patterns.contains_key(name);
        if is_new {
            self.patterns.insert(name.into(), pattern.into());
        }
        is_new
    }

    /// The names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.patterns.keys().map(|name| &**name)
    }

    /// Compiles a pattern.
    pub fn compile(&self, pattern: &str) -> Result<Grok, GrokError> {
        let expanded = self.expand(pattern, 0)?;
        let mut used: Vec<usize> = expanded.fields.iter().map(|(_, number)| *number).collect();
        used.sort_unstable();
        used.dedup();
        let (pattern, regex) = re2::prepare(&expanded.text, &used).map_err(GrokError::Regex)?;
        let fields = expanded.fields.into_iter().map(|(name, number)| {
            let group = used.binary_search(&number).map_or(0, |at| at + 1);
            (name, group)
        });
        Ok(Grok {
            pattern: pattern.into(),
            regex: regex.map_or_else(OnceLock::new, |regex| OnceLock::from(Some(regex))),
            fields: fields.collect(),
        })
    }

    /// Whether a pattern can be expanded and understood, without the cost of compiling it.
    pub(crate) fn check(&self, pattern: &str) -> Result<(), GrokError> {
        re2::check(&self.expand(pattern, 0)?.text).map_err(GrokError::Regex)
    }

    /// Compiles the pattern of that name.
    pub fn named(&self, name: &str) -> Result<Grok, GrokError> {
        let pattern = self
            .patterns
            .get(name)
            .ok_or_else(|| GrokError::Unknown(name.to_owned()))?;
        self.compile(pattern)
    }

    fn expand(&self, pattern: &str, depth: u32) -> Result<Expanded, GrokError> {
        let mut out = Expanded::default();
        let mut own: HashSet<&str> = HashSet::new();
        let mut rest = pattern;
        while let Some((_, _, field, after)) = next_name(rest) {
            own.extend(field);
            rest = after;
        }
        rest = pattern;
        let mut number = 1;
        while let Some((before, name, field, after)) = next_name(rest) {
            rest = after;
            number += re2::count_groups(before);
            if depth >= MAX_DEPTH {
                return Err(GrokError::Deep(name.to_owned()));
            }
            let inner = self
                .patterns
                .get(name)
                .ok_or_else(|| GrokError::Unknown(name.to_owned()))?;
            let inner = self.expand(inner, depth + 1)?;
            if out.text.len() + inner.text.len() + rest.len() > MAX_EXPANDED_BYTES {
                return Err(GrokError::Long);
            }
            if let Some(field) = field {
                out.set(field, number);
            }
            for (name, inner_number) in inner.fields {
                if !own.contains(&*name) {
                    out.set(&name, number + inner_number);
                }
            }
            number += re2::count_groups(&inner.text) + 1;
            out.text.push_str(before);
            out.text.push('(');
            out.text.push_str(&inner.text);
            out.text.push(')');
        }
        out.text.push_str(rest);
        Ok(out)
    }
}

// === impl Expanded ===

impl Expanded {
    fn set(&mut self, name: &str, group: usize) {
        match self.fields.iter_mut().find(|(known, _)| **known == *name) {
            Some(field) => field.1 = group,
            None => self.fields.push((name.into(), group)),
        }
    }
}

/// The next `%{NAME}` or `%{NAME:field}`: what stands before it, name, field, what stands after it.
fn next_name(pattern: &str) -> Option<(&str, &str, Option<&str>, &str)> {
    let mut from = 0;
    loop {
        let start = from + pattern.get(from..)?.find("%{")?;
        let body = pattern.get(start + 2..)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if let Some((inside, after)) = body.split_once('}') {
            let (name, field) = match inside.split_once(':') {
                Some((name, field)) => (name, Some(field)),
                None => (inside, None),
            };
            let is_word = |word: &str| !word.is_empty() && word.chars().all(is_name);
            // Anything else, types and dashes among it, is no name but a text that stands there.
            if is_word(name) && field.is_none_or(is_word) {
                return Some((pattern.get(..start)?, name, field, after));
            }
        }
        from = start + 2;
    }
}

// === impl Grok ===

impl Grok {
    /// The fields, each with its group.
    pub fn fields(&self) -> impl Iterator<Item = (&str, usize)> {
        self.fields.iter().map(|(name, group)| (&**name, *group))
    }

    /// The regular expression it became.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The same compiled. What is known to be small enough does compile.
    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| re2::build(&self.pattern).ok()).as_ref()
    }

    /// Room for what one match captures, to be used again.
    pub fn locations(&self) -> Locations {
        Locations(self.regex().map(Regex::capture_locations))
    }

    /// Searches a text. A pattern without fields never matches.
    pub fn find(&self, text: &str, locations: &mut Locations) -> bool {
        let (Some(regex), Locations(Some(locations))) = (self.regex(), locations) else {
            return false;
        };
        !self.fields.is_empty() && regex.captures_read(locations, text).is_some()
    }

    /// Where the first match in a text begins; a fast question, unlike what was captured.
    pub(crate) fn start(&self, text: &str) -> Option<usize> {
        self.regex()?.find(text).map(|found| found.start())
    }

    /// Fields and what they captured, for tests and tools.
    pub fn parse<'t>(&self, text: &'t str) -> Option<Vec<(&str, &'t str)>> {
        let mut locations = self.locations();
        if !self.find(text, &mut locations) {
            return None;
        }
        let value = |group| {
            locations
                .get(group)
                .and_then(|(start, end)| text.get(start..end))
                .unwrap_or("")
        };
        Some(self.fields().map(|(name, group)| (name, value(group))).collect())
    }
}

#[cfg(test)]
mod tests;
