//! Notes, counts and the copy for `vigie backup`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use async_trait::async_trait;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use vigie_store::wire::Timestamp;
use vigie_store::{Counts, Notes, Retention, StoreError, columns};

use crate::SqliteStore;
use crate::error::{failed, file_failed};
use crate::row::Columns;

/// A path that SQLite cannot be told, because it is no text.
#[derive(Debug, thiserror::Error)]
#[error("{} is not UTF-8", .0.display())]
struct PathNotText(std::path::PathBuf);

const COUNTS: &str = "SELECT
    (SELECT COUNT(*) FROM alert) AS alerts,
    (SELECT COUNT(*) FROM decision WHERE until > $1) AS active_decisions,
    (SELECT COUNT(*) FROM sighting) AS sightings,
    (SELECT COUNT(*) FROM envelope) AS envelopes,
    (SELECT COUNT(DISTINCT org) FROM envelope) AS publishers,
    (SELECT COUNT(*) FROM bouncer) AS bouncers,
    (SELECT COUNT(*) FROM alert WHERE share = 'pending') AS pending_shares";

#[async_trait]
impl Notes for SqliteStore {
    async fn put_note(&self, name: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO note (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name)
            .bind(value)
            .execute(&self.writer)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT value FROM note WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.map(|row| Columns::new(&row, "note").text("value"))
            .transpose()
    }

    async fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, value FROM note WHERE name >= $1 AND ($2 IS NULL OR name < $2) ORDER BY name",
        )
        .bind(prefix)
        .bind(columns::prefix_end(prefix))
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.iter()
            .map(|row| {
                let row = Columns::new(row, "note");
                Ok((row.text("name")?, row.text("value")?))
            })
            .collect()
    }

    async fn delete_note(&self, name: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM note WHERE name = $1")
            .bind(name)
            .execute(&self.writer)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError> {
        let row = sqlx::query(COUNTS)
            .bind(now.as_millis())
            .fetch_one(&self.readers)
            .await
            .map_err(failed)?;
        let row = Columns::new(&row, "count");
        Ok(Counts {
            alerts: row.number("alerts")?,
            active_decisions: row.number("active_decisions")?,
            sightings: row.number("sightings")?,
            envelopes: row.number("envelopes")?,
            publishers: row.number("publishers")?,
            bouncers: row.number("bouncers")?,
            pending_shares: row.number("pending_shares")?,
        })
    }

    async fn forget(&self, retention: &Retention) -> Result<u64, StoreError> {
        self.forget_all(retention).await
    }

    async fn copy_to(&self, target: &Path) -> Result<(), StoreError> {
        // Not one of the readers: they are told to write nothing, and SQLite counts this as writing.
        let mut connection = self.options.connect().await.map_err(failed)?;
        let copied = copy_into(&mut connection, target).await;
        connection.close().await.map_err(failed)?;
        copied
    }
}

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
