//! A whole log at once, as history and in log time: what would these rules have found?
//!
//! Blocks of lines are parsed on as many threads as wanted and poured into one detector in their order, so the number of
//! threads changes nothing but the time it takes. Deliberately absent: positions to take up again, and the
//! clock; the caller says what "now" is, which only matters to dates without a year.

mod blocks;
mod input;
mod outcome;
mod worker;

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_wire::Timestamp;

use self::blocks::Blocks;
use self::input::Input;
pub use self::outcome::{Found, Outcome};
use crate::detect::{Detection, Limits};
use crate::line::{Line, Position};
use crate::rules::Ruleset;

/// What is replayed, and how.
#[derive(Debug, Clone)]
pub struct Replay {
    /// The log; plain, gzip or zstd, told apart by its first bytes.
    pub path: PathBuf,
    /// `labels.type` of its lines: `syslog`, `nginx`.
    pub kind: String,
    /// The latest that a line may be from; gives dates without a year theirs.
    pub now: Timestamp,
    /// Threads that parse. Rules that keep stashes are run on one, since their lines hang together.
    pub threads: NonZeroUsize,
    /// How much the detector may hold.
    pub limits: Limits,
    /// Runs the plain engine, which visits every node for every line. Slow; the measure of the fast one.
    pub plain: bool,
}

/// How far it got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read of the file as it lies on the disk.
    pub read_bytes: u64,
    /// Bytes that it has there.
    pub file_bytes: u64,
    /// Lines dealt with.
    pub lines: u64,
}

/// A file that cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}")]
pub struct ReplayError {
    path: String,
    #[source]
    source: io::Error,
}

// === impl Replay ===

impl Replay {
    /// Of a file, under the usual limits and on one thread.
    pub fn new(path: &Path, kind: &str, now: Timestamp) -> Self {
        Self {
            path: path.to_owned(),
            kind: kind.to_owned(),
            now,
            threads: NonZeroUsize::MIN,
            limits: Limits::default(),
            plain: false,
        }
    }

    /// Reads it from the first line to the last. `each` is told the detections in the order of the lines that completed
    /// them, `progress` how far it got, after every block.
    pub fn run(
        &self,
        rules: &Ruleset,
        progress: impl FnMut(Progress),
        each: impl FnMut(Detection),
    ) -> Result<Outcome, ReplayError> {
        self.read(rules, progress, each).map_err(|source| ReplayError {
            path: self.path.display().to_string(),
            source,
        })
    }

    /// Parses it without detecting anything; `each` is told the lines that no rule took, in their order.
    pub fn unparsed(&self, rules: &Ruleset, each: impl FnMut(&str)) -> Result<Outcome, ReplayError> {
        let listened = self
            .open(rules)
            .and_then(|(job, blocks)| job.listen(blocks, each));
        listened.map_err(|source| ReplayError {
            path: self.path.display().to_string(),
            source,
        })
    }

    fn read(
        &self,
        rules: &Ruleset,
        progress: impl FnMut(Progress),
        each: impl FnMut(Detection),
    ) -> io::Result<Outcome> {
        let (job, blocks) = self.open(rules)?;
        job.run(blocks, progress, each)
    }

    fn open<'j>(&'j self, rules: &'j Ruleset) -> io::Result<(worker::Job<'j>, Blocks)> {
        let (input, file) = Input::open(&self.path)?;
        let blocks = Blocks::new(input);
        let line = Line {
            source: self.path.to_string_lossy().into(),
            position: Position::File { file, offset: 0 },
            kind: Arc::from(self.kind.as_str()),
            text: String::new(),
            read_at: self.now,
        };
        let job = worker::Job {
            replay: self,
            rules,
            line,
            file,
        };
        Ok((job, blocks))
    }
}
