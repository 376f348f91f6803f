//! The running sensor: sources, parser and detector tied together, events out.
//!
//! Each source reads in a thread, one more thread parses and detects, all queues between them are bounded, so a slow
//! consumer slows reading down and nothing is dropped. Before: `source`. After: the node, which keeps what it is told
//! in order, and a checkpoint after the effects of the events before it. Deliberately absent: keeping anything.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use vigie_wire::Timestamp;

use crate::detect::{Detection, Fence, Limits};
use crate::line::Position;
use crate::rules::Ruleset;
use crate::source::file::Files;
use crate::source::file::claims::Claims;
use crate::source::file::pattern;
use crate::source::journald::Journal;
use crate::source::{Closed, INTAKE_BATCHES, Kept, Outlet, stdin};
use crate::stats::Stats;

mod network;
mod observe;
mod worker;

pub use crate::source::{Clock, From, Pace, SourceConfig, Start};
use worker::Worker;

/// What the sensor watches and how.
#[derive(Debug, Clone)]
pub struct SensorConfig {
    /// The sources.
    pub sources: Vec<SourceConfig>,
    /// Where each source is taken up: the last checkpoint of it that was kept.
    pub resume: HashMap<String, Resume>,
    /// Where a log begins that was never read before.
    pub start: Start,
    /// Sources, by name, that an earlier process watched and kept the positions of: what their patterns name and has no
    /// position is new, also if it appeared while nobody watched.
    pub watched: HashSet<String>,
    /// When the ends of logs were taken ([`SensorConfig::take_ends`]): everything written later is read.
    pub since: Option<Timestamp>,
    /// How often files are looked at.
    pub pace: Pace,
    /// How much the detector may hold.
    pub limits: Limits,
    /// Scenarios that are only being tried.
    pub simulate: HashSet<String>,
    /// The program that reads the journal.
    pub journalctl: PathBuf,
    /// A directory for lines that came over the network, until their effects are kept.
    pub spool: PathBuf,
    /// How far they are: noted by whoever keeps checkpoints, so that old lines can go.
    pub kept: Arc<Kept>,
    /// Counters, shared with whoever shows them.
    pub stats: Arc<Stats>,
}

/// Where and how to take up a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The line to begin with.
    pub position: Position,
    /// What to leave out of the lines that were dealt with already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<Fence>,
}

/// What the sensor tells.
#[derive(Debug, Clone, PartialEq)]
pub enum SensorEvent {
    /// A scenario found what it looks for.
    Detection(Box<Detection>),
    /// Somebody logged in. At most one a minute and address.
    Authenticated {
        /// From where.
        ip: IpAddr,
        /// When.
        at: Timestamp,
    },
    /// A web page was served to somebody. At most one a minute and address.
    Visitor {
        /// To where.
        ip: IpAddr,
        /// When.
        at: Timestamp,
    },
    /// All events of the lines up to here were told. Keep it after their effects, and give it back as [`Resume`].
    Checkpoint {
        /// The source, as in [`SensorConfig::resume`].
        source: String,
        /// Where to begin again.
        resume: Resume,
    },
    /// A source was read to its end for the first time.
    CaughtUp {
        /// The source.
        source: String,
    },
}

/// Why the sensor ended.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// A thread could not be started.
    #[error("cannot start a thread for {what}")]
    Thread {
        /// What it was for.
        what: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A source cannot be opened: a port that is taken, a certificate that is none.
    #[error("cannot open the source {what}")]
    Source {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A source that this program was built without.
    #[error("cannot read the source {what}: this program was built without the feature {feature}")]
    NotBuilt {
        /// Which.
        what: String,
        /// What to build it with.
        feature: &'static str,
    },
    /// A thread ended in a panic, which is a fault of ours.
    #[error("the thread of {what} died")]
    Died {
        /// What it was for.
        what: String,
    },
}

// === impl SensorConfig ===

impl Default for SensorConfig {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            resume: HashMap::new(),
            start: Start::default(),
            watched: HashSet::new(),
            since: None,
            pace: Pace::default(),
            limits: Limits::default(),
            simulate: HashSet::new(),
            journalctl: PathBuf::from("journalctl"),
            spool: PathBuf::from("spool"),
            kept: Arc::default(),
            stats: Arc::default(),
        }
    }
}

impl SensorConfig {
    /// Takes note of where logs end now that were never read before and are to be read from their end, so that nothing
    /// falls between this moment and their opening. New files of patterns that were watched before are read from their
    /// beginning. The rest of the configuration must be complete.
    pub fn take_ends(&mut self, now: Timestamp) {
        if self.start != Start::End {
            return;
        }
        for source in &self.sources {
            let (From::File(path) | From::Docker(path)) = &source.from else {
                continue;
            };
            if pattern::is_pattern(path) && self.watched.contains(&source.from.name()) {
                continue;
            }
            for (name, position) in crate::source::file::ends(path) {
                self.resume.entry(name).or_insert_with(|| position.into());
            }
        }
        self.since = Some(now);
    }
}

// === impl Resume ===

impl std::convert::From<Position> for Resume {
    fn from(position: Position) -> Self {
        Self {
            position,
            fence: None,
        }
    }
}

