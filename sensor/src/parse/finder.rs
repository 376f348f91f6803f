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
    Passes(Box<Engine>),
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
            Some(program) => Self::Passes(Box::new(Engine::new(program))),
            None => Self::Regex(grok.locations()),
        }
    }

    /// Whether a text matches; then [`Finder::group`] tells what was captured.
    pub(crate) fn find(&mut self, grok: &Grok, text: &str) -> bool {
        if let Self::Passes(engine) = self {
            match engine.search(text) {
                Search::Match => return grok.fields().next().is_some(),
                Search::NoMatch => return false,
                Search::GiveUp => *self = Self::Regex(grok.locations()),
            }
        }
        match self {
            Self::Regex(locations) => grok.find(text, locations),
            Self::Passes(_) => false,
        }
    }

    pub(crate) fn group(&self, group: usize) -> Option<(usize, usize)> {
        match self {
            Self::Passes(engine) => engine.group(group),
            Self::Regex(locations) => locations.get(group),
        }
    }
}
