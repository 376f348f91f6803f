//! How many events each rule saw: a parser those that it understood, a scenario those that its filter wanted.
//!
//! Written by the one who parses, read by anybody; nothing is looked up, as documents come in their order. Deliberately
//! absent: what the rules made of the events.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::detect::Detector;
use crate::parse::Event;
use crate::rules::Ruleset;
use crate::stats::{Counter, Gauge};
use crate::trace::Trace;

/// A rule and how many events reached it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Its stage; `scenario` for scenarios.
    pub stage: String,
    /// Its name.
    pub name: String,
    /// Events.
    pub events: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Seen {
    stages: Box<[Stage]>,
    scenarios: Box<[(Arc<str>, Gauge)]>,
}

#[derive(Debug)]
struct Stage {
    name: Box<str>,
    /// Documents, in the order in which they are tried.
    documents: Box<[(Box<str>, Counter)]>,
}

/// One line's way through the documents.
#[derive(Debug)]
pub(crate) struct Steps<'s> {
    seen: &'s Seen,
    /// Stages begun, and documents of the last of them that were tried.
    stages: usize,
    documents: usize,
}

// === impl Seen ===

impl Seen {
    /// Of rules that no line has reached.
    pub fn new(rules: &Ruleset) -> Self {
        let stage = |(name, documents): (&str, Vec<&str>)| Stage {
            name: name.into(),
            documents: documents
                .into_iter()
                .map(|name| (name.into(), Counter::default()))
                .collect(),
        };
        let scenarios = rules.scenarios.iter();
        Self {
            stages: rules.parsers().map(stage).collect(),
            scenarios: scenarios
                .map(|scenario| (Arc::from(&*scenario.name), Gauge::default()))
                .collect(),
        }
    }

    /// For the next line.
    pub(crate) fn steps(&self) -> Steps<'_> {
        Steps {
            seen: self,
            stages: 0,
            documents: 0,
        }
    }

    /// Brings the scenarios up to date.
    pub(crate) fn poured(&self, detector: &Detector) {
        for ((_, events), (_, poured)) in self.scenarios.iter().zip(detector.poured()) {
            events.set(poured);
        }
    }

    /// All rules, those that nothing reached first.
    pub fn reached(&self) -> Vec<Reached> {
        let mut all = Vec::new();
        for stage in &self.stages {
            // Documents may share a name; a person knows them by it.
            let mut names = BTreeMap::<&str, u64>::new();
            for (name, events) in &stage.documents {
                *names.entry(name).or_default() += events.get();
            }
            let reached = |(name, events): (&str, u64)| Reached::new(&stage.name, name, events);
            all.extend(names.into_iter().map(reached));
        }
        let scenarios = self.scenarios.iter();
        all.extend(scenarios.map(|(name, events)| Reached::new("scenario", name, events.get())));
        all.sort_by_key(|one| one.events);
        all
    }
}

impl Reached {
    fn new(stage: &str, name: &str, events: u64) -> Self {
        Self {
            stage: stage.to_owned(),
            name: name.to_owned(),
            events,
        }
    }
}

impl Trace for Steps<'_> {
    fn stage(&mut self, _: &str) {
        self.stages += 1;
        self.documents = 0;
    }

    fn node(&mut self, _: &str, _: &str, _: &Event, success: bool) {
        let stage = self.stages.checked_sub(1).and_then(|at| self.seen.stages.get(at));
        if success && let Some((_, events)) = stage.and_then(|stage| stage.documents.get(self.documents)) {
            events.add(1);
        }
        self.documents += 1;
    }

    fn sees_overflows(&self) -> bool {
        false
    }
}
