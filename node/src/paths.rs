//! Where a node keeps things: one directory, mode 0700, and fixed names inside it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use rustix::fs::FlockOperation;

/// The data directory of one node.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    root: PathBuf,
}

/// Held as long as a node runs on this directory; released by the kernel even after kill -9.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: fs::File,
}

// === impl Paths ===

impl Paths {
    /// The given directory, or the usual one: `/var/lib/vigie` for root, else below the home directory.
    pub(crate) fn new(given: Option<PathBuf>, home: Option<PathBuf>) -> Self {
        let usual = || {
            if rustix::process::geteuid().is_root() {
                PathBuf::from("/var/lib/vigie")
            } else {
                home.unwrap_or_default().join(".local/share/vigie")
            }
        };
        Self {
            root: given.unwrap_or_else(usual),
        }
    }

    /// Makes the directory if it is not there; refuses one in which somebody else may replace files.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        // Sockets and databases too are made for their owner alone, before anybody sets their mode.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .with_context(|| format!("cannot make the data directory {}", self.root.display()))?;
        let found = fs::metadata(&self.root)
            .with_context(|| format!("cannot look at the data directory {}", self.root.display()))?;
        if found.mode() & 0o022 != 0 {
            bail!(
                "others may write into {} (mode {:03o}): run chmod 700 on it, or choose a directory below it",
                self.root.display(),
                found.mode() & 0o777
            );
        }
        let us = rustix::process::geteuid();
        // Root may work in a directory of the account that a service runs as.
        if !us.is_root() && found.uid() != us.as_raw() {
            bail!(
                "{} belongs to another user: run chown on it, or choose a directory below it",
                self.root.display()
            );
        }
        Ok(())
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration file, if the user wrote one.
    pub(crate) fn config(&self) -> PathBuf {
        self.root.join("vigie.toml")
    }

    /// The embedded database.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("vigie.sqlite")
    }

    /// The socket by which `vigie` commands reach the running node. Who may open it may command the node.
    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("vigie.sock")
    }

    /// The genesis file of the network that this node joined.
    pub(crate) fn genesis(&self) -> PathBuf {
        self.root.join("genesis")
    }

    /// One of the keys: `organisation`, `node` or `transport`.
    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.key"))
    }

    /// The signed revocation to keep elsewhere.
    pub(crate) fn revocation(&self) -> PathBuf {
        self.root.join("revocation")
    }

    /// The words of the organisation key, until they were shown.
    pub(crate) fn phrase(&self) -> PathBuf {
        self.root.join("recovery-phrase")
    }

    /// Rules of a hub that were installed beside our own.
    pub(crate) fn hub(&self) -> PathBuf {
        self.root.join("hub")
    }

    /// Lines that came over the network and whose effects are not kept yet.
    pub(crate) fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// The sketch of who visited us.
    pub(crate) fn visitors(&self) -> PathBuf {
        self.root.join("visitors")
    }

    /// Where a restore collects its files until all are there.
    pub(crate) fn restoring(&self) -> PathBuf {
        self.root.join("restoring")
    }

    /// Takes the directory for this process, or says that another node runs on it.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        self.lock_for("node", "--data")
    }

    /// The same for what is no node; `flag` chooses its directory.
    pub(crate) fn lock_for(&self, what: &str, flag: &str) -> anyhow::Result<Lock> {
        let path = self.root.join("vigie.lock");
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "another {what} runs on {}: stop it first, or choose another {flag}",
                self.root.display()
            );
        }
        Ok(Lock { _file: file })
    }
}

/// Writes a file that only its owner may read, in one step: either the old or the new content is there, also after a
/// power cut.
pub(crate) fn write_private(path: &Path, content: &str) -> anyhow::Result<()> {
    write_private_bytes(path, content.as_bytes())
}

/// The same for what is no text.
pub(crate) fn write_private_bytes(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    use std::io::Write;
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    let write = || -> std::io::Result<()> {
        remove_if_there(&aside)?;
        // Never through a file or link that somebody else put there.
        let mut file = fs::OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(content)?;
        file.sync_all()?;
        rename(&aside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a file that somebody names, to its end: no more bytes than this, whatever it is.
pub(crate) fn read_at_most(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
    ensure!(fits, "{} is longer than {most} bytes", path.display());
    Ok(bytes)
}

/// Renames, and lets the directory remember it.
pub(crate) fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::File::open(parent)?.sync_all(),
        _ => fs::File::open(".")?.sync_all(),
    }
}

/// Removes a file; it is no error if there is none.
pub(crate) fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_that_others_may_write_into_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(directory.path().to_owned()), None);
        paths.create().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let said = paths.create().unwrap_err().to_string();
        assert!(said.contains("mode 777"), "{said}");
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (
            directory.path().join("node.key"),
            directory.path().join("elsewhere"),
        );
        std::os::unix::fs::symlink(&elsewhere, directory.path().join("node.key.new")).unwrap();
        write_private(&path, "secret").unwrap();
        assert!(!elsewhere.exists());
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
