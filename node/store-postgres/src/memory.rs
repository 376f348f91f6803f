//! Whom we know.

use async_trait::async_trait;
use vigie_store::wire::Timestamp;
use vigie_store::{Memory, Remembered, StoreError, columns};

use crate::PostgresStore;
use crate::error::failed;
use crate::row::Columns;

// "authenticated" sorts before "long_lived", as the tiers do.
const REMEMBER: &str = "INSERT INTO memory (ip, tier, at) VALUES ($1, $2, $3)
    ON CONFLICT (ip) DO UPDATE SET tier = LEAST(memory.tier, excluded.tier), at = GREATEST(memory.at, excluded.at)";

#[async_trait]
impl Memory for PostgresStore {
    async fn remember(&self, record: &Remembered) -> Result<(), StoreError> {
        sqlx::query(REMEMBER)
            .bind(columns::address(record.ip))
            .bind(columns::tier_word(record.tier))
            .bind(record.at.as_millis())
            .execute(&self.pool)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn remembered(&self, since: Timestamp) -> Result<Vec<Remembered>, StoreError> {
        let rows = sqlx::query("SELECT ip, tier, at FROM memory WHERE at >= $1 ORDER BY at, ip")
            .bind(since.as_millis())
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter()
            .map(|row| {
                let row = Columns::new(row, "memory record");
                Ok(Remembered {
                    ip: row.read("ip", str::parse)?,
                    tier: row.read("tier", columns::tier)?,
                    at: row.time("at")?,
                })
            })
            .collect()
    }
}
