//! What a test's log led to: each event after each document, and each overflow.
//!
//! Deliberately absent: judging it, which `asserts` does.

use crate::expr::{NodeResult, ParserResults};
use crate::parse::Event;
use crate::trace::Trace;

/// See the module.
#[derive(Debug)]
pub(super) struct Recorder {
    /// Whether parsers are recorded too.
    with_parsers: bool,
    pub(super) parsers: ParserResults,
    pub(super) overflows: Vec<Event>,
}

// === impl Recorder ===

impl Recorder {
    pub(super) fn new(with_parsers: bool) -> Self {
        Self {
            with_parsers,
            parsers: ParserResults::default(),
            overflows: Vec::new(),
        }
    }

    /// Puts overflows into the order that asserts count on: names and sources backwards, then the older first.
    pub(super) fn sort(&mut self) {
        self.overflows.sort_by_cached_key(|event| {
            let Some(overflow) = event.overflow() else {
                return (std::cmp::Reverse(String::new()), 0);
            };
            let mut sources: Vec<&str> = overflow.sources.iter().map(|source| &*source.value).collect();
            sources.sort_unstable();
            let key = overflow.alert.scenario.clone() + &sources.join("@");
            (std::cmp::Reverse(key), overflow.alert.start_at.as_millis())
        });
    }
}

impl Trace for Recorder {
    fn stage(&mut self, stage: &str) {
        if self.with_parsers {
            self.parsers.stage(stage);
        }
    }

    fn node(&mut self, stage: &str, name: &str, event: &Event, success: bool) {
        if self.with_parsers {
            self.parsers.node(stage, name).push(NodeResult {
                event: event.keep(),
                success,
            });
        }
    }

    fn overflow(&mut self, event: &Event) {
        self.overflows.push(event.clone());
    }
}
