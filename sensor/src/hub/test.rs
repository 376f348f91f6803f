//! The tests that a hub's rules come with: a log, the rules it goes through, and asserts on what they made of it.
//!
//! They run on the engine that watches logs, in log time, each with just the rules that it names. No test is known by name.
//! Deliberately absent: printing, and the databases that some tests need and nobody may pass on.

mod asserts;
mod config;
pub mod report;
mod results;

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use vigie_wire::Timestamp;

use self::asserts::Asserted;
use self::config::Config;
pub use self::report::{Failure, Outcome, Summary, TestReport};
use self::results::Recorder;
use super::items::{Item, ItemKind, Items};
use crate::detect::{Detector, Limits};
use crate::expr::Results;
use crate::grok::Library;
use crate::line::{Line, Position};
use crate::parse::{Parsed, Parser};
use crate::rules::{Loader, Ruleset};

/// How long a log of a test may be.
const MAX_LOG_BYTES: u64 = 256 * 1024 * 1024;
/// Finished tests that nobody has looked at yet.
const MAX_UNREAD: usize = 64;

/// Where tests find what they need.
#[derive(Debug, Clone)]
pub struct SuiteOptions {
    /// The hub; its tests are in `.tests`.
    pub hub: PathBuf,
    /// The data files that rules name.
    pub data: Option<PathBuf>,
    /// Named patterns instead of ours.
    pub patterns: Option<PathBuf>,
    /// What time it is for the tests: the year of dates without one.
    pub now: Timestamp,
}

/// All tests of a hub.
#[derive(Debug)]
pub struct Suite {
    options: SuiteOptions,
    items: Items,
    library: Library,
    names: Vec<String>,
}

/// Rules that a test asks for.
enum Setup {
    Ready(Box<Ruleset>),
    /// They need what is not there.
    Missing(String),
}

// === impl Suite ===

