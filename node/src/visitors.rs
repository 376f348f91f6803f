//! The sketch of visitors on disk: a picture of all of it, and beside it a journal of whom it learned since.
//!
//! A visitor is in the journal before the position behind his line is noted, so kill -9 forgets nobody; before that the
//! journal is synced, so neither does a power cut. A picture is written aside and renamed, and the journal of before is
//! removed only then: whatever moment the process dies at, picture and journals together hold everybody, and reading
//! one twice changes nothing. Before this stop: `watch`. Deliberately absent: the store, which would write megabytes for
//! every picture into its log, and what a visitor means, see `vigie_reputation`.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use vigie_wire::Timestamp;

use crate::opinion::Opinion;
use crate::paths::{self, Paths};

/// One visit in the journal: address, milliseconds, and four bytes of the hash of both.
const RECORD: usize = 16 + 8 + 4;
/// From here on a new picture is worth its writing.
const LONG: u64 = 1 << 20;
/// No journal grows beyond this, if pictures cannot be written; what comes then is counted, and in the next picture.
const LONGEST: u64 = 64 << 20;
/// Bytes of the hash at the end of a picture.
const HASH: usize = 32;

/// One visit.
pub(crate) type Visit = (IpAddr, Timestamp);

/// The files.
#[derive(Debug)]
pub(crate) struct Visitors {
    picture: PathBuf,
    journal: PathBuf,
    /// The journal of before, until the next picture holds it.
    former: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Opened with the first visit: a command that only looks writes nothing.
    file: Option<Arc<fs::File>>,
    bytes: u64,
    unsynced: bool,
    /// Visits that are in no journal: the disk was full.
    missing: u64,
}

// === impl Visitors ===

impl Visitors {
    pub(crate) fn new(paths: &Paths) -> Self {
        let picture = paths.visitors();
        let beside = |ending: &str| {
            let mut name = picture.clone().into_os_string();
            name.push(ending);
            PathBuf::from(name)
        };
        Self {
            journal: beside(".journal"),
            former: beside(".former"),
            picture,
            state: Mutex::default(),
        }
    }

