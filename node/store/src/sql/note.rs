//! Notes and counts.

use std::path::Path;

use async_trait::async_trait;
use vigie_wire::Timestamp;

use super::query::Query;
use super::row::Columns;
use super::{Database, forget, not_returned};
use crate::{Counts, Notes, Owner, Retention, StoreError, columns};

const PUT: &str = "INSERT INTO note (owner, name, value) VALUES ($1, $2, $3) ON CONFLICT (owner, name) DO UPDATE SET value = excluded.value";
const ADOPT: &str = "INSERT INTO note (owner, name, value)
    SELECT $1, name, value FROM note WHERE owner = '' AND name = $2 ON CONFLICT DO NOTHING";
const ABANDON: &str = "DELETE FROM note WHERE owner = '' AND name = $1";
const COUNTS: &str = "SELECT
    (SELECT COUNT(*) FROM alert) AS alerts,
    (SELECT COUNT(*) FROM decision WHERE until > $1) AS active_decisions,
    (SELECT COUNT(*) FROM sighting) AS sightings,
    (SELECT COUNT(*) FROM envelope) AS envelopes,
    (SELECT COUNT(DISTINCT org) FROM envelope) AS publishers,
    (SELECT COUNT(*) FROM bouncer) AS bouncers,
    (SELECT COUNT(*) FROM alert WHERE share = 'pending') AS pending_shares";

#[async_trait]
impl<D: Database> Notes for D {
    async fn put_note(&self, owner: Owner<'_>, name: &str, value: &str) -> Result<(), StoreError> {
        let put = Query::new(PUT).bind(word(owner)).bind(name).bind(value);
        self.execute(put).await?;
        Ok(())
    }

    async fn note(&self, owner: Owner<'_>, name: &str) -> Result<Option<String>, StoreError> {
        let query = Query::new("SELECT value FROM note WHERE owner = $1 AND name = $2")
            .bind(word(owner))
            .bind(name);
        let row = self.fetch(query).await?.pop();
        row.map(|row| Columns::new(row, "note").text("value")).transpose()
    }

    async fn notes(&self, owner: Owner<'_>, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        // A database may order a NUL elsewhere; the range is then wider than what is asked for, never narrower.
        let from = prefix.trim_end_matches('\0');
        let mut query = Query::new("SELECT name, value FROM note WHERE owner = ");
        query.push_bind(word(owner)).push(" AND name >= ").push_bind(from);
        if let Some(end) = columns::prefix_end(from) {
            query.push(" AND name < ").push_bind(end);
        }
        query.push(" ORDER BY name");
        let mut notes = Vec::new();
        for row in self.fetch(query).await? {
            let mut row = Columns::new(row, "note");
            let name = row.text("name")?;
            if name.starts_with(prefix) {
                notes.push((name, row.text("value")?));
            }
        }
        Ok(notes)
    }

    async fn delete_note(&self, owner: Owner<'_>, name: &str) -> Result<bool, StoreError> {
        let query = Query::new("DELETE FROM note WHERE owner = $1 AND name = $2")
            .bind(word(owner))
            .bind(name);
        Ok(self.execute(query).await? > 0)
    }

    async fn adopt_notes(&self, process: &str, prefix: &str) -> Result<(), StoreError> {
        for (name, _) in self.notes(Owner::Everybody, prefix).await? {
            let mut tx = self.begin().await?;
            tx.execute(Query::new(ADOPT).bind(process).bind(&name)).await?;
            tx.execute(Query::new(ABANDON).bind(&name)).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn counts(&self, now: Timestamp) -> Result<Counts, StoreError> {
        let row = self.fetch(Query::new(COUNTS).bind(now)).await?.pop();
        let mut row = Columns::new(row.ok_or_else(|| not_returned("count"))?, "count");
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
        forget::all(self, retention).await
    }

    async fn copy_to(&self, target: &Path) -> Result<(), StoreError> {
        Database::copy_to(self, target).await
    }
}

/// How the owner lies in its column: a process has a name, everybody has none.
const fn word(owner: Owner<'_>) -> &str {
    match owner {
        Owner::Everybody => "",
        Owner::Process(name) => name,
    }
}
