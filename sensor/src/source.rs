//! Where lines come from: files, the journal, standard input, the network, message brokers; each in a thread of its own.
//!
//! A source sends its lines over one bounded intake in its own order, so a slow reader slows the sources down and
//! nothing is lost. Before: the machine's logs, and other machines. After: `run`, which parses them.
//! Deliberately absent: meaning of a line (`parse`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use vigie_wire::Timestamp;

use crate::line::{Line, Position};
use crate::stats::Stats;

pub mod discover;
pub(crate) mod docker;
pub mod file;
pub mod http;
pub mod inbox;
pub(crate) mod journald;
pub mod kafka;
pub mod nats;
pub mod net;
pub(crate) mod payload;
pub(crate) mod stdin;
pub mod syslog;

pub use self::http::Http;
pub use discover::{Found, discover};
pub use file::Pace;
pub use inbox::Kept;
pub use kafka::Kafka;
pub use nats::Nats;
pub use net::{Listen, TlsFiles};
pub use syslog::{Syslog, Transport};

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
    /// Like a file, of Docker's `json-file` logs: their lines unwrapped and put together.
    Docker(PathBuf),
    /// The journal of systemd, restricted to entries that match (`SYSLOG_IDENTIFIER=sshd`).
    Journald {
        /// Arguments of `journalctl`: alternatives for one field, all of different fields.
        matches: Vec<String>,
        /// Accounts, by name or number, that are believed whatever name they write under. Where the matches choose no unit
        /// and no account, only root, a service's own unit and its own account are believed besides.
        #[serde(default)]
        accounts: Vec<String>,
    },
    /// Standard input, until it ends.
    Stdin,
    /// A listener for syslog.
    Syslog(Syslog),
    /// A listener for JSON lines over HTTP.
    Http(Http),
    /// A consumer of a stream of NATS `JetStream`.
    Nats(Nats),
    /// A topic of Kafka.
    Kafka(Kafka),
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

/// A line on its way from its source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) position: Position,
    pub(crate) text: String,
    /// When it was written or arrived, where the source knows better than by when it is read.
    pub(crate) at: Option<Timestamp>,
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
    /// It is gone for good; should its name come back, that is another source.
    Left { source: Arc<str> },
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

// === impl SourceConfig ===

impl SourceConfig {
    /// Whether the counters of this name are, or would be, those of this source.
    pub fn feeds(&self, name: &str) -> bool {
        match &self.from {
            From::File(path) | From::Docker(path) => {
                let log = Path::new(name);
                path == log || file::pattern::matches(path, log)
            }
            From::Kafka(_) => name.starts_with(&self.from.name()),
            _ => name == self.from.name(),
        }
    }
}

// === impl From ===

impl From {
    /// The name under which positions and counters of the source are kept. For a pattern it is each file's path.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Docker(path) => path.to_string_lossy().into_owned(),
            Self::Journald { matches, .. } if matches.is_empty() => "journald".to_owned(),
            Self::Journald { matches, .. } => format!("journald {}", matches.join(" ")),
            Self::Stdin => "stdin".to_owned(),
            Self::Syslog(syslog) => format!("syslog {} {}", syslog.transport, syslog.listen.address),
            Self::Http(http) => format!("http {}", http.listen.address),
            Self::Nats(nats) => format!("nats {}/{}", nats.stream, nats.consumer),
            Self::Kafka(kafka) => format!("kafka {}", kafka.topic),
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
        let arrived = lines.into_iter().map(|(position, text)| Arrived {
            position,
            text,
            at: None,
        });
        self.arrived(source, kind, arrived.collect(), next)
    }

    /// Lines, some of which know their time.
    pub(crate) fn arrived(
        &self,
        source: &Arc<str>,
        kind: &Arc<str>,
        lines: Vec<Arrived>,
        next: Option<Position>,
    ) -> Result<(), Closed> {
        let stats = self.stats.source(source);
        stats.lines.add(lines.len() as u64);
        stats
            .bytes
            .add(lines.iter().map(|line| line.text.len() as u64).sum());
        let read_at = (self.clock)();
        let lines = lines
            .into_iter()
            .map(|line| Line {
                source: Arc::clone(source),
                position: line.position,
                kind: Arc::clone(kind),
                text: line.text,
                read_at: line.at.unwrap_or(read_at),
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

    pub(crate) fn left(&self, source: &Arc<str>) -> Result<(), Closed> {
        self.send(Intake::Left {
            source: Arc::clone(source),
        })
    }

    fn send(&self, intake: Intake) -> Result<(), Closed> {
        self.intake.send(intake).map_err(|_| Closed)
    }
}
