//! How tests went.
//!
//! Deliberately absent: how that is printed.

use serde::Serialize;

/// How many failed asserts of a test are told one by one.
pub const MAX_FAILURES: usize = 50;

/// An assert that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The file of asserts.
    pub file: String,
    /// Its line.
    pub line: usize,
    /// The assert.
    pub assert: String,
    /// What was there instead.
    pub was: String,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All asserts hold.
    Passed,
    /// Some do not.
    Failed {
        /// How many.
        failed: usize,
        /// The first of them.
        failures: Vec<Failure>,
    },
    /// It could not be run, which is a failure too.
    Broken {
        /// Why.
        reason: String,
    },
    /// It needs what is not there.
    Skipped {
        /// What.
        reason: String,
    },
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestReport {
    /// The test.
    pub test: String,
    /// How many asserts were looked at.
    pub assertions: usize,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// How many tests went how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All tests.
    pub tests: usize,
    /// Those whose asserts all hold.
    pub passed: usize,
    /// Those with one that does not, and those that could not be run.
    pub failed: usize,
    /// Those that need what is not there.
    pub skipped: usize,
    /// Asserts that were looked at.
    pub assertions: usize,
}

// === impl Summary ===

impl Summary {
    /// Counts a test.
    pub fn add(&mut self, report: &TestReport) {
        self.tests += 1;
        self.assertions += report.assertions;
        match report.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed { .. } | Outcome::Broken { .. } => self.failed += 1,
            Outcome::Skipped { .. } => self.skipped += 1,
        }
    }
}
