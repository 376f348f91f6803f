//! What an agent keeps: one directory, mode 0700, of one agent at a time.
//!
//! `outbox/` holds alerts that were not delivered yet, `positions.json` how far each log was dealt with, `spool/` lines
//! that came over the network, `absent.json` which logs are gone, `watched.json` which
//! sources were watched. Deliberately absent: passwords, which stay where the user keeps them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use vigie_sensor::run::Resume;
use vigie_sensor::source::SourceConfig;

use crate::absent::Absent;
use crate::paths::{Lock, Paths, write_private};

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    root: PathBuf,
    _lock: Lock,
}

/// Where each log is taken up.
#[derive(Debug)]
pub(crate) struct Positions {
    path: PathBuf,
    known: BTreeMap<String, Resume>,
}

// === impl State ===

impl State {
    /// Makes the directory if it is not there, and takes it for this process.
    pub(crate) fn open(root: PathBuf) -> anyhow::Result<Self> {
        let paths = Paths::new(Some(root.clone()), None);
        paths.create()?;
        let lock = paths.lock_for("agent", "--state")?;
        Ok(Self { root, _lock: lock })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    pub(crate) fn positions(&self) -> anyhow::Result<Positions> {
        let path = self.root.join("positions.json");
        let known = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
                format!(
                    "{} is damaged; without it, logs are read from their ends",
                    path.display()
                )
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Positions { path, known })
    }
}

// === impl Positions ===

impl Positions {
    pub(crate) fn known(&self) -> HashMap<String, Resume> {
        let known = self.known.iter();
        known
            .map(|(source, resume)| (source.clone(), resume.clone()))
            .collect()
    }

    /// The sources that the last process watched; none, if that cannot be read.
    pub(crate) fn watched(&self) -> HashSet<String> {
        let text = std::fs::read_to_string(self.watched_path()).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Notes where logs begin that were never read before, and then that these sources are watched from here on.
    pub(crate) fn begin(&mut self, at: &HashMap<String, Resume>, sources: &[SourceConfig]) {
        for (source, resume) in at {
            self.note(source.clone(), resume.clone());
        }
        let names: BTreeSet<String> = sources.iter().map(|source| source.from.name()).collect();
        let saved = self.save().and_then(|()| {
            let text = serde_json::to_string(&names)?;
            write_private(&self.watched_path(), &text)
        });
        if let Err(error) = saved {
            tracing::warn!(
                error = format!("{error:#}"),
                "where the logs begin could not be noted"
            );
        }
    }

    /// The logs that were gone when the last process looked.
    pub(crate) fn absent(&self, sources: &[SourceConfig]) -> Absent {
        let kept = std::fs::read_to_string(self.absent_path()).ok();
        Absent::new(kept.as_deref(), sources)
    }

    pub(crate) fn sources(&self) -> Vec<String> {
        self.known.keys().cloned().collect()
    }

    /// Removes the positions of logs that are gone for long.
    pub(crate) fn forget(&mut self, over: &[String], absent: &Absent) -> anyhow::Result<()> {
        for source in over {
            self.known.remove(source);
            tracing::info!(log = source, "a log is gone for long, and its position with it");
        }
        if !over.is_empty() {
            self.save()?;
        }
        write_private(&self.absent_path(), &absent.text())
    }

    fn watched_path(&self) -> PathBuf {
        self.path.with_file_name("watched.json")
    }

    fn absent_path(&self) -> PathBuf {
        self.path.with_file_name("absent.json")
    }

    pub(crate) fn note(&mut self, source: String, resume: Resume) {
        self.known.insert(source, resume);
    }

    /// Either the old or the new positions are there, also after a power cut.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        write_private(&self.path, &serde_json::to_string(&self.known)?)
    }
}
