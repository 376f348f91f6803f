//! A consistent copy of the file, for `vigie backup` and before an upgrade.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use sqlx::SqliteConnection;
use vigie_store::StoreError;

use crate::error::{failed, file_failed};

/// A path that SQLite cannot be told, because it is no text.
#[derive(Debug, thiserror::Error)]
#[error("{} is not UTF-8", .0.display())]
struct PathNotText(std::path::PathBuf);

/// Writes a consistent copy, readable by its owner only, while others go on writing. Nothing stays of a failed one.
pub(crate) async fn copy_into(connection: &mut SqliteConnection, target: &Path) -> Result<(), StoreError> {
    // Absolute, because SQLite reads a name that starts with `file:` as an address.
    let target = std::path::absolute(target).map_err(file_failed)?;
    let name = target
        .to_str()
        .ok_or_else(|| StoreError::Database(PathNotText(target.clone()).into()))?;
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&target);
    let file = made.map_err(file_failed)?;
    let copied = sqlx::query("VACUUM INTO $1").bind(name).execute(connection).await;
    let written = match copied {
        Ok(_) => file.sync_all().map_err(file_failed),
        Err(error) => Err(failed(error)),
    };
    if written.is_err() {
        if let Err(error) = std::fs::remove_file(&target) {
            tracing::warn!("cannot remove the unfinished copy {name}: {error}");
        }
        return written;
    }
    crate::open::sync_directory(&target)
}
