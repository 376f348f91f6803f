//! The journal of systemd, through `journalctl`: linking its library would tie us to one machine's version of it.
//!
//! Positions are the journal's own cursors. A `journalctl` that dies is started again where it stopped, later each
//! time. Before: the journal. After: `run`, over the intake. Deliberately absent: the text of an entry (`entry`), and who
//! may write one (`writer`).

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use super::file::MAX_LINE_BYTES;
use super::{Closed, Outlet, Start};
use crate::line::Position;
use crate::stats::SourceStats;

pub(crate) mod entry;
pub(crate) mod writer;

use entry::Entry;
use writer::Judge;

/// The longest wait before a `journalctl` that died is started again.
const MAX_BACKOFF: Duration = Duration::from_mins(1);
/// After so many refusals in a row the journal is read from its beginning.
const MAX_REFUSALS: u32 = 2;
/// Entries that are read ahead, and sent at once.
const BATCH: usize = 256;
/// Without an entry for so long, everything there is was sent.
const QUIET: Duration = Duration::from_millis(200);
/// An entry is a line with all its fields escaped: several times its text.
const MAX_ENTRY_BYTES: u64 = 8 * MAX_LINE_BYTES as u64;

/// A journal to follow.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) program: PathBuf,
    pub(crate) matches: Vec<String>,
    /// Accounts that are believed whatever name they write under.
    pub(crate) accounts: Vec<String>,
    pub(crate) source: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) start: Start,
    /// Instead of at its end, the journal begins with the entries of this second, since 1970.
    pub(crate) since: Option<i64>,
    pub(crate) resume: Option<String>,
}

/// Where `journalctl` begins.
enum Seek {
    Begin(Start),
    Since(i64),
    /// With the entry itself: it may be part of something that is not finished.
    At(String),
    After(String),
}

/// How following a `journalctl` ended.
enum Followed {
    /// After the entry with this cursor.
    Until(String),
    /// It gave no entry and an error.
    Refused,
    /// It gave no entry.
    Nothing,
}

// === impl Journal ===