    /// Gives the scorer back what was kept. What cannot be read is left out and told: visitors are learned anew then,
    /// and a node that does not start protects nobody.
    pub(crate) fn recall(&self, opinion: &Opinion) {
        match read_picture(&self.picture) {
            Ok(None) => {}
            Ok(Some(sketch)) => {
                if let Err(error) = opinion.take_sketch(&sketch) {
                    tracing::warn!(%error, "the sketch of visitors is not taken up: they are learned anew");
                }
            }
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "the sketch of visitors cannot be read: they are learned anew"
            ),
        }
        for journal in [&self.former, &self.journal] {
            match read_journal(journal) {
                Ok(visits) => {
                    for (ip, at) in visits {
                        opinion.visited(ip, at);
                    }
                }
                Err(error) => tracing::warn!(
                    error = format!("{error:#}"),
                    "a journal of visitors cannot be read"
                ),
            }
        }
    }

    /// Notes visits. They survive a kill from now on, and a power cut after [`Visitors::sync`].
    pub(crate) fn note(&self, visits: &[Visit]) {
        if visits.is_empty() {
            return;
        }
        let mut state = self.state();
        if let Err(error) = self.append(&mut state, visits) {
            if state.missing == 0 {
                tracing::error!(
                    error = format!("{error:#}"),
                    "visitors cannot be noted: a kill would forget them"
                );
            }
            state.missing += visits.len() as u64;
            // Whatever was written of it ends in a torn record; a new picture makes a new journal.
            state.file = None;
        }
    }

    /// Has what was noted survive a power cut.
    pub(crate) async fn sync(&self) {
        let file = {
            let mut state = self.state();
            let unsynced = std::mem::take(&mut state.unsynced);
            state.file.clone().filter(|_| unsynced)
        };
        if let Some(file) = file {
            let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
            if !matches!(synced, Ok(Ok(()))) {
                self.state().unsynced = true;
                tracing::debug!("the journal of visitors could not be synced");
            }
        }
    }

    /// Writes a new picture if the journal is long, or holds not everybody, or `now` anyhow.
    pub(crate) async fn save(&self, opinion: &Opinion, anyhow: bool) -> anyhow::Result<()> {
        {
            let mut state = self.state();
            let worth = state.bytes >= LONG || state.missing > 0 || (anyhow && state.bytes > 0);
            if !worth {
                return Ok(());
            }
            // From here on visits go into a new journal. A former one that no picture holds yet stays, and takes this in.
            state.file = None;
            state.bytes = 0;
            self.set_aside()?;
        }
        // Whoever is in a journal that was set aside was told to the scorer before.
        let sketch = opinion.sketch();
        let (picture, former) = (self.picture.clone(), self.former.clone());
        tokio::task::spawn_blocking(move || {
            write_picture(&picture, &sketch)?;
            paths::remove_if_there(&former).context("cannot remove the journal of before")
        })
        .await
        .context("writing the sketch of visitors")??;
        self.state().missing = 0;
        Ok(())
    }

    fn set_aside(&self) -> anyhow::Result<()> {
        let cannot = || format!("cannot set {} aside", self.journal.display());
        if self.former.exists() {
            let journal = fs::read(&self.journal).unwrap_or_default();
            let whole = journal.len() - journal.len() % RECORD;
            let mut former = open(&self.former).with_context(cannot)?;
            former
                .write_all(journal.get(..whole).unwrap_or_default())
                .with_context(cannot)?;
            former.sync_all().with_context(cannot)?;
            return paths::remove_if_there(&self.journal).with_context(cannot);
        }
        match fs::rename(&self.journal, &self.former) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(anyhow::Error::new(error).context(cannot()))
            }
            _ => Ok(()),
        }
    }

    fn append(&self, state: &mut State, visits: &[Visit]) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.journal.display());
        let file = if let Some(file) = &state.file {
            Arc::clone(file)
        } else {
            let file = open(&self.journal).with_context(cannot)?;
            // A record that a kill cut off would put all that follow out of step.
            let length = file.metadata().with_context(cannot)?.len();
            let whole = length - length % RECORD as u64;
            file.set_len(whole).with_context(cannot)?;
            state.bytes = whole;
            Arc::clone(state.file.insert(Arc::new(file)))
        };
        let bytes: Vec<u8> = visits.iter().flat_map(record).collect();
        anyhow::ensure!(
            state.bytes + bytes.len() as u64 <= LONGEST,
            "the journal of visitors is full"
        );
        (&*file).write_all(&bytes).with_context(cannot)?;
        state.bytes += bytes.len() as u64;
        state.unsynced = true;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
}

fn record((ip, at): &Visit) -> [u8; RECORD] {
    let address = match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => *v6,
    };
    let mut record = [0; RECORD];
    let (said, sum) = record.split_at_mut(RECORD - 4);
    let (who, when) = said.split_at_mut(16);
    who.copy_from_slice(&address.octets());
    when.copy_from_slice(&at.as_millis().to_be_bytes());
    sum.copy_from_slice(
        blake3::hash(said)
            .as_bytes()
            .first_chunk::<4>()
            .unwrap_or(&[0; 4]),
    );
    record
}

/// The visits of a journal. A record that is not whole, or damaged, is passed over.
fn read_journal(path: &Path) -> anyhow::Result<Vec<Visit>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    match fs::File::open(path) {
        Ok(file) => file
            .take(2 * LONGEST)
            .read_to_end(&mut bytes)
            .with_context(cannot)?,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(anyhow::Error::new(error).context(cannot())),
    };
    let (records, _torn) = bytes.as_chunks::<RECORD>();
    let read = |bytes: &[u8; RECORD]| {
        let (who, rest) = bytes.split_first_chunk::<16>()?;
        let (when, _sum) = rest.split_first_chunk::<8>()?;
        let ip = IpAddr::V6(Ipv6Addr::from(*who)).to_canonical();
        let visit = (ip, Timestamp::from_millis(i64::from_be_bytes(*when)));
        (record(&visit) == *bytes).then_some(visit)
    };
    Ok(records.iter().filter_map(read).collect())
}

/// The picture is the sketch and its hash.
fn write_picture(path: &Path, sketch: &[u8]) -> anyhow::Result<()> {
    let mut bytes = sketch.to_vec();
    bytes.extend(blake3::hash(sketch).as_bytes());
    paths::write_private_bytes(path, &bytes)
}

