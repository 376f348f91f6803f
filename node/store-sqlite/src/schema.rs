//! The schema's versions: forwards only, after a copy, and never touched when a newer program wrote it.
//!
//! Deliberately absent: migrations backwards. The way back is the copy.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use vigie_store::StoreError;

use crate::copy::copy_into;
use crate::error::{failed, file_failed, migration_failed};

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
    let mut connection = writer.acquire().await.map_err(failed)?;
    copy_into(&mut connection, &partial).await?;
    std::fs::rename(&partial, &copy).map_err(file_failed)?;
    crate::open::sync_directory(&copy)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::{Migration, MigrationType};
    use vigie_store::{Notes as _, Owner, StoreError};

    use super::*;
    use crate::SqliteStore;

    fn newest() -> i64 {
        MIGRATIONS.iter().map(|one| one.version).max().unwrap()
    }

    /// The versions of a later program: this one's and one more.
    fn later(sql: &'static str) -> Migrator {
        let mut migrations: Vec<_> = MIGRATIONS.iter().cloned().collect();
        let name = Cow::Borrowed("later");
        migrations.push(Migration::new(
            newest() + 1,
            name,
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        ));
        Migrator::with_migrations(migrations)
    }

    #[tokio::test]
    async fn an_upgrade_leaves_the_file_as_it_was_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.sqlite");
        let store = SqliteStore::open(&path).await.unwrap();
        store.put_note(Owner::Everybody, "a", "b").await.unwrap();
        store.close().await;
        let copy = directory
            .path()
            .join(format!("store.sqlite.before-v{}", newest() + 1));
        assert!(!copy.exists(), "a new file needs no copy");

        // A first attempt fails half way, the second replaces its copy.
        let error =
            SqliteStore::open_with(&path, &later("CREATE TABLE x (a INTEGER); SELECT nonsense;")).await;
        assert!(matches!(error, Err(StoreError::Database(_))), "{error:?}");
        assert!(copy.exists());
        let store = SqliteStore::open(&path).await.unwrap();
        store.put_note(Owner::Everybody, "a", "c").await.unwrap();
        store.close().await;

        let upgraded = SqliteStore::open_with(&path, &later("CREATE TABLE x (a INTEGER);"))
            .await
            .unwrap();
        assert_eq!(
            upgraded.note(Owner::Everybody, "a").await.unwrap().as_deref(),
            Some("c")
        );
        upgraded.close().await;
        let error = SqliteStore::open(&path).await;
        let Err(StoreError::Newer { found, known }) = error else {
            panic!("{error:?}");
        };
        assert_eq!((found, known), (newest() + 1, newest()));
        let restored = SqliteStore::open(&copy).await.unwrap();
        assert_eq!(
            restored.note(Owner::Everybody, "a").await.unwrap().as_deref(),
            Some("c")
        );
    }
}
