//! The schema's versions: forwards only, after a copy, and never touched when a newer program wrote it.
//!
//! Deliberately absent: migrations backwards. The way back is the copy.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use vigie_store::StoreError;

use crate::error::{failed, file_failed, migration_failed};
use crate::note::copy_into;

/// Every version this program knows, part of the program itself.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!();

/// Brings the schema up to the newest version that `migrations` knows.
pub(crate) async fn upgrade(
    writer: &SqlitePool,
    path: &Path,
    migrations: &Migrator,
) -> Result<(), StoreError> {
    let known = migrations.iter().map(|one| one.version).max().unwrap_or(0);
    let found = version(writer).await?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    if found < known && found > 0 {
        let copy = keep_copy(writer, path, known).await?;
        tracing::info!(
            "database schema goes from version {found} to {known}, the file as it was is {}",
            copy.display()
        );
    }
    migrations.run(writer).await.map_err(migration_failed)
}

/// The newest version in the file, zero in a new one.
async fn version(writer: &SqlitePool) -> Result<i64, StoreError> {
    let table: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'",
    )
    .fetch_one(writer)
    .await
    .map_err(failed)?;
    if table == 0 {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
        .fetch_one(writer)
        .await
        .map_err(failed)
}

/// Copies the file to `<file>.before-v<version>`, over the copy of an upgrade that did not come to its end.
async fn keep_copy(writer: &SqlitePool, path: &Path, version: i64) -> Result<PathBuf, StoreError> {
    let beside = |suffix: String| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    };
    let copy = beside(format!(".before-v{version}"));
    let partial = beside(format!(".before-v{version}.partial"));
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file_failed(error)),
        _ => {}
    }
    copy_into(writer, &partial).await?;
    std::fs::rename(&partial, &copy).map_err(file_failed)?;
    crate::open::sync_directory(&copy)?;
    Ok(copy)
}
