//! The allowlist.

use async_trait::async_trait;
use ipnet::IpNet;
use vigie_store::wire::Timestamp;
use vigie_store::{Allowed, Allowlist, StoreError};

use crate::PostgresStore;
use crate::error::failed;
use crate::row::Columns;
use crate::text::escaped;

const ALLOW: &str =
    "INSERT INTO allowed (net, reason, author, created_at, expires) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (net) DO UPDATE SET reason = excluded.reason, author = excluded.author,
        created_at = excluded.created_at, expires = excluded.expires";

#[async_trait]
impl Allowlist for PostgresStore {
    async fn allow(&self, entry: &Allowed) -> Result<(), StoreError> {
        sqlx::query(ALLOW)
            .bind(entry.net.trunc().to_string())
            .bind(escaped(&entry.reason))
            .bind(escaped(&entry.author))
            .bind(entry.created_at.as_millis())
            .bind(entry.expires.map(Timestamp::as_millis))
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn allowed(&self) -> Result<Vec<Allowed>, StoreError> {
        let rows = sqlx::query("SELECT net, reason, author, created_at, expires FROM allowed")
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        let entries: Result<Vec<_>, StoreError> = rows
            .iter()
            .map(|row| {
                let row = Columns::new(row, "allowlist entry");
                Ok(Allowed {
                    net: row.read("net", str::parse)?,
                    reason: row.text("reason")?,
                    author: row.text("author")?,
                    created_at: row.time("created_at")?,
                    expires: row.time_or_none("expires")?,
                })
            })
            .collect();
        let mut entries = entries?;
        entries.sort_by_key(|entry| entry.net);
        Ok(entries)
    }

    async fn disallow(&self, net: IpNet) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM allowed WHERE net = $1")
            .bind(net.trunc().to_string())
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(done.rows_affected() > 0)
    }
}
