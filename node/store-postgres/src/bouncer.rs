//! Bouncers and how far each of their instances has read.

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use vigie_store::wire::Timestamp;
use vigie_store::{Bouncer, Bouncers, KeyHash, MOST_CURSORS, StoreError, columns};

use crate::PostgresStore;
use crate::error::failed;
use crate::row::Columns;
use crate::text::escaped;

const ADD: &str = "INSERT INTO bouncer (name, key_hash, remediations, created_at, last_seen, agent, address)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING";
// From the bouncer's row, so that one deleted a moment ago is no error.
const SET_CURSOR: &str = "INSERT INTO bouncer_cursor (bouncer, address, at)
    SELECT name, $2, $3 FROM bouncer WHERE name = $1
    ON CONFLICT (bouncer, address) DO UPDATE SET at = excluded.at";
const FORGET_CURSORS: &str = "DELETE FROM bouncer_cursor WHERE bouncer = $1 AND address IN
    (SELECT address FROM bouncer_cursor WHERE bouncer = $1 AND address <> $2
     ORDER BY at DESC, address OFFSET $3)";

#[async_trait]
impl Bouncers for PostgresStore {
    async fn add_bouncer(&self, bouncer: &Bouncer) -> Result<bool, StoreError> {
        let done = sqlx::query(ADD)
            .bind(escaped(&bouncer.name))
            .bind(bouncer.key_hash.as_slice())
            .bind(columns::remediation_words(&bouncer.remediations))
            .bind(bouncer.created_at.as_millis())
            .bind(bouncer.last_seen.map(Timestamp::as_millis))
            .bind(escaped(&bouncer.agent))
            .bind(escaped(&bouncer.address))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    async fn bouncers(&self) -> Result<Vec<Bouncer>, StoreError> {
        let rows = sqlx::query("SELECT * FROM bouncer ORDER BY name")
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter().map(bouncer).collect()
    }

    async fn bouncer_by_key(&self, key: &KeyHash) -> Result<Option<Bouncer>, StoreError> {
        let row = sqlx::query("SELECT * FROM bouncer WHERE key_hash = $1")
            .bind(key.as_slice())
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        row.as_ref().map(bouncer).transpose()
    }

    async fn delete_bouncer(&self, name: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM bouncer WHERE name = $1")
            .bind(escaped(name))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }

    async fn touch_bouncer(
        &self,
        name: &str,
        agent: &str,
        address: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE bouncer SET agent = $2, address = $3, last_seen = $4 WHERE name = $1")
            .bind(escaped(name))
            .bind(escaped(agent))
            .bind(escaped(address))
            .bind(at.as_millis())
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn cursor(&self, name: &str, address: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("SELECT at FROM bouncer_cursor WHERE bouncer = $1 AND address = $2")
            .bind(escaped(name))
            .bind(escaped(address))
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        row.map(|row| Columns::new(&row, "cursor").time("at")).transpose()
    }

    async fn set_cursor(&self, name: &str, address: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query(SET_CURSOR)
            .bind(escaped(name))
            .bind(escaped(address))
            .bind(at.as_millis())
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        sqlx::query(FORGET_CURSORS)
            .bind(escaped(name))
            .bind(escaped(address))
            .bind(i64::from(MOST_CURSORS) - 1)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)
    }
}

fn bouncer(row: &PgRow) -> Result<Bouncer, StoreError> {
    let row = Columns::new(row, "bouncer");
    Ok(Bouncer {
        name: row.text("name")?,
        key_hash: row.array("key_hash")?,
        remediations: row.read("remediations", columns::remediations)?,
        created_at: row.time("created_at")?,
        last_seen: row.time_or_none("last_seen")?,
        agent: row.text("agent")?,
        address: row.text("address")?,
    })
}