fn read_picture(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    let mut bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(anyhow::Error::new(error).context(format!("cannot read {}", path.display())));
        }
    };
    let length = bytes.len().saturating_sub(HASH);
    let hash = bytes.split_off(length);
    anyhow::ensure!(
        hash == blake3::hash(&bytes).as_bytes(),
        "{} is damaged",
        path.display()
    );
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vigie_reputation::{MemoryConfig, Scorer, ScorerConfig, Tier, TrustGraph};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    struct World {
        _directory: tempfile::TempDir,
        paths: Paths,
    }

    impl World {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let paths = Paths::new(Some(directory.path().to_owned()), None);
            Self {
                _directory: directory,
                paths,
            }
        }

        /// A process that starts: what it remembers is what the files say.
        fn start(&self) -> (Visitors, Opinion) {
            let memory = MemoryConfig {
                max_visitors: 10_000,
                ..MemoryConfig::default()
            };
            let graph = TrustGraph::build(&[], &[], &[], NOW);
            let config = ScorerConfig {
                memory,
                ..ScorerConfig::default()
            };
            let opinion = Opinion::new(Scorer::new(graph, config));
            let visitors = Visitors::new(&self.paths);
            visitors.recall(&opinion);
            (visitors, opinion)
        }

        fn visit(visitors: &Visitors, opinion: &Opinion, number: u8) {
            assert!(opinion.remember(ip(number), Tier::Visitor, NOW));
            visitors.note(&[(ip(number), NOW)]);
        }

        #[track_caller]
        fn check(&self, known: &[u8]) {
            let (_, opinion) = self.start();
            for number in 0..40 {
                // Whoever is not yet known changes the sketch.
                let is_known = !opinion.visited(ip(number), NOW);
                assert_eq!(is_known, known.contains(&number), "{number}");
            }
        }
    }

    fn ip(number: u8) -> IpAddr {
        IpAddr::from([20, number, 0, 1])
    }

    #[tokio::test]
    async fn whatever_moment_the_process_dies_at_everybody_is_remembered() {
        let world = World::new();
        let (visitors, opinion) = world.start();
        World::visit(&visitors, &opinion, 1);
        world.check(&[1]);
        // Killed while it wrote a record, and started again.
        let mut torn = open(&visitors.journal).unwrap();
        torn.write_all(&[7; 5]).unwrap();
        let (visitors, opinion) = world.start();
        World::visit(&visitors, &opinion, 2);
        world.check(&[1, 2]);
        visitors.sync().await;
        // Killed between setting the journal aside and the picture; twice.
        for number in [3, 4] {
            visitors.set_aside().unwrap();
            world.check(&(1..number).collect::<Vec<_>>());
            let (visitors, opinion) = world.start();
            World::visit(&visitors, &opinion, number);
            world.check(&(1..=number).collect::<Vec<_>>());
        }
        let (visitors, opinion) = world.start();
        World::visit(&visitors, &opinion, 5);
        visitors.save(&opinion, false).await.unwrap();
        assert!(!visitors.picture.exists(), "a short journal is no reason");
        visitors.save(&opinion, true).await.unwrap();
        assert!(visitors.picture.exists() && !visitors.journal.exists() && !visitors.former.exists());
        world.check(&[1, 2, 3, 4, 5]);
        World::visit(&visitors, &opinion, 6);
        world.check(&[1, 2, 3, 4, 5, 6]);
    }

    #[tokio::test]
    async fn what_is_damaged_is_left_out_and_the_rest_counts() {
        let world = World::new();
        let (visitors, opinion) = world.start();
        World::visit(&visitors, &opinion, 1);
        visitors.save(&opinion, true).await.unwrap();
        for number in [2, 3] {
            World::visit(&visitors, &opinion, number);
        }
        let mut journal = fs::read(&visitors.journal).unwrap();
        journal[20] ^= 1;
        fs::write(&visitors.journal, &journal).unwrap();
        world.check(&[1, 3]);
        let mut picture = fs::read(&visitors.picture).unwrap();
        picture[100] ^= 1;
        fs::write(&visitors.picture, &picture).unwrap();
        world.check(&[3]);
    }
}
