//! How one pattern is searched for: not at all where a text is missing that it needs, else by our own two passes, and by
//! `regex` where those do not know the pattern.

use std::sync::{Arc, OnceLock};

use memchr::memmem;
use regex::CaptureLocations;

use super::capture::{Engine, Program, Search};
use super::literal;
use crate::grok::Grok;

/// More texts than this take longer to look for than the pattern.
const MAX_TEXTS: usize = 4;

/// What is known of a pattern, worked out when the first line needs it and shared by all parsers.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    needs: OnceLock<Box<[memmem::Finder<'static>]>>,
    program: OnceLock<Option<Arc<Program>>>,
}

/// One parser's engine for a pattern.
#[derive(Debug)]
pub(crate) enum Finder {
    /// Where the last text was none for the engine, what `regex` captured in it.
    Passes(Box<Engine>, Option<CaptureLocations>),
    Regex(CaptureLocations),
}

// === impl Prepared ===

impl Prepared {
    /// Whether a text holds what the pattern needs, as far as that is known.
    pub(crate) fn may_match(&self, grok: &Grok, text: &str) -> bool {
        let needs = self.needs.get_or_init(|| {
            let texts = literal::required(grok.regex().as_str(), false).unwrap_or_default();
            let few = texts.iter().filter(|_| texts.len() <= MAX_TEXTS);
            few.map(|text| memmem::Finder::new(text).into_owned()).collect()
        });
        needs.is_empty() || needs.iter().any(|needed| needed.find(text.as_bytes()).is_some())
    }

    fn program(&self, grok: &Grok) -> Option<&Arc<Program>> {
        let compile = || Program::new(grok.regex().as_str()).map(Arc::new);
        self.program.get_or_init(compile).as_ref()
    }
}

// === impl Finder ===

impl Finder {
    /// The fastest there is for a pattern; `plain` asks for `regex`.
    pub(crate) fn new(grok: &Grok, prepared: &Prepared, plain: bool) -> Self {
        match prepared.program(grok).filter(|_| !plain) {
            Some(program) => Self::Passes(Box::new(Engine::new(program)), None),
            None => Self::Regex(grok.locations()),
        }
    }

    /// Whether a text matches; then [`Finder::group`] tells what was captured.
    pub(crate) fn find(&mut self, grok: &Grok, text: &str) -> bool {
        match self {
            Self::Passes(engine, instead) => {
                *instead = None;
                match engine.search(text) {
                    Search::Match => grok.fields().next().is_some(),
                    Search::NoMatch => false,
                    Search::GiveUp => grok.find(text, instead.insert(grok.locations())),
                }
            }
            Self::Regex(locations) => grok.find(text, locations),
        }
    }

    pub(crate) fn group(&self, group: usize) -> Option<(usize, usize)> {
        match self {
            Self::Passes(engine, None) => engine.group(group),
            Self::Passes(_, Some(locations)) | Self::Regex(locations) => locations.get(group),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grok::Library;

    /// The text that is none for the engine is captured all the same, and so is the one after it.
    #[test]
    fn what_the_engine_leaves_is_captured_by_regex() {
        let mut library = Library::default();
        library.add("HEAD", "[ab]{16}");
        library.add("TAIL", "[ab]*");
        let grok = library.compile("^%{HEAD:head}a%{TAIL:tail}$").unwrap();
        let prepared = Prepared::default();
        let mut finder = Finder::new(&grok, &prepared, false);
        let mut state = 1_u64;
        let mut odd = |length: usize| -> String {
            let letter = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if state >> 63 == 1 { 'a' } else { 'b' }
            };
            let mut text: String = (0..length).map(letter).collect();
            text.replace_range(16..17, "a");
            text
        };
        for length in [120_000, 60, 120_000, 60] {
            let text = odd(length);
            assert!(finder.find(&grok, &text));
            assert_eq!(finder.group(0), Some((0, length)));
            assert!(matches!(&finder, Finder::Passes(_, instead) if instead.is_some() == (length > 60)));
        }
        assert!(!finder.find(&grok, "x"));
    }
}
