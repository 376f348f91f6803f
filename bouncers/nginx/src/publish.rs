//! The loop between the stream and the file. Before: `vigie-bouncer-client`. After: nginx's workers.
//!
//! Nothing is written before the first full picture is complete: until then the file from before holds, whose rows end
//! by themselves, so a restart leaves no gap. From then on changes are written at once, but no oftener than workers look. Each time
//! the whole table, under another name, then renamed: a worker sees the old one or the new one, and so does whoever
//! looks after a kill -9. When somebody else changed or removed the file it is written again. It stays when we end.

use std::fs::{File, Metadata, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use vigie_bouncer_client::table::Outcome;
use vigie_bouncer_client::{Change, Clock, Origin, Pulse, Table, TableConfig, Update, with_causes};
use vigie_bouncer_nginx::clock::{self, Boot};
use vigie_bouncer_nginx::table::form::{TooLarge, encode};
use vigie_bouncer_nginx::table::{Entry, Remediation};

use crate::config::Accept;

/// Between two files: workers look once a second.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// So many ticks of [`WRITE_EVERY`] between two looks at whether the file still is ours.
const TICKS_PER_LOOK: u32 = 5;
/// ... and between two times that what has ended is forgotten.
const TICKS_PER_SWEEP: u32 = 60;
/// Updates taken from the channel before the file is thought of: what arrives together takes effect together.
const UPDATES_AT_ONCE: usize = 16;
/// Readable by everybody: workers run as another user, and who is banned is told to whoever asks.
const MODE: u32 = 0o644;

/// Keeps the file in step with the decisions.
#[derive(Debug)]
pub(crate) struct Publisher {
    path: PathBuf,
    boot: Boot,
    clock: Clock,
    pulse: Pulse,
    table: Table,
    /// What each kind of decision in the table means here.
    words: Vec<Remediation>,
    /// A full picture has been seen to its end.
    complete: bool,
    /// The file says something else than the table.
    behind: bool,
    written: Option<Instant>,
    /// The file as we left it.
    ours: Option<Stamp>,
    /// What was told last of a file that cannot be written, so that it is told once.
    told: Option<String>,
}

/// What tells the file that we left from one that somebody else touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    /// Times may be those of the kernel's last tick, milliseconds apart, so two writers may leave the same.
    length: u64,
    modified: (i64, i64),
}

