//! Bouncers and how far each of their instances has read.

use async_trait::async_trait;
use vigie_wire::Timestamp;

use super::Database;
use super::query::Query;
use super::row::{Columns, Row};
use crate::{Bouncer, Bouncers, KeyHash, MOST_CURSORS, StoreError, columns};

const ADD: &str = "INSERT INTO bouncer
    (name, key_hash, remediations, created_at, last_seen, agent, address, scopes, expires)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING";
const REPLACE_KEY: &str = "UPDATE bouncer SET former_hash = key_hash,
    former_until = CASE WHEN expires < $4 THEN expires ELSE $4 END, key_hash = $2, expires = $3 WHERE name = $1";
// From the bouncer's row, so that one deleted a moment ago is no error.
const SET_CURSOR: &str = "INSERT INTO bouncer_cursor (bouncer, address, at)
    SELECT name, $2, $3 FROM bouncer WHERE name = $1
    ON CONFLICT (bouncer, address) DO UPDATE SET at = excluded.at";
// SQLite wants a limit before an offset; this one is none.
const FORGET_CURSORS: &str = "DELETE FROM bouncer_cursor WHERE bouncer = $1 AND address IN
    (SELECT address FROM bouncer_cursor WHERE bouncer = $1 AND address <> $2
     ORDER BY at DESC, address LIMIT 9223372036854775807 OFFSET $3)";

#[async_trait]
impl<D: Database> Bouncers for D {
    async fn add_bouncer(&self, bouncer: &Bouncer) -> Result<bool, StoreError> {
        let query = Query::new(ADD)
            .bind(&bouncer.name)
            .bind(&bouncer.key_hash)
            .bind(columns::remediation_words(&bouncer.remediations))
            .bind(bouncer.created_at)
            .bind(bouncer.last_seen)
            .bind(&bouncer.agent)
            .bind(&bouncer.address)
            .bind(bouncer.scopes.join(","))
            .bind(bouncer.expires);
        Ok(self.execute(query).await? > 0)
    }

    async fn bouncers(&self) -> Result<Vec<Bouncer>, StoreError> {
        let rows = self.fetch(Query::new("SELECT * FROM bouncer ORDER BY name"));
        rows.await?.into_iter().map(bouncer).collect()
    }

    async fn bouncer(&self, name: &str) -> Result<Option<Bouncer>, StoreError> {
        let query = Query::new("SELECT * FROM bouncer WHERE name = $1").bind(name);
        self.fetch(query).await?.pop().map(bouncer).transpose()
    }

    async fn bouncer_by_key(&self, key: &KeyHash) -> Result<Option<Bouncer>, StoreError> {
        let query = Query::new("SELECT * FROM bouncer WHERE key_hash = $1 OR former_hash = $1").bind(key);
        self.fetch(query).await?.pop().map(bouncer).transpose()
    }

    async fn replace_key(
        &self,
        name: &str,
        key: &KeyHash,
        expires: Option<Timestamp>,
        overlap: Timestamp,
    ) -> Result<bool, StoreError> {
        let query = Query::new(REPLACE_KEY)
            .bind(name)
            .bind(key)
            .bind(expires)
            .bind(overlap);
        Ok(self.execute(query).await? > 0)
    }

    async fn cursor(&self, name: &str, address: &str) -> Result<Option<Timestamp>, StoreError> {
        let query = Query::new("SELECT at FROM bouncer_cursor WHERE bouncer = $1 AND address = $2")
            .bind(name)
            .bind(address);
        let row = self.fetch(query).await?.pop();
        row.map(|row| Columns::new(row, "cursor").time("at")).transpose()
    }

    async fn set_cursor(&self, name: &str, address: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.execute(Query::new(SET_CURSOR).bind(name).bind(address).bind(at))
            .await?;
        let others = i64::from(MOST_CURSORS) - 1;
        tx.execute(Query::new(FORGET_CURSORS).bind(name).bind(address).bind(others))
            .await?;
        tx.commit().await
    }
}

fn bouncer(row: Row) -> Result<Bouncer, StoreError> {
    let mut row = Columns::new(row, "bouncer");
    let former = row.array_or_none("former_hash")?;
    let scopes = row.text("scopes")?;
    Ok(Bouncer {
        name: row.text("name")?,
        key_hash: row.array("key_hash")?,
        remediations: row.read("remediations", columns::remediations)?,
        created_at: row.time("created_at")?,
        last_seen: row.time_or_none("last_seen")?,
        agent: row.text("agent")?,
        address: row.text("address")?,
        scopes: scopes
            .split(',')
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect(),
        expires: row.time_or_none("expires")?,
        former: former.zip(row.time_or_none("former_until")?),
    })
}
