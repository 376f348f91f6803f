//! Opening the file: its rights, its connections, and the checks that make a start fail early and clearly.
//!
//! Deliberately absent: repair. A file that SQLite calls damaged is for a person and his backup.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, SqlitePool};
use vigie_store::StoreError;

use crate::error::{failed, file_failed};
use crate::schema;

/// How long a connection waits for another process's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a method waits for a connection of ours.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that read. Each is a thread.
const READERS: u32 = 4;
/// Pages that a reader keeps, in KiB: SQLite's 2 MiB for each would be more than all else that an idle node holds, and what
/// is read again soon the system has in memory.
const READER_CACHE: &str = "-256";
/// With less room than this the node does not start: it would stop at its first burst.
const LEAST_FREE_BYTES: u64 = 4 * 1024 * 1024;

/// The store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    /// As the writer connects.
    pub(crate) options: SqliteConnectOptions,
    path: PathBuf,
}

/// The disk has less room than a start needs.
#[derive(Debug, thiserror::Error)]
#[error("{free} bytes are free beside {}, a start needs {LEAST_FREE_BYTES}", path.display())]
struct TooLittleRoom {
    free: u64,
    path: PathBuf,
}

// === impl SqliteStore ===

impl SqliteStore {
    /// Opens the file, makes it if it does not exist (readable by its owner only), and brings its schema up to date
    /// after a copy beside it. Its directory must exist.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, &schema::MIGRATIONS).await
    }

    pub(crate) async fn open_with(
        path: &Path,
        migrations: &sqlx::migrate::Migrator,
    ) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(file_failed)?;
        make_private(&path)?;
        require_room(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .journal_mode(SqliteJournalMode::Wal)
            // FULL syncs at every commit: what was acknowledged, or left this node, survives also a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true);
        let writer = pool(1)
            // On a full disk SQLite rolls back by itself, and the connection's own count of transactions stays wrong for
            // ever: such a connection is replaced by a new one.
            .before_acquire(|connection, _| Box::pin(std::future::ready(Ok(!connection.is_in_transaction()))))
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        if let Err(error) = schema::upgrade(&writer, &path, migrations).await {
            writer.close().await;
            return Err(error);
        }
        let readers = pool(READERS)
            .connect_with(reading(&options))
            .await
            .map_err(failed)?;
        Ok(Self {
            writer,
            readers,
            options,
            path,
        })
    }

    /// Where the file is, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for what is under way, folds the WAL into the file and closes it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn reading(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    let options = options.clone().pragma("query_only", "on");
    options.pragma("cache_size", READER_CACHE)
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Makes the file with mode 0600. SQLite gives its WAL the same rights. An existing file keeps what it has.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => sync_directory(path),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(file_failed(error)),
    }
}

/// Makes sure that the file's name survives a power cut as its content does.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(file_failed)
}

fn require_room(path: &Path) -> Result<(), StoreError> {
    let disk = rustix::fs::statvfs(path).map_err(|errno| file_failed(errno.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < LEAST_FREE_BYTES {
        let path = path.to_owned();
        return Err(StoreError::Full(TooLittleRoom { free, path }.into()));
    }
    Ok(())
}
