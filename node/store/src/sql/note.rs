//! Notes and counts.

use std::path::Path;

use async_trait::async_trait;
use vigie_wire::Timestamp;

use super::query::Query;
use super::row::Columns;
use super::{Database, forget, not_returned};
use crate::{Counts, Notes, Retention, StoreError, columns};

const PUT: &str =
    "INSERT INTO note (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
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
    async fn put_note(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.execute(Query::new(PUT).bind(name).bind(value)).await?;
        Ok(())
    }

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let query = Query::new("SELECT value FROM note WHERE name = $1").bind(name);
        let row = self.fetch(query).await?.pop();
        row.map(|row| Columns::new(row, "note").text("value")).transpose()
    }

    async fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        // A database may order a NUL elsewhere; the range is then wider than what is asked for, never narrower.
        let from = prefix.trim_end_matches('\0');
        let mut query = Query::new("SELECT name, value FROM note WHERE name >= ");
        query.push_bind(from);
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

    async fn delete_note(&self, name: &str) -> Result<bool, StoreError> {
        let query = Query::new("DELETE FROM note WHERE name = $1").bind(name);
        Ok(self.execute(query).await? > 0)
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
