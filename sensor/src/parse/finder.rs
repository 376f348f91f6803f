//! How one pattern is searched for: not at all where a text is missing that it needs, else straight ahead, and by
//! `regex` where that does not serve.

use std::sync::{Arc, OnceLock};

use memchr::memmem;

use super::literal;
use super::straight::{Program, Search, Walker};
use crate::grok::{Grok, Locations};

/// More texts than this take longer to look for than the pattern.
const MAX_TEXTS: usize = 4;
/// After so many matches in a row the next is expected too, and nothing is looked for in advance.
const SURE: u8 = 3;

/// What is known of a pattern, worked out when the first line needs it and shared by all parsers.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    needs: OnceLock<Box<[memmem::Finder<'static>]>>,
    program: OnceLock<Option<Arc<Program>>>,
}

/// One parser's engines for a pattern.
#[derive(Debug)]
pub(crate) struct Finder {
    walker: Option<Box<Walker>>,
    /// Made when it is needed.
    locations: Option<Locations>,
    /// Who found the last match.
    walked: bool,
    /// Everything is left to `regex`.
    plain: bool,
    /// How many texts matched since the last that did not, up to [`SURE`].
    streak: u8,
}

// === impl Prepared ===

impl Prepared {
    /// Whether a text holds what the pattern needs, as far as that is known.
    fn may_match(&self, grok: &Grok, text: &str) -> bool {
        let needs = self.needs.get_or_init(|| {
            let texts = literal::required(grok.pattern(), false).unwrap_or_default();
            let few = texts.iter().filter(|_| texts.len() <= MAX_TEXTS);
            few.map(|text| memmem::Finder::new(text).into_owned()).collect()
        });
        needs.is_empty() || needs.iter().any(|needed| needed.find(text.as_bytes()).is_some())
    }

    fn program(&self, grok: &Grok) -> Option<&Arc<Program>> {
        let compile = || Program::new(grok.pattern()).map(Arc::new);
        self.program.get_or_init(compile).as_ref()
    }
}

// === impl Finder ===

impl Finder {
    /// The fastest there is for a pattern; `plain` asks for `regex`.
    pub(crate) fn new(grok: &Grok, prepared: &Prepared, plain: bool) -> Self {
        let program = prepared.program(grok).filter(|_| !plain);
        Self {
            walker: program.map(|program| Box::new(Walker::new(program))),
            locations: None,
            walked: false,
            plain,
            streak: 0,
        }
    }

    /// Whether a text matches; then [`Finder::group`] tells what was captured.
    pub(crate) fn find(&mut self, grok: &Grok, prepared: &Prepared, text: &str) -> bool {
        let foreseen = !self.plain && self.streak < SURE;
        let may_match = !foreseen
            || (prepared.may_match(grok, text)
                && self.walker.as_ref().is_none_or(|walker| walker.may_match(text)));
        let found = may_match && self.search(grok, text);
        self.streak = if found { SURE.min(self.streak + 1) } else { 0 };
        found
    }

    fn search(&mut self, grok: &Grok, text: &str) -> bool {
        self.walked = false;
        if let Some(walker) = &mut self.walker {
            match walker.search(text, |text| grok.start(text)) {
                Search::Match => {
                    self.walked = true;
                    return grok.fields().next().is_some();
                }
                Search::NoMatch => return false,
                Search::GiveUp => {}
            }
        }
        let locations = self.locations.get_or_insert_with(|| grok.locations());
        grok.find(text, locations)
    }

    pub(crate) fn group(&self, group: usize) -> Option<(usize, usize)> {
        if self.walked {
            self.walker.as_ref()?.group(group)
        } else {
            self.locations.as_ref()?.get(group)
        }
    }
}