impl Suite {
    /// Looks through a hub.
    pub fn open(options: SuiteOptions) -> io::Result<Self> {
        let items = Items::read(&options.hub)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(items.root().join(".tests"))? {
            let entry = entry?;
            if entry.path().join("config.yaml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        let library = match &options.patterns {
            Some(dir) => Library::from_dir(dir)?,
            None => Library::builtin(),
        };
        Ok(Self {
            options,
            items,
            library,
            names,
        })
    }

    /// The tests, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Runs tests on several threads, and gives each report to `each` as it is ready.
    pub fn run_all(&self, tests: &[String], mut each: impl FnMut(TestReport)) -> Summary {
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let next = AtomicUsize::new(0);
        let mut summary = Summary::default();
        std::thread::scope(|scope| {
            let (reports, ready) = sync_channel(MAX_UNREAD);
            for _ in 0..threads.min(tests.len()) {
                let (reports, next) = (reports.clone(), &next);
                scope.spawn(move || {
                    while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if reports.send(self.run(test)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(reports);
            for report in ready {
                summary.add(&report);
                each(report);
            }
        });
        summary
    }

    /// Runs one test.
    pub fn run(&self, test: &str) -> TestReport {
        let (assertions, outcome) = self
            .outcome(test)
            .unwrap_or_else(|reason| (0, Outcome::Broken { reason }));
        TestReport {
            test: test.to_owned(),
            assertions,
            outcome,
        }
    }

    fn outcome(&self, test: &str) -> Result<(usize, Outcome), String> {
        let dir = self.items.root().join(".tests").join(test);
        let config = Config::read(&dir.join("config.yaml"))?;
        let rules = match self.set_up(&config, &dir)? {
            Setup::Ready(rules) => rules,
            Setup::Missing(reason) => return Ok((0, Outcome::Skipped { reason })),
        };
        let recorder = self.read_log(&config, &dir, &rules)?;
        let mut all = Asserted::default();
        if !config.ignore_parsers {
            add(
                &mut all,
                &dir.join("parser.assert"),
                Results::Parsers(&recorder.parsers),
                &rules,
            )?;
        }
        if !config.scenarios.is_empty() {
            let file = dir.join("scenario.assert");
            add(&mut all, &file, Results::Overflows(&recorder.overflows), &rules)?;
        }
        let assertions = all.held + all.failed;
        if assertions == 0 {
            return Err("it asserts nothing".to_owned());
        }
        let outcome = if all.failed == 0 {
            Outcome::Passed
        } else {
            Outcome::Failed {
                failed: all.failed,
                failures: all.failures,
            }
        };
        Ok((assertions, outcome))
    }

    /// Loads the rules that a test names, and no others.
    fn set_up(&self, config: &Config, dir: &Path) -> Result<Setup, String> {
        let mut loader = Loader::new();
        loader.patterns(self.library.clone());
        if let Some(data) = &self.options.data {
            loader.data_dir(data);
        }
        if let Some(overrides) = &config.overrides {
            loader.parser("s00-raw", "00_overrides.yaml", overrides);
        }
        for (kind, names) in [
            (ItemKind::Parser, &config.parsers),
            (ItemKind::Scenario, &config.scenarios),
            (ItemKind::Postoverflow, &config.postoverflows),
        ] {
            for name in names {
                let item = self
                    .items
                    .resolve(kind, name, dir)
                    .ok_or_else(|| format!("there is nothing called {name:?} among the {}", kind.folder()))?;
                if let Some(missing) = self.add(&mut loader, &item)? {
                    return Ok(Setup::Missing(missing));
                }
            }
        }
        let rules = loader.finish().map_err(|errors| errors.to_string())?;
        Ok(Setup::Ready(Box::new(rules)))
    }

    /// Adds an item; a database that it needs and that is not there is given back as a sentence.
    fn add(&self, loader: &mut Loader, item: &Item) -> Result<Option<String>, String> {
        let path = item.path.display().to_string();
        let text =
            fs::read_to_string(&item.path).map_err(|error| format!("{path} cannot be read: {error}"))?;
        let absent = crate::rules::absent_databases(&text, self.options.data.as_deref());
        if !absent.is_empty() {
            return Ok(Some(format!(
                "{} needs {}, which is not there",
                item.name,
                absent.join(" and ")
            )));
        }
        match item.kind {
            ItemKind::Parser => loader.parser(&item.stage, &path, &text),
            ItemKind::Postoverflow => loader.postoverflow(&item.stage, &path, &text),
            ItemKind::Scenario => loader.scenario(&path, &text),
        };
        Ok(None)
    }

    fn read_log(&self, config: &Config, dir: &Path, rules: &Ruleset) -> Result<Recorder, String> {
        let path = dir.join(&config.log_file);
        let unreadable = |error: io::Error| format!("{} cannot be read: {error}", path.display());
        let size = fs::metadata(&path).map_err(unreadable)?.len();
        if size > MAX_LOG_BYTES {
            return Err(format!("{} is longer than {MAX_LOG_BYTES} bytes", path.display()));
        }
        let bytes = fs::read(&path).map_err(unreadable)?;
        let text = String::from_utf8_lossy(&bytes);
        let now = self.options.now;
        let mut recorder = Recorder::new(!config.ignore_parsers);
        let mut parser = Parser::new(rules);
        parser.set_labels(&config.labels);
        let mut detector = Detector::with_limits(rules, Limits::exact());
        let mut detections = Vec::new();
        let (source, kind) = (Arc::from(&*path.to_string_lossy()), Arc::from(&*config.log_type));
        for (number, text) in (0..).zip(text.lines().filter(|text| !text.is_empty())) {
            let line = Line {
                source: Arc::clone(&source),
                position: Position::File {
                    file: 0,
                    offset: number,
                },
                kind: Arc::clone(&kind),
                text: text.to_owned(),
                read_at: now,
            };
            if let Parsed::Event(event) = parser.parse_traced(&line, now, &mut recorder) {
                detections.clear();
                detector.pour_traced(event, now, &mut detections, &mut recorder);
            }
            detector.line_done(&source);
        }
        recorder.sort();
        Ok(recorder)
    }
}

/// Holds one more file of asserts against results.
fn add(all: &mut Asserted, file: &Path, results: Results<'_>, rules: &Ruleset) -> Result<(), String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
    };
    let more = asserts::check(file, &text, results, rules.names());
    all.held += more.held;
    all.failed += more.failed;
    all.failures.extend(more.failures);
    Ok(())
}