/// Why the file cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("{path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the boot of this machine has no id")]
    Boot(#[source] std::io::Error),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

// === impl Publisher ===

impl Publisher {
    /// Makes sure that a table can be written there, and leaves the one that is there.
    pub(crate) fn start(
        path: PathBuf,
        accept: Accept,
        (clock, pulse): (Clock, Pulse),
    ) -> Result<Self, WriteError> {
        let boot = Boot::current().map_err(WriteError::Boot)?;
        let new = beside(&path);
        File::create(&new)
            .and_then(|_| std::fs::remove_file(&new))
            .map_err(|source| WriteError::File { path: new, source })?;
        Ok(Self {
            path,
            boot,
            clock,
            pulse,
            words: accept.words,
            table: Table::new(TableConfig {
                kinds: accept.kinds,
                allow: accept.allow,
            }),
            complete: false,
            behind: false,
            written: None,
            ours: None,
            told: None,
        })
    }

    /// Follows the updates until the stream ends or `shutdown`. Returns whether the file is in step then.
    pub(crate) async fn run(
        mut self,
        mut updates: mpsc::Receiver<Update>,
        shutdown: CancellationToken,
    ) -> bool {
        let mut ticks = tokio::time::interval(WRITE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(UPDATES_AT_ONCE);
        let mut count: u32 = 0;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                received = updates.recv_many(&mut batch, UPDATES_AT_ONCE) => {
                    if received == 0 {
                        break;
                    }
                    batch.drain(..).for_each(|update| self.take(update));
                    self.settle(false);
                }
                _ = ticks.tick() => {
                    count = count.wrapping_add(1);
                    self.look_after(count);
                    self.settle(false);
                }
            }
        }
        self.settle(true);
        tracing::info!(
            decisions = self.table.len(),
            "stopping; the table stays and its rows end by themselves"
        );
        self.complete && !self.behind
    }

    fn take(&mut self, update: Update) {
        match update {
            Update::Atlas(atlas) => {
                self.table.locate(atlas);
                self.behind = true;
            }
            Update::Spared(nets) => {
                self.table.spare(nets);
                self.behind = true;
            }
            Update::Begin => self.table.begin(),
            Update::Changes(changes) => changes.iter().for_each(|change| self.change(change)),
            Update::End => {
                let over = self.table.end();
                (self.complete, self.behind) = (true, true);
                let left_out = self.table.left_out();
                tracing::info!(
                    decisions = self.table.len(),
                    over,
                    refused = left_out.refused,
                    allowlisted = left_out.allowed,
                    other_remediations = left_out.other_kind,
                    "a full picture of the decisions is complete"
                );
            }
        }
    }

    fn change(&mut self, change: &Change) {
        let value = change.value();
        match self.table.apply(change) {
            Outcome::Changed => self.behind = true,
            Outcome::Nowhere => {
                tracing::warn!(%value, "no database knows where this is, so it keeps nobody out");
            }
            Outcome::Refused(why) => {
                tracing::warn!(%value, reason = %why, "a decision that nobody may enforce was refused");
            }
            Outcome::Unchanged | Outcome::Allowed | Outcome::OtherKind => {}
        }
    }

    /// From time to time: is the file still ours, what has ended, and how much is held.
    fn look_after(&mut self, tick: u32) {
        if tick.is_multiple_of(TICKS_PER_SWEEP) && self.table.expire(self.clock.now()) > 0 {
            self.behind = true;
        }
        if !tick.is_multiple_of(TICKS_PER_LOOK) {
            return;
        }
        self.pulse.holds(self.table.by_origin());
        if self.ours.is_some() && Stamp::at(&self.path) != self.ours {
            tracing::warn!(table = %self.path.display(), "somebody changed or removed the table; it is written again");
            self.behind = true;
        }
    }

    /// Writes the file if it is behind and, unless it is the `last` time, due.
    fn settle(&mut self, last: bool) {
        let due = last
            || self
                .written
                .is_none_or(|written| written.elapsed() >= WRITE_EVERY);
        if !(self.complete && self.behind && due) {
            return;
        }
        self.written = Some(Instant::now());
        match self.write() {
            Ok((rows, bytes)) => {
                self.behind = false;
                self.told = None;
                tracing::debug!(rows, bytes, "a table is in place");
            }
            Err(error) => {
                let error = with_causes(&error);
                if self.told.as_ref() != Some(&error) {
                    tracing::error!(error, "the table cannot be written; the one from before stays");
                }
                self.told = Some(error);
            }
        }
    }

    fn write(&mut self) -> Result<(usize, usize), WriteError> {
        let entries = self.entries();
        let bytes = encode(&entries, self.boot)?;
        let failed = |source| WriteError::File {
            path: self.path.clone(),
            source,
        };
        self.ours = Some(replace(&self.path, &bytes).map_err(failed)?);
        Ok((entries.len(), bytes.len()))
    }

    fn entries(&self) -> Vec<Entry> {
        let (now, now_secs) = (self.clock.now(), clock::seconds());
        let decided = self.table.decisions(now).filter_map(|(net, kind, term)| {
            Some(Entry {
                address: net.network(),
                prefix: net.prefix_len(),
                remediation: *self.words.get(kind)?,
                until: now_secs.saturating_add(term.until.secs_after(now)),
                origin: term.origin,
            })
        });
        // With a row of its own: an allowed address within a banned range.
        let passes = self.table.allowed().map(|net| Entry {
            address: net.network(),
            prefix: net.prefix_len(),
            remediation: Remediation::Pass,
            until: u32::MAX,
            origin: Origin::Other,
        });
        decided.chain(passes).collect()
    }
}

/// Where the next table is written before it is renamed: in the same folder, so on the same disk.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// Puts a file in the place of another. Not synced: after a power cut it would be of another boot anyway.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<Stamp> {
    let new = beside(path);
    let mut file = File::create(&new)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(bytes)?;
    // Before anybody else sees it: what is touched as soon as it is in place is not ours.
    let ours = Stamp::of(&file.metadata()?);
    std::fs::rename(&new, path)?;
    Ok(ours)
}

// === impl Stamp ===

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        }
    }

    fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|file| Self::of(&file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_touches_a_file_however_soon_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("table");
        for _ in 0..1_000 {
            let ours = std::thread::scope(|scope| {
                scope.spawn(|| {
                    let spoiled = || File::options().write(true).open(&path)?.write_all(b"spoiled!");
                    while spoiled().is_err() {}
                });
                replace(&path, b"a table").unwrap()
            });
            assert_ne!(Stamp::at(&path), Some(ours));
            std::fs::remove_file(&path).unwrap();
        }
    }
}
