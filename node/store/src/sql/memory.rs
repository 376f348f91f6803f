//! Whom we know.

use async_trait::async_trait;
use vigie_wire::Timestamp;

use super::Database;
use super::query::Query;
use super::row::{Columns, Row};
use crate::{Memory, Remembered, StoreError, columns};

// "authenticated" sorts before "long_lived", as the tiers do.
const REMEMBER: &str = "INSERT INTO memory (ip, tier, at) VALUES ($1, $2, $3)
    ON CONFLICT (ip) DO UPDATE SET
        tier = CASE WHEN excluded.tier < memory.tier THEN excluded.tier ELSE memory.tier END,
        at = CASE WHEN excluded.at > memory.at THEN excluded.at ELSE memory.at END";

#[async_trait]
impl<D: Database> Memory for D {
    async fn remember(&self, record: &Remembered) -> Result<(), StoreError> {
        let query = Query::new(REMEMBER)
            .bind(columns::address(record.ip))
            .bind(columns::tier_word(record.tier))
            .bind(record.at);
        self.execute(query).await?;
        Ok(())
    }

    async fn remembered(&self, since: Timestamp) -> Result<Vec<Remembered>, StoreError> {
        let query = Query::new("SELECT ip, tier, at FROM memory WHERE at >= $1 ORDER BY at, ip").bind(since);
        self.fetch(query).await?.into_iter().map(remembered).collect()
    }
}

fn remembered(row: Row) -> Result<Remembered, StoreError> {
    let mut row = Columns::new(row, "memory record");
    Ok(Remembered {
        ip: row.read("ip", str::parse)?,
        tier: row.read("tier", columns::tier)?,
        at: row.time("at")?,
    })
}
