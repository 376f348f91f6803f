//! Where a node keeps things: one directory, mode 0700, and fixed names inside it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
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

    /// Makes the directory if it is not there.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)
            .with_context(|| format!("cannot make the data directory {}", self.root.display()))
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

    /// Takes the directory for this process, or says that another node runs on it.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
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
                "another node runs on {}: stop it first, or choose another --data",
                self.root.display()
            );
        }
        Ok(Lock { _file: file })
    }
}

/// Writes a file that only its owner may read, in one step: either the old or the new content is there.
pub(crate) fn write_private(path: &Path, content: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let aside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
