//! Log files: one thread polls all files of one path or pattern.
//!
//! Polling, not inotify: it works on every file system and misses nothing that `tail` does not also check; its cost is
//! one `stat` per file and round. Before: the file system. After: `run`, over the intake.
//! Deliberately absent: what a rotation is (`tail`).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::docker::Joiner;
use super::{Closed, Outlet, Start};
use crate::line::Position;

pub(crate) mod fingerprint;
pub(crate) mod pattern;
pub(crate) mod reader;
pub(crate) mod siblings;
pub(crate) mod splitter;
pub(crate) mod tail;

pub use splitter::MAX_LINE_BYTES;
use tail::{Begin, Step, Tail};

/// Bytes read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// Buffers of one file before the others have their turn.
const TURN: usize = 64;

/// How often files are looked at.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Between two looks at a file with nothing new.
    pub poll: Duration,
    /// How long a rotated file must be quiet before it is left.
    pub settle: Duration,
    /// Between two searches for new files of a pattern.
    pub rescan: Duration,
}

/// The files of one path or pattern.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) path: PathBuf,
    pub(crate) kind: Arc<str>,
    /// The lines are Docker's.
    pub(crate) wrapped: bool,
    pub(crate) start: Start,
    pub(crate) resume: HashMap<String, Position>,
    pub(crate) pace: Pace,
}

struct Followed {
    tail: Tail,
    joiner: Option<Joiner>,
    source: Arc<str>,
    /// The idle message was sent since the last line.
    idle: bool,
    failing: bool,
}

// === impl Pace ===

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(200),
            settle: Duration::from_secs(1),
            rescan: Duration::from_secs(5),
        }
    }
}

// === impl Files ===

impl Files {
    /// Reads until told to stop.
    pub(crate) fn run(self, outlet: &Outlet) -> Result<(), Closed> {
        let mut followed: BTreeMap<PathBuf, Followed> = BTreeMap::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut scanned: Option<Instant> = None;
        loop {
            if scanned.is_none_or(|at| at.elapsed() >= self.pace.rescan) {
                self.find_new(&mut followed, scanned.is_none(), outlet);
                scanned = Some(Instant::now());
            }
            let mut busy = false;
            for one in followed.values_mut() {
                busy |= self.turn(one, &mut buffer, outlet)?;
            }
            if outlet.stopping() {
                return Ok(());
            }
            if !busy {
                std::thread::sleep(self.pace.poll);
            }
        }
    }

    fn find_new(&self, followed: &mut BTreeMap<PathBuf, Followed>, first: bool, outlet: &Outlet) {
        let mut paths = if pattern::is_pattern(&self.path) {
            pattern::expand(&self.path)
        } else {
            vec![self.path.clone()]
        };
        // A file that was read before and is rotated away at this moment is waited for.
        let known = self.resume.keys().map(PathBuf::from);
        paths.extend(known.filter(|path| pattern::matches(&self.path, path)));
        for path in paths {
            if followed.contains_key(&path) || followed.len() >= pattern::MAX_FILES {
                continue;
            }
            if let Some(one) = self.follow(&path, first, outlet) {
                followed.insert(path, one);
            }
        }
    }

    fn follow(&self, path: &Path, first: bool, outlet: &Outlet) -> Option<Followed> {
        let source: Arc<str> = path.to_string_lossy().into();
        let begin = match self.resume.get(source.as_ref()) {
            Some(&Position::File { file, offset }) => Begin::At { file, offset },
            // A file that appears while we look is read from its beginning.
            _ if first && self.start == Start::End => Begin::End,
            _ => Begin::Beginning,
        };
        let stats = outlet.stats.source(&source);
        match Tail::new(path.to_owned(), &begin, self.pace.settle, Arc::clone(&stats)) {
            Ok(tail) => Some(Followed {
                tail,
                joiner: self.wrapped.then(Joiner::default),
                source,
                idle: false,
                failing: false,
            }),
            Err(error) => {
                if stats.errors.get() == 0 {
                    tracing::warn!(path = %path.display(), %error, "log cannot be opened, will be tried again");
                }
                stats.errors.add(1);
                None
            }
        }
    }

    /// Reads what one file has, for its turn; whether it had anything.
    fn turn(&self, one: &mut Followed, buffer: &mut [u8], outlet: &Outlet) -> Result<bool, Closed> {
        for _ in 0..TURN {
            let mut lines = Vec::new();
            let step = one.tail.step(buffer, &mut lines);
            if !lines.is_empty() {
                one.idle = false;
                one.send(&self.kind, lines, outlet)?;
            }
            match step {
                Ok(Step::Again) => {}
                Ok(Step::Idle) => {
                    one.failing = false;
                    if !one.idle && one.tail.is_last() {
                        one.idle = true;
                        outlet.idle(&one.source, Some(one.next()))?;
                    }
                    return Ok(false);
                }
                Err(error) => {
                    outlet.stats.source(&one.source).errors.add(1);
                    if !one.failing {
                        one.failing = true;
                        tracing::warn!(path = %one.source, %error, "log cannot be read, will be tried again");
                    }
                    return Ok(false);
                }
            }
            if outlet.stopping() {
                return Ok(true);
            }
        }
        Ok(true)
    }
}

// === impl Followed ===

impl Followed {
    fn send(
        &mut self,
        kind: &Arc<str>,
        lines: Vec<(Position, String)>,
        outlet: &Outlet,
    ) -> Result<(), Closed> {
        let Some(joiner) = &mut self.joiner else {
            return outlet.lines(&self.source, kind, lines, Some(self.tail.next()));
        };
        let stats = outlet.stats.source(&self.source);
        let mut joined = Vec::new();
        for (position, json) in lines {
            joiner.feed(position, &json, &stats, &mut joined);
        }
        outlet.arrived(&self.source, kind, joined, Some(self.next()))
    }

    /// Where a restart must begin.
    fn next(&self) -> Position {
        let unfinished = self.joiner.as_ref().and_then(Joiner::begin);
        unfinished.unwrap_or_else(|| self.tail.next())
    }
}

/// Where every file of a path or pattern ends now; file 0 where there is no line yet.
pub(crate) fn ends(path: &Path) -> Vec<(String, Position)> {
    let paths = if pattern::is_pattern(path) {
        pattern::expand(path)
    } else {
        vec![path.to_owned()]
    };
    let end = |path: PathBuf| {
        let tail = Tail::new(path.clone(), &Begin::End, Duration::ZERO, Arc::default());
        match tail {
            Ok(tail) => Some((path.to_string_lossy().into_owned(), tail.next())),
            // It cannot be read now; should that change, it is read from its end at that time.
            Err(_) => None,
        }
    };
    paths.into_iter().filter_map(end).collect()
}
