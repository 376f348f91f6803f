//! `vigie hub test`: the tests that rules come with, on our engine.
//!
//! Deliberately absent: running them (`vigie_sensor::hub::test`).

use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;

use crate::terminal::say;
use anyhow::{Context, bail};
use clap::Args;
use jiff::civil::Date;
use vigie_sensor::hub::test::{Outcome, Suite, SuiteOptions, Summary, TestReport};
use vigie_wire::Timestamp;

/// How many failed asserts of a test are shown to people; JSON has more.
const SHOWN: usize = 5;

/// Run the tests that a hub's rules come with
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Directory of the hub; its tests are in .tests
    #[arg(long, value_name = "DIR")]
    hub: PathBuf,
    /// Directory of the data files that rules name, at the paths behind the host of their addresses
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Directory of named patterns to use instead of ours
    #[arg(long, value_name = "DIR")]
    patterns: Option<PathBuf>,
    /// Run only this test; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// What day it is for the tests: dates without a year get its year
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2026-12-31")]
    now: Date,
    /// Print one JSON object a line: one for each test, then the summary
    #[arg(long)]
    json: bool,
}

impl Test {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let now = self.now.at(23, 59, 59, 0).in_tz("UTC")?;
        let suite = Suite::open(SuiteOptions {
            hub: self.hub.clone(),
            data: self.data.clone(),
            patterns: self.patterns.clone(),
            now: Timestamp::from_secs(now.timestamp().as_second()),
        })
        .with_context(|| format!("cannot read the hub in {}", self.hub.display()))?;
        let tests = self.chosen(&suite)?;
        let mut progress = Progress::new(tests.len());
        let mut said = Ok(());
        let summary = suite.run_all(&tests, |report| {
            progress.clear();
            if said.is_ok() {
                said = self.print(&report);
            }
            progress.step();
        });
        progress.clear();
        said?;
        if !self.json {
            say(&sentence(&summary))?;
        }
        say(&(serde_json::to_string(&summary)? + "\n"))?;
        if summary.failed > 0 {
            bail!("{} of {} tests failed", summary.failed, summary.tests);
        }
        Ok(())
    }

    fn chosen(&self, suite: &Suite) -> anyhow::Result<Vec<String>> {
        if self.only.is_empty() {
            return Ok(suite.names().to_vec());
        }
        if let Some(unknown) = self.only.iter().find(|name| !suite.names().contains(name)) {
            bail!(
                "there is no test {unknown:?} in {}",
                self.hub.join(".tests").display()
            );
        }
        Ok(self.only.clone())
    }

    fn print(&self, report: &TestReport) -> anyhow::Result<()> {
        if self.json {
            return say(&(serde_json::to_string(report)? + "\n"));
        }
        say(&text(report))
    }
}

/// A line for a test, and below it why it failed.
fn text(report: &TestReport) -> String {
    let name = &report.test;
    match &report.outcome {
        Outcome::Passed => format!("ok    {name}  ({} asserts)\n", report.assertions),
        Outcome::Skipped { reason } => format!("skip  {name}: {reason}\n"),
        Outcome::Broken { reason } => format!("FAIL  {name}: {}\n", reason.replace('\n', "\n      ")),
        Outcome::Failed { failed, failures } => {
            let mut text = format!(
                "FAIL  {name}: {failed} of {} asserts do not hold\n",
                report.assertions
            );
            for failure in failures.iter().take(SHOWN) {
                text.push_str(&format!(
                    "      {}:{}: {}\n        was {}\n",
                    failure.file, failure.line, failure.assert, failure.was
                ));
            }
            if *failed > SHOWN {
                text.push_str(&format!("      and {} more\n", failed - SHOWN));
            }
            text
        }
    }
}

fn sentence(summary: &Summary) -> String {
    let Summary {
        tests,
        passed,
        failed,
        skipped,
        assertions,
    } = summary;
    format!("{tests} tests: {passed} passed, {failed} failed, {skipped} skipped; {assertions} asserts\n")
}

/// How far we are, where somebody watches.
struct Progress {
    done: usize,
    of: usize,
    shown: bool,
}

impl Progress {
    fn new(of: usize) -> Self {
        Self {
            done: 0,
            of,
            shown: std::io::stderr().is_terminal(),
        }
    }

    fn step(&mut self) {
        self.done += 1;
        self.write(&format!("{} of {} tests", self.done, self.of));
    }

    fn clear(&self) {
        self.write("\r\x1b[K");
    }

    /// A terminal that went away shows no progress.
    fn write(&self, text: &str) {
        if self.shown {
            let mut stderr = std::io::stderr().lock();
            drop(stderr.write_all(text.as_bytes()));
            drop(stderr.flush());
        }
    }
}
