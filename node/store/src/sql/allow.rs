//! The allowlist.

use async_trait::async_trait;
use ipnet::IpNet;

use super::Database;
use super::query::Query;
use super::row::{Columns, Row};
use crate::{Allowed, Allowlist, StoreError};

const ALLOW: &str =
    "INSERT INTO allowed (net, reason, author, created_at, expires) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (net) DO UPDATE SET reason = excluded.reason, author = excluded.author,
        created_at = excluded.created_at, expires = excluded.expires";

#[async_trait]
impl<D: Database> Allowlist for D {
    async fn allow(&self, entry: &Allowed) -> Result<(), StoreError> {
        let query = Query::new(ALLOW)
            .bind(entry.net.trunc().to_string())
            .bind(&entry.reason)
            .bind(&entry.author)
            .bind(entry.created_at)
            .bind(entry.expires);
        self.execute(query).await?;
        Ok(())
    }

    async fn allowed(&self) -> Result<Vec<Allowed>, StoreError> {
        let query = Query::new("SELECT net, reason, author, created_at, expires FROM allowed");
        let rows = self.fetch(query).await?;
        let mut entries: Vec<_> = rows.into_iter().map(allowed).collect::<Result<_, _>>()?;
        entries.sort_by_key(|entry| entry.net);
        Ok(entries)
    }

    async fn disallow(&self, net: IpNet) -> Result<bool, StoreError> {
        let query = Query::new("DELETE FROM allowed WHERE net = $1").bind(net.trunc().to_string());
        Ok(self.execute(query).await? > 0)
    }
}

fn allowed(row: Row) -> Result<Allowed, StoreError> {
    let mut row = Columns::new(row, "allowlist entry");
    Ok(Allowed {
        net: row.read("net", str::parse)?,
        reason: row.text("reason")?,
        author: row.text("author")?,
        created_at: row.time("created_at")?,
        expires: row.time_or_none("expires")?,
    })
}
