//! What bouncers and machines have in common. Their tables are called alike, and so are those of their reports.

use async_trait::async_trait;
use vigie_wire::Timestamp;

use super::Database;
use super::query::Query;
use super::row::Columns;
use crate::{Client, Clients, Report, StoreError};

#[async_trait]
impl<D: Database> Clients for D {
    async fn touch_client(
        &self,
        client: Client<'_>,
        agent: &str,
        address: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (table, name) = parts(client);
        let mut query = Query::new("UPDATE ");
        query.push(table).push(" SET agent = ").push_bind(agent);
        query.push(", address = ").push_bind(address);
        query.push(", last_seen = ").push_bind(at);
        query.push(" WHERE name = ").push_bind(name);
        self.execute(query).await?;
        Ok(())
    }

    async fn keep_report(&self, client: Client<'_>, report: &Report) -> Result<bool, StoreError> {
        let (table, name) = parts(client);
        let mut query = Query::new("INSERT INTO ");
        query.push(table).push("_report (name, at, body) SELECT name, ");
        query.push_bind(report.at).push(", ").push_bind(&report.body);
        query.push(" FROM ").push(table);
        query.push(" WHERE name = ").push_bind(name);
        query.push(" ON CONFLICT (name) DO UPDATE SET at = excluded.at, body = excluded.body");
        Ok(self.execute(query).await? > 0)
    }

    async fn report(&self, client: Client<'_>) -> Result<Option<Report>, StoreError> {
        let (table, name) = parts(client);
        let mut query = Query::new("SELECT at, body FROM ");
        query.push(table).push("_report WHERE name = ").push_bind(name);
        let Some(row) = self.fetch(query).await?.pop() else {
            return Ok(None);
        };
        let mut row = Columns::new(row, "report");
        Ok(Some(Report {
            at: row.time("at")?,
            body: row.text("body")?,
        }))
    }

    async fn delete_client(&self, client: Client<'_>) -> Result<bool, StoreError> {
        let (table, name) = parts(client);
        let mut query = Query::new("DELETE FROM ");
        query.push(table).push(" WHERE name = ").push_bind(name);
        Ok(self.execute(query).await? > 0)
    }
}

const fn parts(client: Client<'_>) -> (&'static str, &str) {
    match client {
        Client::Bouncer(name) => ("bouncer", name),
        Client::Machine(name) => ("machine", name),
    }
}
