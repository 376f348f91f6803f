//! What a replay found, in numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::detect::Detection;

/// Sources counted one by one for each scenario; further ones only count as detections.
const MAX_SOURCES: usize = 1_000_000;

/// Counters of a whole replay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Lines that were not empty.
    pub lines: u64,
    /// Bytes of the log, uncompressed.
    pub bytes: u64,
    /// Lines that became an event.
    pub parsed: u64,
    /// Lines that no parser knew.
    pub unparsed: u64,
    /// Lines of a whitelisted source.
    pub whitelisted: u64,
    /// Overflows told.
    pub detections: u64,
    /// Lines cut at the longest length.
    pub cut: u64,
    /// Lines with bytes that are no UTF-8.
    pub lossy: u64,
    /// Lines with NUL bytes.
    pub nul: u64,
    /// Lines from further in the future than a clock's skew.
    pub future: u64,
    /// Times that the log went back in time.
    pub backwards: u64,
    /// Overflows held back by a filter or a blackhole.
    pub suppressed: u64,
    /// Expressions that failed while running.
    pub rule_errors: u64,
    /// Buckets given up because there were too many.
    pub evicted: u64,
    /// Buckets alive at the end.
    pub buckets: u64,
    /// What was found, by scenario.
    pub scenarios: BTreeMap<String, Found>,
}

/// What one scenario found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Its detections.
    pub detections: u64,
    /// Whom they name.
    pub sources: BTreeSet<String>,
}

// === impl Outcome ===

impl Outcome {
    pub(super) fn count(&mut self, detection: &Detection) {
        self.detections += 1;
        if !self.scenarios.contains_key(&detection.scenario) {
            self.scenarios
                .insert(detection.scenario.clone(), Found::default());
        }
        let Some(found) = self.scenarios.get_mut(&detection.scenario) else {
            return;
        };
        found.detections += 1;
        if found.sources.len() < MAX_SOURCES && !found.sources.contains(&detection.value) {
            found.sources.insert(detection.value.clone());
        }
    }

    /// Whom any scenario names.
    pub fn sources(&self) -> BTreeSet<&str> {
        let all = self.scenarios.values().flat_map(|found| &found.sources);
        all.map(String::as_str).collect()
    }
}