/// Runs until `shutdown`, until nobody receives any more, or until all sources have ended (standard input does).
/// At the end everything that was read has been told, and the last checkpoints too.
pub async fn run(
    config: SensorConfig,
    rules: Ruleset,
    clock: Clock,
    out: mpsc::Sender<SensorEvent>,
    shutdown: CancellationToken,
) -> Result<(), SensorError> {
    let stop = shutdown.child_token();
    // Also when this future is dropped the threads must end.
    let _guard = stop.clone().drop_guard();
    let (intake, batches) = sync_channel(INTAKE_BATCHES);
    let (died, mut deaths) = mpsc::channel(1);
    let outlet = Outlet {
        intake,
        stop: stop.clone(),
        clock: Arc::clone(&clock),
        stats: Arc::clone(&config.stats),
    };
    let paths = config.sources.iter().filter_map(|source| match &source.from {
        From::File(path) | From::Docker(path) => Some(path.as_path()),
        _ => None,
    });
    let claims = Arc::new(Claims::new(paths));
    for source in &config.sources {
        start(source, &config, &claims, &outlet, died.clone())?;
    }
    drop(outlet);
    let (done, finished) = oneshot::channel();
    let worker_stop = stop.clone();
    thread("the detector", died, move || {
        let mut worker = Worker::new(&rules, &config, true, |event| {
            out.blocking_send(event).map_err(|_| Closed)
        });
        // Nobody listens: that is an end like any other.
        let ended = worker.run(&batches, &clock, &worker_stop);
        tracing::debug!(listened = ended.is_ok(), "detector ended");
        if done.send(()).is_err() {
            tracing::debug!("nobody waited for the detector");
        }
    })?;
    tokio::select! {
        biased;
        Some(what) = deaths.recv() => Err(SensorError::Died { what }),
        _ = finished => Ok(()),
    }
}

fn start(
    source: &SourceConfig,
    config: &SensorConfig,
    claims: &Arc<Claims>,
    outlet: &Outlet,
    died: mpsc::Sender<String>,
) -> Result<(), SensorError> {
    let name = source.from.name();
    let kind: Arc<str> = source.kind.as_str().into();
    let outlet = outlet.clone();
    let label = name.clone();
    let start = match config.since {
        // Everything that is not known yet is new.
        Some(_) => Start::Beginning,
        None => config.start,
    };
    match &source.from {
        From::File(path) | From::Docker(path) => {
            let files = Files {
                path: path.clone(),
                kind,
                wrapped: matches!(source.from, From::Docker(_)),
                start,
                resume: positions(config),
                pace: config.pace.clone(),
                claims: Arc::clone(claims),
            };
            thread(&label, died, move || ignore(files.run(&outlet)))
        }
        From::Journald { matches, accounts } => {
            let resume = config
                .resume
                .get(&name)
                .and_then(|resume| match &resume.position {
                    Position::Cursor(cursor) => Some(cursor.clone()),
                    Position::File { .. } => None,
                });
            let journal = Journal {
                program: config.journalctl.clone(),
                matches: matches.clone(),
                accounts: accounts.clone(),
                source: name.into(),
                kind,
                start: config.start,
                since: config.since.map(Timestamp::as_secs),
                resume,
            };
            thread(&label, died, move || ignore(journal.run(&outlet)))
        }
        From::Stdin => thread(&label, died, move || {
            ignore(stdin::run(
                &mut std::io::stdin().lock(),
                &name.into(),
                &kind,
                &outlet,
            ));
        }),
        From::Syslog(syslog) => network::syslog(syslog, &name, &kind, config, &outlet, &died),
        From::Http(http) => network::http(http, &name, &kind, config, &outlet, &died),
        From::Nats(nats) => network::nats(nats, &name, &kind, config, &outlet, &died),
        From::Kafka(kafka) => network::kafka(kafka, &name, &kind, config, &outlet, &died),
    }
}

fn positions(config: &SensorConfig) -> HashMap<String, Position> {
    let known = config.resume.iter();
    known
        .map(|(source, resume)| (source.clone(), resume.position.clone()))
        .collect()
}

/// A source that is told nobody listens has nothing more to do.
fn ignore(result: Result<(), Closed>) {
    if let Err(reason) = result {
        tracing::debug!(%reason, "source ended");
    }
}

/// Starts a thread that reports when it ends in a panic.
fn thread(
    what: &str,
    died: mpsc::Sender<String>,
    body: impl FnOnce() + Send + 'static,
) -> Result<(), SensorError> {
    struct Obituary(String, mpsc::Sender<String>);
    impl Drop for Obituary {
        fn drop(&mut self) {
            if std::thread::panicking() {
                // One is enough: the channel may be full of another's.
                drop(self.1.try_send(std::mem::take(&mut self.0)));
            }
        }
    }
    let obituary = Obituary(what.to_owned(), died);
    std::thread::Builder::new()
        .name("vigie-sensor".to_owned())
        .spawn(move || {
            let _obituary = obituary;
            body();
        })
        .map(drop)
        .map_err(|source| SensorError::Thread {
            what: what.to_owned(),
            source,
        })
}