impl Journal {
    /// Follows until told to stop.
    pub(crate) fn run(mut self, outlet: &Outlet) -> Result<(), Closed> {
        let stats = outlet.stats.source(&self.source);
        let mut seek = match self.resume.take() {
            Some(cursor) => Seek::At(cursor),
            None => match (self.start, self.since) {
                (Start::End, Some(second)) => Seek::Since(second),
                (start, _) => Seek::Begin(start),
            },
        };
        let mut backoff = Duration::from_secs(1);
        let mut refusals = 0;
        while !outlet.stopping() {
            match self.spawn(&seek, &stats) {
                Ok((child, entries)) => match self.follow(child, &entries, outlet)? {
                    Followed::Until(cursor) => {
                        seek = Seek::After(cursor);
                        backoff = Duration::from_secs(1);
                        refusals = 0;
                    }
                    Followed::Refused => refusals += 1,
                    Followed::Nothing => {}
                },
                Err(error) => {
                    tracing::warn!(program = %self.program.display(), %error, "journalctl does not start");
                }
            }
            if outlet.stopping() {
                break;
            }
            if refusals >= MAX_REFUSALS && !matches!(seek, Seek::Begin(_) | Seek::Since(_)) {
                // The journal does not know the cursor: better to read it all again than none of it.
                tracing::warn!("the journal does not know our position, reading it from its beginning");
                stats.gaps.add(1);
                seek = Seek::Begin(Start::Beginning);
            }
            stats.errors.add(1);
            tracing::warn!(
                wait_ms = backoff.as_millis(),
                "journalctl ended, starting it again"
            );
            wait(backoff, outlet);
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
        Ok(())
    }

    fn spawn(&self, seek: &Seek, stats: &Arc<SourceStats>) -> std::io::Result<(Child, Receiver<Entry>)> {
        let mut command = Command::new(&self.program);
        command.args(["--output=json", "--follow", "--all", "--quiet"]);
        match seek {
            Seek::Begin(Start::End) => command.arg("--lines=0"),
            Seek::Begin(Start::Beginning) => command.arg("--no-tail"),
            Seek::Since(second) => command.args(["--no-tail", &format!("--since=@{second}")]),
            Seek::At(cursor) => command.args(["--no-tail", &format!("--cursor={cursor}")]),
            Seek::After(cursor) => command.args(["--no-tail", &format!("--after-cursor={cursor}")]),
        };
        command
            .args(&self.matches)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (tx, rx) = mpsc::sync_channel(BATCH);
        // Read each time: a service that is installed meanwhile brings its account.
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let judge = Judge::new(&self.matches, &self.accounts, passwd);
        let stats = Arc::clone(stats);
        if let Some(stdout) = child.stdout.take() {
            // The pipe is read by a thread of its own, so that shutdown need not wait for the next entry.
            std::thread::Builder::new()
                .name("vigie-journal".to_owned())
                .spawn(move || {
                    read_entries(stdout, |entry| {
                        if judge.believes(&entry.writer, &entry.identifier) {
                            return tx.send(entry).is_ok();
                        }
                        if stats.refused.get() == 0 {
                            tracing::warn!(
                                name = entry.identifier,
                                uid = entry.writer.uid,
                                unit = entry.writer.unit,
                                "the journal has entries of accounts that may not write under that name; they are left out"
                            );
                        }
                        stats.refused.add(1);
                        true
                    });
                })?;
        }
        Ok((child, rx))
    }

    /// Sends entries until the child ends.
    fn follow(
        &self,
        mut child: Child,
        entries: &Receiver<Entry>,
        outlet: &Outlet,
    ) -> Result<Followed, Closed> {
        let last = self.forward(entries, outlet);
        // It may have ended by itself; either way it must not stay behind as a zombie.
        let status = child.kill().and_then(|()| child.wait());
        let refused = status.is_ok_and(|status| status.code().is_some_and(|code| code != 0));
        Ok(match last? {
            Some(cursor) => Followed::Until(cursor),
            None if refused => Followed::Refused,
            None => Followed::Nothing,
        })
    }

    fn forward(&self, entries: &Receiver<Entry>, outlet: &Outlet) -> Result<Option<String>, Closed> {
        let mut last = None;
        let mut idle = false;
        while !outlet.stopping() {
            let mut lines = Vec::new();
            match entries.recv_timeout(QUIET) {
                Ok(entry) => lines.push(entry),
                Err(RecvTimeoutError::Timeout) if !idle => {
                    idle = true;
                    outlet.idle(&self.source, None)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            lines.extend(entries.try_iter().take(BATCH));
            if let Some(entry) = lines.last() {
                idle = false;
                last = Some(entry.cursor.clone());
                let lines = lines
                    .into_iter()
                    .map(|entry| (Position::Cursor(entry.cursor), entry.text))
                    .collect();
                outlet.lines(&self.source, &self.kind, lines, None)?;
            }
        }
        Ok(last)
    }
}

/// Reads entries until the pipe ends, or nobody wants them. One that is too long or malformed is skipped.
fn read_entries(stdout: ChildStdout, mut send: impl FnMut(Entry) -> bool) {
    let mut reader = BufReader::new(stdout);
    let mut bytes = Vec::new();
    let mut skipping = false;
    loop {
        bytes.clear();
        match reader
            .by_ref()
            .take(MAX_ENTRY_BYTES)
            .read_until(b'\n', &mut bytes)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let whole = bytes.last() == Some(&b'\n');
        if let (true, false, Some(entry)) = (whole, skipping, Entry::parse(&bytes))
            && !send(entry)
        {
            return;
        }
        skipping = !whole;
    }
}

fn wait(duration: Duration, outlet: &Outlet) {
    let step = Duration::from_millis(100);
    let mut left = duration;
    while !left.is_zero() && !outlet.stopping() {
        std::thread::sleep(step.min(left));
        left = left.saturating_sub(step);
    }
}
