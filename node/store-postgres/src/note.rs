//! Notes, counts and the copy for `vigie backup`.

use std::path::Path;

use async_trait::async_trait;
use vigie_store::wire::Timestamp;
use vigie_store::{Counts, Notes, Retention, StoreError, columns};

use crate::PostgresStore;
use crate::dump;
use crate::error::failed;
use crate::row::Columns;
use crate::text::escaped;

const COUNTS: &str = "SELECT
    (SELECT COUNT(*) FROM alert) AS alerts,
    (SELECT COUNT(*) FROM decision WHERE until > $1) AS active_decisions,
    (SELECT COUNT(*) FROM sighting) AS sightings,
    (SELECT COUNT(*) FROM envelope) AS envelopes,
    (SELECT COUNT(DISTINCT org) FROM envelope) AS publishers,
    (SELECT COUNT(*) FROM bouncer) AS bouncers,
    (SELECT COUNT(*) FROM alert WHERE share = 'pending') AS pending_shares";

#[async_trait]
impl Notes for PostgresStore {
    async fn put_note(&self, name: &str, value: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO note (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(escaped(name))
            .bind(escaped(value))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT value FROM note WHERE name = $1")
            .bind(escaped(name))
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        row.map(|row| Columns::new(&row, "note").text("value"))
            .transpose()
    }

    async fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(
            "SELECT name, value FROM note WHERE name >= $1 AND ($2::text IS NULL OR name < $2) ORDER BY name",
        )
        .bind(escaped(prefix))
        .bind(columns::prefix_end(&escaped(prefix)))
        .fetch_all(&self.pool)
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
            .bind(escaped(name))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError> {
        let row = sqlx::query(COUNTS)
            .bind(now.as_millis())
            .fetch_one(&self.pool)
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
        dump::write(&self.pool, target).await
    }
}
