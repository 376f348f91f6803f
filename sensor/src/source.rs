//! Where lines come from: files, the journal, standard input; each read by a thread of its own.
//!
//! A source sends its lines over one bounded intake in its own order, so a slow reader slows the sources down and
//! nothing is lost. Before: the machine's logs. After: `run`, which parses them.
//! Deliberately absent: meaning of a line (`parse`), and async: reading files blocks anyway.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use vigie_wire::Timestamp;

use crate::line::{Line, Position};
use crate::stats::Stats;

pub mod discover;
pub mod file;
pub(crate) mod journald;
pub(crate) mod stdin;

pub use discover::{Found, discover};
pub use file::Pace;

/// Who says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Batches of lines between the sources and the parser.
pub(crate) const INTAKE_BATCHES: usize = 64;

/// One source of lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceConfig {
    /// `labels.type`: which parsers the lines are for (`syslog`, `nginx`, `apache2`).
    pub kind: String,
    /// Where they are.
    pub from: From,
}

/// Where lines are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// A file, or all files of a pattern with `*` and `?`.
    File(PathBuf),
    /// The journal of systemd, restricted to entries that match (`SYSLOG_IDENTIFIER=sshd`).
    Journald {
        /// Arguments of `journalctl`: alternatives for one field, all of different fields.
        matches: Vec<String>,
    },
    /// Standard input, until it ends.
    Stdin,
}

/// Where reading begins in a log that was never read before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With its first line.
    Beginning,
    /// With the first line written from now on.
    #[default]
    End,
}

/// What sources send.
#[derive(Debug)]
pub(crate) enum Intake {
    /// Lines in order, and the position after them where the source has one.
    Lines {
        source: Arc<str>,
        lines: Vec<Line>,
        next: Option<Position>,
    },
    /// Everything there is was sent.
    Idle {
        source: Arc<str>,
        next: Option<Position>,
    },
}

/// The sending side of the intake.
#[derive(Clone)]
pub(crate) struct Outlet {
    pub(crate) intake: SyncSender<Intake>,
    pub(crate) stop: CancellationToken,
    pub(crate) clock: Clock,
    pub(crate) stats: Arc<Stats>,
}

/// Nobody reads the intake any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sensor has stopped")]
pub(crate) struct Closed;

// === impl From ===

impl From {
    /// The name under which positions and counters of the source are kept. For a pattern it is each file's path.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.to_string_lossy().into_owned(),
            Self::Journald { matches } if matches.is_empty() => "journald".to_owned(),
            Self::Journald { matches } => format!("journald {}", matches.join(" ")),
            Self::Stdin => "stdin".to_owned(),
        }
    }
}

// === impl Outlet ===

impl Outlet {
    pub(crate) fn stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(crate) fn lines(
        &self,
        source: &Arc<str>,
        kind: &Arc<str>,
        lines: Vec<(Position, String)>,
        next: Option<Position>,
    ) -> Result<(), Closed> {
        let stats = self.stats.source(source);
        stats.lines.add(lines.len() as u64);
        stats
            .bytes
            .add(lines.iter().map(|(_, text)| text.len() as u64).sum());
        let read_at = (self.clock)();
        let lines = lines
            .into_iter()
            .map(|(position, text)| Line {
                source: Arc::clone(source),
                position,
                kind: Arc::clone(kind),
                text,
                read_at,
            })
            .collect();
        self.send(Intake::Lines {
            source: Arc::clone(source),
            lines,
            next,
        })
    }

    pub(crate) fn idle(&self, source: &Arc<str>, next: Option<Position>) -> Result<(), Closed> {
        self.send(Intake::Idle {
            source: Arc::clone(source),
            next,
        })
    }

    fn send(&self, intake: Intake) -> Result<(), Closed> {
        self.intake.send(intake).map_err(|_| Closed)
    }
}
