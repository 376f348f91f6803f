//! Log files: one thread polls all files of one path or pattern.
//!
//! Polling, not inotify: it works on every file system and misses nothing that `tail` does not also check; its cost is
//! one `stat` per file and round. Before: the file system. After: `run`, over the intake.
//! Deliberately absent: what a rotation is (`tail`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::docker::Joiner;
use super::{Arrived, Closed, Outlet, Start};
use crate::line::Position;

pub(crate) mod claims;
pub(crate) mod fingerprint;
pub(crate) mod pattern;
pub(crate) mod reader;
pub(crate) mod siblings;
pub(crate) mod splitter;
pub(crate) mod tail;

use claims::{Claim, Claims};
pub use splitter::MAX_LINE_BYTES;
use tail::{Begin, Step, Tail};

/// Bytes read at once.
const BUFFER_BYTES: usize = 64 * 1024;
/// Buffers of one file before the others have their turn.
const TURN: usize = 64;
/// How long a file of a pattern may be absent, and nothing written to it, before it is left. Long, because a program may
/// go on in a rotated file, and begin the next with its next line. One whose folder is gone is left at once.
const ABSENT: Duration = Duration::from_hours(1);

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
    pub(crate) claims: Arc<Claims>,
}

struct Followed {
    tail: Tail,
    joiner: Option<Joiner>,
    source: Arc<str>,
    /// The idle message was sent since the last line.
    idle: bool,
    failing: bool,
    /// Nothing stood at its path since then, and nothing was written to it.
    absent: Option<Instant>,
    _claim: Claim,
}

/// What was warned of.
#[derive(Default)]
struct Warned {
    full: bool,
    claimed: HashSet<PathBuf>,
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
        let mut warned = Warned::default();
        loop {
            if scanned.is_none_or(|at| at.elapsed() >= self.pace.rescan) {
                self.leave_vanished(&mut followed, &mut buffer, outlet)?;
                self.find_new(&mut followed, scanned.is_none(), &mut warned, outlet);
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

    fn find_new(
        &self,
        followed: &mut BTreeMap<PathBuf, Followed>,
        first: bool,
        warned: &mut Warned,
        outlet: &Outlet,
    ) {
        let (mut paths, mut full) = if pattern::is_pattern(&self.path) {
            pattern::expand_some(&self.path)
        } else {
            (vec![self.path.clone()], false)
        };
        if first {
            // A file that was read before and is rotated away at this moment is waited for.
            let known = self.resume.keys().map(PathBuf::from);
            paths.extend(known.filter(|path| pattern::matches(&self.path, path) && !is_folder_gone(path)));
        }
        for path in paths {
            if followed.contains_key(&path) {
                continue;
            }
            if followed.len() >= pattern::MAX_FILES {
                full = true;
                break;
            }
            let Some(claim) = self.claims.take(&path, &self.path) else {
                if warned.claimed.len() < pattern::MAX_FILES && warned.claimed.insert(path.clone()) {
                    tracing::warn!(
                        path = %path.display(),
                        source = %self.path.display(),
                        "another source reads this log already; it is left to that one"
                    );
                }
                continue;
            };
            if let Some(one) = self.follow(&path, first, claim, outlet) {
                followed.insert(path, one);
            }
        }
        if full && !std::mem::replace(&mut warned.full, true) {
            tracing::warn!(
                source = %self.path.display(),
                most = pattern::MAX_FILES,
                "the pattern names more files than are read at once; some are not read"
            );
        }
    }

    /// Gives up files of a pattern that are gone for good, so that they take nobody's place.
    fn leave_vanished(
        &self,
        followed: &mut BTreeMap<PathBuf, Followed>,
        buffer: &mut [u8],
        outlet: &Outlet,
    ) -> Result<(), Closed> {
        if !pattern::is_pattern(&self.path) {
            return Ok(());
        }
        for (path, mut one) in followed.extract_if(.., |path, one| one.is_gone(path)) {
            let position = one.finish(&self.kind, buffer, outlet)?;
            // File 0 is one that never had a line.
            if !matches!(position, Position::File { file: 0, .. }) {
                self.claims.leave(&path, position);
            }
            outlet.left(&one.source)?;
            tracing::debug!(path = %path.display(), "log is gone and left");
        }
        Ok(())
    }

    fn follow(&self, path: &Path, first: bool, claim: Claim, outlet: &Outlet) -> Option<Followed> {
        let source: Arc<str> = path.to_string_lossy().into();
        let known = self.claims.left(path);
        let begin = match known.as_ref().or_else(|| self.resume.get(source.as_ref())) {
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
                absent: None,
                _claim: claim,
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
                one.absent = None;
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

    /// Whether its file is gone for good, and read to its end.
    fn is_gone(&mut self, path: &Path) -> bool {
        if !self.idle || !self.tail.is_last() || !is_absent(path) {
            self.absent = None;
            return false;
        }
        // Seen to be absent before, it was read since.
        let Some(since) = self.absent else {
            self.absent = Some(Instant::now());
            return false;
        };
        self.tail.is_settled() && (is_folder_gone(path) || since.elapsed() >= ABSENT)
    }

    /// Hands on what is left of a file that is gone: a last line without its end. Where it would be taken up again.
    fn finish(&mut self, kind: &Arc<str>, buffer: &mut [u8], outlet: &Outlet) -> Result<Position, Closed> {
        let position = self.next();
        let stats = outlet.stats.source(&self.source);
        let mut lines = Vec::new();
        if let Err(error) = self.tail.finish(buffer, &mut lines) {
            stats.errors.add(1);
            tracing::debug!(path = %self.source, %error, "the rest of a log that is gone cannot be read");
        }
        let mut rest = Vec::new();
        if let Some(joiner) = &mut self.joiner {
            for (position, json) in lines {
                joiner.feed(position, &json, &stats, &mut rest);
            }
            joiner.finish(&stats, &mut rest);
        } else {
            rest.extend(lines.into_iter().map(|(position, text)| Arrived {
                position,
                text,
                at: None,
            }));
        }
        if !rest.is_empty() {
            outlet.arrived(&self.source, kind, rest, Some(position.clone()))?;
            outlet.idle(&self.source, Some(position.clone()))?;
        }
        Ok(position)
    }

    /// Where a restart must begin.
    fn next(&self) -> Position {
        let unfinished = self.joiner.as_ref().and_then(Joiner::begin);
        unfinished.unwrap_or_else(|| self.tail.next())
    }
}

/// Nothing stands there. What cannot be asked is not absent.
fn is_absent(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn is_folder_gone(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| !folder.as_os_str().is_empty() && is_absent(folder))
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
