//! The schema's versions: forwards only, one process at a time, and never touched when a newer program wrote it.
//!
//! Deliberately absent: a copy before an upgrade. `pg_dump` makes it, and the server's own backups do.

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migrator};
use vigie_store::StoreError;

use crate::error::failed;

/// Every version this program knows, part of the program itself.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!();

/// Brings the schema up to the newest version known, under the advisory lock that sqlx takes for it.
pub(crate) async fn upgrade(pool: &PgPool) -> Result<(), StoreError> {
    let known = MIGRATIONS.iter().map(|one| one.version).max().unwrap_or(0);
    let found = version(pool).await?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    if found < known && found > 0 {
        tracing::info!("database schema goes from version {found} to {known}");
    }
    MIGRATIONS.run(pool).await.map_err(|error| match error {
        // A newer program was quicker than our look above.
        MigrateError::VersionMissing(found) => StoreError::Newer { found, known },
        MigrateError::Execute(inner) | MigrateError::ExecuteMigration(inner, _) => failed(inner),
        other => StoreError::Database(other.into()),
    })
}

/// The newest version in the database, zero in an empty one.
async fn version(pool: &PgPool) -> Result<i64, StoreError> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(pool)
        .await
        .map_err(failed)?;
    if !exists {
        return Ok(0);
    }
    sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations")
        .fetch_one(pool)
        .await
        .map_err(failed)
}
